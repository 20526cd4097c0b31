import { setMaxListeners } from 'node:events';
import { ModgateError, toModgateError } from '../errors/index.ts';
import type { Traced } from '../fetch/index.ts';
import type { Clock, CounterCell, Logger, Metrics } from '../observe/index.ts';
import type { Tree, TreeKey } from '../store/index.ts';
import { Flights } from '../sync/index.ts';
import type { AskOptions, BytesReply } from './reply.ts';
import { Verdicts } from './verdicts.ts';

/** ms; how long a failed refresh is not tried again while a stale answer stands in */
const REFRESH_PAUSE = 5_000;
/** ms after which what the store alone can say stands in for a source that has not answered yet */
const OWN_AFTER = 5_000;
/** ms by which a stored time may lie ahead without being doubted */
const CLOCK_SKEW = 5_000;
/** paths whose refresh failed lately; the oldest leaves first */
const MAX_PAUSED = 50_000;

export interface AnswerTimes {
  /** ms during which an answer is served without asking again */
  readonly fresh: number;
  /** ms during which an old answer stands in for a source that cannot be asked */
  readonly stale: number;
  /** ms during which absence is remembered */
  readonly negative: number;
  /** ms, for tests */
  readonly ownAfter?: number;
}

/** ms since the epoch; the time of a stored answer that is to be asked for again, and stands in where nobody answers */
export const SOFT_PURGED = 0;

/** A question whose answer changes with time: a list, a query, the latest version, a tree head. */
export interface Question {
  readonly key: TreeKey;
  /** for messages, e.g. "the versions of golang.org/x/text" */
  readonly what: string;
  ask(signal: AbortSignal): Promise<Traced<Buffer>>;
  /** What the store alone can say, where it has no answer of a source; undefined: nothing. */
  own(): Promise<Buffer | undefined>;
  /** true: callers wait some seconds for the newest answer before an old one stands in */
  readonly waits?: boolean;
  /** ms for which an answer, absence included, holds at the most; undefined: as the settings say */
  readonly lasts?: number;
}

interface Kept {
  readonly bytes: Buffer;
  /** ms since the epoch */
  readonly fetchedAt: number;
}

interface Deps {
  readonly tree: Tree;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/**
 * Answers that are kept in the tree with the time they were fetched. Fresh: served as they are. Older: served stale at
 * once while one refresh runs behind the answer. Never fetched: the caller waits for the one fetch that runs. A source
 * that fails never takes an answer away; only its own word that there is no such thing does.
 */
export class Answers {
  readonly #deps: Deps;
  readonly #times: AnswerTimes;
  readonly #flights = new Flights<BytesReply>();
  readonly #absent: Verdicts;
  readonly #paused = new Map<string, number>();
  readonly #failures: CounterCell;
  readonly #stop = new AbortController();

