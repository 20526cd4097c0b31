import { parseChain } from './chain.ts';
import type { Context } from './context.ts';
import { readSecret } from './context.ts';
import type { FileConfig } from './schema.ts';
import type { Secret } from './secret.ts';
import type { RouteConfig } from './types.ts';

/** Publishing of modules to this gateway. */
export interface PublishConfig {
  /** what a publisher shows; undefined: nothing is published here */
  readonly token: Secret | undefined;
}

const PATH = ['publish', 'token'];

export function readPublish(
  raw: FileConfig['publish'],
  routes: readonly RouteConfig[],
  context: Context,
): PublishConfig {
  const token = raw?.token === undefined ? undefined : readSecret(raw.token, PATH, context);
  if (token !== undefined && !/^[\x21-\x7e]{16,}$/.test(token.reveal()))
    context.findings.fault(PATH, 'the token needs at least 16 characters, none of them a space');
  const isServed = routes.some(({ chain }) =>
    parseChain(chain).some(({ element }) => element === 'published'),
  );
  // A variable alone may be there for modgate publish, which has it from the same one.
  if (token !== undefined && !isServed && context.findings.inFile(['publish']))
    context.findings.warn(PATH, 'nothing can be published: no route has "published" in its chain');
  return { token };
}
