import { statSync } from 'node:fs';
import { join } from 'node:path';
import { escapePath, escapeVersion, type ModulePath, parseModulePath } from '../module/index.ts';
import { parseKey, type TreeKey } from './key.ts';
import { partsOf, VERSION_FILES, type VersionFile } from './key-parts.ts';
import { type Database, numberOf, optionalNumber, textOf } from './sqlite.ts';
import { walkFolders } from './walk.ts';

/** What a piece of a look at the tree did; the counts are of the whole look so far. */
export interface Slice {
  readonly done: boolean;
  readonly files: number;
  /** rows that were missing, and rows without a file */
  readonly settled: number;
}

/** ms that one piece takes at most, but for the folder that it is in */
const SLICE = 20;
/** files that are settled in one transaction */
const BATCH = 500;
/** rows of a page */
const PAGE = 500;

/**
 * Compares the tree with the catalogue, in small pieces: files without a row, then rows without a file. It only finds
 * out what differs; settling looks at those files again within its transaction, so that nothing that comes or goes
 * meanwhile is lost.
 */
export class Reconciler {
  readonly #root: string;
  readonly #settle: (keys: readonly TreeKey[]) => void;
  /** what differs and is not settled yet */
  #differing: TreeKey[] = [];
  #look: Generator<void, void, Database> | undefined;
  #database: Database | undefined;
  #files = 0;
  #settled = 0;

  constructor(root: string, settle: (keys: readonly TreeKey[]) => void) {
    this.#root = root;
    this.#settle = settle;
  }

  slice(database: Database, restart: boolean): Slice {
    // What one file was told is not in the one that took its place.
    if (restart || this.#look === undefined || this.#database !== database) {
      this.#database = database;
      this.#differing = [];
      this.#files = 0;
      this.#settled = 0;
      this.#look = this.#compare(database);
    }
    const end = performance.now() + SLICE;
    let done = false;
    while (!done && performance.now() < end) done = this.#look.next(database).done === true;
    if (done) {
      this.#settleAll();
      this.#look = undefined;
      database.prepare("INSERT OR REPLACE INTO meta VALUES ('complete', ?)").run(String(Date.now()));
    }
    return { done, files: this.#files, settled: this.#settled };
  }

  *#compare(first: Database): Generator<void, void, Database> {
    let database = first;
    for (const { folder, files } of walkFolders(this.#root)) {
      this.#files += files.length;
      this.#mend(this.#unknown(database, folder, files));
      database = yield;
    }
    yield* this.#vanishedFiles(database);
    yield* this.#vanishedVersions(database);
  }

  #mend(keys: readonly TreeKey[]): void {
    for (const key of keys) {
      this.#differing.push(key);
      if (this.#differing.length >= BATCH) this.#settleAll();
    }
  }

  #settleAll(): void {
    const keys = this.#differing;
    this.#differing = [];
    this.#settled += keys.length;
    if (keys.length > 0) this.#settle(keys);
  }

  /** Files of the folder that have no row, and files of its versions that have a row and are not there. */
  #unknown(database: Database, folder: string, names: readonly string[]): TreeKey[] {
    const differing: TreeKey[] = [];
    const known = this.#knownFiles(database, folder);
    const present = new Set(names);
    for (const name of names) {
      const key = keyOf(folder, name);
      if (key === undefined || known.has(name)) continue;
      if ('m' in partsOf(key) || !isCatalogued(database, key)) differing.push(key);
    }
    for (const name of known) {
      const key = present.has(name) ? undefined : keyOf(folder, name);
      if (key !== undefined) differing.push(key);
    }
    return differing;
  }

  /** Names of the files that the rows of a module's versions speak of. */
  #knownFiles(database: Database, folder: string): Set<string> {
    const names = new Set<string>();
    const path = folder.endsWith('/@v') ? pathOf(folder) : undefined;
    if (path === undefined) return names;
    for (const row of database.prepare('SELECT * FROM version WHERE path = ?').all(path)) {
      const version = escapeVersion(textOf(row.version));
      for (const kind of VERSION_FILES)
        if (optionalNumber(row[kind]) !== undefined) names.add(`${version}.${kind}`);
    }
    return names;
  }

  *#vanishedFiles(first: Database): Generator<void, void, Database> {
    let database = first;
    for (let after = ''; ; ) {
      const rows = database
        .prepare('SELECT key FROM file WHERE key > ? ORDER BY key LIMIT ?')
        .all(after, PAGE);
      const keys = rows.map((row) => parseKey(textOf(row.key)));
      this.#mend(keys.filter((key) => !this.#exists(key)));
      const last = keys.at(-1);
      if (last === undefined) return;
      after = last;
      database = yield;
    }
  }

  /** Versions of folders that are gone altogether: those of the others have been compared. */
  *#vanishedVersions(first: Database): Generator<void, void, Database> {
    let database = first;
    for (let after = ''; ; ) {
      const rows = database
        .prepare('SELECT path FROM version WHERE path > ? GROUP BY path ORDER BY path LIMIT ?')
        .all(after, PAGE);
      for (const row of rows) {
        const path = parseModulePath(textOf(row.path));
        after = path;
        if (this.#exists(`${escapePath(path)}/@v`)) continue;
        database = yield* this.#vanishedModule(database, path);
      }
      if (rows.length === 0) return;
      database = yield;
    }
  }

  *#vanishedModule(first: Database, path: ModulePath): Generator<void, Database, Database> {
    let database = first;
    for (let after = ''; ; ) {
      const rows = database
        .prepare('SELECT version FROM version WHERE path = ? AND version > ? ORDER BY version LIMIT ?')
        .all(path, after, PAGE);
      const versions = rows.map((row) => textOf(row.version));
      for (const version of versions) this.#mend(keysOf(path, version));
      const last = versions.at(-1);
      if (last === undefined) return database;
      after = last;
      database = yield;
    }
  }

  #exists(key: string): boolean {
    return statSync(join(this.#root, key), { throwIfNoEntry: false }) !== undefined;
  }
}

function isCatalogued(database: Database, key: string): boolean {
  return numberOf(database.prepare('SELECT count(*) AS n FROM file WHERE key = ?').get(key)?.n) > 0;
}

function keysOf(path: ModulePath, version: string): TreeKey[] {
  const name = `${escapePath(path)}/@v/${escapeVersion(version)}`;
  return VERSION_FILES.map((kind: VersionFile) => parseKey(`${name}.${kind}`));
}

/** undefined for a name that nothing of modgate has. */
function keyOf(folder: string, name: string): TreeKey | undefined {
  try {
    return parseKey(folder === '' ? name : `${folder}/${name}`);
  } catch {
    return undefined;
  }
}

function pathOf(folder: string): ModulePath | undefined {
  const parts = partsOf(`${folder}/list`);
  return parts.kind === 'list' ? parts.path : undefined;
}
