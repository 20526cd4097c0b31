import type { Path } from './document.ts';
import type { Findings } from './findings.ts';
import { Secret, withoutUserInfo } from './secret.ts';

export interface BaseUrl {
  readonly kind: 'proxy' | 'file';
  /** without user info, query, fragment and final slash */
  readonly url: string;
  readonly secure: boolean;
  /** host:port, or `file:` and the last element of a folder */
  readonly place: string;
  readonly loopback: boolean;
  readonly userInfo: { readonly username: string; readonly password: Secret } | undefined;
}

export const IS_URL = /^[A-Za-z][A-Za-z0-9+.-]*:\/\//;

/**
 * The base URL of a source or database; undefined where it is none, which has been told then.
 * @param shown what a fault calls it
 */
export function readUrl(
  text: string,
  path: Path,
  findings: Findings,
  shown = JSON.stringify(withoutUserInfo(text)),
): BaseUrl | undefined {
  const url = URL.canParse(text) && IS_URL.test(text) ? new URL(text) : undefined;
  const fault = url === undefined ? 'is not an absolute URL' : urlFault(url);
  if (url === undefined || fault !== undefined) {
    findings.fault(path, `${shown} ${fault}`);
    return undefined;
  }
  const userInfo = readUserInfo(url);
  if (userInfo === 'malformed') {
    findings.fault(path, `${shown} has user info with a bad %-escape`);
    return undefined;
  }
  url.username = '';
  url.password = '';
  return {
    kind: url.protocol === 'file:' ? 'file' : 'proxy',
    url: url.href.replace(/\/+$/, ''),
    secure: url.protocol === 'https:',
    place: url.protocol === 'file:' ? folderName(url) : url.host,
    loopback: /^(?:localhost|127(?:\.\d+){3}|\[::1\])$/.test(url.hostname),
    userInfo,
  };
}

function urlFault(url: URL): string | undefined {
  if (!['https:', 'http:', 'file:'].includes(url.protocol))
    return 'must start with https://, http:// or file://';
  if (url.search !== '' || url.hash !== '') return 'must have no query and no fragment';
  if (url.protocol !== 'file:') return undefined;
  if (url.host !== '') return 'names a host; a folder is file:///absolute/path';
  return url.pathname.replace(/\/+$/, '') === '' ? 'is the root folder' : undefined;
}

/** User name and password, unescaped; undefined where there are none. */
export function readUserInfo(url: URL): { username: string; password: Secret } | 'malformed' | undefined {
  if (url.username === '' && url.password === '') return undefined;
  try {
    return {
      username: decodeURIComponent(url.username),
      password: new Secret(decodeURIComponent(url.password)),
    };
  } catch {
    return 'malformed';
  }
}

/** Clients read the names of sources in errors, so a folder's is short: not where it lies on this machine. */
function folderName(url: URL): string {
  return `file:${url.pathname.replace(/\/+$/, '').split('/').at(-1) ?? ''}`;
}
