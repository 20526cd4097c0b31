import { join } from 'node:path';
import { systemCode } from '../errors/index.ts';
import { type Clock, liveness, type Owner, ownerOf, ownerPrefix, self } from '../observe/index.ts';
import type { FsOps } from './fs-ops.ts';

/** What the store has to say to who runs the gateway; a Logger is one. */
export interface StoreLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

/** ms; no admission takes this long: so old a file, of an owner of whom nothing can be known, is left over */
const ABANDONED = 24 * 60 * 60 * 1000;
/** ms; the same for a claim, which is held for a look and a rename, and keeps others waiting */
const CLAIM_ABANDONED = 5 * 60 * 1000;

/** The folder of unfinished files. Several processes, on several hosts, may share it. */
export class Temps {
  readonly folder: string;
  readonly #ops: FsOps;
  readonly #log: StoreLog;
  readonly #clock: Pick<Clock, 'now'>;
  readonly #me: Owner = self();
  readonly #prefix: string;
  /** Names of ours that could not be removed: tried again with the next one. */
  readonly #left = new Set<string>();
  #count = 0;

  /** @param prefix of the names, as ownerPrefix makes them; default: one that nobody else has */
  constructor(folder: string, ops: FsOps, log: StoreLog, clock: Pick<Clock, 'now'>, prefix?: string) {
    this.#prefix = prefix ?? ownerPrefix(this.#me);
    this.folder = folder;
    this.#ops = ops;
    this.#log = log;
    this.#clock = clock;
  }

  /** A new file under a name that nobody else uses. */
  async create(suffix = ''): Promise<{ fd: number; file: string }> {
    for (const file of this.#left) await this.remove(file);
    this.#count++;
    const file = join(this.folder, `${this.#prefix}${this.#count}${suffix}`);
    try {
      return { fd: await this.#ops.open(file, 'wx+'), file };
    } catch (error) {
      if (systemCode(error) !== 'ENOENT') throw error;
    }
    // Somebody cleared the data folder by hand; the next file needs the folder, and nothing else does.
    await this.#ops.mkdir(this.folder).catch(() => undefined);
    return { fd: await this.#ops.open(file, 'wx+'), file };
  }

  /** Does not throw: the file is of no use to anyone, and the next create() or start tries again. */
  async remove(file: string): Promise<void> {
    try {
      await this.#ops.unlink(file);
      this.#left.delete(file);
    } catch (error) {
      if (systemCode(error) === 'ENOENT') {
        this.#left.delete(file);
        return;
      }
      this.#left.add(file);
      this.#log.warn({ err: error, file }, 'temporary file not removed');
    }
  }

  /** How many claims with this suffix others hold; the abandoned ones are removed. */
  async claimsOfOthers(suffix: string): Promise<number> {
    let held = 0;
    for (const entry of await this.#ops.readdir(this.folder)) {
      const { name } = entry;
      if (!name.endsWith(suffix) || name.startsWith(this.#prefix)) continue;
      if (await this.#isAbandoned(name, CLAIM_ABANDONED)) await this.remove(join(this.folder, name));
      else held++;
    }
    return held;
  }

  /** Removes the files of another prefix, whose user is known to be gone. */
  async removeAll(prefix: string): Promise<void> {
    for (const { name } of await this.#ops.readdir(this.folder))
      if (name.startsWith(prefix)) await this.remove(join(this.folder, name));
  }

  /** Removes what dead processes left; returns how many. */
  async sweep(): Promise<number> {
    let removed = 0;
    for (const entry of await this.#ops.readdir(this.folder)) {
      if (!entry.isFile() || !(await this.#isAbandoned(entry.name, ABANDONED))) continue;
      await this.remove(join(this.folder, entry.name));
      removed++;
    }
    return removed;
  }

  async #isAbandoned(name: string, age: number): Promise<boolean> {
    const owner = ownerOf(name);
    const state = owner === undefined ? 'unknown' : liveness(owner, this.#me);
    if (state !== 'unknown') return state === 'dead';
    try {
      const facts = await this.#ops.stat(join(this.folder, name));
      // Not mtime: a file that is about to replace another already has the time of its fetch.
      return this.#clock.now() - facts.ctimeMs > age;
    } catch {
      // Gone, or not to be judged now: the next sweep sees it again.
      return false;
    }
  }
}
