import { dirname } from 'node:path';
import { ModgateError, systemCode } from '../errors/index.ts';
import { Claims } from './claims.ts';
import { type Bytes, memoryBytes, sameBytes } from './compare.ts';
import { Descriptor, openContent } from './descriptor.ts';
import { both, type Folders, type Made } from './folders.ts';
import type { FsOps } from './fs-ops.ts';
import type { TreeKey } from './key.ts';
import type { Lanes } from './lanes.ts';
import type { StoreLog, Temps } from './temps.ts';
import type { Expect, Outcome } from './tree.ts';

/** Where a file goes. */
export interface Target {
  readonly key: TreeKey;
  readonly file: string;
}

/** A temporary file with all its bytes; whoever opened it closes it. */
export interface OpenTemp {
  readonly fd: number;
  readonly file: string;
  /** bytes */
  readonly size: number;
}

interface Parts {
  /** the folder above which nothing is made */
  readonly data: string;
  readonly ops: FsOps;
  readonly log: StoreLog;
  /** for fsync */
  readonly flushes: Lanes;
  readonly folders: Folders;
  readonly temps: Temps;
}

/** How often a write begins again because its folder went away: who purges removes emptied ones. */
const FOLDER_TRIES = 20;
/** And because what was in its way went away: where that is no file, it stays. */
const TRIES = 4;
/** link(2): the file system has no hard links. */
const NO_LINKS: ReadonlySet<string> = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS']);

/** Brings files into the tree, complete and durable or not at all. */
export class Admitter {
  readonly #parts: Parts;
  readonly #claims: Claims;
  #linkless = false;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#claims = new Claims(parts.temps, parts.ops);
  }

  put(target: Target, bytes: Uint8Array, expect: Expect): Promise<Outcome> {
    return this.#beside(target, async () => {
      const wanted = memoryBytes(bytes);
      if (await this.#isThere(target, wanted, expect)) return await this.#settle(target, 'same');
      const temp = await this.writeTemp(bytes, modifiedOf(expect));
      try {
        return await this.#place(target, temp, wanted, expect);
      } finally {
        await this.#parts.temps.remove(temp);
      }
    });
  }

  adopt(target: Target, temp: OpenTemp, expect: Expect): Promise<Outcome> {
    const { ops, flushes } = this.#parts;
    const { fd, size, file } = temp;
    const descriptor = new Descriptor(ops, fd);
    const wanted = { size, read: (buffer: Uint8Array, at: number) => descriptor.read(buffer, at, size) };
    return this.#beside(target, async () => {
      if (await this.#isThere(target, wanted, expect)) return await this.#settle(target, 'same');
      const modified = modifiedOf(expect);
      if (modified !== undefined) await ops.touch(fd, modified);
      await flushes.run(() => ops.fsync(fd));
      return await this.#place(target, file, wanted, expect);
    });
  }

  /** Makes and flushes the folders while the work writes and flushes the bytes: both wait for the disk. */
  async #beside(target: Target, work: () => Promise<Outcome>): Promise<Outcome> {
    const folder = this.#folder(target);
    try {
      return await work();
    } catch (error) {
      await folder.durable.catch(() => undefined);
      throw error;
    }
  }

  /** A complete temporary file on the disk; the caller removes its name. */
  async writeTemp(bytes: Uint8Array, modified: number | undefined): Promise<string> {
    const { ops, flushes, temps } = this.#parts;
    const { fd, file } = await temps.create();
    let open = true;
    try {
      for (let at = 0; at < bytes.length; ) at += await ops.write(fd, bytes.subarray(at), at);
      if (modified !== undefined) await ops.touch(fd, modified);
      await flushes.run(() => ops.fsync(fd));
      open = false;
      await ops.close(fd);
      return file;
    } catch (error) {
      if (open) await ops.close(fd).catch(() => undefined);
      await temps.remove(file);
      throw error;
    }
  }

  async #place(target: Target, temp: string, wanted: Bytes, expect: Expect): Promise<Outcome> {
    let missing = 0;
    for (let tries = 0; tries < TRIES; ) {
      const folder = this.#folder(target);
      try {
        await folder.exists;
        const outcome = await this.#bring(target, temp, wanted, expect);
        if (outcome !== undefined) return await this.#settle(target, outcome);
        tries++;
      } catch (error) {
        await folder.durable.catch(() => undefined);
        if (systemCode(error) !== 'ENOENT' || ++missing === FOLDER_TRIES) throw error;
        this.#parts.folders.forget(dirname(target.file));
      }
    }
    throw new ModgateError(
      'STORE_FAILED',
      `the module store failed: something that is no file is in the way of ${target.key}`,
      {
        next: 'Look at that name below tree/ of the data folder, and move away what is there.',
      },
    );
  }

  /** `undefined` where what was in the way has gone, or is no file. */
  async #bring(target: Target, temp: string, wanted: Bytes, expect: Expect): Promise<Outcome | undefined> {
    const { ops, log } = this.#parts;
    if (expect.kind === 'replace') {
      await ops.rename(temp, target.file);
      return 'stored';
    }
    if (!this.#linkless) {
      try {
        await ops.link(temp, target.file);
        return 'stored';
      } catch (error) {
        const code = systemCode(error);
        if (code === 'EEXIST') return (await this.#isThere(target, wanted, expect)) ? 'same' : undefined;
        if (!NO_LINKS.has(code)) throw error;
        this.#linkless = true;
        log.warn({ err: error }, 'file system has no hard links: writers of one key wait for each other');
      }
    }
    return await this.#claims.run(target.key, async () => {
      if (await this.#isThere(target, wanted, expect)) return 'same';
      await ops.rename(temp, target.file);
      return 'stored';
    });
  }

  /** @throws IMMUTABLE_CONFLICT where other bytes are there and may not be */
  async #isThere(target: Target, wanted: Bytes, expect: Expect): Promise<boolean> {
    if (expect.kind === 'replace') return false;
    const present = await openContent(this.#parts.ops, target.key, target.file);
    if (present === undefined) return false;
    try {
      if (expect.kind === 'keep' || (await sameBytes(wanted, present))) return true;
    } finally {
      await present.close();
    }
    throw new ModgateError(
      'IMMUTABLE_CONFLICT',
      `other bytes are stored as ${target.key}, and a stored version never changes`,
      {
        next: 'Find out which source changed the version; only if the stored one is wrong, delete that file below tree/ of the data folder.',
      },
    );
  }

  /**
   * What is in the folder now outlives a crash, whoever put it there. Where the folder is gone by now, somebody has removed
   * the file since, and then that is how it is.
   */
  async #settle(target: Target, outcome: Outcome): Promise<Outcome> {
    try {
      const { folders, data } = this.#parts;
      const folder = dirname(target.file);
      await both(folders.secure(folder, data), folders.sync(folder));
    } catch (error) {
      if (systemCode(error) !== 'ENOENT') throw error;
      this.#parts.folders.forget(dirname(target.file));
    }
    return outcome;
  }

  #folder(target: Target): Made {
    return this.#parts.folders.make(dirname(target.file), this.#parts.data);
  }
}

function modifiedOf(expect: Expect): number | undefined {
  return expect.kind === 'replace' ? expect.fetchedAt : undefined;
}
