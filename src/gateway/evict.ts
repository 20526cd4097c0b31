import type { ModuleVersion } from '../module/index.ts';
import type { Clock, Counter, Logger, Metrics } from '../observe/index.ts';
import { type CatalogVersion, keys, type Mark, type Storeroom } from '../store/index.ts';
import { type Answer, confirm } from './confirm.ts';
import { writeTreeList } from './lists.ts';
import type { Router } from './router.ts';

/** of the cap, down to which is evicted once it is passed, so that not every new file evicts another */
const LOW = 0.97;
/** versions that sources are asked for side by side */
const PARALLEL = 8;
/** s for which a version stays that no source has any more, or that one has with other bytes */
const GONE = 24 * 60 * 60;
/** s for which one stays whose source did not answer, or that was used or changed meanwhile */
const SILENT = 10 * 60;
/** versions without an answer, one after the other, after which the sources count as out of reach for now */
const MAX_SILENT = 4 * PARALLEL;

export interface Evicted {
  readonly versions: number;
  /** on the disk */
  readonly bytes: number;
  /** versions that stay because no source has them as they are */
  readonly kept: number;
  /** bytes above the cap that could not be freed; 0: the cap holds */
  readonly over: number;
}

interface Deps {
  readonly room: Storeroom;
  readonly router: Router;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** versions that were used since the last call, and when, s since the epoch */
  readonly uses?: (() => readonly Mark[]) | undefined;
}

interface Sum {
  /** by the time at which they became visible, which no two versions share: a version can go in two steps */
  readonly evicted: Set<number>;
  /** on the disk */
  bytes: number;
  kept: number;
}

/**
 * Keeps the store below its cap: the least recently used versions go, their zips first. Only what a source still
 * has, asked in that moment and compared; and the ziphash stays, so that what is fetched again must be the same.
 */
export class Evictor {
  readonly #deps: Deps;
  readonly #evicted: Counter;
  readonly #kept: Counter;

  constructor(deps: Deps) {
    this.#deps = deps;
    this.#evicted = deps.metrics.counter('modgate_evictions_total', 'Evictions, by what was removed.', [
      'what',
    ]);
    this.#kept = deps.metrics.counter(
      'modgate_evictions_refused_total',
      'Versions that were not evicted, since no source has them as they are, or they were used meanwhile, by why.',
      ['why'],
    );
  }

  /** @param cap bytes */
  async run(cap: number, signal: AbortSignal): Promise<Evicted> {
    const { catalog } = this.#deps.room;
    const sum: Sum = { evicted: new Set(), bytes: 0, kept: 0 };
    const done = () => ({ versions: sum.evicted.size, bytes: sum.bytes, kept: sum.kept });
    const before = catalog.totals().bytes;
    if (before > cap) {
      const target = Math.floor(cap * LOW);
      const reached = await this.#free('zip', target, sum, signal);
      if (!reached) await this.#free('rest', target, sum, signal);
      const left = catalog.totals().bytes;
      this.#deps.logger.info({ ...done(), cap, before, left }, 'evicted what was not used for longest');
    }
    return { ...done(), over: Math.max(0, catalog.totals().bytes - cap) };
  }

  /** True where the target was reached. */
  async #free(what: 'zip' | 'rest', target: number, sum: Sum, signal: AbortSignal): Promise<boolean> {
    const { room, clock } = this.#deps;
    let silent = 0;
    for (;;) {
      signal.throwIfAborted();
      const excess = room.catalog.totals().bytes - target;
      if (excess <= 0) return true;
      const now = Math.floor(clock.now() / 1000);
      const batch = enough(room.catalog.leastUsed(what, now, PARALLEL), what, excess);
      if (batch.length === 0 || silent >= MAX_SILENT) return false;
      const answers = await this.#take(batch, what, sum, signal);
      silent = answers.every((answer) => answer === 'silent') ? silent + batch.length : 0;
    }
  }

  /** What the sources said about each. */
  async #take(
    batch: readonly CatalogVersion[],
    what: 'zip' | 'rest',
    sum: Sum,
    signal: AbortSignal,
  ): Promise<readonly Answer[]> {
    const { room, uses } = this.#deps;
    const states = batch.map((one) => this.#state(one));
    const answers = await Promise.all(batch.map((one) => this.#confirm(one, what, signal)));
    await room.mark(uses?.() ?? []);
    const marks: Mark[] = [];
    for (const [i, one] of batch.entries()) {
      // To answer takes a source up to minutes, and each removal takes its time too.
      const answer = this.#state(one) === states[i] ? (answers[i] ?? 'silent') : 'used';
      if (answer === 'yes') {
        sum.bytes += await this.#remove(one, what);
        sum.evicted.add(one.time);
        continue;
      }
      marks.push(this.#keep(one, answer));
      if (answer !== 'used') sum.kept++;
    }
    await room.mark(marks);
    return answers;
  }

  #keep({ path, version }: CatalogVersion, why: Exclude<Answer, 'yes'> | 'used'): Mark {
    this.#kept.with(why).inc();
    const now = Math.floor(this.#deps.clock.now() / 1000);
    return { path, version, kept: now + (why === 'gone' || why === 'other' ? GONE : SILENT) };
  }

  /** Another one after a use and after any change of its files. */
  #state(one: CatalogVersion): string {
    const { room } = this.#deps;
    const files = room.filesOf(one).map((key) => room.stat(key));
    return JSON.stringify([room.catalog.version(one)?.used, files]);
  }

  #confirm(one: CatalogVersion, what: 'zip' | 'rest', signal: AbortSignal): Promise<Answer> {
    const { room, router, logger } = this.#deps;
    return confirm({ tree: room.tree, router, logger }, one, what === 'zip' ? 'zip' : 'mod', signal);
  }

  /** The bytes that it frees. */
  async #remove(one: CatalogVersion, what: 'zip' | 'rest'): Promise<number> {
    const { room, clock } = this.#deps;
    const before = room.catalog.totals().bytes;
    const m: ModuleVersion = { path: one.path, version: one.version };
    const gone = what === 'zip' ? [keys.file(m, 'zip')] : [keys.file(m, 'info'), keys.file(m, 'mod')];
    // Whoever uses the tree as a GOPROXY must not be told of a version that is half there.
    if (what === 'rest') await writeTreeList(room.tree, m.path, clock.now(), new Set([m.version]));
    for (const key of gone) await room.tree.delete(key);
    // What noted an arrival may have written it in between.
    if (what === 'rest') await writeTreeList(room.tree, m.path, clock.now());
    await room.settle(gone);
    this.#evicted.with(what).inc();
    return before - room.catalog.totals().bytes;
  }
}

/** The first ones that free as much as is needed, so that no more than that goes. */
function enough(versions: readonly CatalogVersion[], what: 'zip' | 'rest', excess: number): CatalogVersion[] {
  const chosen: CatalogVersion[] = [];
  let freed = 0;
  for (const one of versions) {
    if (freed >= excess) break;
    chosen.push(one);
    freed += what === 'zip' ? (one.zip?.size ?? 0) : (one.info?.size ?? 0) + (one.mod?.size ?? 0);
  }
  return chosen;
}
