import { ModgateError, toModgateError } from '../../errors/index.ts';
import type { Clock } from '../../observe/index.ts';

interface Entry<T> {
  readonly result: Promise<T>;
  readonly controller: AbortController;
  waiting: number;
  /** monotonic ms; Infinity while the answer is on its way */
  until: number;
}

/**
 * One question asked once by however many ask at the same time, and its answer shared for a short time. Owns the
 * question: it is ended when the last one who waits has left.
 */
export class Shared<T> {
  readonly #entries = new Map<string, Entry<T>>();
  readonly #most: number;
  readonly #lifetime: (answer: T) => number;
  readonly #clock: Clock;

  /**
   * @param most answers that are kept; beyond it the oldest go
   * @param lifetime ms for which an answer counts; a failure is never shared with those who come later
   */
  constructor(most: number, lifetime: (answer: T) => number, clock: Clock) {
    this.#most = most;
    this.#lifetime = lifetime;
    this.#clock = clock;
  }

  async get(key: string, signal: AbortSignal, ask: (signal: AbortSignal) => Promise<T>): Promise<T> {
    if (signal.aborted) throw toModgateError(signal.reason);
    const present = this.#entries.get(key);
    const fresh = present !== undefined && present.until > this.#clock.monotonic();
    const entry = fresh ? present : this.#begin(key, ask);
    entry.waiting++;
    try {
      return await orLeft(entry.result, signal);
    } finally {
      entry.waiting--;
      if (entry.waiting === 0 && entry.until === Infinity) this.#end(key, entry);
    }
  }

  #begin(key: string, ask: (signal: AbortSignal) => Promise<T>): Entry<T> {
    const controller = new AbortController();
    const result = ask(controller.signal);
    const entry: Entry<T> = { result, controller, waiting: 0, until: Infinity };
    // At the end of the map, so that the first one is the oldest.
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    result.then(
      (answer) => {
        entry.until = this.#clock.monotonic() + this.#lifetime(answer);
      },
      () => this.#forget(key, entry),
    );
    this.#trim();
    return entry;
  }

  #end(key: string, entry: Entry<T>): void {
    this.#forget(key, entry);
    entry.controller.abort(new ModgateError('CANCELED', 'nobody waits for this any more'));
  }

  #forget(key: string, entry: Entry<T>): void {
    if (this.#entries.get(key) === entry) this.#entries.delete(key);
  }

  #trim(): void {
    if (this.#entries.size <= this.#most) return;
    for (const [key, { until }] of this.#entries) {
      if (this.#entries.size <= this.#most) return;
      // Those on their way are bounded by whoever bounds the questions.
      if (until !== Infinity) this.#entries.delete(key);
    }
  }
}

function orLeft<T>(result: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const leave = () => reject(toModgateError(signal.reason));
    signal.addEventListener('abort', leave, { once: true });
    const settle = () => signal.removeEventListener('abort', leave);
    result.then(resolve, reject).finally(settle);
  });
}
