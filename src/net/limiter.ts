/** Gives a place back; a second call does nothing. */
export type Release = () => void;

interface Waiter {
  readonly admit: (release: Release) => void;
  readonly refuse: (reason: unknown) => void;
}

/** At most `limit` places are taken at a time; at most `queue` callers wait, first come, first served. */
export class Limiter {
  readonly #limit: number;
  readonly #queue: number;
  /** A Set keeps the order of arrival and forgets a caller that left in constant time. */
  readonly #waiting = new Set<Waiter>();
  #taken = 0;

  constructor(limit: number, queue: number) {
    this.#limit = limit;
    this.#queue = queue;
  }

  get taken(): number {
    return this.#taken;
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  /** A place, now or later; undefined where the queue is full. Rejects with the signal's reason. */
  acquire(signal: AbortSignal): Promise<Release> | undefined {
    if (signal.aborted) return Promise.reject(signal.reason);
    if (this.#taken < this.#limit) return Promise.resolve(this.#take());
    if (this.#waiting.size >= this.#queue) return undefined;
    return new Promise((resolve, reject) => {
      const leave = () => waiter.refuse(signal.reason);
      const waiter: Waiter = {
        admit: (release) => {
          signal.removeEventListener('abort', leave);
          resolve(release);
        },
        refuse: (reason) => {
          this.#waiting.delete(waiter);
          signal.removeEventListener('abort', leave);
          reject(reason);
        },
      };
      signal.addEventListener('abort', leave, { once: true });
      this.#waiting.add(waiter);
    });
  }

  #take(): Release {
    this.#taken += 1;
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      this.#taken -= 1;
      this.#next();
    };
  }

  #next(): void {
    const [waiter] = this.#waiting;
    if (waiter === undefined) return;
    this.#waiting.delete(waiter);
    waiter.admit(this.#take());
  }
}
