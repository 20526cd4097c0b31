import { join, resolve } from 'node:path';
import { ModgateError, toModgateError } from '../errors/index.ts';
import { type Clock, type Logger, systemClock } from '../observe/index.ts';
import type { CatalogOrder, CatalogReply } from './catalog-writer.ts';
import { openContent } from './descriptor.ts';
import { isAbsent, storeFault } from './fault.ts';
import { type FsOps, systemOps } from './fs-ops.ts';
import { parseKey, type TreeKey } from './key.ts';
import { FileStaged } from './staged.ts';
import { ThreadWriter } from './thread-writer.ts';
import type { Content, Expect, Outcome, Probe, StagedFile, Tree } from './tree.ts';
import { PiecePool } from './window.ts';
import { DirectWriter, type Temp, type Writer } from './writer.ts';

export interface FileTreeOptions {
  readonly logger: Logger;
  /** the file system, which is then used from this thread; tests put faults into it */
  readonly ops?: FsOps;
  readonly clock?: Clock;
  /** of libuv's pool; UV_THREADPOOL_SIZE, or 4, unless told */
  readonly threads?: number;
  /** ms that one call of the writing thread may take before the tree says that it takes nothing; 10 s unless told */
  readonly stuck?: number;
}

/** bytes of all staged files together, beyond which each has one piece in memory at most */
const STAGED_MEMORY = 32 << 20;
const STUCK = 10_000;
/** ms between two looks for files that dead processes left */
const SWEEP_EVERY = 60 * 60 * 1000;

/**
 * The tree as files: `<data>/tree/<key>`, unfinished ones in `<data>/tmp/`, on one file system.
 *
 * A file comes in complete or not at all: temp file, all bytes, fsync, then link(2) where nothing may be
 * there, rename(2) where it may, fsync of the folder and once of each new folder's parent. Hence a reader
 * takes no lock, and any number of processes may share the folder. Reads go through libuv's pool, writes
 * through a thread of their own.
 */
export class FileTree implements Tree {
  readonly #root: string;
  readonly #ops: FsOps;
  readonly #writer: Writer;
  /** for what must not wait behind writes */
  readonly #direct: DirectWriter;
  /** ms */
  readonly #stuck: number;
  readonly #memory = new PiecePool(STAGED_MEMORY);
  readonly #underWay = new Set<Promise<unknown>>();
  readonly #sweeper: NodeJS.Timeout;
  #closed = false;
  #probe: Promise<Probe> | undefined;

  /** Makes the folders, and removes what dead processes left unfinished. */
  static async open(dataFolder: string, options: FileTreeOptions): Promise<FileTree> {
    const { logger: log, ops = systemOps, clock = systemClock, threads = poolSize() } = options;
    const data = resolve(dataFolder);
    const direct = new DirectWriter({ data, ops, log, clock, threads });
    try {
      await direct.start();
    } catch (error) {
      throw storeFault(error, `opening the data folder ${dataFolder}`);
    }
    const discard = async ({ fd, file }: Temp) => {
      await ops.close(fd).catch(() => undefined);
      await ops.unlink(file).catch(() => undefined);
    };
    const lost = (prefix: string) => direct.removeAll(prefix);
    const writer =
      options.ops === undefined ? new ThreadWriter({ data, threads, log, discard, lost }) : direct;
    return new FileTree(data, ops, writer, direct, options.stuck ?? STUCK);
  }

  private constructor(data: string, ops: FsOps, writer: Writer, direct: DirectWriter, stuck: number) {
    this.#stuck = stuck;
    this.#root = join(data, 'tree');
    this.#ops = ops;
    this.#writer = writer;
    this.#direct = direct;
    // In between too: where a container was replaced, only age tells that its files are left over.
    this.#sweeper = setInterval(() => void direct.sweep().catch(() => undefined), SWEEP_EVERY).unref();
  }

  /** Waits for the writes under way and refuses new ones; what is open stays readable. */
  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#sweeper);
    await Promise.allSettled(this.#underWay);
    await this.#writer.close();
  }

  async open(key: TreeKey): Promise<Content | undefined> {
    const file = this.#file(key);
    try {
      return await openContent(this.#ops, key, file);
    } catch (error) {
      throw storeFault(error, `opening ${key}`);
    }
  }

  put(key: TreeKey, bytes: Uint8Array, expect: Expect): Promise<Outcome> {
    return this.#write(() => this.#writer.put(key, bytes, expect));
  }

  adopt(key: TreeKey, staged: StagedFile, expect: Expect): Promise<Outcome> {
    return this.#write(async () => {
      if (!(staged instanceof FileStaged)) throw new ModgateError('INTERNAL', 'a foreign file was adopted');
      staged.retain();
      try {
        return await staged.adopt((fd, size) => this.#writer.adopt(key, fd, size, expect));
      } finally {
        await staged.release();
      }
    });
  }

  delete(key: TreeKey): Promise<void> {
    return this.#write(() => this.#writer.delete(key));
  }

  /** Moves a file that is not what it should be to `<data>/quarantine/`; where it is now, undefined where there was none. */
  quarantine(key: TreeKey): Promise<string | undefined> {
    return this.#write(() => this.#writer.quarantine(key));
  }

  /** Asks the catalogue's writer. */
  catalog(order: CatalogOrder): Promise<CatalogReply> {
    return this.#write(() => this.#writer.catalog(order));
  }

  /** Removes what dead processes left unfinished. */
  async sweep(): Promise<void> {
    await this.#direct.sweep();
  }

  async names(folder: TreeKey): Promise<readonly string[]> {
    const path = this.#file(folder);
    try {
      const entries = await this.#ops.readdir(path);
      return entries.filter((entry) => entry.isFile()).map((entry) => entry.name);
    } catch (error) {
      if (isAbsent(error)) return [];
      throw storeFault(error, `listing ${folder}`);
    }
  }

  stage(): Promise<StagedFile> {
    return this.#write(async () => {
      return new FileStaged({ writer: this.#writer, ops: this.#ops, memory: this.#memory });
    });
  }

  probe(): Promise<Probe> {
    // One at a time: a disk that hangs must not collect a thread from each who asks.
    this.#probe ??= this.#try().finally(() => {
      this.#probe = undefined;
    });
    return this.#probe;
  }

  async #try(): Promise<Probe> {
    const freeBytes = await this.#ops.free(this.#root).catch(() => 0);
    const { waiting } = this.#writer;
    if (waiting > this.#stuck) return { writable: false, freeBytes, fault: stuck(waiting) };
    try {
      await this.#direct.probe();
      return { writable: true, freeBytes, fault: undefined };
    } catch (error) {
      return { writable: false, freeBytes, fault: toModgateError(error) };
    }
  }

  /** The brand is not trusted with making a path. */
  #file(key: TreeKey): string {
    return join(this.#root, parseKey(key));
  }

  async #write<T>(work: () => Promise<T>): Promise<T> {
    if (this.#closed) throw new ModgateError('SHUTTING_DOWN', 'the gateway is shutting down');
    const running = work();
    this.#underWay.add(running);
    try {
      return await running;
    } finally {
      this.#underWay.delete(running);
    }
  }
}

function stuck(waiting: number): ModgateError {
  return new ModgateError(
    'STORE_FAILED',
    `the module store failed: a write has been waiting for the disk for ${Math.round(waiting / 1000)} s`,
    { next: 'Look whether the file system of the data folder answers.' },
  );
}

function poolSize(): number {
  const size = Number(process.env.UV_THREADPOOL_SIZE ?? 4);
  return Number.isInteger(size) && size > 0 ? size : 4;
}
