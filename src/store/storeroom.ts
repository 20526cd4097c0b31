import { rmdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay, setImmediate as turn } from 'node:timers/promises';
import { ModgateError, systemCode } from '../errors/index.ts';
import type { ModuleVersion } from '../module/index.ts';
import { ownerPrefix, self } from '../observe/index.ts';
import { Audit } from './audit.ts';
import { Catalog } from './catalog.ts';
import type { Mark } from './catalog-writer.ts';
import { Changes } from './changes.ts';
import type { FileTree } from './file-tree.ts';
import { parseKey, type TreeKey } from './key.ts';
import { VERSION_FILES, VERSION_MARKS } from './key-parts.ts';
import { keys } from './keys.ts';
import { type QuarantinedFile, quarantinedFiles, removeQuarantined } from './quarantine.ts';
import { readFolder, walkFolders } from './walk.ts';

export interface Reconciled {
  readonly files: number;
  /** rows that were missing, and rows without a file */
  readonly settled: number;
}

/** A file that was moved away, or could be. */
export interface StoredFile {
  readonly key: TreeKey;
  /** bytes */
  readonly size: number;
  /** ms since the epoch */
  readonly modified: number;
}

const FOLDERS_AT_ONCE = 200;
/** ms */
const LEASE = 30_000;
const RENEW = 10_000;
/** ms that exclusive work waits for that of another process, and between two looks */
const PATIENCE = 60_000;
const ASK_AGAIN = 20;
/** ms after a rebuild that failed */
const HEAL_AGAIN = 5_000;

/**
 * What the upkeep of a data folder needs beyond reading and writing single files: the catalogue, a walk over all
 * files, and what only one process does at a time. The tree stays the truth; the catalogue follows it.
 */
export class Storeroom {
  readonly tree: FileTree;
  readonly catalog: Catalog;
  readonly changes: Changes;
  readonly audit: Audit;
  readonly #data: string;
  readonly #owner = ownerPrefix(self());
  readonly #stop = new AbortController();
  /** name of exclusive work → the end of what is done or waits under it */
  readonly #turns = new Map<string, Promise<void>>();
  /** the rebuild of a broken catalogue */
  #healing: Promise<void> | undefined;

