import { ModgateError } from '../errors/index.ts';
import type { Rewrites } from './repository.ts';

const MAX_URL = 2048;
const SCHEMES: readonly string[] = ['https:', 'ssh:', 'http:'];

/**
 * A remote's URL, taken apart. Foreign: a meta page may have named it. VCS_REFUSED for other schemes than https, ssh and
 * http, for `host:path` of scp, for what git or ssh could take for an option, and for a URL without a host or path.
 */
export function parseRemoteUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (text.length > MAX_URL || !/^[\x21-\x7e]+$/.test(text))
    throw refused(text, 'it is too long, or has foreign characters');
  if (url === undefined || !SCHEMES.includes(url.protocol) || !text.includes('://')) {
    throw refused(text, 'only https://, ssh://, and http:// where it is allowed');
  }
  if (url.hostname === '' || url.hostname.startsWith('-') || /^(?:%2d|-)/i.test(url.username)) {
    throw refused(text, 'it has no host that could be asked');
  }
  if (url.pathname === '/' || url.pathname === '' || url.pathname.startsWith('/-')) {
    throw refused(text, 'it has no path of a repository');
  }
  if (url.search !== '' || url.hash !== '') throw refused(text, 'it has a query or a fragment');
  return url;
}

/** As messages, logs and `.info` files may show it. */
export function withoutUserInfo(url: string): string {
  return url.replace(/^([a-z+]+:\/\/)[^/]*@/i, '$1');
}

/** git's url.<base>.insteadOf: the longest begin that matches is replaced. */
export function rewritten(url: string, rewrites: Rewrites): string {
  let best = '';
  for (const begin of rewrites.keys()) if (url.startsWith(begin) && begin.length > best.length) best = begin;
  return best === '' ? url : (rewrites.get(best) ?? '') + url.slice(best.length);
}

function refused(text: string, why: string): ModgateError {
  const shown = withoutUserInfo(text)
    .slice(0, 200)
    .replace(/[^\x20-\x7e]/g, '?');
  return new ModgateError('VCS_REFUSED', `version control may not be asked at "${shown}": ${why}`, {
    next: 'name the repository by an https:// or ssh:// URL',
  });
}
