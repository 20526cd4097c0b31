import { toModgateError } from '../errors/index.ts';

/** What the holder of a lock is given. */
export interface Held {
  /** for every git that changes the copy, so that it can be found when we are gone */
  readonly env: Readonly<Record<string, string>>;
  /** the holder before died, or was killed, in the middle of something */
  readonly takenOver: boolean;
}

/** One holder per name, first come, first served. */
export class Locks {
  readonly #tails = new Map<string, Promise<void>>();

  /** Does the job while nobody else holds the name. Rejects with the signal's reason while it waits. */
  async hold<T>(name: string, signal: AbortSignal, job: (held: Held) => Promise<T>): Promise<T> {
    const before = this.#tails.get(name) ?? Promise.resolve();
    let release = () => {};
    const tail = before.then(() => new Promise<void>((resolve) => (release = resolve)));
    this.#tails.set(name, tail);
    await before;
    try {
      if (signal.aborted) throw toModgateError(signal.reason);
      return await job({ env: {}, takenOver: false });
    } finally {
      await Promise.resolve();
      release();
      if (this.#tails.get(name) === tail) this.#tails.delete(name);
    }
  }
}
