/** At most so many tasks at a time, the others in order of arrival. */
export class Lanes {
  readonly count: number;
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(count: number) {
    this.count = count;
    this.#free = count;
  }

  async run<T>(task: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free--;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      return await task();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#free++;
      else next();
    }
  }
}

/**
 * An fsync holds one of libuv's threads until the disk has answered, a hit's read as well. fsync gets half of
 * them, so that hits need not wait for writes.
 * @param threads of libuv's pool
 */
export function flushLanes(threads: number): Lanes {
  return new Lanes(Math.max(1, Math.floor(threads / 2)));
}
