/** bytes of one piece */
export const PIECE = 256 << 10;
/** of one file: together 1 MiB */
const MOST = 4;
/** unused pieces that are kept: 16 MiB */
const MOST_FREE = 64;

/**
 * The pieces of memory of all growing files. They are used again and again: left to the garbage collector, those of
 * one large file would be hundreds of MiB before it looks. They are shared memory, so that a thread can write them
 * without a copy.
 */
export class PiecePool {
  readonly #limit: number;
  readonly #free: Buffer[] = [];
  /** windows whose bytes are all on the disk */
  readonly #spare = new Set<Window>();
  #used = 0;

  /** @param limit bytes that files may hold together beside the one piece that each of them always has */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** True where more is held than the limit, though all that can be spared has been dropped. */
  isShort(): boolean {
    for (const window of this.#spare) {
      if (this.#used <= this.#limit) return false;
      window.drop();
    }
    return this.#used > this.#limit;
  }

  /** The window may be dropped when others need its pieces. */
  spare(window: Window): void {
    this.#spare.add(window);
  }

  forget(window: Window): void {
    this.#spare.delete(window);
  }

  take(): Buffer {
    this.#used += PIECE;
    return this.#free.pop() ?? Buffer.from(new SharedArrayBuffer(PIECE));
  }

  give(piece: Buffer): void {
    this.#used -= PIECE;
    if (this.#free.length < MOST_FREE) this.#free.push(piece);
  }
}

interface Piece {
  /** place of its first byte in the file */
  readonly start: number;
  readonly buffer: Buffer;
  filled: number;
}

/**
 * The end of a growing file in memory: a file of up to 1 MiB whole. Readers who keep up never touch the disk,
 * and what is written there is written in large pieces.
 */
export class Window {
  readonly #pool: PiecePool;
  readonly #pieces: Piece[] = [];
  #end = 0;

  constructor(pool: PiecePool) {
    this.#pool = pool;
  }

  /** The file's size so far. */
  get end(): number {
    return this.#end;
  }

  /** The place from which on everything is held. */
  get start(): number {
    return this.#pieces[0]?.start ?? this.#end;
  }

  /** True where a byte more needs a piece that this window may not have: the oldest must go to the disk first. */
  get full(): boolean {
    const last = this.#pieces.at(-1);
    if (last === undefined || last.filled < PIECE) return false;
    return this.#pieces.length === MOST || this.#pool.isShort();
  }

  /** Takes as many bytes as fit in the last piece, or in a new one; returns how many. */
  append(bytes: Uint8Array): number {
    let last = this.#pieces.at(-1);
    if (last === undefined || last.filled === PIECE) {
      last = { start: this.#end, buffer: this.#pool.take(), filled: 0 };
      this.#pieces.push(last);
    }
    const count = Math.min(bytes.length, PIECE - last.filled);
    last.buffer.set(bytes.subarray(0, count), last.filled);
    last.filled += count;
    this.#end += count;
    return count;
  }

  /** Bytes copied from a place on, as far as they are held: 0 where nothing is. */
  copy(buffer: Uint8Array, position: number): number {
    let done = 0;
    for (const { start, buffer: piece, filled } of this.#pieces) {
      const at = position + done - start;
      if (at < 0 || at >= filled) continue;
      const count = Math.min(filled - at, buffer.length - done);
      buffer.set(piece.subarray(at, at + count), done);
      done += count;
    }
    return done;
  }

  /** A view of what one piece holds from a place on, true until the piece is dropped; `undefined` where nothing is. */
  view(position: number): Buffer | undefined {
    for (const { start, buffer, filled } of this.#pieces) {
      const at = position - start;
      if (at >= 0 && at < filled) return buffer.subarray(at, filled);
    }
    return undefined;
  }

  dropOldest(): void {
    const oldest = this.#pieces.shift();
    if (oldest !== undefined) this.#pool.give(oldest.buffer);
  }

  /** All its bytes are on the disk: whoever needs memory may drop it. */
  spare(): void {
    this.#pool.spare(this);
  }

  drop(): void {
    this.#pool.forget(this);
    while (this.#pieces.length > 0) this.dropOldest();
  }
}
