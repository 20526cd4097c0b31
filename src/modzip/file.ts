import { fstatSync, readSync } from 'node:fs';

/** bytes that are read at once where reading goes on in order */
const READ_AHEAD = 64 << 10;

/** Reads at any place of an open file; synchronous, because a worker thread does nothing else meanwhile. */
export class RandomFile {
  readonly #fd: number;
  #size: number;
  #buffer = Buffer.allocUnsafe(READ_AHEAD);
  /** place of the buffer's first byte in the file */
  #start = 0;
  /** bytes of the buffer that are filled */
  #filled = 0;

  constructor(fd: number) {
    this.#fd = fd;
    this.#size = fstatSync(fd).size;
  }

  /** bytes: when it was opened, unless told otherwise since */
  get size(): number {
    return this.#size;
  }

  /** What is there of a file that still grows; nothing behind it is read. */
  grow(size: number): void {
    this.#size = size;
  }

  /**
   * Fills the buffer from a place; returns how many bytes there were, fewer than its length only at the end.
   *
   * @param position from 0
   */
  read(buffer: Uint8Array, position: number, length = buffer.length): number {
    let done = 0;
    while (done < length) {
      const count = readSync(this.#fd, buffer, done, length - done, position + done);
      if (count === 0) break;
      done += count;
    }
    return done;
  }

  /**
   * Bytes from a place, valid until the next view; fewer than asked only at the end of the file. Small views in
   * order share one read.
   */
  view(position: number, length: number): Buffer {
    const end = this.#start + this.#filled;
    if (position < this.#start || position + length > end) this.#load(position, length, position <= end);
    const at = position - this.#start;
    return this.#buffer.subarray(at, Math.min(at + length, this.#filled));
  }

  /** As `view`, but of at most so many bytes: those at hand, at least one unless the file ends there. */
  some(position: number, most: number): Buffer {
    const end = this.#start + this.#filled;
    if (position < this.#start || position >= end) this.#load(position, 1, true);
    const at = position - this.#start;
    return this.#buffer.subarray(at, Math.min(at + most, this.#filled));
  }

  /** Reads ahead only where reading goes on in order: entries in any order must not multiply the work. */
  #load(position: number, length: number, onwards: boolean): void {
    const wanted = Math.max(length, onwards && position >= this.#start ? READ_AHEAD : 0);
    if (wanted > this.#buffer.length) this.#buffer = Buffer.allocUnsafe(wanted);
    const there = Math.max(Math.min(wanted, this.#size - position), 0);
    this.#filled = this.read(this.#buffer, position, there);
    this.#start = position;
  }
}
