import type { IncomingMessage } from 'node:http';
import { ModgateError, toModgateError } from '../../errors/index.ts';
import type { Upkeep } from '../../gateway/index.ts';
import { type ModuleVersion, parseVersion, unescapePath, unescapeVersion } from '../../module/index.ts';
import type { Exchange } from '../exchange.ts';
import { sendJson } from '../pages.ts';
import { readFields } from './body.ts';

export const MODULES = '/api/v1/modules/';

/** `DELETE /api/v1/modules/<path>/@v/<version>`, both escaped as in the protocol's URLs, with {"reason"}. */
export async function deleteModule(
  exchange: Exchange,
  upkeep: Pick<Upkeep, 'delete'>,
  req: IncomingMessage,
  rest: string,
): Promise<void> {
  const m = versionIn(rest);
  const { reason } = await readFields(req, ['reason']);
  if (typeof reason !== 'string')
    throw bad('the body must have a "reason", a text', 'send {"reason": "why nobody may use it any more"}');
  const actor = { who: 'admin', remote: exchange.client, request: exchange.id };
  sendJson(exchange, 200, await upkeep.delete(m, reason, actor, exchange.signal));
}

function versionIn(rest: string): ModuleVersion {
  try {
    const [, path = '', version = ''] = /^([^@]+)\/@v\/([^/]+)$/.exec(decodeURIComponent(rest)) ?? [];
    const module = unescapePath(path);
    return { path: module, version: parseVersion(module, unescapeVersion(version)) };
  } catch (thrown) {
    const why = thrown instanceof URIError ? 'a bad percent-encoding' : toModgateError(thrown).message;
    throw bad(why, `name a version: DELETE ${MODULES}<module path>/@v/<version>`);
  }
}

function bad(why: string, next: string): ModgateError {
  return new ModgateError('BAD_REQUEST', why, { next });
}
