import { toModgateError } from '../errors/index.ts';
import { FetchGate } from '../fetch/index.ts';
import type { Clock, GaugeCell, Histogram, Metrics } from '../observe/index.ts';

/** seconds */
const BUCKETS = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300];

/** Everything that asks a source: bounded in number, measured, and apart from hits, which never come here. */
export class Misses {
  /** one for each chain: a source that hangs fills its own and lets the others be */
  readonly #gates = new Map<object, FetchGate>();
  readonly #limits: { fetches: number; queue: number };
  readonly #clock: Clock;
  readonly #durations: Histogram;
  readonly #inFlight: GaugeCell;
  #running = 0;
  readonly #waiting = new Set<() => void>();

  constructor(limits: { fetches: number; queue: number }, deps: { clock: Clock; metrics: Metrics }) {
    this.#limits = limits;
    this.#clock = deps.clock;
    this.#durations = deps.metrics.histogram(
      'goproxy_module_fetch_duration_seconds',
      'Time from a miss to its checked and stored answer, by kind of file and outcome.',
      ['kind', 'outcome'],
      BUCKETS,
    );
    this.#inFlight = deps.metrics.gauge('modgate_fetches_in_flight', 'Fetches that are running.').with();
  }

  /** @param whom the chain, or whatever else is asked as one */
  async run<T>(kind: string, whom: object, signal: AbortSignal, job: () => Promise<T>): Promise<T> {
    const start = this.#clock.monotonic();
    this.#running++;
    let outcome = 'ok';
    try {
      return await this.#gateOf(whom).run(signal, () => this.#counted(job));
    } catch (thrown) {
      outcome = toModgateError(thrown).code.toLowerCase();
      throw thrown;
    } finally {
      this.#durations.with(kind, outcome).observe((this.#clock.monotonic() - start) / 1000);
      this.#running--;
      if (this.#running === 0) for (const resolve of this.#waiting) resolve();
    }
  }

  async #counted<T>(job: () => Promise<T>): Promise<T> {
    this.#inFlight.inc();
    try {
      return await job();
    } finally {
      this.#inFlight.dec();
    }
  }

  /** Resolves when nothing runs, or after the limit (ms). */
  async settled(limit: number): Promise<void> {
    if (this.#running === 0) return;
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      this.#waiting.add(resolve);
      timer = setTimeout(resolve, limit);
    });
    clearTimeout(timer);
  }

  #gateOf(whom: object): FetchGate {
    const gate = this.#gates.get(whom) ?? new FetchGate(this.#limits.fetches, this.#limits.queue);
    this.#gates.set(whom, gate);
    return gate;
  }
}
