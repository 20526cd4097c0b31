/** bytes of one piece of a body that is streamed */
export const PIECE = 256 << 10;
/** unused pieces that are kept: 8 MiB */
const MOST_FREE = 32;

const free: Buffer[] = [];

/**
 * Buffers for streaming that are used again and again: left to the garbage collector, those of one large file would
 * be hundreds of MiB before it looks.
 */
export const pieces = {
  take: (): Buffer => free.pop() ?? Buffer.allocUnsafeSlow(PIECE),
  /** Only where nobody else, the system included, can still hold it. */
  give: (piece: Buffer): void => {
    if (free.length < MOST_FREE) free.push(piece);
  },
};
