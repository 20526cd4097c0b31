import type { Context } from './context.ts';
import type { Path } from './document.ts';
import { effectiveValues } from './effective.ts';
import { pathKey } from './findings.ts';
import type { Config, Origins } from './types.ts';

/** Where every value that is no default came from; the texts hold no secret. */
export function originsOf(config: Config, { findings, notes }: Context): Origins {
  const origins = new Map<string, string>();
  const hasChain = findings.origin(['routes', config.routes.length - 1, 'match']) === undefined;
  for (const { path } of leaves(effectiveValues(config, hasChain))) {
    const origin = findings.origin(path) ?? derived(path, findings.origin.bind(findings));
    const note = notes.get(pathKey(path));
    if (origin !== undefined) origins.set(pathKey(path), note === undefined ? origin : `${origin}, ${note}`);
  }
  return origins;
}

/** Credentials can stand in the URL of the source or of the proxy. */
function derived(path: Path, origin: (path: Path) => string | undefined): string | undefined {
  const [first, name = '', key] = path;
  if (first !== 'sources') return undefined;
  if (key === 'auth') return origin([first, name, 'url']);
  return key === 'proxy' ? origin([first, name, 'proxy']) : undefined;
}

/** Every value that is no map and no list, with its path. */
export function* leaves(value: unknown, path: Path = []): Generator<{ path: Path }> {
  if (typeof value !== 'object' || value === null) {
    yield { path };
    return;
  }
  for (const [key, child] of Object.entries(value)) {
    yield* leaves(child, [...path, Array.isArray(value) ? Number(key) : key]);
  }
}
