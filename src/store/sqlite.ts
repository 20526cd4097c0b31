import { createRequire } from 'node:module';
import type { DatabaseSync, DatabaseSyncInstance } from '@photostructure/sqlite';
import { ModgateError } from '../errors/index.ts';

export type Database = DatabaseSyncInstance;
type Opener = typeof DatabaseSync;

/** SQLite's primary result codes (sqlite.org/rescode.html) for a file that is no database, or no whole one. */
const BROKEN: ReadonlySet<number> = new Set([11, 26]);

const BROKEN_TEXT = /database disk image is malformed|file is not a database/;

let opener: Opener | undefined;

/** Node's own SQLite where it has one, else the package with the same interface; loaded when it is needed first. */
export function openDatabase(file: string): Database {
  opener ??= load();
  return new opener(file);
}

/** True where the file cannot be trusted any more, and not only for now. */
export function isBroken(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  // The package has no code in the errors of a statement, only SQLite's own text for it.
  if (!('errcode' in error) || typeof error.errcode !== 'number') return BROKEN_TEXT.test(error.message);
  return BROKEN.has(error.errcode & 0xff);
}

/** A number of a row; what is none says that the file is broken. */
export function numberOf(value: unknown): number {
  if (typeof value === 'number') return value;
  throw unexpected();
}

export function textOf(value: unknown): string {
  if (typeof value === 'string') return value;
  throw unexpected();
}

export function optionalNumber(value: unknown): number | undefined {
  return value === null ? undefined : numberOf(value);
}

function unexpected(): ModgateError {
  return new ModgateError('STORE_FAILED', 'the catalogue of the store holds what it cannot hold', {
    next: 'Move catalog.db of the data folder away and start again: it is rebuilt from the tree.',
  });
}

function load(): Opener {
  const require = createRequire(import.meta.url);
  // Node 22 and 24 call their own one experimental, on stderr, at each start; it does what is used here.
  const emitWarning = process.emitWarning.bind(process);
  process.emitWarning = () => undefined;
  try {
    // `require` is untyped; both have this interface.
    const own = process.getBuiltinModule('node:sqlite') as unknown as { DatabaseSync: Opener } | undefined;
    const { DatabaseSync } = own ?? (require('@photostructure/sqlite') as { DatabaseSync: Opener });
    return DatabaseSync;
  } finally {
    process.emitWarning = emitWarning;
  }
}
