import { ModgateError } from '../errors/index.ts';
import { PathPatterns } from '../module/index.ts';
import type { AccessBook } from './access.ts';
import { addressUrl, parseAddress } from './address.ts';
import { rewritten } from './remote-url.ts';

/**
 * Credentials for nobody: rewrites, and checks the scheme.
 *
 * @param insecure on host/path of the rewritten URL: what may use plain http
 */
export function openAccess(insecure: PathPatterns = new PathPatterns('')): AccessBook {
  return {
    async find(url, { rewrites }) {
      const target = rewritten(url, rewrites);
      checkScheme(target, insecure);
      return { url: target, env: {}, config: [], secrets: [] };
    },
  };
}

/** VCS_REFUSED for what `parseAddress` refuses, and for http where the patterns do not allow it. */
function checkScheme(target: string, insecure: PathPatterns): void {
  const remote = parseAddress(target);
  const shown = addressUrl(remote, undefined);
  if (remote.scheme !== 'http' || insecure.matches(shown.slice('http://'.length))) return;
  throw new ModgateError('VCS_REFUSED', `${shown} is plain http, which anybody on the way can change`, {
    next: 'use https://, or name the host in vcs.insecure',
  });
}
