import { ModgateError } from '../errors/index.ts';

/** A URL that git may be given. */
export interface Address {
  readonly scheme: 'https' | 'http' | 'ssh';
  /** lower case, an IPv6 address in brackets; never begins with "-" */
  readonly host: string;
  /** "": the scheme's own */
  readonly port: string;
  /** of an SSH URL, where it names one; never begins with "-" */
  readonly user: string | undefined;
  /** as the URL has it, %-escapes included, without slashes at its begin and end */
  readonly path: string;
}

/** characters; git and servers take no more either */
const MAX_URL = 2048;
const HOST = /^(?:[a-z0-9_][a-z0-9_.-]{0,252}|\[[0-9a-f:.]{2,45}\])$/;
const USER = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,63}$/;
const SHORT = /^(?:([^@/:]+)@)?([^@/:[\]]+|\[[^\]]+\]):(?!\/\/|:)\/*(.+)$/;
/** What a server may take for a slash or the end of a name, and so for another path than patterns were asked about. */
const UNCLEAR = /%(?:2f|5c|0[0-9a-f]|1[0-9a-f]|7f)|\\|[^!-~]/i;

/**
 * Reads the URL of a remote, which a stranger's meta tag may have named. `user@host:path` is read as ssh://user@host/path,
 * which is the same to every host of repositories, though not to a plain sshd. Throws VCS_REFUSED for another scheme than
 * https, http and ssh, for credentials in it, and for a host, user or path that could be read in more than one way.
 */
export function parseAddress(text: string): Address {
  if (text.length > MAX_URL || UNCLEAR.test(text))
    throw refused('a URL with a character that it may not hold');
  const short = text.includes('://') ? null : SHORT.exec(text);
  if (short !== null) {
    const [, user, host = '', path = ''] = short;
    return parseAddress(`ssh://${user === undefined ? '' : `${user}@`}${host}/${path}`);
  }
  if (!URL.canParse(text)) throw refused('an address that is no URL');
  const url = new URL(text);
  const scheme = schemeOf(url.protocol);
  if (url.password !== '') throw refused(`a URL of ${url.hostname} that holds a password`);
  if (url.search !== '' || url.hash !== '')
    throw refused(`a URL of ${url.hostname} with a query or fragment`);
  return checked({
    scheme,
    host: url.hostname.toLowerCase(),
    port: url.port,
    // For HTTP a user name is half of credentials, and those come from the configuration.
    user: scheme === 'ssh' && url.username !== '' ? url.username : undefined,
    path: trimmed(url.pathname),
  });
}

/** @param user for SSH */
export function addressUrl(remote: Address, user: string | undefined): string {
  const { scheme, host, port, path } = remote;
  const before = scheme === 'ssh' && user !== undefined ? `${user}@` : '';
  return `${scheme}://${before}${host}${port === '' ? '' : `:${port}`}/${path}`;
}

function schemeOf(protocol: string): Address['scheme'] {
  switch (protocol) {
    case 'https:':
      return 'https';
    case 'http:':
      return 'http';
    case 'ssh:':
    case 'git+ssh:':
      return 'ssh';
    default:
      throw refused(`the scheme "${protocol.slice(0, -1)}"`);
  }
}

function checked(remote: Address): Address {
  const { host, user, path } = remote;
  if (!HOST.test(host)) throw refused('a host name that is none');
  if (user !== undefined && !USER.test(user)) throw refused(`a user name at ${host} that is none`);
  if (path === '' || path.startsWith('-')) throw refused(`a path at ${host} that is none`);
  return remote;
}

function trimmed(path: string): string {
  return path.replace(/^\/+|\/+$/g, '');
}

function refused(what: string): ModgateError {
  return new ModgateError('VCS_REFUSED', `a repository cannot be asked by ${what}`, {
    next: 'name the repository as https://host/path or ssh://user@host/path',
  });
}
