/**
 * What lies in a folder that is imported, one finding after the other. Every name is somebody else's: what cannot be a
 * module's is odd, and left out.
 */
import type { Dirent } from 'node:fs';
import { ModgateError, toModgateError } from '../errors/index.ts';
import {
  isCanonicalVersion,
  type ModulePath,
  type ModuleVersion,
  parseModulePath,
  parseVersion,
  unescapePath,
  unescapeVersion,
} from '../module/index.ts';
import { keys } from '../store/index.ts';
import type { Origin } from './origin.ts';

export type PartKind = 'info' | 'mod' | 'zip' | 'ziphash';
/** paths relative to the folder */
export type Parts = Partial<Record<PartKind, string>>;

export type Finding =
  | { readonly kind: 'version'; readonly m: ModuleVersion; readonly parts: Parts }
  | { readonly kind: 'sumdb'; readonly name: string; readonly endpoint: string; readonly path: string }
  /** a file or folder that is nothing of a store */
  | { readonly kind: 'odd'; readonly path: string; readonly why: string }
  /** a folder that cannot be read */
  | { readonly kind: 'fault'; readonly path: string; readonly error: ModgateError };

/** bytes of a path below the folder: longer ones name no module, as no key of a store can be that long */
const MAX_PATH = 1024;

/** Reads one folder at a time, so that only the names in it are in memory. */
export async function* walk({ folder, layout }: Origin): AsyncGenerator<Finding, void, void> {
  const waiting = [''];
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    let entries: Dirent[];
    try {
      entries = await folder.entries(path);
    } catch (thrown) {
      yield { kind: 'fault', path, error: toModgateError(thrown) };
      continue;
    }
    const { folders, files, odds } = sorted(path, entries);
    // The last one is taken next.
    for (const one of folders.reverse()) waiting.push(one);
    yield* odds;
    yield* layout === 'athens' ? athensFolder(path, files) : proxyFolder(path, files);
  }
}

/** @returns folders as paths, files as names */
function sorted(
  path: string,
  entries: Dirent[],
): { readonly folders: string[]; readonly files: string[]; readonly odds: Finding[] } {
  const folders: string[] = [];
  const files: string[] = [];
  const odds: Finding[] = [];
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const below = join(path, entry.name);
    if (Buffer.byteLength(below) > MAX_PATH) odds.push(odd(below, 'a path that is too long'));
    else if (entry.isDirectory() && path.endsWith('/@v'))
      odds.push(odd(below, 'a folder, where files belong'));
    else if (entry.isDirectory()) folders.push(below);
    else if (entry.isFile()) files.push(entry.name);
    else odds.push(odd(below, entry.isSymbolicLink() ? 'a symbolic link' : 'no regular file'));
  }
  return { folders, files, odds };
}

function odd(path: string, why: string): Finding {
  return { kind: 'odd', path, why };
}

function* proxyFolder(path: string, files: readonly string[]): Generator<Finding, void, void> {
  if (path.startsWith('sumdb/')) {
    for (const file of files) yield sumdbFile(`${path}/${file}`);
    return;
  }
  if (!path.endsWith('/@v')) {
    for (const file of files) if (!isBesides(file)) yield odd(join(path, file), 'no file of a module');
    return;
  }
  let module: ModulePath;
  try {
    module = unescapePath(path.slice(0, -'/@v'.length));
  } catch (thrown) {
    for (const file of files) yield odd(join(path, file), toModgateError(thrown).message);
    return;
  }
  yield* versionsIn(module, path, files);
}

/** What belongs to a module cache or a tree but is nothing to import: answers that age, locks, markers. */
function isBesides(file: string): boolean {
  return /^(?:list|\.named|@latest)$|\.(?:lock|partial)$/.test(file);
}

function* versionsIn(
  module: ModulePath,
  path: string,
  files: readonly string[],
): Generator<Finding, void, void> {
  const versions = new Map<string, { m: ModuleVersion; parts: Parts }>();
  for (const file of files) {
    if (isBesides(file)) continue;
    const [, name = '', kind] = /^(.+)\.(info|mod|zip|ziphash)$/.exec(file) ?? [];
    const m = versionNamed(module, name);
    if (m !== undefined && isPartKind(kind)) {
      const found = versions.get(name) ?? { m, parts: {} };
      found.parts[kind] = `${path}/${file}`;
      versions.set(name, found);
    } else if (kind !== 'info') {
      // The .info of a branch or another query is an answer that ages, and no oddity.
      yield odd(`${path}/${file}`, 'no file of a version');
    }
  }
  for (const { m, parts } of versions.values()) yield { kind: 'version', m, parts };
}

function isPartKind(kind: string | undefined): kind is PartKind {
  return kind === 'info' || kind === 'mod' || kind === 'zip' || kind === 'ziphash';
}

function versionNamed(module: ModulePath, escaped: string): ModuleVersion | undefined {
  try {
    const version = parseVersion(module, unescapeVersion(escaped));
    const m = { path: module, version };
    keys.file(m, 'ziphash');
    return m;
  } catch (thrown) {
    if (!(thrown instanceof ModgateError)) throw thrown;
    return undefined;
  }
}

const ENDPOINT = /^sumdb\/(.+?)\/((?:latest|supported)$|(?:lookup|tile)\/.+)$/;

function sumdbFile(path: string): Finding {
  const [, name, endpoint] = ENDPOINT.exec(path) ?? [];
  if (name === undefined || endpoint === undefined) return odd(path, 'no file of a checksum database');
  try {
    keys.sumdb(name, endpoint);
    return { kind: 'sumdb', name, endpoint, path };
  } catch (thrown) {
    return odd(path, toModgateError(thrown).message);
  }
}

/** `<module>/<version>/{go.mod,source.zip,<version>.info}`; names may be escaped or not, as versions of it differ. */
function* athensFolder(path: string, files: readonly string[]): Generator<Finding, void, void> {
  const m = athensVersion(path);
  const parts: Parts = {};
  const version = path.slice(path.lastIndexOf('/') + 1);
  for (const file of files) {
    if (m !== undefined && file === 'source.zip') parts.zip = `${path}/${file}`;
    else if (m !== undefined && file === 'go.mod') parts.mod = `${path}/${file}`;
    else if (m !== undefined && file === `${version}.info`) parts.info = `${path}/${file}`;
    else yield odd(join(path, file), 'no file of an Athens store');
  }
  if (m !== undefined && Object.keys(parts).length > 0) yield { kind: 'version', m, parts };
}

function athensVersion(path: string): ModuleVersion | undefined {
  const cut = path.lastIndexOf('/');
  const [module, version] = [path.slice(0, Math.max(cut, 0)), path.slice(cut + 1)];
  try {
    const named = version.includes('!') ? unescapeVersion(version) : version;
    if (!isCanonicalVersion(named)) return undefined;
    const parsed = module.includes('!') ? unescapePath(module) : parseModulePath(module);
    return { path: parsed, version: parseVersion(parsed, named) };
  } catch (thrown) {
    if (!(thrown instanceof ModgateError)) throw thrown;
    return undefined;
  }
}

function join(path: string, file: string): string {
  return path === '' ? file : `${path}/${file}`;
}

/** Versions and checksum files, counted without reading any. */
export async function countFindings(origin: Origin, signal: AbortSignal): Promise<number> {
  let count = 0;
  for await (const { kind } of walk(origin)) {
    if (signal.aborted) throw toModgateError(signal.reason);
    if (kind === 'version' || kind === 'sumdb') count++;
  }
  return count;
}
