import { setTimeout as delay, setImmediate as turn } from 'node:timers/promises';
import { ModgateError, toModgateError } from '../errors/index.ts';
import type { ModuleVersion } from '../module/index.ts';
import type { Gauge, Metrics } from '../observe/index.ts';
import {
  type CatalogVersion,
  type Mark,
  partsOf,
  type QuarantinedFile,
  type Reconciled,
} from '../store/index.ts';
import { type Actor, completeDeletion, type Deleted, deleteVersion } from './deletion.ts';
import { type Evicted, Evictor } from './evict.ts';
import {
  paths,
  type StoreStats,
  stats,
  type UsageEntry,
  usage,
  type VersionsPage,
  versions,
  versionsPage,
} from './inventory.ts';
import { writeTreeList } from './lists.ts';
import { isMeant } from './meant-files.ts';
import { countMeant, type PurgedModule, type PurgeOptions, purge } from './purge.ts';
import type { Router } from './router.ts';
import { Scrub } from './scrub.ts';
import { Selection } from './selection.ts';
import { type Verified, Verifier, type VerifierDeps, type VerifyOptions } from './verify.ts';

export interface UpkeepDeps extends Omit<VerifierDeps, 'changed'> {
  readonly router: Router;
  /** drops what this process holds in memory of the store */
  readonly forget: () => void;
  /** hands over which versions were used since the last time; what is not kept is handed over again */
  readonly sweepUses?: ((keep: (uses: readonly Mark[]) => Promise<void>) => Promise<void>) | undefined;
}

export interface UpkeepLimits {
  /** bytes; 0: none */
  readonly cap: number;
  /** ms for one pass over everything; 0: never */
  readonly scrub: number;
  /** ms after the start before which nothing is looked at; for tests */
  readonly settle?: number;
  /** true: this configuration may be another one than that of who filled the store */
  readonly visiting?: boolean;
}

export interface Collected extends Evicted, Reconciled {
  /** folders that held nothing */
  readonly emptied: number;
}

/** ms; the start belongs to who waits for answers */
const AFTER_START = 5_000;
/** ms between two looks at the total */
const CAP_EVERY = 1_000;
/** ms between two sweeps of uses */
const USES_EVERY = 60_000;
/** ms between two looks for deletions that a crash has cut */
const DELETIONS_EVERY = 60_000;
/** deletions that are looked at before others get their turn */
const DELETIONS = 100;
/** ms between two tries to be the one process that looks after the store; less than the lease lasts */
const LEASE_EVERY = 10_000;
/** ms between two pieces of a look at the tree in the background, and the pause after an eviction that did not help */
const GENTLE = 60;
const NO_HELP = 60_000;
/** lists of the tree that are looked at before others get their turn */
const LISTS = 100;
/** ms between two looks at the whole tree */
const RECONCILE_EVERY = 6 * 60 * 60_000;

/** Looks after the stored files: what the administrator asks for, and what is done in the background. */
export class Upkeep {
  readonly #deps: UpkeepDeps;
  readonly #limits: UpkeepLimits;
  readonly #verifier: Verifier;
  readonly #evictor: Evictor;
  /** ends what runs in the background */
  readonly #retired = new AbortController();
  /** ends everything */
  readonly #stop = new AbortController();
  readonly #running: Promise<void>[] = [];
  #completing: Promise<unknown> | undefined;
  #unwatch: () => void = () => undefined;
  #mine = false;
  #over = 0;
  /** ms, monotonic; not before */
  #reconcileAt = 0;
  #evictAt = 0;

  constructor(deps: UpkeepDeps, limits: UpkeepLimits) {
    this.#deps = deps;
    this.#limits = limits;
    this.#verifier = new Verifier({ ...deps, changed: () => this.#changed() });
    this.#evictor = new Evictor(deps);
    this.#count(deps.metrics);
  }

