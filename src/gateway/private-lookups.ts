import { ModgateError } from '../errors/index.ts';
import { parseModulePath, splitPatterns, unescapePath } from '../module/index.ts';
import type { Router } from './router.ts';

const LOOKUP = 'lookup/';
/** characters of the patterns that a message names; the go command shows 648 bytes of one */
const MAX_PATTERNS = 300;

/**
 * Throws PRIVATE_MODULE for a look-up of a module of a private route: a checksum database would learn its name, and what
 * it once answered is none of anybody's business either. INVALID_MODULE for what cannot be a module, since nobody
 * could tell whose that is.
 * @param endpoint of a checksum database
 */
export function refusePrivateLookup(endpoint: string, router: Router): void {
  if (!endpoint.startsWith(LOOKUP)) return;
  const at = endpoint.lastIndexOf('@');
  const escaped = endpoint.slice(LOOKUP.length, at < 0 ? undefined : at);
  const path = parseModulePath(unescapePath(escaped));
  const { isPrivate, match } = router.find(path);
  if (!isPrivate) return;
  throw new ModgateError('PRIVATE_MODULE', `${path} is private: no checksum database is asked about it`, {
    next: `set GONOSUMDB=${noSumdb(match, router)} where the go command runs (or GOPRIVATE and GONOPROXY=none: GOPRIVATE alone leaves the gateway out)`,
  });
}

/** Those of its own route, and of the other private ones: a value that is set takes the place of the one before. */
function noSumdb(match: string, router: Router): string {
  const own = splitPatterns(match);
  let list = own.join(',');
  for (const pattern of router.privatePatterns) {
    if (own.includes(pattern)) continue;
    if (list.length + pattern.length >= MAX_PATTERNS) return `${list},… (modgate serve prints them all)`;
    list += `,${pattern}`;
  }
  return list;
}
