import { dirname, join, resolve } from 'node:path';
import { ModgateError, systemCode } from '../errors/index.ts';
import { type Clock, type Logger, systemClock } from '../observe/index.ts';
import { Admitter } from './admitter.ts';
import { openContent } from './descriptor.ts';
import { isAbsent, storeFault } from './fault.ts';
import { Folders } from './folders.ts';
import { type FsOps, systemOps } from './fs-ops.ts';
import { parseKey, type TreeKey } from './key.ts';
import { gateWrites, lanesFor } from './lanes.ts';
import { FileStaged } from './staged.ts';
import { Temps } from './temps.ts';
import type { Content, Expect, Outcome, Probe, StagedFile, Tree } from './tree.ts';
import { MemoryBudget } from './window.ts';

export interface FileTreeOptions {
  readonly logger: Logger;
  /** the file system; tests put faults into it */
  readonly ops?: FsOps;
  readonly clock?: Clock;
  /** of libuv's pool; UV_THREADPOOL_SIZE, or 4, unless told */
  readonly threads?: number;
}

/** bytes of all staged files together, beyond which each has one piece in memory at most */
const STAGED_MEMORY = 32 << 20;
/** ms between two looks for files that dead processes left */
const SWEEP_EVERY = 60 * 60 * 1000;

/**
 * The tree as files: `<data>/tree/<key>`, unfinished ones in `<data>/tmp/`, on one file system.
 *
 * A file comes in complete or not at all: temp file, all bytes, fsync, then link(2) where nothing may be
 * there, rename(2) where it may, fsync of the folder and once of each new folder's parent. Hence a reader
 * takes no lock, and any number of processes may share the folder.
 */
export class FileTree implements Tree {
  readonly #root: string;
  readonly #ops: FsOps;
  readonly #logger: Logger;
  readonly #folders: Folders;
  readonly #temps: Temps;
  readonly #admitter: Admitter;
  readonly #memory = new MemoryBudget(STAGED_MEMORY);
  readonly #underWay = new Set<Promise<unknown>>();
  readonly #sweeper: NodeJS.Timeout;
  #closed = false;
  #probe: Promise<Probe> | undefined;

  /** Makes the folders, and removes what dead processes left unfinished. */
  static async open(dataFolder: string, options: FileTreeOptions): Promise<FileTree> {
    const tree = new FileTree(resolve(dataFolder), options);
    try {
      await tree.#start();
    } catch (error) {
      clearInterval(tree.#sweeper);
      throw storeFault(error, `opening the data folder ${dataFolder}`);
    }
    return tree;
  }

  private constructor(
    data: string,
    { logger, ops = systemOps, clock = systemClock, threads = poolSize() }: FileTreeOptions,
  ) {
    this.#root = join(data, 'tree');
    const { flushes, writes } = lanesFor(threads);
    const gated = gateWrites(ops, writes);
    this.#ops = gated;
    this.#logger = logger;
    this.#folders = new Folders(gated, flushes, logger);
    this.#temps = new Temps(join(data, 'tmp'), gated, logger, clock);
    this.#admitter = new Admitter({
      data,
      ops: gated,
      logger,
      flushes,
      folders: this.#folders,
      temps: this.#temps,
    });
    // In between too: where a container was replaced, only age tells that its files are left over.
    this.#sweeper = setInterval(() => void this.#sweep().catch(() => undefined), SWEEP_EVERY).unref();
  }

  /** Waits for the writes under way and refuses new ones; what is open stays readable. */
  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#sweeper);
    await Promise.allSettled(this.#underWay);
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
    return this.#write(`writing ${key}`, async () => {
      return await this.#admitter.put({ key, file: this.#file(key) }, bytes, expect);
    });
  }

  adopt(key: TreeKey, staged: StagedFile, expect: Expect): Promise<Outcome> {
    return this.#write(`writing ${key}`, async () => {
      const file = this.#file(key);
      if (!(staged instanceof FileStaged)) throw new ModgateError('INTERNAL', 'a foreign file was adopted');
      staged.retain();
      try {
        const outcome = await this.#admitter.adopt({ key, file }, staged, expect);
        await staged.unname();
        return outcome;
      } finally {
        await staged.release();
      }
    });
  }

  delete(key: TreeKey): Promise<void> {
    return this.#write(`deleting ${key}`, async () => {
      const file = this.#file(key);
      try {
        await this.#ops.unlink(file);
        await this.#folders.sync(dirname(file));
      } catch (error) {
        if (!isAbsent(error)) throw error;
      }
    });
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
    return this.#write('staging a file', async () => {
      return new FileStaged({ ops: this.#ops, temps: this.#temps, memory: this.#memory });
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
    try {
      await this.#temps.remove(await this.#admitter.writeTemp(Buffer.from('probe\n'), undefined));
      return { writable: true, freeBytes, fault: undefined };
    } catch (error) {
      return { writable: false, freeBytes, fault: storeFault(error, 'trying to write') };
    }
  }

  async #start(): Promise<void> {
    const data = dirname(this.#root);
    const top = await this.#existing(data);
    for (const folder of [this.#root, this.#temps.folder]) await this.#folders.make(folder, top).durable;
    await this.#sweep();
  }

  /** The lowest folder above that is there already. */
  async #existing(folder: string): Promise<string> {
    for (let at = folder; at !== dirname(at); at = dirname(at)) {
      try {
        await this.#ops.stat(at);
        return at;
      } catch (error) {
        if (systemCode(error) !== 'ENOENT') throw error;
      }
    }
    return resolve('/');
  }

  async #sweep(): Promise<void> {
    const removed = await this.#temps.sweep();
    if (removed > 0) this.#logger.info({ removed }, 'removed unfinished files of dead processes');
  }

  /** The one place where a key becomes a path; the brand is not trusted with that. */
  #file(key: TreeKey): string {
    return join(this.#root, parseKey(key));
  }

  async #write<T>(doing: string, work: () => Promise<T>): Promise<T> {
    if (this.#closed) throw new ModgateError('SHUTTING_DOWN', 'the gateway is shutting down');
    const running = work();
    this.#underWay.add(running);
    try {
      return await running;
    } catch (error) {
      throw storeFault(error, doing);
    } finally {
      this.#underWay.delete(running);
    }
  }
}

function poolSize(): number {
  const size = Number(process.env.UV_THREADPOOL_SIZE ?? 4);
  return Number.isInteger(size) && size > 0 ? size : 4;
}
