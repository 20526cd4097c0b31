import { ModgateError } from '../errors/index.ts';
import { Limiter } from '../net/index.ts';

/** seconds; a full queue says nothing about when it will be shorter */
const RETRY_AFTER = 5;

/** Bounds how much is fetched at once, over all sources. */
export class FetchGate {
  readonly #limiter: Limiter;

  /** @param fetches that run at once @param queue of those that wait for their turn */
  constructor(fetches: number, queue: number) {
    this.#limiter = new Limiter(fetches, queue);
  }

  /** fetches that run now */
  get inFlight(): number {
    return this.#limiter.taken;
  }

  /** Runs the job when it is its turn. Throws OVERLOADED where too many wait already. */
  async run<T>(signal: AbortSignal, job: () => Promise<T>): Promise<T> {
    const release = await (this.#limiter.acquire(signal) ?? overloaded());
    try {
      return await job();
    } finally {
      release();
    }
  }
}

function overloaded(): never {
  throw new ModgateError('OVERLOADED', 'the gateway has as many fetches running and waiting as it may have', {
    next: 'try again soon; its keeper can raise limits.fetches and limits.queue',
    retryAfter: RETRY_AFTER,
  });
}
