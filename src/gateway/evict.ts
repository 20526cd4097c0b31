import { setImmediate as turn } from 'node:timers/promises';
import type { ModuleVersion } from '../module/index.ts';
import type { Clock, Counter, Logger, Metrics } from '../observe/index.ts';
import { type CatalogVersion, keys, type Mark, type Storeroom } from '../store/index.ts';
import { type Answer, confirm } from './confirm.ts';
import { turnOf } from './deletion.ts';
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
/** rows that are read before others get their turn */
const PAGE = 200;
/** the source of what was taken in from a folder */
const IMPORTED = 'import';

/**
 * Why a version stays. gone: no source has it; other: one has other bytes; silent: it is not known; used: used or
 * changed while they were asked; foreign: it came from a source that is none of its chain's; unknown: nobody knows where
 * it came from; published: it was published here. For the last three nobody was asked.
 */
export type Stay = Exclude<Answer, 'yes'> | 'used' | 'foreign' | 'unknown' | 'published';

export interface EvictOptions {
  /** true: what earlier runs found out does not count */
  readonly anew: boolean;
  /** true: no source is asked about a version that came from elsewhere, which could be a private name to it */
  readonly own: boolean;
}

export interface Evicted {
  readonly versions: number;
  /** on the disk */
  readonly bytes: number;
  /** versions that were looked at and stay */
  readonly kept: number;
  /** of these, on the disk */
  readonly keptBytes: number;
  /** of these, by why; what is not named is none */
  readonly why: Readonly<Partial<Record<Stay, number>>>;
  /** true: so many in a row got no answer that no more were asked about */
  readonly unanswered: boolean;
  /** bytes above the cap that could not be freed; 0: the cap holds */
  readonly over: number;
}

interface Deps {
  readonly room: Storeroom;
  readonly router: Router;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** hands over which versions were used since the last time; what is not kept is handed over again */
  readonly sweepUses?: ((keep: (uses: readonly Mark[]) => Promise<void>) => Promise<void>) | undefined;
}

interface Sum {
  /** by the time at which they became visible, which no two versions share: a version can go in two steps */
  readonly evicted: Set<number>;
  /** on the disk */
  bytes: number;
  kept: number;
  keptBytes: number;
  readonly why: Partial<Record<Stay, number>>;
  unanswered: boolean;
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
  async run(cap: number, options: EvictOptions, signal: AbortSignal): Promise<Evicted> {
    const { catalog } = this.#deps.room;
    const sum: Sum = { evicted: new Set(), bytes: 0, kept: 0, keptBytes: 0, why: {}, unanswered: false };
    const done = () => {
      const { evicted, ...rest } = sum;
      return { versions: evicted.size, ...rest };
    };
    const before = catalog.totals().bytes;
    if (before > cap) {
      const target = Math.floor(cap * LOW);
      const reached = await this.#free('zip', target, sum, options, signal);
      if (!reached) await this.#free('rest', target, sum, options, signal);
      const left = catalog.totals().bytes;
      this.#deps.logger.info({ ...done(), cap, before, left }, 'evicted what was not used for longest');
    }
    return { ...done(), over: Math.max(0, catalog.totals().bytes - cap) };
  }

