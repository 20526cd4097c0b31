import { ModgateError, toModgateError } from '../errors/index.ts';
import { Limiter, type Release } from '../net/index.ts';

/** of one host, command and kind of caller: git commands at one time, and those that may wait */
const AT_ONCE = 8;
const QUEUE = 1000;

/**
 * Bounds the git commands that talk to one host, so that a host that stalls holds up nobody but those who ask it. How many
 * run in all is bounded by what the routes let through.
 */
export class Places {
  readonly #limiters = new Map<string, Limiter>();

  /** hosts of which somebody has or wants a place */
  get size(): number {
    return this.#limiters.size;
  }

  /** @param of whom the place is taken; equal texts share theirs. Throws OVERLOADED where too many wait. */
  async take(of: string, signal: AbortSignal): Promise<Release> {
    const limiter = this.#limiters.get(of) ?? new Limiter(AT_ONCE, QUEUE);
    this.#limiters.set(of, limiter);
    try {
      const release = await limiter.acquire(signal);
      if (release === undefined)
        throw new ModgateError('OVERLOADED', 'too many git commands wait for their turn');
      return () => {
        release();
        this.#forget(of, limiter);
      };
    } catch (error) {
      this.#forget(of, limiter);
      throw toModgateError(error);
    }
  }

  #forget(of: string, limiter: Limiter): void {
    if (limiter.taken + limiter.waiting === 0 && this.#limiters.get(of) === limiter)
      this.#limiters.delete(of);
  }
}
