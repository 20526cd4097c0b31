import type { RetryOptions } from './options.ts';

/**
 * The waiting between tries: exponential with full jitter, so that many clients of one ill upstream spread
 * out, never shorter than what the upstream asked for, and bounded in its sum.
 */
export class Backoff {
  readonly #options: RetryOptions;
  readonly #random: () => number;
  #tries = 1;
  /** ms */
  #spent = 0;

  /** @param random 0 ≤ x < 1 */
  constructor(options: RetryOptions, random: () => number) {
    this.#options = options;
    this.#random = random;
  }

  /**
   * ms until the next try, undefined where there is none: no tries or no budget left.
   * @param retryAfter seconds that the upstream asked for
   */
  next(retryAfter: number | undefined): number | undefined {
    const { attempts, base, cap, budget } = this.#options;
    if (this.#tries >= attempts) return undefined;
    const ceiling = Math.min(cap, base * 2 ** (this.#tries - 1));
    const wait = Math.max(this.#random() * ceiling, (retryAfter ?? 0) * 1000);
    if (this.#spent + wait > budget) return undefined;
    this.#tries += 1;
    this.#spent += wait;
    return wait;
  }
}

/** Resolves after `ms`; rejects with the signal's reason as soon as it is aborted. */
export function sleep(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.reject(signal.reason);
  return new Promise((resolve, reject) => {
    const abort = () => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', abort);
      resolve();
    }, ms);
    signal.addEventListener('abort', abort, { once: true });
  });
}
