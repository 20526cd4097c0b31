import { renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { ModgateError } from '../errors/index.ts';
import { type Database, isBroken, numberOf, openDatabase } from './sqlite.ts';
import type { StoreLog } from './temps.ts';

const NAME = 'catalog.db';
/** user_version of this layout; a file of an older one is moved aside and rebuilt, one of a newer one is left alone */
const LAYOUT = 3;
/** bytes; what is on a disk is counted in blocks of the usual file systems */
const BLOCK = 4096;

/**
 * version: one row for each version of which any file is stored. Its key is the time at which it became visible, µs
 * since the epoch, so that the order of the rows is the order of their commits. `listed`: an info, mod or zip is there.
 * file: every other file of the tree. total: sums of both, kept by triggers.
 */
const SCHEMA = `
CREATE TABLE version (
  time INTEGER PRIMARY KEY,
  path TEXT NOT NULL,
  version TEXT NOT NULL,
  info INTEGER, mod INTEGER, zip INTEGER, ziphash INTEGER,
  info_crc INTEGER, mod_crc INTEGER, zip_crc INTEGER, ziphash_crc INTEGER,
  listed INTEGER NOT NULL,
  disk INTEGER NOT NULL,
  source TEXT NOT NULL DEFAULT '',
  used INTEGER NOT NULL,
  kept INTEGER NOT NULL DEFAULT 0,
  kept_by TEXT NOT NULL DEFAULT '',
  UNIQUE (path, version)
);
CREATE INDEX zip_by_use ON version (used, time) WHERE zip IS NOT NULL;
CREATE INDEX rest_by_use ON version (used, time) WHERE zip IS NULL AND listed = 1;
CREATE TABLE file (
  key TEXT PRIMARY KEY,
  size INTEGER NOT NULL,
  crc INTEGER,
  modified INTEGER,
  disk INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX deleted ON file (key) WHERE key GLOB '*.deleted';
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE lease (name TEXT PRIMARY KEY, owner TEXT NOT NULL, until INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE total (id INTEGER PRIMARY KEY, bytes INTEGER NOT NULL, versions INTEGER NOT NULL, last INTEGER NOT NULL);
INSERT INTO total VALUES (1, 0, 0, 0);
CREATE TRIGGER version_in AFTER INSERT ON version BEGIN
  UPDATE total SET bytes = bytes + new.disk, versions = versions + new.listed, last = max(last, new.time);
END;
CREATE TRIGGER version_on AFTER UPDATE OF disk, listed, time ON version BEGIN
  UPDATE total SET bytes = bytes + new.disk - old.disk, versions = versions + new.listed - old.listed,
    last = max(last, new.time);
END;
CREATE TRIGGER version_out AFTER DELETE ON version BEGIN
  UPDATE total SET bytes = bytes - old.disk, versions = versions - old.listed;
END;
CREATE TRIGGER file_in AFTER INSERT ON file BEGIN UPDATE total SET bytes = bytes + new.disk; END;
CREATE TRIGGER file_on AFTER UPDATE OF disk ON file BEGIN UPDATE total SET bytes = bytes + new.disk - old.disk; END;
CREATE TRIGGER file_out AFTER DELETE ON file BEGIN UPDATE total SET bytes = bytes - old.disk; END;
PRAGMA user_version = ${LAYOUT};
`;

/** What a file of so many bytes takes on the disk. */
export function onDisk(size: number): number {
  return Math.ceil(size / BLOCK) * BLOCK;
}

/** One connection to `<data>/catalog.db`, opened when it is needed, and again where the file was replaced. */
export class CatalogFile {
  readonly file: string;
  #database: Database | undefined;
  #inode = 0;
  /** ms */
  #patience = 5_000;

  constructor(data: string) {
    this.file = join(data, NAME);
  }

  /** For the writer: makes the file where there is none. Throws SQLite's own errors, and STORE_FAILED for a newer layout. */
  open(): Database {
    const database = this.#connect();
    if (!isLaidOut(database)) layOut(database);
    return database;
  }

  /**
   * For a reader, which makes and changes nothing, and so waits for no writer. Throws as open() does.
   * @returns undefined where nothing is catalogued yet
   */
  openExisting(): Database | undefined {
    if (inodeOf(this.file) === 0) return undefined;
    const database = this.#connect();
    return isLaidOut(database) ? database : undefined;
  }

  #connect(): Database {
    if (this.#database !== undefined && this.#inode === inodeOf(this.file)) return this.#database;
    this.close();
    const database = openDatabase(this.file);
    this.#inode = inodeOf(this.file);
    try {
      // NORMAL: a commit waits for no disk. What a crash of the machine takes away, the next look at the tree brings back.
      database.exec(
        `PRAGMA busy_timeout = ${this.#patience}; PRAGMA synchronous = NORMAL; PRAGMA cache_size = -2000`,
      );
    } catch (error) {
      database.close();
      throw error;
    }
    this.#database = database;
    return database;
  }

  /** ms that a write waits for that of another process */
  patience(ms: number): void {
    this.#patience = ms;
    try {
      this.#database?.exec(`PRAGMA busy_timeout = ${ms}`);
    } catch {
      // Whoever writes next is told what is wrong with it.
    }
  }

  close(): void {
    try {
      this.#database?.close();
    } catch {
      // Nothing can be done with a database that does not close.
    }
    this.#database = undefined;
  }

  /** Which file was opened last; 0: none yet. */
  get inode(): number {
    return this.#inode;
  }

  /** Moves a broken file away, so that the next open() begins anew. True where it was broken. */
  moveAside(error: unknown, log: StoreLog): boolean {
    if (!isUseless(error)) return false;
    this.discard(this.#inode, error, log);
    return true;
  }

  /** Moves that file away where it is still the one: whoever comes second must not take away the new one. */
  discard(inode: number, why: unknown, log: StoreLog): void {
    this.close();
    if (inode === 0 || inodeOf(this.file) !== inode) return;
    const aside = `${this.file}.broken-${Date.now()}`;
    log.warn({ err: why, aside }, 'the catalogue is broken: moved aside, and rebuilt from the tree');
    // Before it: behind it they may be those of the new one.
    for (const rest of ['-wal', '-shm']) rmSync(this.file + rest, { force: true });
    try {
      renameSync(this.file, aside);
    } catch (thrown) {
      log.warn({ err: thrown }, 'the broken catalogue cannot be moved');
    }
  }
}

/** True where the file must be made anew. */
export function isUseless(error: unknown): boolean {
  return isBroken(error) || error instanceof OlderLayout;
}

class OlderLayout extends Error {}

/** Asked each time, since another modgate may have taken the file over while it is open here. */
function isLaidOut(database: Database): boolean {
  const layout = numberOf(database.prepare('PRAGMA user_version').get()?.user_version);
  if (layout > LAYOUT)
    throw new ModgateError(
      'STORE_FAILED',
      `the catalogue of the store was made by a newer modgate: it has layout ${layout}, and this one knows ${LAYOUT}`,
      {
        next: 'Use the newer modgate for this data folder; to go back, stop every modgate on it and move catalog.db, catalog.db-wal and catalog.db-shm away: the catalogue is made again from the tree.',
      },
    );
  if (layout !== 0 && layout < LAYOUT) throw new OlderLayout(`it has layout ${layout}, not ${LAYOUT}`);
  return layout === LAYOUT;
}

function layOut(database: Database): void {
  database.exec('PRAGMA journal_mode = WAL');
  database.exec('BEGIN IMMEDIATE');
  try {
    if (!isLaidOut(database)) database.exec(SCHEMA);
    database.exec('COMMIT');
  } catch (error) {
    if (database.isTransaction) database.exec('ROLLBACK');
    throw error;
  }
}

/** 0 where there is none. */
function inodeOf(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.ino ?? 0;
}
