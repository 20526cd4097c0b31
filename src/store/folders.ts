import { dirname } from 'node:path';
import { systemCode } from '../errors/index.ts';
import type { FsOps } from './fs-ops.ts';
import type { Lanes } from './lanes.ts';
import type { StoreLog } from './temps.ts';

export interface Made {
  /** files can be put into the folder */
  readonly exists: Promise<void>;
  /** the folder and all above it outlive a crash of the machine; settles when all work for that has ended */
  readonly durable: Promise<void>;
}

const DONE: Made = { exists: Promise.resolve(), durable: Promise.resolve() };

/** Folders known to be durable; beyond, the oldest are forgotten, which costs one more fsync each. */
const MAX_KNOWN = 65_536;

/** fsync(2), EINVAL: some file systems cannot flush a folder; there is nothing that could be done instead. */
const CANNOT_FLUSH: ReadonlySet<string> = new Set(['EINVAL', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS']);

/** Unlike Promise.all it ends when both have ended: a failure leaves nothing running behind it. */
export async function both(a: Promise<void>, b: Promise<void>): Promise<void> {
  for (const result of await Promise.allSettled([a, b])) {
    if (result.status === 'rejected') throw result.reason;
  }
}

/** Makes folders and flushes them, each flush shared by all who came before it began. */
export class Folders {
  readonly #ops: FsOps;
  readonly #lanes: Lanes;
  readonly #log: StoreLog;
  /** which folder of that name it was: another process may remove it, and make it again */
  readonly #known = new Map<string, string>();
  readonly #making = new Map<string, Made>();
  /** Flushes that have not begun: they cover whoever joins now. */
  readonly #waiting = new Map<string, Promise<void>>();
  /** The end of the flush under way; never rejects. */
  readonly #running = new Map<string, Promise<void>>();
  #warned = false;

  constructor(ops: FsOps, lanes: Lanes, log: StoreLog) {
    this.#ops = ops;
    this.#lanes = lanes;
    this.#log = log;
  }

  /**
   * The folder and all above it, made where they are missing. One that is found here is flushed once as
   * well: the process that made it may have died before its fsync.
   * @param root the folder above which nothing is made or flushed
   */
  make(folder: string, root: string): Made {
    if (folder === root || this.#known.has(folder)) return DONE;
    const begun = this.#making.get(folder);
    if (begun !== undefined) return begun;
    const parent = dirname(folder);
    const above = this.make(parent, root);
    const exists = above.exists.then(() => this.#mkdir(folder));
    const entered = exists.then(async () => {
      // Before the flush: it covers this one, and not what takes its place later.
      const identity = await this.#identity(folder);
      await this.sync(parent);
      return identity;
    });
    const durable = both(
      above.durable,
      entered.then(() => undefined),
    ).then(async () => this.#remember(folder, await entered));
    const made = { exists, durable };
    this.#making.set(folder, made);
    const forget = () => {
      if (this.#making.get(folder) === made) this.#making.delete(folder);
    };
    // Whoever waits for them sees the failure; this keeps it from being an unhandled one as well.
    durable.then(forget, forget);
    exists.catch(() => undefined);
    return made;
  }

  /**
   * After a file was put into the folder: this one and all above it outlive a crash, even where another process has
   * removed one that was known and made it again. None can go while it holds the file, so one look is enough.
   * @throws ENOENT where it is gone, and the file with it
   */
  async secure(folder: string, root: string): Promise<void> {
    await this.make(folder, root).durable.catch((error: unknown) => {
      // That was about one that has gone since.
      if (systemCode(error) !== 'ENOENT') throw error;
    });
    for (let at = folder; at !== root; at = dirname(at)) {
      if (this.#known.get(at) === (await this.#identity(at))) continue;
      this.forget(folder);
      return await this.make(folder, root).durable;
    }
  }

  /** After a folder proved to be missing: nothing is known of it and of those above any more. */
  forget(folder: string): void {
    for (let at = folder; at !== dirname(at); at = dirname(at)) {
      this.#known.delete(at);
      this.#making.delete(at);
    }
  }

  /** Resolves after an fsync of the folder that began after this call. */
  sync(folder: string): Promise<void> {
    const joined = this.#waiting.get(folder);
    if (joined !== undefined) return joined;
    const turn = (this.#running.get(folder) ?? Promise.resolve()).then(() =>
      this.#lanes.run(() => this.#begin(folder)),
    );
    this.#waiting.set(folder, turn);
    return turn;
  }

  #begin(folder: string): Promise<void> {
    this.#waiting.delete(folder);
    const flush = this.#flush(folder);
    const end = flush
      .catch(() => undefined)
      .then(() => {
        if (this.#running.get(folder) === end) this.#running.delete(folder);
      });
    this.#running.set(folder, end);
    return flush;
  }

  async #flush(folder: string): Promise<void> {
    const fd = await this.#ops.open(folder, 'r');
    try {
      await this.#ops.fsync(fd);
    } catch (error) {
      if (!CANNOT_FLUSH.has(systemCode(error))) throw error;
      if (!this.#warned) this.#log.warn({ err: error }, 'file system cannot flush folders');
      this.#warned = true;
    } finally {
      await this.#ops.close(fd).catch(() => undefined);
    }
  }

  async #mkdir(folder: string): Promise<void> {
    try {
      await this.#ops.mkdir(folder);
    } catch (error) {
      if (systemCode(error) !== 'EEXIST') throw error;
    }
  }

  /** With the time of its birth: a file system gives the number of a removed folder to the next one. */
  async #identity(folder: string): Promise<string> {
    const { ino, birthtimeMs } = await this.#ops.stat(folder);
    return `${ino} ${birthtimeMs}`;
  }

  #remember(folder: string, identity: string): void {
    this.#known.set(folder, identity);
    if (this.#known.size <= MAX_KNOWN) return;
    const [oldest] = this.#known.keys();
    if (oldest !== undefined) this.#known.delete(oldest);
  }
}
