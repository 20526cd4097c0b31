/** bytes of one piece of a body that is streamed */
const PIECE = 256 << 10;
/** bytes of a piece where very many are streamed: slow, and still bounded */
const SMALL = 16 << 10;
/** large pieces in use at the same time, 64 MiB; readers that have stopped reading hold theirs */
const MOST = 256;
/** unused pieces that are kept: 8 MiB */
const MOST_FREE = 32;

/**
 * Buffers for streaming that are used again and again: left to the garbage collector, those of one large file would
 * be hundreds of MiB before it looks.
 */
class Pieces {
  readonly #free: Buffer[] = [];
  #large = 0;

  /** A piece of its own; it must be given or dropped. */
  take(): Buffer {
    if (this.#large >= MOST) return Buffer.allocUnsafeSlow(SMALL);
    this.#large++;
    return this.#free.pop() ?? Buffer.allocUnsafeSlow(PIECE);
  }

  /** Only where nobody else, the system included, can still hold it. */
  give(piece: Buffer): void {
    if (piece.length !== PIECE) return;
    this.#large--;
    if (this.#free.length < MOST_FREE) this.#free.push(piece);
  }

  /** Where somebody may still hold it. */
  drop(piece: Buffer): void {
    if (piece.length === PIECE) this.#large--;
  }
}

export const pieces = new Pieces();
