import { ModgateError } from '../errors/index.ts';
import type { ModulePath, ModuleVersion, Version } from '../module/index.ts';
import { CatalogFile, isUseless } from './catalog-file.ts';
import { storeFault } from './fault.ts';
import { type Database, numberOf, optionalNumber, textOf } from './sqlite.ts';

/** A file as it came in. */
export interface FileFacts {
  /** bytes */
  readonly size: number;
  /** CRC-32; undefined where it came in by another way and was not checked yet */
  readonly crc: number | undefined;
}

/** A version of which any file is stored. */
export interface CatalogVersion extends ModuleVersion {
  /** µs since the epoch at which it became visible; no two versions have the same */
  readonly time: number;
  readonly info: FileFacts | undefined;
  readonly mod: FileFacts | undefined;
  readonly zip: FileFacts | undefined;
  readonly ziphash: FileFacts | undefined;
  /** bytes on the disk */
  readonly disk: number;
  /** the source that it came from; '' where nobody knows */
  readonly source: string;
  /** s since the epoch; 0: to be evicted first */
  readonly used: number;
  /** what a chain said when it was asked about it: it stays until then, s since the epoch */
  readonly kept: { readonly until: number; readonly by: string };
}

/** Another file of the tree. */
export interface CatalogAnswer extends FileFacts {
  /** ms since the epoch */
  readonly modified: number | undefined;
}

export interface Totals {
  /** on the disk, in blocks of 4 KiB */
  readonly bytes: number;
  readonly versions: number;
}

/** One line of the index. */
export interface Listed {
  readonly path: string;
  readonly version: string;
  /** µs since the epoch */
  readonly time: number;
}

/** Paths from `from` on, before `below`. */
export interface PathRange {
  readonly from: string;
  readonly below: string;
}

/** What some versions of a module take that follow one another. */
export interface ModulePart {
  readonly path: string;
  /** the last one of them, by the text of the version */
  readonly last: string;
  /** of any kind */
  readonly rows: number;
  /** that are listed */
  readonly versions: number;
  /** on the disk */
  readonly bytes: number;
  /** s since the epoch */
  readonly used: number;
}

/**
 * Told of a file that is broken, and of one that another writer has put in the place of a broken one: then with 0.
 * @param inode of the broken one
 */
export type Lost = (inode: number, why: string) => void;

/**
 * Each goes along an index and sorts nothing; and reads as many rows as it gives, but for `listed`, which passes over
 * versions of which only the ziphash is left.
 */
export const STATEMENTS = {
  listed: 'SELECT path, version, time FROM version WHERE time >= ? AND listed = 1 ORDER BY time LIMIT ?',
  version: 'SELECT * FROM version WHERE path = ? AND version = ?',
  versionsOf: 'SELECT * FROM version WHERE path = ? AND version > ? ORDER BY version LIMIT ?',
  // From each path to the next one, whatever number of versions lies between.
  paths: `WITH RECURSIVE found(path) AS (
      SELECT (SELECT path FROM version WHERE path >= ? AND path < ? ORDER BY path LIMIT 1)
      UNION ALL
      SELECT (SELECT path FROM version WHERE path > found.path AND path < ? ORDER BY path LIMIT 1)
      FROM found WHERE found.path IS NOT NULL LIMIT ?
    ) SELECT path FROM found WHERE path IS NOT NULL`,
  parts: `SELECT path, max(version) AS last, count(*) AS rows, sum(listed) AS versions, sum(disk) AS bytes, max(used) AS used
    FROM (SELECT path, version, listed, disk, used FROM version WHERE (path, version) > (?, ?) AND path < ?
      ORDER BY path, version LIMIT ?)
    GROUP BY path ORDER BY path`,
  deletions: `SELECT key FROM file INDEXED BY deleted WHERE key GLOB '*.deleted' AND key > ? ORDER BY key LIMIT ?`,
  zip: 'SELECT * FROM version WHERE zip IS NOT NULL AND (used, time) > (?, ?) ORDER BY used, time LIMIT ?',
  rest: 'SELECT * FROM version WHERE zip IS NULL AND listed = 1 AND (used, time) > (?, ?) ORDER BY used, time LIMIT ?',
} as const;

const CLOSE_AFTER = 20_000;
/** s */
const RETRY_AFTER = 5;

/**
 * Reads the catalogue by a connection of its own. A reader never waits for a writer (write-ahead log), and every answer
 * is a page: nothing here holds the thread for long. Failures are STORE_FAILED, and OVERLOADED where the file is broken
 * and will be made again.
 */
export class Catalog {
  readonly #file: CatalogFile;
  readonly #lost: Lost;
  #idle: NodeJS.Timeout | undefined;
  #seen = 0;

  constructor(data: string, lost: Lost = () => undefined) {
    this.#file = new CatalogFile(data);
    this.#lost = lost;
  }

