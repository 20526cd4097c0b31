import { ModgateError, toModgateError } from '../errors/index.ts';
import type { Ask } from '../gateway/index.ts';
import {
  isCanonicalVersion,
  type ModulePath,
  type ModuleVersion,
  parseVersion,
  unescapePath,
  unescapeVersion,
  type Version,
} from '../module/index.ts';

const PAGES = ['/', '/healthz', '/readyz', '/version', '/metrics', '/index', '/catalog'] as const;
export type Page = (typeof PAGES)[number];

export type Route =
  | { readonly kind: 'page'; readonly page: Page }
  /** asks about another request */
  | { readonly kind: 'authorize' }
  /** where a version is published to */
  | { readonly kind: 'publish'; readonly m: ModuleVersion }
  | { readonly kind: 'ask'; readonly ask: Ask; readonly cachedOnly: boolean };

/** What a listener says of its request targets. */
export interface TargetRules {
  /** "" or the path below which everything is served */
  readonly prefix: string;
  /** characters of a target; the longest real one has a few hundred */
  readonly longest: number;
}

/** Answers from the store alone, as on the public module proxy. */
const CACHED_ONLY = '/cached-only/';
/** No module path begins so: its first element has a dot. */
const MODULES = '/-/modules/';

/**
 * A target in absolute form (RFC 9112, 3.2.2: a server must accept it) in its origin form. The authority plays no part:
 * the gateway answers under every name that leads to it.
 */
export function originForm(target: string): string {
  return target.startsWith('/') ? target : target.replace(/^https?:\/\/[^/?#@]+(?=\/)/i, '');
}

/**
 * What a request target in origin form asks for. It is hostile: everything that is not exactly a route of the protocol, in its one
 * spelling, is BAD_ROUTE or INVALID_MODULE, both answered 404 at once.
 */
export function parseTarget(full: string, { prefix, longest }: TargetRules): Route {
  if (full.length > longest) throw badRoute(`the URL has more than ${longest} characters (limits.url)`);
  const target = withoutPrefix(full, prefix);
  const page = PAGES.find((known) => known === target.split('?', 1)[0]);
  if (page !== undefined) return { kind: 'page', page };
  if (target === '/authorize') return { kind: 'authorize' };
  if (target.includes('?')) throw badRoute('module URLs have no query string');
  const path = decode(target);
  // One spelling: a front that lets uploads through sees the path as it is written.
  if (path.startsWith(MODULES) !== target.startsWith(MODULES)) throw badRoute(`uploads go to ${MODULES}…`);
  if (path.startsWith(MODULES)) return publishRoute(path.slice(MODULES.length));
  const cachedOnly = path.startsWith(CACHED_ONLY);
  const rest = cachedOnly ? path.slice(CACHED_ONLY.length) : path.slice(1);
  return { kind: 'ask', ask: rest.startsWith('sumdb/') ? sumdbAsk(rest) : moduleAsk(rest), cachedOnly };
}

/** The prefix has one spelling: what is percent-encoded in it is another path. */
function withoutPrefix(target: string, prefix: string): string {
  if (prefix === '') return target;
  if (target === prefix) return '/';
  if (!target.startsWith(`${prefix}/`)) throw badRoute(`everything here is below ${prefix}/`);
  return target.slice(prefix.length);
}

/**
 * The go command writes "!" percent-encoded or not, and "+" always as it is. Whatever else is percent-encoded must not
 * smuggle in a separator: no element may be empty, "." or "..", and none may hold what the encoding would hide.
 */
function decode(target: string): string {
  if (!target.startsWith('/')) throw badRoute('the URL has no absolute path');
  const elements = target.slice(1).split('/').map(decodeElement);
  if (elements.some((element) => element === '' || element === '.' || element === '..'))
    throw badRoute('the URL has an empty or relative element');
  return `/${elements.join('/')}`;
}

function decodeElement(element: string): string {
  if (!element.includes('%')) return element;
  let decoded: string;
  try {
    decoded = decodeURIComponent(element);
  } catch {
    throw badRoute('the URL has a bad percent-encoding');
  }
  if (/[/\\%?#]/.test(decoded)) throw badRoute('the URL hides a separator in a percent-encoding');
  return decoded;
}

function publishRoute(rest: string): Route {
  const [, path, version] = /^([^@]+)\/@v\/([^/]+)\.zip$/.exec(rest) ?? [];
  if (path === undefined || version === undefined)
    throw badRoute(`modules are published to ${MODULES}<module path>/@v/<version>.zip`);
  try {
    const module = unescapePath(path);
    return { kind: 'publish', m: { path: module, version: parseVersion(module, unescapeVersion(version)) } };
  } catch (thrown) {
    const { message } = toModgateError(thrown);
    throw new ModgateError('BAD_REQUEST', message, {
      cause: thrown,
      next: 'publish to the path that the go.mod of the module has, with a version such as v1.2.3 that fits it',
    });
  }
}

function moduleAsk(rest: string): Ask {
  const at = rest.indexOf('/@');
  if (at < 0) throw badRoute('it is not a URL of the module proxy protocol');
  const path = unescapePath(rest.slice(0, at));
  const file = rest.slice(at + 1);
  if (file === '@latest') return { kind: 'latest', path };
  if (file === '@v/list') return { kind: 'list', path };
  const match = /^@v\/([^/]+)\.(info|mod|zip)$/.exec(file);
  const [, escaped, extension] = match ?? [];
  if (escaped === undefined)
    throw badRoute(`a module has @latest, @v/list and @v/VERSION.info, .mod and .zip`);
  return versionAsk(path, unescapeVersion(escaped), extension);
}

function versionAsk(path: ModulePath, text: string, extension: string | undefined): Ask {
  const version = canonicalFor(path, text);
  if (version !== undefined && (extension === 'info' || extension === 'mod' || extension === 'zip')) {
    return { kind: extension, m: { path, version } };
  }
  // A branch, a commit, or a version that the path cannot have as it stands (v2.0.0 may mean v2.0.0+incompatible).
  if (extension === 'info') return { kind: 'query', path, query: text };
  throw new ModgateError('INVALID_MODULE', `${text} is not a version that ${path} can have`, {
    next: `ask ${path}/@v/${text}.info first; its answer names the version`,
  });
}

function canonicalFor(path: ModulePath, text: string): Version | undefined {
  if (!isCanonicalVersion(text)) return undefined;
  try {
    return parseVersion(path, text);
  } catch {
    return undefined;
  }
}

/** A database's name may hold slashes itself (cmd/go modfetch/sumdb.go), so its endpoints are looked for. */
function sumdbAsk(rest: string): Ask {
  const match = /^sumdb\/([^@]+?)\/(supported|latest|(?:lookup|tile)\/.+)$/.exec(rest);
  const [, name, endpoint] = match ?? [];
  if (name === undefined || endpoint === undefined)
    throw badRoute('a checksum database has supported, latest, lookup/… and tile/…');
  return { kind: 'sumdb', name, endpoint };
}

function badRoute(why: string): ModgateError {
  return new ModgateError('BAD_ROUTE', `no such page: ${why}`, {
    next: 'set GOPROXY to the address of this gateway and let the go command ask',
  });
}
