import { ModgateError } from '../errors/index.ts';
import { PathPatterns } from '../module/index.ts';
import type { AccessBook } from './access.ts';
import { parseRemoteUrl, rewritten, withoutUserInfo } from './remote-url.ts';

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

/** VCS_REFUSED for what `parseRemoteUrl` refuses, and for http where the patterns do not allow it. */
function checkScheme(target: string, insecure: PathPatterns): URL {
  const url = parseRemoteUrl(target);
  if (url.protocol === 'http:' && !insecure.matches(url.host + url.pathname)) {
    throw new ModgateError(
      'VCS_REFUSED',
      `${withoutUserInfo(target)} is plain http, which anybody on the way can change`,
      {
        next: 'use https://, or name the host in vcs.insecure',
      },
    );
  }
  return url;
}
