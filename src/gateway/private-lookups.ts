import { ModgateError } from '../errors/index.ts';
import { parseModulePath, unescapePath } from '../module/index.ts';
import type { Router } from './router.ts';

const LOOKUP = 'lookup/';

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
    next: `set GONOSUMDB=${match.replace(/\s+/g, '')} where the go command runs (not GOPRIVATE, which leaves the gateway out)`,
  });
}
