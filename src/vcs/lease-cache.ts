import type { Clock } from '../observe/index.ts';
import { orAbort } from '../sync/index.ts';
import type { Lease, Pair } from './issuer.ts';

export interface Issued {
  readonly pair: Pair;
  /** ms since the epoch, from which on it is not used */
  readonly until: number;
}

/** entries; more are only had by a stranger who makes up paths */
const MAX = 1000;

interface Entry {
  readonly issued: Promise<Issued | undefined>;
  /** infinite while it is being asked for */
  until: number;
}

/** Pairs that are good for a while, each asked for once by all who want it at the same time. */
export class LeaseCache {
  readonly #clock: Clock;
  readonly #entries = new Map<string, Entry>();
  readonly #end = new AbortController();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * @param ask is given a signal that ends with the cache, not with one of those who wait
   * @param forget what else is done about a pair that was refused
   */
  async lease(
    key: string,
    ask: (signal: AbortSignal) => Promise<Issued | undefined>,
    forget: (pair: Pair) => Promise<void>,
    signal: AbortSignal,
  ): Promise<Lease | undefined> {
    const known = this.#entries.get(key);
    const kept = known !== undefined && this.#clock.now() < known.until ? known : undefined;
    const entry = kept ?? this.#enter(key, ask(this.#end.signal));
    const issued = await orAbort(entry.issued, signal);
    if (issued === undefined) return undefined;
    const { pair } = issued;
    return {
      pair,
      refused: async () => {
        if (this.#entries.get(key) === entry) this.#entries.delete(key);
        await forget(pair);
        return kept !== undefined;
      },
    };
  }

  close(): void {
    this.#end.abort();
    this.#entries.clear();
  }

  #enter(key: string, issued: Promise<Issued | undefined>): Entry {
    const entry: Entry = { issued, until: Number.POSITIVE_INFINITY };
    const drop = () => {
      if (this.#entries.get(key) === entry) this.#entries.delete(key);
    };
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    const [oldest] = this.#entries.keys();
    if (this.#entries.size > MAX && oldest !== undefined) this.#entries.delete(oldest);
    issued.then((got) => {
      if (got === undefined) drop();
      else entry.until = got.until;
    }, drop);
    return entry;
  }
}