  /** What runs beside the serving, in this process or, where several share the folder, in one of them. */
  start(): void {
    const { room, forget } = this.#deps;
    const { scrub, cap } = this.#limits;
    this.#unwatch = room.changes.watch(forget);
    this.#background((signal) => this.#completeDeletions(signal));
    this.#background(async (signal) => {
      await delay(this.#limits.settle ?? AFTER_START, undefined, { signal, ref: false });
      this.#every(LEASE_EVERY, () => this.#keepLease());
      this.#every(USES_EVERY, () => this.#noteUses());
      this.#every(DELETIONS_EVERY, async (s) => (this.#mine ? this.#completeDeletions(s) : undefined));
      if (cap > 0) this.#every(CAP_EVERY, (s) => this.#keepCap(cap, s));
      if (scrub > 0) this.#background((s) => this.#scrub(scrub, s));
    });
  }

  /** Ends whatever runs, soon. */
  stop(): void {
    const why = new ModgateError('SHUTTING_DOWN', 'the gateway is stopping');
    this.#unwatch();
    this.#retired.abort(why);
    this.#stop.abort(why);
  }

  async close(): Promise<void> {
    this.stop();
    await this.retire();
  }

  /** Another one takes over what runs in the background; what was asked for runs on. */
  async retire(): Promise<void> {
    this.#unwatch();
    this.#retired.abort(new ModgateError('SHUTTING_DOWN', 'another configuration is in force'));
    await Promise.allSettled(this.#running);
    await this.#noteUses().catch((thrown: unknown) => {
      this.#deps.logger.warn({ err: toModgateError(thrown) }, 'the last uses of versions were not noted');
    });
    if (!this.#mine) return;
    // Once: later the one that took over may have it.
    this.#mine = false;
    await this.#deps.room.release('upkeep').catch(() => undefined);
  }

  /** Stored versions, at most `size` of one module at a time. @param after a module's path, or cursorOf() a page */
  versions(
    patterns: readonly string[],
    after = '',
    size = 1000,
  ): AsyncGenerator<CatalogVersion[], void, void> {
    return versions(this.#deps.room, new Selection(patterns), after, size);
  }

  page(patterns: readonly string[], after: string, limit: number): Promise<VersionsPage> {
    return versionsPage(this.#deps.room, new Selection(patterns), after, limit);
  }

  /** What they take on the disk; where nothing is named, all files. */
  async bytes(patterns: readonly string[]): Promise<number> {
    return patterns.length === 0
      ? this.#deps.room.catalog.totals().bytes
      : (await this.count(patterns)).bytes;
  }

  usage(patterns: readonly string[], depth: number): Promise<UsageEntry[]> {
    return usage(this.#deps.room, new Selection(patterns), depth);
  }

  stats(): Promise<StoreStats> {
    return stats(this.#deps.room, new Selection([]), this.#limits.cap);
  }

  /** How much a purge would meet. BAD_REQUEST for what is no pattern. */
  count(patterns: readonly string[]): ReturnType<typeof countMeant> {
    return countMeant(this.#deps.room, new Selection(patterns));
  }

  async *purge(patterns: readonly string[], options: PurgeOptions): AsyncGenerator<PurgedModule, void, void> {
    if (patterns.length === 0)
      throw new ModgateError('BAD_REQUEST', 'nothing is named that could be purged', {
        next: 'name modules, versions or globs, for example example.com/lib@v1.2.3',
      });
    try {
      const signal = this.#until(options.signal);
      yield* purge(this.#deps, new Selection(patterns), { ...options, signal });
    } finally {
      if (!options.dryRun) await this.#changed();
    }
  }

  /** Takes a version away for good; see deleteVersion. */
  async delete(m: ModuleVersion, reason: string, actor: Actor, signal: AbortSignal): Promise<Deleted> {
    try {
      return await deleteVersion(this.#deps, m, reason, actor, this.#until(signal));
    } finally {
      await this.#changed();
    }
  }

  verify(patterns: readonly string[], options: VerifyOptions): AsyncGenerator<Verified, void, void> {
    const signal = this.#until(options.signal);
    return this.#verifier.run(new Selection(patterns), { ...options, signal });
  }

  /**
   * What was moved away, the oldest first.
   * @param before ms since the epoch: only what was moved before, and nothing of which nobody knows when
   */
  *quarantined(patterns: readonly string[], before?: number): Generator<QuarantinedFile, void, void> {
    const selection = new Selection(patterns);
    for (const file of this.#deps.room.quarantined()) {
      const { moved } = file;
      const isOld = before === undefined || (moved !== null && Date.parse(moved) < before);
      if (isOld && isMeant(file.key, selection)) yield file;
    }
  }

  /** For good: nobody else may have it. */
  removeQuarantined(file: QuarantinedFile): Promise<void> {
    return this.#deps.room.removeQuarantined(file);
  }

  /** Brings the catalogue to what the tree has, where that was never done; once for all who wait for it. */
  async complete(caller?: AbortSignal): Promise<void> {
    const { room } = this.#deps;
    if (room.complete) return;
    this.#completing ??= room.reconcile(0, this.#stop.signal).finally(() => {
      this.#completing = undefined;
    });
    const left = new Promise<never>((_, reject) => {
      caller?.addEventListener('abort', () => reject(caller.reason), { once: true });
    });
    await Promise.race([this.#completing, left]);
  }

  /** @param cap bytes for this once; 0: as configured */
  async collect(cap: number, caller: AbortSignal): Promise<Collected> {
    const signal = this.#until(caller);
    const { room } = this.#deps;
    await room.tree.sweep();
    const reconciled = await room.reconcile(0, signal);
    await this.#mendLists(0, signal);
    await this.#noteUses();
    const limit = cap > 0 ? cap : this.#limits.cap;
    const options = { anew: true, own: this.#limits.visiting === true };
    const evicted = await this.#evictor.run(limit > 0 ? limit : Infinity, options, signal);
    const emptied = await room.removeAllEmptyFolders();
    return { ...reconciled, ...evicted, emptied };
  }

  #until(caller: AbortSignal): AbortSignal {
    return AbortSignal.any([caller, this.#stop.signal]);
  }

  async #changed(): Promise<void> {
    this.#deps.forget();
    await this.#deps.room.changes.tell();
  }

  async #keepLease(): Promise<void> {
    this.#mine = await this.#deps.room.lease('upkeep').catch(() => false);
    // Whoever reads the catalogue notices one that was lost, and has it made again.
    if (!this.#deps.room.complete) this.#deps.logger.debug('the catalogue is not complete');
    const now = this.#deps.clock.monotonic();
    if (!this.#mine || now < this.#reconcileAt) return;
    this.#reconcileAt = now + RECONCILE_EVERY;
    this.#background((signal) => this.#reconcile(signal));
  }

  async #reconcile(signal: AbortSignal): Promise<void> {
    const { room, logger } = this.#deps;
    const { files, settled } = await room.reconcile(GENTLE, signal);
    if (settled > 0) logger.info({ files, settled }, 'the catalogue of the store was brought up to date');
    await this.#completeDeletions(signal);
    await this.#mendLists(GENTLE, signal);
  }

  /** Not left to the check of all files: until they are gone they are served. */
  async #completeDeletions(signal: AbortSignal): Promise<void> {
    const { catalog } = this.#deps.room;
    for (let page = catalog.deletions('', DELETIONS); page.length > 0; ) {
      let changed = false;
      for (const key of page) {
        signal.throwIfAborted();
        const parts = partsOf(key);
        if ('of' in parts && (await completeDeletion(this.#deps, parts.of))) changed = true;
      }
      if (changed) await this.#changed();
      await turn();
      page = catalog.deletions(page.at(-1) ?? '', DELETIONS);
    }
  }

  /** What a process that was killed had not written yet, for whoever uses the tree without the gateway. */
  async #mendLists(pause: number, signal: AbortSignal): Promise<void> {
    const { room, clock } = this.#deps;
    let seen = 0;
    for await (const path of paths(room, new Selection([]))) {
      signal.throwIfAborted();
      await writeTreeList(room.tree, path, clock.now());
      if (pause > 0 && ++seen % LISTS === 0) await delay(pause, undefined, { signal, ref: false });
    }
  }

  async #keepCap(cap: number, signal: AbortSignal): Promise<void> {
    const { room, logger, clock } = this.#deps;
    if (!this.#mine || clock.monotonic() < this.#evictAt) return;
    if (room.catalog.totals().bytes <= cap) {
      this.#over = 0;
      return;
    }
    await this.#noteUses();
    const { over, kept } = await this.#evictor.run(cap, { anew: false, own: false }, signal);
    this.#over = over;
    if (over === 0) return;
    this.#evictAt = clock.monotonic() + NO_HELP;
    logger.warn({ cap, over, kept }, 'the store stays above its cap: no source has what could be evicted');
  }

  async #noteUses(): Promise<void> {
    const { room, sweepUses } = this.#deps;
    await sweepUses?.((uses) => room.mark(uses));
  }

  #scrub(period: number, signal: AbortSignal): Promise<void> {
    const scrub = new Scrub({ ...this.#deps, verifier: this.#verifier }, period);
    return scrub.run(() => this.#mine, signal);
  }

  /** At once, and again that long after each end; a fault is told and changes nothing. @param pause ms */
  #every(pause: number, work: (signal: AbortSignal) => Promise<void>): void {
    this.#background(async (signal) => {
      for (;;) {
        await work(signal).catch((thrown: unknown) => this.#failed(thrown, signal));
        await delay(pause, undefined, { signal, ref: false });
      }
    });
  }

  /** A fault ends that work with a line in the log, and nothing else. */
  #background(work: (signal: AbortSignal) => Promise<void>): void {
    const { signal } = this.#retired;
    this.#running.push(work(signal).catch((thrown: unknown) => this.#failed(thrown, signal)));
  }

  #failed(thrown: unknown, signal: AbortSignal): void {
    if (signal.aborted) return;
    this.#deps.logger.warn({ err: toModgateError(thrown) }, 'upkeep of the store failed');
  }

  #sums(): { bytes: number; versions: number; over: number } | undefined {
    try {
      return { ...this.#deps.room.catalog.totals(), over: this.#over };
    } catch {
      // /readyz and the log say why.
      return undefined;
    }
  }

  #count(metrics: Metrics): void {
    const { cap } = this.#limits;
    // Each process on a folder tells of the same store: the sum would count it several times.
    const gauge = (name: string, help: string, collect?: (gauge: Gauge) => void) =>
      metrics.gauge(name, help, [], collect, 'max');
    const versionsGauge = gauge('modgate_store_versions', 'Versions that are stored.');
    gauge('modgate_store_cap_bytes', 'Bytes that the store may take; 0: no bound.').with().set(cap);
    const overGauge = gauge(
      'modgate_store_over_cap_bytes',
      'Bytes above the cap that cannot be freed, since no source has what could be evicted.',
    );
    gauge('modgate_store_bytes', 'Bytes that stored files take on the disk.', (bytesGauge) => {
      // What a catalogue that cannot be read would say is not known: 0 would look like an empty store.
      const unknown = { bytes: Number.NaN, versions: Number.NaN, over: Number.NaN };
      const { bytes, versions, over } = this.#sums() ?? unknown;
      bytesGauge.with().set(bytes);
      versionsGauge.with().set(versions);
      overGauge.with().set(over);
    });
  }
}
