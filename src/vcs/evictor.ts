import { readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type Logger, liveness, ownerOf, ownerPrefix, self } from '../observe/index.ts';
import { sizeOf } from './copy.ts';
import type { Locks } from './locks.ts';
import { isUsed, usedAt } from './uses.ts';

const COPY = /^[0-9a-f]{32}$/;
/** Of the cap, what is left when copies had to go: so that not each fetch evicts. */
const KEPT = 0.9;

/** Keeps all copies below the cap. The least recently used go first, never one that anybody reads or fills. */
export class Evictor {
  readonly #folder: string;
  readonly #trash: string;
  readonly #cap: number;
  readonly #locks: Locks;
  readonly #logger: Logger;
  readonly #sizes = new Map<string, number>();

  /** @param cap bytes; 0: no bound */
  constructor(folder: string, cap: number, locks: Locks, logger: Logger) {
    this.#folder = folder;
    this.#trash = join(folder, 'trash');
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
    for (const name of await readdir(this.#trash).catch(() => [])) {
      const owner = ownerOf(name);
      if (owner !== undefined && liveness(owner, self()) !== 'dead') continue;
      await rm(join(this.#trash, name), { recursive: true, force: true });
    }
  }

  /** A copy has grown. */
  async grown(id: string): Promise<void> {
    this.#sizes.set(id, await sizeOf(join(this.#folder, id)));
    if (this.#cap === 0 || this.total <= this.#cap) return;
    // Other processes remove and fetch too.
    await this.#measureAll();
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
    for (const name of this.#sizes.keys()) if (!names.includes(name)) this.#sizes.delete(name);
    for (const name of names) this.#sizes.set(name, await sizeOf(join(this.#folder, name)));
  }

  async #evict(name: string): Promise<void> {
    const folder = join(this.#folder, name);
    const away = join(this.#trash, `${ownerPrefix(self())}gone`);
    const gone = await this.#locks.holdIfFree(name, async () => {
      if (await isUsed(folder)) return false;
      await rename(folder, away);
      if (!(await isUsed(away))) return true;
      // Somebody began to read it between the look and the move.
      await rename(away, folder).catch(() => undefined);
      return false;
    });
    if (gone !== true) return;
    this.#logger.info(
      { repository: name, bytes: this.#sizes.get(name) ?? 0 },
      'copy of a repository evicted',
    );
    this.#sizes.delete(name);
    await rm(away, { recursive: true, force: true });
  }
}
