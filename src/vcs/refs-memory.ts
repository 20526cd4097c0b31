import type { Clock } from '../observe/index.ts';
import type { Refs } from './repository.ts';

interface Kept {
  readonly refs: Refs;
  /** of the list as the remote sent it; in memory it takes some three times as much */
  readonly bytes: number;
  /** ms, of the monotonic clock */
  readonly until: number;
  readonly timer: NodeJS.Timeout;
}

/** ms; what setTimeout can wait */
const LONGEST = 2 ** 31 - 1;

/**
 * The last list of refs of each repository, for as long as it is shared. Beyond a bound of bytes those go that were not
 * asked for the longest; the newest stays, however long it is.
 */
export class RefsMemory {
  readonly #fresh: number;
  readonly #most: number;
  readonly #clock: Clock;
  readonly #kept = new Map<object, Kept>();
  #bytes = 0;

  /** @param fresh ms that a list is shared @param most bytes of all lists */
  constructor(fresh: number, most: number, clock: Clock) {
    this.#fresh = fresh;
    this.#most = most;
    this.#clock = clock;
  }

  /** bytes of all lists that are kept */
  get bytes(): number {
    return this.#bytes;
  }

  get(repository: object): Refs | undefined {
    const kept = this.#kept.get(repository);
    if (kept === undefined || this.#clock.monotonic() >= kept.until) return undefined;
    // To the end of the map, so that the first one is the one to go.
    this.#kept.delete(repository);
    this.#kept.set(repository, kept);
    return kept.refs;
  }

  set(repository: object, refs: Refs, bytes: number): void {
    this.delete(repository);
    if (this.#fresh <= 0) return;
    const timer = setTimeout(() => this.delete(repository), Math.min(this.#fresh, LONGEST)).unref();
    this.#kept.set(repository, { refs, bytes, until: this.#clock.monotonic() + this.#fresh, timer });
    this.#bytes += bytes;
    for (const oldest of this.#kept.keys()) {
      if (this.#bytes <= this.#most || oldest === repository) return;
      this.delete(oldest);
    }
  }

  delete(repository: object): void {
    const kept = this.#kept.get(repository);
    if (kept === undefined) return;
    clearTimeout(kept.timer);
    this.#kept.delete(repository);
    this.#bytes -= kept.bytes;
  }
}
