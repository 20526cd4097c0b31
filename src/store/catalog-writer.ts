import { closeSync, fstatSync, openSync, readSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { toModgateError } from '../errors/index.ts';
import type { ModuleVersion } from '../module/index.ts';
import { liveness, ownerOf, self } from '../observe/index.ts';
import { CatalogFile, onDisk } from './catalog-file.ts';
import { isAbsent } from './fault.ts';
import type { TreeKey } from './key.ts';
import { type KeyParts, partsOf, VERSION_FILES, type VersionFile } from './key-parts.ts';
import { keys } from './keys.ts';
import { Reconciler, type Slice } from './reconcile.ts';
import { type Database, numberOf, optionalNumber } from './sqlite.ts';
import type { StoreLog } from './temps.ts';

/** What whoever wrote a file knows of it. */
export interface Note {
  readonly key: TreeKey;
  /** of all its bytes; undefined where nobody has read them */
  readonly facts?: { readonly size: number; readonly crc: number } | undefined;
  /** the source that it came from */
  readonly source?: string | undefined;
}

/** What is to be remembered of a version. */
export interface Mark extends ModuleVersion {
  /** s since the epoch at which it was used; the later one stays, but for 0: to be evicted first */
  readonly used?: number;
  /** not evicted before `until`, s since the epoch, by whoever asks the chain with that id */
  readonly kept?: { readonly until: number; readonly by: string };
}

/** Everything that is asked of the catalogue's writer, as plain data. */
export type CatalogOrder =
  | { readonly kind: 'flush' }
  | { readonly kind: 'settle'; readonly notes: readonly Note[] }
  /** soon, with others */
  | { readonly kind: 'note'; readonly note: Note }
  | { readonly kind: 'mark'; readonly marks: readonly Mark[] }
  | { readonly kind: 'slice'; readonly restart: boolean }
  /** a reader met a broken file */
  | { readonly kind: 'broken'; readonly inode: number; readonly why: string }
  | { readonly kind: 'meta'; readonly name: string; readonly value: string }
  /** true in the answer where `owner` has it now. until, ms since the epoch */
  | { readonly kind: 'lease'; readonly name: string; readonly owner: string; readonly until: number };

export type CatalogReply = boolean | Slice | undefined;

/** the source of what was published here */
export const PUBLISHED = 'published';

/** ms for which notes are collected, so that a build's files share a transaction */
const COLLECT = 150;
/** ms after notes that could not be written */
const AFTER_FAULT = 5_000;
/** ms that a transaction waits for that of another process: one that nobody asked for, and one that somebody did */
const HASTY = 250;
const PATIENT = 5_000;
/** notes that wait at most; more are left to the next look at the tree */
const MAX_WAITING = 50_000;

/**
 * Writes the catalogue. Whatever it is told, the tree decides: in each transaction the files themselves are looked at,
 * so that notes of several processes in any order end in what is there. A failure is logged and takes nothing away.
 */
export class CatalogWriter {
  readonly #root: string;
  readonly #file: CatalogFile;
  readonly #log: StoreLog;
  readonly #reconciler: Reconciler;
  readonly #waiting = new Map<TreeKey, Note>();
  #timer: NodeJS.Timeout | undefined;
  #told = false;

  constructor(data: string, log: StoreLog) {
    this.#root = join(data, 'tree');
    this.#file = new CatalogFile(data);
    this.#log = log;
    this.#reconciler = new Reconciler(this.#root, (keys) => this.#settle(keys.map((key) => ({ key }))));
  }

  /** A file came, or went. @param changed false: it was there; whoever wrote it may have said more of it */
  note(note: Note, changed = true): undefined {
    if (!changed && this.#waiting.has(note.key)) return;
    if (this.#waiting.size >= MAX_WAITING && !this.#waiting.has(note.key)) return;
    this.#waiting.set(note.key, note);
    this.#timer ??= setTimeout(() => this.#flushSoon(), this.#told ? AFTER_FAULT : COLLECT);
  }

  /** Throws STORE_FAILED where it cannot be done; flush never does. */
  perform(order: CatalogOrder): CatalogReply {
    if (order.kind === 'flush') return this.#flush();
    if (order.kind === 'note') return this.note(order.note);
    this.#flush();
    if (order.kind === 'broken') return this.#discard(order.inode, order.why);
    try {
      return this.#perform(order);
    } catch (error) {
      if (!this.#file.moveAside(error, this.#log)) throw toModgateError(error);
      return this.#perform(order);
    }
  }

  #discard(inode: number, why: string): undefined {
    this.#file.discard(inode, new Error(why), this.#log);
  }

  close(): void {
    this.#flush();
    this.#file.close();
  }

  #perform(order: Exclude<CatalogOrder, { kind: 'flush' | 'note' | 'broken' }>): CatalogReply {
    switch (order.kind) {
      case 'settle':
        this.#settle(order.notes);
        return undefined;
      case 'mark':
        return this.#mark(order.marks);
      case 'slice':
        return this.#reconciler.slice(this.#file.open(), order.restart);
      case 'meta':
        this.#file.open().prepare('INSERT OR REPLACE INTO meta VALUES (?, ?)').run(order.name, order.value);
        return undefined;
      case 'lease':
        return this.#lease(order.name, order.owner, order.until);
    }
  }

  /** By itself it waits for nobody: the thread has files to write. */
  #flushSoon(): void {
    try {
      this.#file.patience(HASTY);
      this.#flush();
    } finally {
      this.#file.patience(PATIENT);
    }
  }

  #flush(): undefined {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#waiting.size === 0) return;
    const notes = [...this.#waiting.values()];
    this.#waiting.clear();
    try {
      this.#settle(notes);
      this.#told = false;
    } catch (error) {
      const broken = this.#file.moveAside(error, this.#log);
      // Where it is broken the rebuild finds them; otherwise they wait for the next ones.
      if (!broken)
        for (const note of notes) if (!this.#waiting.has(note.key)) this.#waiting.set(note.key, note);
      if (!broken && !this.#told) this.#log.warn({ err: error }, 'the catalogue takes nothing');
      this.#told = true;
    }
  }

  #settle(notes: readonly Note[]): void {
    transaction(this.#file.open(), (database) => new Settler(database, this.#root).settle(notes));
  }

  #mark(marks: readonly Mark[]): undefined {
    transaction(this.#file.open(), (database) => {
      const use = database.prepare('UPDATE version SET used = ? WHERE path = ? AND version = ? AND used < ?');
      const soften = database.prepare('UPDATE version SET used = 0, kept = 0 WHERE path = ? AND version = ?');
      const keep = database.prepare(
        'UPDATE version SET kept = ?, kept_by = ? WHERE path = ? AND version = ?',
      );
      for (const { path, version, used, kept } of marks) {
        if (used === 0) soften.run(path, version);
        else if (used !== undefined) use.run(used, path, version, used);
        if (kept !== undefined) keep.run(kept.until, kept.by, path, version);
      }
    });
  }

  #lease(name: string, owner: string, until: number): boolean {
    return transaction(this.#file.open(), (database) => {
      const now = Date.now();
      const held = database.prepare('SELECT owner, until FROM lease WHERE name = ?').get(name);
      const mine = held === undefined || held.owner === owner || isDead(String(held.owner));
      if (!mine && numberOf(held.until) > now) return false;
      database.prepare('INSERT OR REPLACE INTO lease VALUES (?, ?, ?)').run(name, owner, until);
      return true;
    });
  }
}

