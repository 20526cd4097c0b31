import type { Clock } from '../observe/index.ts';
import { Flights } from './flights.ts';

interface Kept<T> {
  readonly answer: T;
  /** monotonic ms */
  readonly until: number;
}

/** One question asked once by however many ask at the same time, and its answer shared for a short time. */
export class Shared<T> {
  readonly #flights = new Flights<T>();
  readonly #kept = new Map<string, Kept<T>>();
  readonly #most: number;
  readonly #lifetime: (answer: T) => number;
  readonly #clock: Clock;

  /**
   * @param most answers that are kept; beyond it the oldest go
   * @param lifetime ms for which an answer counts, 0: for those who wait alone; a failure is never shared with those who come later
   */
  constructor(most: number, lifetime: (answer: T) => number, clock: Clock) {
    this.#most = most;
    this.#lifetime = lifetime;
    this.#clock = clock;
  }

  async get(key: string, signal: AbortSignal, ask: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const kept = this.#kept.get(key);
    if (kept !== undefined && kept.until > this.#clock.monotonic()) return kept.answer;
    return this.#flights.join(key, signal, async (shared) => {
      const answer = await ask(shared);
      this.#keep(key, answer);
      return answer;
    });
  }

  #keep(key: string, answer: T): void {
    const now = this.#clock.monotonic();
    for (const [stale, { until }] of this.#kept) if (until <= now) this.#kept.delete(stale);
    const lifetime = this.#lifetime(answer);
    // At the end of the map, so that the first one is the oldest.
    this.#kept.delete(key);
    if (lifetime > 0) this.#kept.set(key, { answer, until: now + lifetime });
    for (const oldest of this.#kept.keys()) {
      if (this.#kept.size <= this.#most) return;
      this.#kept.delete(oldest);
    }
  }
}
