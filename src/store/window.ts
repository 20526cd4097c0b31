/** bytes of one piece; a file's end is held in two of them at most */
export const PIECE = 512 << 10;
/** bytes that a piece begins with; it grows, so that a small file does not cost a whole one */
const FIRST = 64 << 10;

/** Bytes that all growing files together may hold in memory beside the piece that each of them always has. */
export class MemoryBudget {
  readonly #limit: number;
  #used = 0;

  /** @param limit bytes */
  constructor(limit: number) {
    this.#limit = limit;
  }

  get exceeded(): boolean {
    return this.#used > this.#limit;
  }

  take(bytes: number): void {
    this.#used += bytes;
  }

  give(bytes: number): void {
    this.#used -= bytes;
  }
}

interface Piece {
  /** place of its first byte in the file */
  readonly start: number;
  /** only ever appended to, so that views of what is filled stay true; replaced by a larger one as it grows */
  buffer: Buffer;
  filled: number;
}

/**
 * The end of a growing file in memory: a file of up to 1 MiB whole. Readers who keep up never touch the disk,
 * and what is written there is written in large pieces. Whoever writes a file's bytes to the disk owns the
 * window; it gives back what it holds when it is dropped.
 */
export class Window {
  readonly #budget: MemoryBudget;
  #pieces: Piece[] = [];
  #end = 0;

  constructor(budget: MemoryBudget) {
    this.#budget = budget;
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
    return this.#pieces.length === 2 || this.#budget.exceeded;
  }

  /** Takes as many bytes as fit in the last piece, or in a new one; returns how many. */
  append(bytes: Uint8Array): number {
    let last = this.#pieces.at(-1);
    if (last === undefined || last.filled === PIECE) {
      last = { start: this.#end, buffer: this.#allocate(FIRST), filled: 0 };
      this.#pieces.push(last);
    }
    const count = Math.min(bytes.length, PIECE - last.filled);
    this.#grow(last, last.filled + count);
    last.buffer.set(bytes.subarray(0, count), last.filled);
    last.filled += count;
    this.#end += count;
    return count;
  }

  /** A view of what is held at a place, `undefined` where nothing is; it stays true. */
  view(position: number, most: number): Buffer | undefined {
    for (const { start, buffer, filled } of this.#pieces) {
      const at = position - start;
      if (at >= 0 && at < filled) return buffer.subarray(at, Math.min(filled, at + most));
    }
    return undefined;
  }

  dropOldest(): void {
    const oldest = this.#pieces.shift();
    if (oldest !== undefined) this.#budget.give(oldest.buffer.length);
  }

  drop(): void {
    while (this.#pieces.length > 0) this.dropOldest();
  }

  #grow(piece: Piece, wanted: number): void {
    if (wanted <= piece.buffer.length) return;
    const larger = this.#allocate(Math.min(PIECE, Math.max(wanted, piece.buffer.length * 2)));
    piece.buffer.copy(larger, 0, 0, piece.filled);
    this.#budget.give(piece.buffer.length);
    piece.buffer = larger;
  }

  #allocate(bytes: number): Buffer {
    this.#budget.take(bytes);
    return Buffer.allocUnsafeSlow(bytes);
  }
}