  /** True where the target was reached. */
  async #free(
    what: 'zip' | 'rest',
    target: number,
    sum: Sum,
    options: EvictOptions,
    signal: AbortSignal,
  ): Promise<boolean> {
    const { room } = this.#deps;
    const candidates = this.#candidates(what, sum, options, signal);
    let silent = 0;
    for (;;) {
      signal.throwIfAborted();
      const excess = room.catalog.totals().bytes - target;
      if (excess <= 0) return true;
      sum.unanswered ||= silent >= MAX_SILENT;
      const batch = sum.unanswered ? [] : await enough(candidates, what, excess);
      if (batch.length === 0) return false;
      const answers = await this.#take(batch, what, sum, signal);
      silent = answers.every((answer) => answer === 'silent') ? silent + batch.length : 0;
    }
  }

  /** What the sources are to be asked about, least recently used first, each version once. */
  async *#candidates(
    what: 'zip' | 'rest',
    sum: Sum,
    options: EvictOptions,
    signal: AbortSignal,
  ): AsyncGenerator<CatalogVersion, void, void> {
    const { catalog } = this.#deps.room;
    const asked = new Set<number>();
    for (let after = { used: -1, time: 0 }; ; ) {
      const page = catalog.leastUsed(what, after, PAGE);
      for (const one of page) {
        after = one;
        const stays = this.#unasked(one, options);
        if (stays !== undefined && stays !== 'verdict') this.#stay(sum, one, stays);
        // What was used since the page was read comes again, later.
        if (stays !== undefined || asked.has(one.time) || catalog.version(one)?.used !== one.used) continue;
        asked.add(one.time);
        yield one;
      }
      if (page.length < PAGE) return;
      await turn();
      signal.throwIfAborted();
    }
  }

  /** Why it stays without a question; undefined where a source may be asked. */
  #unasked(one: CatalogVersion, { anew, own }: EvictOptions): Stay | 'verdict' | undefined {
    // The mark, and not what the catalogue says of it: no source has it, whatever one answers.
    if (this.#deps.room.stat(keys.mark(one, 'published')) !== undefined) return 'published';
    const { chain } = this.#deps.router.find(one.path);
    if (own && (one.source === '' || one.source === IMPORTED)) return 'unknown';
    if (own && !chain.sources.some(({ name }) => name === one.source)) return 'foreign';
    const now = Math.floor(this.#deps.clock.now() / 1000);
    return !anew && one.kept.by === chain.id && one.kept.until > now ? 'verdict' : undefined;
  }

  #stay(sum: Sum, { disk }: CatalogVersion, why: Stay): void {
    this.#kept.with(why).inc();
    sum.kept++;
    sum.keptBytes += disk;
    sum.why[why] = (sum.why[why] ?? 0) + 1;
  }

  /** What the sources said about each. */
  async #take(
    batch: readonly CatalogVersion[],
    what: 'zip' | 'rest',
    sum: Sum,
    signal: AbortSignal,
  ): Promise<readonly Answer[]> {
    const { room, sweepUses } = this.#deps;
    const states = batch.map((one) => this.#state(one));
    const answers = await Promise.all(batch.map((one) => this.#confirm(one, what, signal)));
    await sweepUses?.((uses) => room.mark(uses));
    const marks: Mark[] = [];
    for (const [i, one] of batch.entries()) {
      // To answer takes a source up to minutes, and each removal takes its time too.
      const answer = this.#state(one) === states[i] ? (answers[i] ?? 'silent') : 'used';
      const freed = answer === 'yes' ? await this.#removeUnlessPublished(one, what, signal) : undefined;
      if (freed !== undefined) {
        sum.bytes += freed;
        sum.evicted.add(one.time);
        continue;
      }
      const why = answer === 'yes' ? 'published' : answer;
      this.#stay(sum, one, why);
      marks.push(this.#verdict(one, why));
    }
    await room.mark(marks);
    return answers;
  }

  /** It holds for those who would ask the same sources. */
  #verdict({ path, version }: CatalogVersion, why: Stay): Mark {
    const { clock, router } = this.#deps;
    const until = Math.floor(clock.now() / 1000) + (why === 'gone' || why === 'other' ? GONE : SILENT);
    return { path, version, kept: { until, by: router.find(path).chain.id } };
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

  /** The bytes that it frees; undefined where it was published meanwhile, and nobody publishes it while it goes. */
  #removeUnlessPublished(
    one: CatalogVersion,
    what: 'zip' | 'rest',
    signal: AbortSignal,
  ): Promise<number | undefined> {
    const { room } = this.#deps;
    return room.exclusively(turnOf(one.path), signal, async () => {
      const isPublished = room.stat(keys.mark(one, 'published')) !== undefined;
      return isPublished ? undefined : await this.#remove(one, what);
    });
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
async function enough(
  candidates: AsyncGenerator<CatalogVersion, void, void>,
  what: 'zip' | 'rest',
  excess: number,
): Promise<CatalogVersion[]> {
  const chosen: CatalogVersion[] = [];
  let freed = 0;
  while (freed < excess && chosen.length < PARALLEL) {
    const { value: one } = await candidates.next();
    if (one === undefined) break;
    chosen.push(one);
    freed += what === 'zip' ? (one.zip?.size ?? 0) : (one.info?.size ?? 0) + (one.mod?.size ?? 0);
  }
  return chosen;
}