  constructor(deps: Deps, times: AnswerTimes) {
    this.#deps = deps;
    this.#times = times;
    this.#absent = new Verdicts(deps.clock, times.negative);
    // Every refresh that runs listens to it.
    setMaxListeners(0, this.#stop.signal);
    this.#failures = deps.metrics
      .counter('modgate_refresh_failures_total', 'Answers that could not be refreshed and were served stale.')
      .with();
  }

  async get(question: Question, { signal, cachedOnly }: AskOptions): Promise<BytesReply> {
    const kept = await this.#read(question.key);
    if (cachedOnly) return this.#fromStore(question, kept);
    const fresh = this.#whileFresh(kept, question.lasts);
    if (fresh !== undefined) return fresh;
    const age = kept === undefined ? Infinity : this.#age(kept);
    const verdict = this.#absent.get(question.key);
    if (verdict !== undefined) throw verdict;
    if (kept?.fetchedAt === SOFT_PURGED) return this.#askAgain(question, kept, signal);
    if (kept !== undefined && age < this.#times.stale) {
      if (question.waits === true) return this.#standIn(question, kept, signal);
      this.#refreshBehind(question);
      return reply('stale', kept, this.#pause(question.key));
    }
    return this.#fetch(question, kept, signal);
  }

  /** What is kept, as long as no source has to be asked again. @param lasts as in the question */
  async fresh(key: TreeKey, lasts?: number): Promise<BytesReply | undefined> {
    return this.#whileFresh(await this.#read(key), lasts);
  }

  /** Whatever is remembered beside the tree, for a tree that was changed by hand. */
  forget(): void {
    this.#absent.clear();
    this.#paused.clear();
  }

  /** True where a source's word that there is no such thing is remembered. */
  knowsAbsent(key: TreeKey): boolean {
    return this.#absent.get(key) !== undefined;
  }

  close(): void {
    this.#stop.abort(new ModgateError('SHUTTING_DOWN', 'the gateway is stopping'));
  }

  /** The caller waits for a source, and gets the old answer only where none says anything. */
  async #askAgain(question: Question, kept: Kept, signal: AbortSignal): Promise<BytesReply> {
    const pause = this.#pause(question.key);
    if (pause > 0) return reply('stale', kept, pause);
    try {
      return await this.#flights.join(question.key, signal, (s) => this.#ask(question, s));
    } catch (thrown) {
      const error = toModgateError(thrown);
      if (error.absent || error.code === 'CANCELED' || signal.aborted) throw error;
      this.#failed(question, error);
      return reply('stale', kept, this.#pause(question.key));
    }
  }

  async #fetch(question: Question, kept: Kept | undefined, signal: AbortSignal): Promise<BytesReply> {
    const own = await question.own();
    if (own === undefined) return this.#flights.join(question.key, signal, (s) => this.#ask(question, s));
    return this.#standIn(question, kept ?? { bytes: own, fetchedAt: 0 }, signal);
  }

  /** What a source says, or `instead` where none says anything in time. */
  async #standIn(question: Question, instead: Kept, signal: AbortSignal): Promise<BytesReply> {
    // A source that was slow or failed a moment ago keeps nobody else waiting.
    const pause = this.#pause(question.key);
    if (pause > 0) return reply('stale', instead, pause);
    const asked = this.#flights.join(question.key, signal, (s) => this.#ask(question, s));
    const slow = this.#slow(question);
    try {
      const first = await Promise.race([asked, slow.told]);
      if (first !== 'slow') return first;
      asked.catch(() => undefined);
      return reply('stale', instead, 0);
    } catch (thrown) {
      const error = toModgateError(thrown);
      if (error.absent || error.code === 'CANCELED' || signal.aborted) throw error;
      this.#failed(question, error);
      return reply('stale', instead, this.#pause(question.key));
    } finally {
      slow.cancel();
    }
  }

  /** Tells when the source has taken too long; it is then waited for behind the answer. */
  #slow(question: Question): { told: Promise<'slow'>; cancel: () => void } {
    let timer: NodeJS.Timeout | undefined;
    const told = new Promise<'slow'>((resolve) => {
      timer = setTimeout(() => {
        this.#refreshBehind(question);
        this.#rest(question.key);
        resolve('slow');
      }, this.#times.ownAfter ?? OWN_AFTER);
    });
    return { told, cancel: () => clearTimeout(timer) };
  }

  #refreshBehind(question: Question): void {
    if (this.#pause(question.key) > 0) return;
    const refresh = this.#flights.join(question.key, this.#stop.signal, (s) => this.#refresh(question, s));
    refresh.catch((thrown: unknown) => {
      const error = toModgateError(thrown);
      if (!error.absent && !this.#stop.signal.aborted) this.#failed(question, error);
    });
  }

  /** Whoever read the old answer just before another refresh ended need not ask again. */
  async #refresh(question: Question, signal: AbortSignal): Promise<BytesReply> {
    return (await this.fresh(question.key, question.lasts)) ?? (await this.#ask(question, signal));
  }

  #whileFresh(kept: Kept | undefined, lasts: number | undefined): BytesReply | undefined {
    if (kept === undefined) return undefined;
    const left = this.#freshTime(lasts) - this.#age(kept);
    return left > 0 ? reply('hit', kept, left) : undefined;
  }

  /** ms */
  #freshTime(lasts = Infinity): number {
    return Math.min(this.#times.fresh, lasts);
  }

  /** Asks the sources and keeps what they say, absence included. */
  async #ask(question: Question, signal: AbortSignal): Promise<BytesReply> {
    const { key, lasts } = question;
    try {
      const { value, trace } = await question.ask(signal);
      const fetchedAt = this.#deps.clock.now();
      await this.#deps.tree.put(key, value, { kind: 'replace', fetchedAt });
      this.#paused.delete(key);
      return { ...reply('miss', { bytes: value, fetchedAt }, this.#freshTime(lasts)), trace };
    } catch (thrown) {
      const error = toModgateError(thrown);
      if (error.absent) {
        await this.#deps.tree.delete(key);
        this.#absent.remember(key, error, lasts);
      }
      throw error;
    }
  }

  async #fromStore(question: Question, kept: Kept | undefined): Promise<BytesReply> {
    if (kept !== undefined) {
      const isFresh = this.#age(kept) < this.#freshTime(question.lasts);
      return reply(isFresh ? 'hit' : 'stale', kept, 0);
    }
    const own = await question.own();
    if (own !== undefined) return reply('hit', { bytes: own, fetchedAt: 0 }, 0);
    throw notCached(question.what);
  }

  #failed(question: Question, error: ModgateError): void {
    this.#failures.inc();
    this.#deps.logger.warn(
      { key: question.key, code: error.code, err: error },
      'cannot refresh; serving what is stored',
    );
    this.#rest(question.key);
  }

  /** Nobody asks for this for a while. */
  #rest(key: TreeKey): void {
    this.#paused.set(key, this.#deps.clock.monotonic() + Math.min(REFRESH_PAUSE, this.#times.fresh));
    if (this.#paused.size <= MAX_PAUSED) return;
    for (const oldest of this.#paused.keys()) {
      this.#paused.delete(oldest);
      return;
    }
  }

  /** ms until a refresh that failed may be tried again. */
  #pause(key: TreeKey): number {
    const until = this.#paused.get(key);
    if (until === undefined) return 0;
    const left = until - this.#deps.clock.monotonic();
    if (left <= 0) this.#paused.delete(key);
    return Math.max(0, left);
  }

  /** A time in the future comes from a clock that was wrong, or from a copied tree: it proves no freshness. */
  #age(kept: Kept): number {
    const age = this.#deps.clock.now() - kept.fetchedAt;
    return age < -CLOCK_SKEW ? this.#times.fresh : Math.max(0, age);
  }

  async #read(key: TreeKey): Promise<Kept | undefined> {
    const content = await this.#deps.tree.open(key);
    if (content === undefined) return undefined;
    try {
      return { bytes: await content.bytes(), fetchedAt: content.modified };
    } finally {
      await content.close();
    }
  }
}

export function notCached(what: string): ModgateError {
  return new ModgateError(
    'NOT_CACHED',
    `${what}: not in the store, and fetching is disabled for this request`,
    {
      next: 'ask again without Disable-Module-Fetch or /cached-only',
    },
  );
}

function reply(cached: BytesReply['cached'], kept: Kept, fresh: number): BytesReply {
  return { kind: 'bytes', bytes: kept.bytes, cached, modified: kept.fetchedAt, fresh, trace: undefined };
}
