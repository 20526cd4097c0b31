import type { ModgateError } from '../errors/index.ts';
import type { TreeKey } from './key.ts';

/** What a write may meet under its key. */
export type Expect =
  /** nothing, or the same bytes; other bytes → IMMUTABLE_CONFLICT */
  | { readonly kind: 'immutable'; readonly source?: string }
  /** nothing, or anything: what is there stays. source, for both: where the bytes come from, for the catalogue */
  | { readonly kind: 'keep'; readonly source?: string }
  /** anything: what is there is replaced. fetchedAt, ms since epoch, becomes `Content.modified` */
  | { readonly kind: 'replace'; readonly fetchedAt: number };

/** 'stored': the bytes given are the ones in the tree now; 'same': what was there stays. */
export type Outcome = 'stored' | 'same';

/** One open file. It stays what it was at open() when its key is replaced or deleted; close() it. */
export interface Content {
  /** bytes */
  readonly size: number;
  /** ms since epoch */
  readonly modified: number;
  /** absolute path, where others of this machine can read it too; what is open may be another file than what is there */
  readonly file?: string;
  /** All of it, in a buffer of its own of exactly `size` bytes. */
  bytes(): Promise<Buffer>;
  /** Fills the buffer from `position` on; fewer bytes than it holds only where the file ends, 0 behind it. */
  read(buffer: Uint8Array, position: number): Promise<number>;
  /** Idempotent; waits for the reads under way. */
  close(): Promise<void>;
}

/** Bytes on their way into the tree: one writer, any number of readers, gone unless adopted. */
export interface StagedFile {
  /** bytes written so far; readers may read up to here */
  readonly size: number;
  /** Appends; one call at a time. After a failure every later write and adopt() fails with the same error. */
  write(chunk: Uint8Array): Promise<void>;
  /** As `Content.read`, up to the present size. */
  read(buffer: Uint8Array, position: number): Promise<number>;
  /** What readers of the disk find already; undefined before the first write. */
  readonly flushed: { readonly file: string; readonly size: number } | undefined;
  /** Where all bytes so far are on this machine, for a checker that opens them by itself; true until adopt() or the last release(). */
  onDisk(): Promise<string>;
  /** One more holder. stage() makes the first. */
  retain(): void;
  /** The last release closes the file, and removes it if it was not adopted. */
  release(): Promise<void>;
}

export interface Probe {
  readonly writable: boolean;
  /** bytes that the gateway may still write; 0 where it cannot be told */
  readonly freeBytes: number;
  /** why it is not writable */
  readonly fault: ModgateError | undefined;
}

/**
 * The stored files of modules and of checksum databases, by key. A file is checked before it comes in and not
 * again when it is read: whoever can write here can change what is served. The go command then finds it by its
 * checksum database and go.sum.
 *
 * Failures: DISK_FULL, OVERLOADED (no descriptors left), STORE_FAILED for every other fault of the driver;
 * absence is `undefined`. A write that failed leaves the key as it was, or complete; never partial.
 */
export interface Tree {
  /** `undefined` where the key has no file: nothing there, a folder, or a file in the middle of the key. */
  open(key: TreeKey): Promise<Content | undefined>;
  /** Durable when it resolves. */
  put(key: TreeKey, bytes: Uint8Array, expect: Expect): Promise<Outcome>;
  /** Durable when it resolves. The staged file stays readable until it is released; after a conflict it may be tried again. */
  adopt(key: TreeKey, staged: StagedFile, expect: Expect): Promise<Outcome>;
  /** Durable when it resolves; nothing there is fine. */
  delete(key: TreeKey): Promise<void>;
  /** Names of the files directly below, in no order; [] where there is no such folder. */
  names(folder: TreeKey): Promise<readonly string[]>;
  stage(): Promise<StagedFile>;
  /** Writes for real. Does not throw. */
  probe(): Promise<Probe>;
}
