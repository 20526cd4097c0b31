import type { FsOps } from './fs-ops.ts';

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
 * Every operation on a file holds one of libuv's threads until the disk has answered, a hit's read as well.
 * fsync gets half of them, all other writing the rest but one: a slow disk cannot make hits wait for writes.
 * @param threads of libuv's pool
 */
export function lanesFor(threads: number): { flushes: Lanes; writes: Lanes } {
  const flushes = Math.max(1, Math.floor(threads / 2));
  return { flushes: new Lanes(flushes), writes: new Lanes(Math.max(1, threads - flushes - 1)) };
}

/** The operations with those that write held to the lanes; fsync is left to the caller, who can share it. */
export function gateWrites(ops: FsOps, lanes: Lanes): FsOps {
  return {
    ...ops,
    open: (path, flags) => (flags === 'r' ? ops.open(path, flags) : lanes.run(() => ops.open(path, flags))),
    write: (fd, bytes, position) => lanes.run(() => ops.write(fd, bytes, position)),
    touch: (fd, modified) => lanes.run(() => ops.touch(fd, modified)),
    link: (from, to) => lanes.run(() => ops.link(from, to)),
    rename: (from, to) => lanes.run(() => ops.rename(from, to)),
    unlink: (path) => lanes.run(() => ops.unlink(path)),
    mkdir: (path) => lanes.run(() => ops.mkdir(path)),
  };
}
