import { ModgateError } from '../errors/index.ts';
import {
  escapePath,
  escapeVersion,
  isCanonicalVersion,
  type ModulePath,
  type ModuleVersion,
  unescapePath,
  unescapeVersion,
} from '../module/index.ts';
import { parseKey, type TreeKey } from './key.ts';
import { hasRoom, type VersionFile, type VersionMark } from './key-parts.ts';

/**
 * The keys of the tree, the layout that GOPROXY=file:// and $GOMODCACHE/cache/download have:
 *
 *     golang.org/x/text/@v/v0.14.0.zip
 *     golang.org/x/text/@latest
 *     sumdb/sum.golang.org/tile/8/0/x001/234.p/56
 *
 * No two kinds of key meet: '@' is in no module path, and a module path's first element has a dot, so that
 * none begins with "sumdb". All throw INVALID_MODULE for what is too long to be a file's name.
 */
export const keys = {
  file(m: ModuleVersion, kind: VersionFile): TreeKey {
    return keyOfVersion(m, kind);
  },
  /**
   * What is said of a version beside its files. published: it was published here, so that no source has it;
   * deleted: an administrator took it away for good.
   */
  mark(m: ModuleVersion, kind: VersionMark): TreeKey {
    return keyOfVersion(m, kind);
  },
  /** The answer to a branch, a commit or another query that is no canonical version. */
  query(path: ModulePath, query: string): TreeKey {
    return parseKey(`${escapePath(path)}/@v/${escapeVersion(query)}.info`);
  },
  /** The stored versions, for whoever uses the tree as a GOPROXY. */
  list(path: ModulePath): TreeKey {
    return parseKey(`${escapePath(path)}/@v/list`);
  },
  /** The versions that the sources name, stored or not: no file of the protocol, so its name is none of a version. */
  namedList(path: ModulePath): TreeKey {
    return parseKey(`${escapePath(path)}/@v/.named`);
  },
  latest(path: ModulePath): TreeKey {
    return parseKey(`${escapePath(path)}/@latest`);
  },
  /** The folder that holds a module's versions. */
  versions(path: ModulePath): TreeKey {
    return parseKey(`${escapePath(path)}/@v`);
  },
  /**
   * @param name of the checksum database: a host, perhaps with a port and a path
   * @param endpoint `supported`, `latest`, `lookup/<escaped path>@<escaped version>` or `tile/8/<L>/<N>[.p/<W>]`
   * @throws BAD_ROUTE for what is neither; INVALID_MODULE for a look-up of what cannot be a module
   */
  sumdb(name: string, endpoint: string): TreeKey {
    if (!isDatabaseName(name)) throw new ModgateError('BAD_ROUTE', 'not the name of a checksum database');
    checkEndpoint(endpoint);
    return parseKey(`sumdb/${name}/${endpoint}`);
  },
};

function keyOfVersion(m: ModuleVersion, kind: VersionFile | VersionMark): TreeKey {
  const [path, version] = [escapePath(m.path), escapeVersion(m.version)];
  if (hasRoom(path, version)) return parseKey(`${path}/@v/${version}.${kind}`);
  throw new ModgateError('INVALID_MODULE', 'no file can have this name: the path or the version is too long');
}

/** Lower case only: two names that differ in case would be one folder where a file system folds case. */
const HOST = /^[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?(?::[0-9]{1,5})?$/;
const NAME_ELEMENT = /^[a-z0-9_~-][a-z0-9._~-]*$/;
/** Below a name, these begin an endpoint; a name that holds one could meet another name's keys. */
const ENDPOINTS: ReadonlySet<string> = new Set(['latest', 'lookup', 'supported', 'tile']);

function isDatabaseName(name: string): boolean {
  const [host = '', ...path] = name.split('/');
  return HOST.test(host) && path.every((element) => NAME_ELEMENT.test(element) && !ENDPOINTS.has(element));
}

/**
 * x/mod sumdb/tlog, Tile.Path and ParseTilePath: height 8; level 0 to 63 or data; the number in groups of
 * three digits, all but the last after an x, no empty first group; a width of 1 to 255 for a partial tile.
 */
const TILE =
  /^tile\/8\/(?:data|[0-9]|[1-5][0-9]|6[0-3])\/(?!x000)(?:x[0-9]{3}\/){0,5}[0-9]{3}(?:\.p\/(?:[1-9]|[1-9][0-9]|1[0-9]{2}|2[0-4][0-9]|25[0-5]))?$/;

function checkEndpoint(endpoint: string): void {
  if (endpoint === 'latest' || endpoint === 'supported' || TILE.test(endpoint)) return;
  const at = endpoint.lastIndexOf('@');
  if (!endpoint.startsWith('lookup/') || at < 0) {
    throw new ModgateError('BAD_ROUTE', 'not an endpoint of a checksum database');
  }
  unescapePath(endpoint.slice('lookup/'.length, at));
  if (!isCanonicalVersion(unescapeVersion(endpoint.slice(at + 1)))) {
    throw new ModgateError('INVALID_MODULE', 'a checksum look-up needs a canonical version');
  }
}