  constructor(tree: FileTree, data: string) {
    this.tree = tree;
    this.#data = data;
    this.catalog = new Catalog(data, (inode, why) => this.#heal(inode, why));
    this.changes = new Changes(data);
    this.audit = new Audit(data);
  }

  close(): void {
    this.#stop.abort();
    this.changes.close();
    this.catalog.close();
  }

  /** Where a file lies on this machine, for a checker that opens it by itself. */
  path(key: TreeKey): string {
    return join(this.#data, 'tree', parseKey(key));
  }

  /** Every file, in an order in which a walk can go on where another one ended. What cannot be a key is passed over. */
  files(after = ''): Generator<StoredFile, void, void> {
    return this.#walk('', after);
  }

  /** Every file below a folder of the tree. */
  *filesBelow(folder: string): Generator<StoredFile, void, void> {
    const key = asKey(folder);
    if (key !== undefined) yield* this.#walk(key, '');
  }

  /** Every file that was moved away, the oldest first. */
  quarantined(): Generator<QuarantinedFile, void, void> {
    return quarantinedFiles(this.#data);
  }

  removeQuarantined(file: QuarantinedFile): Promise<void> {
    return removeQuarantined(this.#data, file);
  }

  *#walk(below: string, after: string): Generator<StoredFile, void, void> {
    const root = join(this.#data, 'tree');
    for (const { folder, files } of walkFolders(join(root, below), after)) {
      for (const name of files) {
        const path = [below, folder, name].filter((part) => part !== '').join('/');
        const facts = statSync(join(root, path), { throwIfNoEntry: false });
        const key = facts?.isFile() ? asKey(path) : undefined;
        if (facts !== undefined && key !== undefined)
          yield { key, size: facts.size, modified: Math.round(facts.mtimeMs) };
      }
    }
  }

  /** What there is of a file now. */
  stat(key: TreeKey): StoredFile | undefined {
    const facts = statSync(this.path(key), { throwIfNoEntry: false });
    return facts?.isFile() ? { key, size: facts.size, modified: Math.round(facts.mtimeMs) } : undefined;
  }

  /** Brings the catalogue to what the tree has. @param pause ms between two pieces of 20 ms */
  async reconcile(pause: number, signal?: AbortSignal): Promise<Reconciled> {
    for (let restart = true; ; restart = false) {
      const slice = await this.tree.catalog({ kind: 'slice', restart });
      if (typeof slice !== 'object') return { files: 0, settled: 0 };
      if (slice.done) return slice;
      signal?.throwIfAborted();
      if (pause > 0) await delay(pause, undefined, { signal, ref: false });
    }
  }

  /** Resolves when no broken catalogue is being made again by this process. */
  async healed(): Promise<void> {
    await this.#healing;
  }

  #heal(inode: number, why: string): void {
    // Where it cannot be done, whoever reads next tries again; not each of many at once.
    this.#healing ??= this.#rebuild(inode, why)
      .catch(() => delay(HEAL_AGAIN, undefined, { signal: this.#stop.signal, ref: false }))
      .catch(() => undefined)
      .finally(() => {
        this.#healing = undefined;
      });
  }

  async #rebuild(inode: number, why: string): Promise<void> {
    await this.tree.catalog({ kind: 'broken', inode, why });
    // One process is enough.
    if (!(await this.lease('rebuild'))) return;
    try {
      if (!this.complete) await this.reconcile(0, this.#stop.signal);
    } finally {
      await this.release('rebuild');
    }
  }

  /** False until the tree has been looked at once from beginning to end. */
  get complete(): boolean {
    return this.catalog.meta('complete') !== undefined;
  }

  /** The catalogue learns at once what became of these files. */
  async settle(files: readonly TreeKey[]): Promise<void> {
    await this.tree.catalog({ kind: 'settle', notes: files.map((key) => ({ key })) });
  }

  /** What a check found, for files that came in by another way. */
  async remember(key: TreeKey, facts: { size: number; crc: number }): Promise<void> {
    await this.tree.catalog({ kind: 'note', note: { key, facts } });
  }

  async mark(marks: readonly Mark[]): Promise<void> {
    if (marks.length > 0) await this.tree.catalog({ kind: 'mark', marks });
  }

  async setMeta(name: string, value: string): Promise<void> {
    await this.tree.catalog({ kind: 'meta', name, value });
  }

  /** True where this process may do that work until the lease ends; asked again in time it keeps it. */
  async lease(name: string): Promise<boolean> {
    const order = { kind: 'lease', name, owner: this.#owner, until: Date.now() + LEASE } as const;
    return (await this.tree.catalog(order)) === true;
  }

  /** Lets another process do that work at once. */
  async release(name: string): Promise<void> {
    await this.tree.catalog({ kind: 'lease', name, owner: this.#owner, until: 0 });
  }

  /** Removes the folders of a module that hold nothing, and those above that then hold nothing. */
  removeEmptyFolders(path: ModuleVersion['path']): void {
    const elements = keys.versions(path).split('/');
    for (let length = elements.length; length > 0; length--) {
      if (!removeFolder(join(this.#data, 'tree', ...elements.slice(0, length)))) return;
    }
  }

  /** Every folder that holds nothing, from below; how many there were. */
  async removeAllEmptyFolders(): Promise<number> {
    const root = join(this.#data, 'tree');
    let seen = 0;
    let removed = 0;
    for (const folder of foldersBelow(root)) {
      if (removeFolder(folder)) removed++;
      // Others have their turn in between.
      if (++seen % FOLDERS_AT_ONCE === 0) await turn();
    }
    return removed;
  }

  /**
   * Does work that no two may do at the same time, in whichever process; in one process in the order of the calls.
   * Throws OVERLOADED where others had it for too long.
   * @param work is to end soon, with the reason, when its own signal is aborted: another process may have begun
   */
  async exclusively<T>(
    name: string,
    signal: AbortSignal,
    work: (held: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const before = this.#turns.get(name) ?? Promise.resolve();
    const turn = before.then(() => this.#leased(name, signal, work));
    const over = turn.then(
      () => undefined,
      () => undefined,
    );
    this.#turns.set(name, over);
    try {
      return await turn;
    } finally {
      if (this.#turns.get(name) === over) this.#turns.delete(name);
    }
  }

  async #leased<T>(name: string, signal: AbortSignal, work: (held: AbortSignal) => Promise<T>): Promise<T> {
    const end = Date.now() + PATIENCE;
    while (!(await this.lease(name))) {
      signal.throwIfAborted();
      if (Date.now() > end) throw busy();
      await delay(ASK_AGAIN, undefined, { signal, ref: false });
    }
    const held = new AbortController();
    let until = Date.now() + LEASE;
    const renew = async () => {
      const asked = Date.now();
      const isMine = await this.lease(name).catch(() => undefined);
      if (isMine === true) until = asked + LEASE;
      // A writer that is busy may answer in time once more; one that says no, or is silent for too long, does not.
      else if (isMine === false || Date.now() > until) held.abort(lost());
    };
    const renewal = setInterval(() => void renew(), RENEW).unref();
    try {
      return await work(held.signal);
    } finally {
      clearInterval(renewal);
      await this.release(name).catch(() => undefined);
    }
  }

  /** What may be said of a version beside its files. */
  marksOf(m: ModuleVersion): TreeKey[] {
    return VERSION_MARKS.map((kind) => keys.mark(m, kind));
  }

  /** All files of a version, the ziphash last. */
  filesOf(m: ModuleVersion): TreeKey[] {
    return VERSION_FILES.map((kind) => keys.file(m, kind));
  }
}

function lost(): ModgateError {
  return new ModgateError(
    'OVERLOADED',
    'this process was too slow: another one may work on the same module',
    {
      next: 'Try again: what was begun is completed.',
      retryAfter: 10,
    },
  );
}

function busy(): ModgateError {
  return new ModgateError('OVERLOADED', 'another process works on the same module for too long', {
    next: 'Try again in a moment.',
    retryAfter: 10,
  });
}

/** The deepest first; what vanishes meanwhile is passed over. */
function* foldersBelow(folder: string): Generator<string, void, void> {
  for (const entry of readFolder(folder)) {
    if (!entry.isDirectory()) continue;
    yield* foldersBelow(join(folder, entry.name));
    yield join(folder, entry.name);
  }
}

/** rmdir(2) removes no folder that holds anything; a writer that wants it makes it again. */
function removeFolder(folder: string): boolean {
  try {
    rmdirSync(folder);
    return true;
  } catch (error) {
    return systemCode(error) === 'ENOENT';
  }
}

function asKey(path: string): TreeKey | undefined {
  try {
    return parseKey(path);
  } catch {
    return undefined;
  }
}
