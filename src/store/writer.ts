import { dirname, join, resolve } from 'node:path';
import { crc32 } from 'node:zlib';
import { ModgateError, systemCode } from '../errors/index.ts';
import type { Clock } from '../observe/index.ts';
import { Admitter } from './admitter.ts';
import type { CatalogOrder, CatalogReply, CatalogWriter } from './catalog-writer.ts';
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
  /** Moves a file out of the tree, to `<data>/quarantine/`; undefined where there is none. */
  quarantine(key: TreeKey): Promise<string | undefined>;
  /** Asks the catalogue's writer; undefined where there is no catalogue. */
  catalog(order: CatalogOrder): Promise<CatalogReply>;
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

interface Sum {
  /** bytes */
  readonly size: number;
  readonly crc: number;
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
  /** told of every file that comes or goes */
  readonly catalog?: CatalogWriter;
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
  /** descriptor → bytes so far and their CRC-32; without an entry where they did not come in order */
  readonly #sums = new Map<number, Sum>();
  readonly #data: string;
  readonly #clock: Pick<Clock, 'now'>;
  readonly #catalog: CatalogWriter | undefined;
  readonly waiting = 0;

  constructor({ data, ops, log, clock, threads, prefix, catalog }: DirectWriterOptions) {
    this.#data = data;
    this.#clock = clock;
    this.#catalog = catalog;
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
    return told(`writing ${key}`, async () => {
      const outcome = await this.#admitter.put(this.#target(key), bytes, expect);
      const facts = { size: bytes.length, crc: this.#catalog === undefined ? 0 : crc32(bytes) };
      this.#note(key, outcome, facts, expect);
      return outcome;
    });
  }

  /** What was there already may be other bytes, but where nothing else was allowed to be there. */
  #note(key: TreeKey, outcome: Outcome, facts: Sum | undefined, expect: Expect): void {
    const known = outcome === 'stored' || expect.kind === 'immutable' ? facts : undefined;
    const source = expect.kind === 'replace' || outcome === 'same' ? undefined : expect.source;
    this.#catalog?.note({ key, facts: known, source }, outcome === 'stored');
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
      this.#catalog?.note({ key });
    });
  }

  quarantine(key: TreeKey): Promise<string | undefined> {
    return told(`moving ${key} away`, async () => {
      const { file } = this.#target(key);
      // A folder for each, so that no name becomes too long, and that what lies there can be copied back as it is.
      const name = `${new Date(this.#clock.now()).toISOString().replaceAll(':', '')}/${key}`;
      const target = join(this.#data, 'quarantine', name);
      await this.#folders.make(dirname(target), this.#data).durable;
      try {
        await this.#ops.rename(file, target);
      } catch (error) {
        if (isAbsent(error)) return undefined;
        throw error;
      }
      await this.#folders.sync(dirname(target));
      await this.#folders.sync(dirname(file)).catch((error: unknown) => {
        // It was the last one, and somebody has removed the folder since.
        if (!isAbsent(error)) throw error;
      });
      this.#catalog?.note({ key });
      return `quarantine/${name}`;
    });
  }

  async catalog(order: CatalogOrder): Promise<CatalogReply> {
    return this.#catalog?.perform(order);
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
      if (this.#catalog !== undefined) this.#sum(fd, bytes, position);
    });
  }

  #sum(fd: number, bytes: Uint8Array, position: number): void {
    const { size, crc } = this.#sums.get(fd) ?? { size: 0, crc: 0 };
    if (position === size) this.#sums.set(fd, { size: size + bytes.length, crc: crc32(bytes, crc) });
    else this.#sums.delete(fd);
  }

  adopt(key: TreeKey, fd: number, size: number, expect: Expect): Promise<Outcome> {
    return told(`writing ${key}`, async () => {
      const file = this.#open.get(fd) ?? '';
      if (file === '') throw new ModgateError('INTERNAL', 'a staged file was adopted twice');
      const outcome = await this.#admitter.adopt(this.#target(key), { fd, file, size }, expect);
      this.#open.set(fd, '');
      this.#note(key, outcome, this.#sums.get(fd), expect);
      await this.#temps.remove(file);
      return outcome;
    });
  }

  async discard(fd: number): Promise<void> {
    const file = this.#open.get(fd);
    if (file === undefined) return;
    this.#open.delete(fd);
    this.#sums.delete(fd);
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

  async close(): Promise<void> {
    this.#catalog?.close();
  }

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
