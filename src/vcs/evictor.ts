import { readdir, rename, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from '../observe/index.ts';
import { sizeOf } from './copy.ts';
import type { Locks } from './locks.ts';
import { Trash } from './trash.ts';
import { isUsed, usedAt } from './uses.ts';

const COPY = /^[0-9a-f]{32}$/;
/** Of the cap, what is left when copies had to go: so that not each fetch evicts. */
const KEPT = 0.9;

/** Keeps all copies below the cap. The least recently used go first, never one that anybody reads or fills. */
export class Evictor {
  readonly #folder: string;
  readonly #trash: Trash;
  readonly #cap: number;
  readonly #locks: Locks;
  readonly #logger: Logger;
  readonly #sizes = new Map<string, number>();
  /** ms since the epoch: when the folder of a copy had changed */
  readonly #changed = new Map<string, number>();

  /** @param cap bytes; 0: no bound */
  constructor(folder: string, cap: number, locks: Locks, logger: Logger) {
    this.#folder = folder;
    this.#trash = new Trash(join(folder, 'trash'));
    this.#cap = cap;
    this.#locks = locks;
    this.#logger = logger;
  }

  /** bytes of all copies, as far as they were measured */
  get total(): number {
    return [...this.#sizes.values()].reduce((sum, size) => sum + size, 0);
  }

  /** Measures everything, and removes what processes that are dead were removing. */
  async start(): Promise<void> {
    await this.#measureAll();
    await this.#trash.sweep();
  }

  /** Something of a copy may have changed without a fetch; it is measured where its own folder says so. */
  async touched(id: string): Promise<void> {
    const at = (await stat(join(this.#folder, id)).catch(() => undefined))?.mtimeMs;
    if (at === undefined || at === this.#changed.get(id)) return;
    this.#changed.set(id, at);
    await this.grown(id);
  }

  /** A copy has grown. */
  async grown(id: string): Promise<void> {
    this.#sizes.set(id, await sizeOf(join(this.#folder, id)));
    if (this.#cap === 0 || this.total <= this.#cap) return;
    // Other processes remove and fetch too, and may have died at it.
    await this.#measureAll();
    await this.#trash.sweep();
    const oldest = [...this.#sizes.keys()]
      .map((name) => ({ name, at: usedAt(join(this.#folder, name)) }))
      .sort((a, b) => a.at - b.at);
    for (const { name } of oldest) {
      if (this.total <= this.#cap * KEPT) return;
      if (name !== id) await this.#evict(name);
    }
  }

  async #measureAll(): Promise<void> {
    const names = (await readdir(this.#folder).catch(() => [])).filter((name) => COPY.test(name));
    for (const name of this.#sizes.keys()) if (!names.includes(name)) this.#forget(name);
    for (const name of names) this.#sizes.set(name, await sizeOf(join(this.#folder, name)));
  }

  async #evict(name: string): Promise<void> {
    const folder = join(this.#folder, name);
    const away = await this.#locks.holdIfFree(name, async () =>
      (await isUsed(folder)) ? undefined : await this.#takeUnused(folder),
    );
    if (away === undefined) return;
    this.#logger.info(
      { repository: name, bytes: this.#sizes.get(name) ?? 0 },
      'copy of a repository evicted',
    );
    this.#forget(name);
    await this.#trash.empty(away);
  }

  /** Where it is now; undefined where it is in its place, or was gone already. */
  async #takeUnused(folder: string): Promise<string | undefined> {
    const away = await this.#trash.take(folder);
    if (away === undefined || !(await isUsed(away))) return away;
    // Somebody began to read it between the look and the move. Where it was made anew meanwhile, they read that.
    return await rename(away, folder).then(
      () => undefined,
      () => away,
    );
  }

  #forget(name: string): void {
    this.#sizes.delete(name);
    this.#changed.delete(name);
  }
}
