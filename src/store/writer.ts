import { dirname, join, resolve } from 'node:path';
import { ModgateError, systemCode } from '../errors/index.ts';
import type { Clock } from '../observe/index.ts';
import { Admitter } from './admitter.ts';
import { isAbsent, storeFault } from './fault.ts';
import { Folders } from './folders.ts';
import type { FsOps } from './fs-ops.ts';
import { parseKey, type TreeKey } from './key.ts';
import { flushLanes } from './lanes.ts';
import { type StoreLog, Temps } from './temps.ts';
import type { Expect, Outcome } from './tree.ts';

/** A file below tmp/ that is being written. */
export interface Temp {
  /** by which the other calls name it; whoever asked for it may read from it until it is discarded */
  readonly fd: number;
  readonly file: string;
}

/** All that changes the disk. What was asked for is durable when it resolves; every failure is a coded error. */
export interface Writer {
  put(key: TreeKey, bytes: Uint8Array, expect: Expect): Promise<Outcome>;
  delete(key: TreeKey): Promise<void>;
  /** A new temporary file; it must be discarded. */
  create(): Promise<Temp>;
  /** All the bytes, not yet durable. */
  write(fd: number, bytes: Uint8Array, position: number): Promise<void>;
  /** Takes the file into the tree; its temporary name is gone then, and its bytes stay readable. */
  adopt(key: TreeKey, fd: number, size: number, expect: Expect): Promise<Outcome>;
  /** Closes the file, and removes its temporary name where it has one still. */
  discard(fd: number): Promise<void>;
  /** ms that the oldest call has been waiting for its answer */
  readonly waiting: number;
  close(): Promise<void>;
}

export interface DirectWriterOptions {
  /** the data folder, absolute */
  readonly data: string;
  readonly ops: FsOps;
  readonly log: StoreLog;
  readonly clock: Pick<Clock, 'now'>;
  /** of libuv's pool */
  readonly threads: number;
  /** of the names of temporary files; default: one that nobody else has */
  readonly prefix?: string;
}

/** Writes by the operations it is given, in the thread that calls it. */
export class DirectWriter implements Writer {
  readonly #root: string;
  readonly #ops: FsOps;
  readonly #log: StoreLog;
  readonly #folders: Folders;
  readonly #temps: Temps;
  readonly #admitter: Admitter;
  /** descriptor → path; '' where its name is gone */
  readonly #open = new Map<number, string>();
  readonly waiting = 0;

  constructor({ data, ops, log, clock, threads, prefix }: DirectWriterOptions) {
    this.#root = join(data, 'tree');
    this.#ops = ops;
    this.#log = log;
    const flushes = flushLanes(threads);
    this.#folders = new Folders(ops, flushes, log);
    this.#temps = new Temps(join(data, 'tmp'), ops, log, clock, prefix);
    const parts = { data, ops, log, flushes, folders: this.#folders, temps: this.#temps };
    this.#admitter = new Admitter(parts);
  }

  /** Makes the folders, and removes what dead processes left unfinished. */
  async start(): Promise<void> {
    const top = await this.#existing(dirname(this.#root));
    for (const folder of [this.#root, this.#temps.folder]) await this.#folders.make(folder, top).durable;
    await this.sweep();
  }

  async sweep(): Promise<void> {
    const removed = await this.#temps.sweep();
    if (removed > 0) this.#log.info({ removed }, 'removed unfinished files of dead processes');
  }

  /** Removes the temporary files of a writer that is gone. */
  async removeAll(prefix: string): Promise<void> {
    await this.#temps.removeAll(prefix);
  }

  put(key: TreeKey, bytes: Uint8Array, expect: Expect): Promise<Outcome> {
    return told(`writing ${key}`, () => this.#admitter.put(this.#target(key), bytes, expect));
  }

  delete(key: TreeKey): Promise<void> {
    return told(`deleting ${key}`, async () => {
      const { file } = this.#target(key);
      try {
        await this.#ops.unlink(file);
        await this.#folders.sync(dirname(file));
      } catch (error) {
        if (!isAbsent(error)) throw error;
      }
    });
  }

  create(): Promise<Temp> {
    return told('staging a file', async () => {
      const temp = await this.#temps.create();
      this.#open.set(temp.fd, temp.file);
      return temp;
    });
  }

  write(fd: number, bytes: Uint8Array, position: number): Promise<void> {
    return told('writing a staged file', async () => {
      for (let at = 0; at < bytes.length; )
        at += await this.#ops.write(fd, bytes.subarray(at), position + at);
    });
  }

  adopt(key: TreeKey, fd: number, size: number, expect: Expect): Promise<Outcome> {
    return told(`writing ${key}`, async () => {
      const file = this.#open.get(fd) ?? '';
      if (file === '') throw new ModgateError('INTERNAL', 'a staged file was adopted twice');
      const outcome = await this.#admitter.adopt(this.#target(key), { fd, file, size }, expect);
      this.#open.set(fd, '');
      await this.#temps.remove(file);
      return outcome;
    });
  }

  async discard(fd: number): Promise<void> {
    const file = this.#open.get(fd);
    if (file === undefined) return;
    this.#open.delete(fd);
    // What was to be kept is flushed by now, and the rest is thrown away.
    await this.#ops.close(fd).catch(() => undefined);
    if (file !== '') await this.#temps.remove(file);
  }

  /** Writes a file for real, and removes it. */
  probe(): Promise<void> {
    return told('trying to write', async () => {
      await this.#temps.remove(await this.#admitter.writeTemp(Buffer.from('probe\n'), undefined));
    });
  }

  async close(): Promise<void> {}

  /** The brand of a key is not trusted with making a path. */
  #target(key: TreeKey): { key: TreeKey; file: string } {
    return { key, file: join(this.#root, parseKey(key)) };
  }

  /** The lowest folder above that is there already. */
  async #existing(data: string): Promise<string> {
    for (let at = data; at !== dirname(at); at = dirname(at)) {
      try {
        await this.#ops.stat(at);
        return at;
      } catch (error) {
        if (systemCode(error) !== 'ENOENT') throw error;
      }
    }
    return resolve('/');
  }
}

async function told<T>(doing: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw storeFault(error, doing);
  }
}