  close(): void {
    clearTimeout(this.#idle);
    this.#file.close();
  }

  /** Visible versions from that time on, in the order in which they became visible. @param since µs, inclusive */
  listed(since: number, limit: number): Listed[] {
    return this.#all(STATEMENTS.listed, [since, limit], (row) => ({
      path: textOf(row.path),
      version: textOf(row.version),
      time: numberOf(row.time),
    }));
  }

  totals(): Totals {
    const [totals] = this.#all('SELECT bytes, versions FROM total', [], (row) => ({
      bytes: numberOf(row.bytes),
      versions: numberOf(row.versions),
    }));
    return totals ?? { bytes: 0, versions: 0 };
  }

  /** By the text of the version. @param after the version behind which it begins */
  versionsOf(path: string, after: string, limit: number): CatalogVersion[] {
    return this.#all(STATEMENTS.versionsOf, [path, after, limit], versionOf);
  }

  version({ path, version }: { path: string; version: string }): CatalogVersion | undefined {
    return this.#all(STATEMENTS.version, [path, version], versionOf)[0];
  }

  answer(key: string): CatalogAnswer | undefined {
    return this.#all('SELECT size, crc, modified FROM file WHERE key = ?', [key], (row) => ({
      size: numberOf(row.size),
      crc: optionalNumber(row.crc),
      modified: optionalNumber(row.modified),
    }))[0];
  }

  /** The first paths of the range. */
  paths({ from, below }: PathRange, limit: number): ModulePath[] {
    return this.#all(STATEMENTS.paths, [from, below, below, limit], ({ path }) => textOf(path) as ModulePath);
  }

  /**
   * What the next versions take, by module; a module may go on behind the last one.
   * @param after the path and the version behind which it begins @param rows at most
   */
  parts(after: { path: string; version: string }, below: string, rows: number): ModulePart[] {
    return this.#all(STATEMENTS.parts, [after.path, after.version, below, rows], (row) => ({
      path: textOf(row.path),
      last: textOf(row.last),
      rows: numberOf(row.rows),
      versions: numberOf(row.versions),
      bytes: numberOf(row.bytes),
      used: numberOf(row.used),
    }));
  }

  /** What could be evicted, least recently used first. @param after behind which one; used -1: from the beginning */
  leastUsed(
    what: 'zip' | 'rest',
    after: Pick<CatalogVersion, 'used' | 'time'>,
    limit: number,
  ): CatalogVersion[] {
    return this.#all(STATEMENTS[what], [after.used, after.time, limit], versionOf);
  }

  /** Keys of what tells of deletions, in their order. @param after the key behind which it begins */
  deletions(after: string, limit: number): string[] {
    return this.#all(STATEMENTS.deletions, [after, limit], ({ key }) => textOf(key));
  }

  meta(name: string): string | undefined {
    return this.#all('SELECT value FROM meta WHERE name = ?', [name], (row) => textOf(row.value))[0];
  }

  #all<T>(sql: string, values: readonly (string | number)[], make: (row: Row) => T): T[] {
    try {
      const database = this.#file.openExisting();
      this.#notice();
      return database === undefined ? [] : this.#run(database, sql, values).map(make);
    } catch (error) {
      if (isUseless(error)) throw this.#broken(error);
      if (error instanceof ModgateError) throw error;
      throw storeFault(
        Object.assign(new Error(String(error), { cause: error }), { code: 'SQLITE' }),
        'reading the catalogue',
      );
    } finally {
      clearTimeout(this.#idle);
      this.#idle = setTimeout(() => this.#file.close(), CLOSE_AFTER).unref();
    }
  }

  #notice(): void {
    const { inode } = this.#file;
    if (this.#seen !== 0 && this.#seen !== inode) this.#lost(0, 'another file');
    this.#seen = inode;
  }

  #broken(error: unknown): ModgateError {
    const { inode } = this.#file;
    // A connection that is kept would never see the new one.
    this.#file.close();
    this.#lost(inode, String(error));
    return new ModgateError(
      'OVERLOADED',
      'the catalogue of the store is broken, and is made again from the tree',
      {
        cause: error,
        next: 'Try again in a moment: no stored file is lost.',
        retryAfter: RETRY_AFTER,
      },
    );
  }

  #run(database: Database, sql: string, values: readonly (string | number)[]): Row[] {
    // A row without a name for one of its columns would be a fault of the statement above.
    return database.prepare(sql).all(...values) as Row[];
  }
}

type Row = Readonly<Record<string, unknown>>;

function versionOf(row: Row): CatalogVersion {
  const facts = (kind: string): FileFacts | undefined => {
    const size = optionalNumber(row[kind]);
    return size === undefined ? undefined : { size, crc: optionalNumber(row[`${kind}_crc`]) };
  };
  return {
    // Only checked keys become rows.
    path: textOf(row.path) as ModulePath,
    version: textOf(row.version) as Version,
    time: numberOf(row.time),
    info: facts('info'),
    mod: facts('mod'),
    zip: facts('zip'),
    ziphash: facts('ziphash'),
    disk: numberOf(row.disk),
    source: textOf(row.source),
    used: numberOf(row.used),
    kept: { until: numberOf(row.kept), by: textOf(row.kept_by) },
  };
}
