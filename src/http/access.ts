import type { Code, ModgateError } from '../errors/index.ts';
import type { Trace } from '../gateway/index.ts';
import {
  type Clock,
  type Counter,
  type CounterCell,
  type Histogram,
  type HistogramCell,
  type Logger,
  lineWriter,
  type Metrics,
} from '../observe/index.ts';
import type { HotAbout } from './hot.ts';

/** seconds */
const BUCKETS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300];

/** characters; with one more line they are still below what a pipe takes in one piece (pipe(7), PIPE_BUF) */
const SMALL_WRITE = 2048;

/** One answered request, as it is logged and counted. */
export interface AccessRecord {
  readonly request: string;
  readonly method: string;
  readonly url: string;
  readonly route: string;
  /** module path or "" */
  readonly module: string;
  readonly status: number;
  /** hit, miss, stale, or "" */
  readonly cache: string;
  /** what it failed with, also after its first bytes */
  readonly error: ModgateError | undefined;
  readonly bytes: number;
  /** ms */
  readonly duration: number;
  readonly client: string;
  readonly trace: Trace | undefined;
}

/** Refusals of what may well exist: by rule, not by an outage. */
const BLOCKS: ReadonlySet<Code> = new Set([
  'LOOKUP_OFF',
  'UPSTREAM_DENIED_PASSED',
  'BAD_ZIP',
  'CHECKSUM_MISMATCH',
  'IMMUTABLE_CONFLICT',
]);

/** The cells of a hit from memory, and the part of its record that is the same each time. */
export interface HitTally {
  readonly requests: CounterCell;
  readonly bytes: CounterCell;
  readonly durations: HistogramCell;
  readonly answers: CounterCell;
  readonly text: string;
}

/** Counts requests, and writes one line for each where the configuration says so. */
export class AccessLog {
  readonly #logger: Logger | undefined;
  readonly #line: ((line: string) => void) | undefined;
  readonly #clock: Clock;
  /** ms since the epoch, and the same as text */
  #now = -1;
  #iso = '';
  /** characters of finished lines that leave without waiting for the end of the turn */
  readonly #enough: number;
  /** finished lines that are not written yet */
  #pending = '';
  readonly #requests: Counter;
  readonly #bytes: Counter;
  readonly #durations: Histogram;
  readonly #cacheAnswers: Counter;
  readonly #blocked: Counter;

  /**
   * @param logger undefined: count only
   * @param shared other processes write to the same place, so that no write may be large
   */
  constructor(metrics: Metrics, clock: Clock, logger: Logger | undefined, shared = false) {
    this.#enough = shared ? SMALL_WRITE : Infinity;
    this.#logger = logger;
    this.#line = logger === undefined ? undefined : lineWriter(logger);
    this.#clock = clock;
    this.#requests = metrics.counter('modgate_http_requests_total', 'Answered requests.', [
      'route',
      'status',
      'cache',
    ]);
    this.#bytes = metrics.counter('modgate_http_response_bytes_total', 'Bytes of answers, without headers.', [
      'route',
    ]);
    this.#durations = metrics.histogram(
      'modgate_http_request_duration_seconds',
      'Time from a request to the end of its answer.',
      ['route', 'cache'],
      BUCKETS,
    );
    this.#cacheAnswers = metrics.counter(
      'modgate_cache_answers_total',
      'Answers of module files, by where they came from.',
      ['cache'],
    );
    this.#blocked = metrics.counter(
      'goproxy_blocked_requests_total',
      'Requests refused although the module may exist, by reason.',
      ['reason'],
    );
    const hits = this.#cacheAnswers.with('hit');
    const stale = this.#cacheAnswers.with('stale');
    const misses = this.#cacheAnswers.with('miss');
    metrics.gauge(
      'goproxy_cache_hit_ratio',
      'Share of the answers since the start that owed nothing to a source, 0..1.',
      [],
      (gauge) => {
        const served = hits.value + stale.value;
        const all = served + misses.value;
        gauge.with().set(all === 0 ? 0 : served / all);
      },
    );
  }

  /** What a hit from memory counts and records, looked up and worded once. */
  tally(url: string, about: HotAbout): HitTally {
    const { route, module, cache } = about;
    return {
      requests: this.#requests.with(route, '200', cache),
      bytes: this.#bytes.with(route),
      durations: this.#durations.with(route, cache),
      answers: this.#cacheAnswers.with(cache),
      text: `","method":"GET","url":${JSON.stringify(url)},"route":"${route}","module":${JSON.stringify(module)},"status":200,"cache":"${cache}","bytes":`,
    };
  }

  /** As `write`, for an answer from memory: no object, no look-up. @param duration ms */
  hit(tally: HitTally, request: string, bytes: number, duration: number, client: string): void {
    tally.requests.inc();
    tally.bytes.inc(bytes);
    tally.durations.observe(duration / 1000);
    tally.answers.inc();
    // The id is made or checked by us and the address is the socket's own: neither needs escaping.
    if (this.#line === undefined) return;
    if (this.#pending === '') setImmediate(this.#flush);
    else if (this.#pending.length > this.#enough) this.#flush();
    this.#pending += `{"level":"info","time":"${this.#isoNow()}","request":"${request}${tally.text}${bytes},"duration":${duration.toFixed(3)},"client":"${client}","msg":"request"}\n`;
  }

  /** The records of one turn of the event loop leave together. */
  readonly #flush = (): void => {
    const lines = this.#pending;
    this.#pending = '';
    this.#line?.(lines);
  };

  #isoNow(): string {
    const now = this.#clock.now();
    if (now !== this.#now) {
      this.#now = now;
      this.#iso = new Date(now).toISOString();
    }
    return this.#iso;
  }

  write(record: AccessRecord): void {
    const { route, cache, error } = record;
    this.#requests.with(route, String(record.status), cache).inc();
    this.#bytes.with(route).inc(record.bytes);
    this.#durations.with(route, cache).observe(record.duration / 1000);
    if (cache !== '') this.#cacheAnswers.with(cache).inc();
    if (error !== undefined && BLOCKS.has(error.code)) this.#blocked.with(error.code).inc();
    const { trace, error: _, module, duration, ...fields } = record;
    this.#logger?.info(
      {
        ...fields,
        duration: Number(duration.toFixed(3)),
        ...(module === '' ? {} : { module }),
        ...(error === undefined ? {} : { code: error.code, error: error.message, source: error.source }),
        ...trace,
      },
      'request',
    );
  }
}