function transaction<T>(database: Database, work: (database: Database) => T): T {
  database.exec('BEGIN IMMEDIATE');
  try {
    const result = work(database);
    database.exec('COMMIT');
    return result;
  } catch (error) {
    if (database.isTransaction) database.exec('ROLLBACK');
    throw error;
  }
}

const ANSWER = `INSERT INTO file VALUES (?, ?, ?, ?, ?) ON CONFLICT (key) DO UPDATE SET size = excluded.size,
  crc = excluded.crc, modified = excluded.modified, disk = excluded.disk`;
const INSERT = `INSERT INTO version (time, path, version, info, mod, zip, ziphash, info_crc, mod_crc, zip_crc,
  ziphash_crc, listed, disk, source, used) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`;
const UPDATE = `UPDATE version SET time = ?, info = ?, mod = ?, zip = ?, ziphash = ?, info_crc = ?, mod_crc = ?,
  zip_crc = ?, ziphash_crc = ?, listed = ?, disk = ?, source = ?, used = ? WHERE path = ? AND version = ?`;

type Facts = { readonly size: number; readonly modified: number; readonly crc?: number } | undefined;
interface Known {
  readonly size: number | undefined;
  readonly crc: number | undefined;
}

/** Brings rows to what the tree has, within one transaction. */
class Settler {
  readonly #database: Database;
  readonly #root: string;
  readonly #statements = new Map<string, ReturnType<Database['prepare']>>();

  constructor(database: Database, root: string) {
    this.#database = database;
    this.#root = root;
  }

  settle(notes: readonly Note[]): void {
    const versions = new Map<string, { m: ModuleVersion; notes: Map<VersionFile, Note> }>();
    for (const note of notes) {
      const parts = partsOf(note.key);
      if (!isVersionFile(parts)) {
        this.#answer(note);
        continue;
      }
      const { m, kind } = parts;
      const name = `${m.path}@${m.version}`;
      const group = versions.get(name) ?? { m, notes: new Map<VersionFile, Note>() };
      group.notes.set(kind, note);
      versions.set(name, group);
    }
    for (const group of versions.values()) this.#version(group.m, group.notes);
  }

  #answer({ key, facts }: Note): void {
    const parts = partsOf(key);
    // Where its files came from is another thing now.
    if ('of' in parts) this.#version(parts.of, new Map());
    const found = facts === undefined ? this.#stat(key) : this.#read(key, facts.size);
    if (found === undefined) {
      this.#sql('DELETE FROM file WHERE key = ?').run(key);
      return;
    }
    const { size, modified } = found;
    const row = this.#sql('SELECT size, crc, modified FROM file WHERE key = ?').get(key);
    const same = row !== undefined && row.size === size && row.modified === modified;
    // Another process may have replaced it since: its size says nothing, only its bytes do.
    const fits = facts !== undefined && facts.crc === found.crc;
    const crc = fits ? facts.crc : same ? row.crc : null;
    this.#sql(ANSWER).run(key, size, crc, modified, onDisk(size));
  }

  #version({ path, version }: ModuleVersion, notes: ReadonlyMap<VersionFile, Note>): void {
    const row = this.#sql('SELECT * FROM version WHERE path = ? AND version = ?').get(path, version);
    const files = VERSION_FILES.map((kind): Known => {
      const before = {
        size: optionalNumber(row?.[kind] ?? null),
        crc: optionalNumber(row?.[`${kind}_crc`] ?? null),
      };
      const note = notes.get(kind);
      return note === undefined ? before : this.#known(note, before);
    });
    if (files.every(({ size }) => size === undefined)) {
      this.#sql('DELETE FROM version WHERE path = ? AND version = ?').run(path, version);
      return;
    }
    const isPublished = this.#stat(keys.mark({ path, version }, 'published')) !== undefined;
    const isListed = this.#isListed({ path, version }, files, isPublished);
    const listed = isListed ? 1 : 0;
    const disk = files.reduce((sum, { size }) => sum + onDisk(size ?? 0), 0);
    const noted = [...notes.values()].find((note) => note.source !== undefined)?.source;
    // What was published here is known by its mark, also where the notes are lost.
    const source = isPublished ? PUBLISHED : (noted ?? row?.source ?? '');
    // One that becomes visible again is a new one to whoever pages through the index: nobody may miss it.
    const appears = row === undefined || (row.listed === 0 && listed === 1);
    const arrives = files.some(
      ({ size }, i) =>
        size !== undefined && optionalNumber(row?.[VERSION_FILES[i] ?? ''] ?? null) === undefined,
    );
    const now = Math.floor(Date.now() / 1000);
    const sizes = files.map(({ size }) => size ?? null);
    const sums = files.map(({ crc }) => crc ?? null);
    if (row === undefined)
      this.#sql(INSERT).run(this.#nextTime(), path, version, ...sizes, ...sums, listed, disk, source, now);
    else
      this.#sql(UPDATE).run(
        appears ? this.#nextTime() : row.time,
        ...sizes,
        ...sums,
        listed,
        disk,
        source,
        arrives ? now : row.used,
        path,
        version,
      );
  }

  /** Not what is deleted, nor what is being published, until its `.info` is there. */
  #isListed(m: ModuleVersion, files: readonly Known[], isPublished: boolean): boolean {
    if (this.#stat(keys.mark(m, 'deleted')) !== undefined) return false;
    return files.some(({ size }, i) => {
      const kind = VERSION_FILES[i];
      return size !== undefined && (isPublished ? kind === 'info' : kind !== 'ziphash');
    });
  }

  /** Later than every other one ever given, by any process: given within the transaction that uses it. */
  #nextTime(): number {
    const last = numberOf(this.#sql('SELECT last FROM total').get()?.last);
    return Math.max(Date.now() * 1000, last + 1);
  }

  #known({ key, facts }: Note, before: Known): Known {
    const found = this.#stat(key);
    if (found === undefined) return { size: undefined, crc: undefined };
    const { size } = found;
    if (facts?.size === size) return { size, crc: facts.crc };
    return { size, crc: before.size === size ? before.crc : undefined };
  }

  #sql(text: string): ReturnType<Database['prepare']> {
    const known = this.#statements.get(text);
    if (known !== undefined) return known;
    const made = this.#database.prepare(text);
    this.#statements.set(text, made);
    return made;
  }

  /** What one file is and holds, whatever takes its place meanwhile. @param size of which it is read, and no other */
  #read(key: string, size: number): Facts {
    const facts = this.#stat(key);
    if (facts?.size !== size) return facts;
    return this.#look(() => {
      const fd = openSync(join(this.#root, key), 'r');
      try {
        const found = fstatSync(fd);
        const modified = Math.round(found.mtimeMs);
        return { size: found.size, modified, ...(found.size === size ? { crc: crcOf(fd, size) } : {}) };
      } finally {
        closeSync(fd);
      }
    });
  }

  #stat(key: string): Facts {
    return this.#look(() => {
      const found = statSync(join(this.#root, key), { throwIfNoEntry: false });
      return found?.isFile() ? { size: found.size, modified: Math.round(found.mtimeMs) } : undefined;
    });
  }

  /** undefined where nothing is there. */
  #look(work: () => Facts): Facts {
    try {
      return work();
    } catch (error) {
      if (isAbsent(error)) return undefined;
      throw error;
    }
  }
}

/** The CRC-32 of a small file. */
function crcOf(fd: number, size: number): number {
  const bytes = Buffer.allocUnsafe(size);
  let length = 0;
  while (length < size) {
    const got = readSync(fd, bytes, length, size - length, length);
    if (got === 0) break;
    length += got;
  }
  return crc32(bytes.subarray(0, length));
}

function isVersionFile(parts: KeyParts): parts is Extract<KeyParts, { kind: VersionFile }> {
  return 'm' in parts;
}

/** A process of this machine that was killed keeps nobody waiting for the end of its lease. */
function isDead(name: string): boolean {
  const owner = ownerOf(name);
  return owner !== undefined && liveness(owner, self()) === 'dead';
}
