/** Deflated data whose length nobody has said: it ends where DEFLATE says so. */
import { promisify } from 'node:util';
import { createInflateRaw } from 'node:zlib';
import type { StreamReader } from './stream-reader.ts';

/** bytes that are given to the inflater at once */
const PIECE = 64 << 10;

export interface PassedOver {
  /** bytes */
  readonly compressed: number;
  readonly size: number;
}

/**
 * Reads to the end of the data and forgets it; the next thing that is read is what follows. Undefined where the stream
 * ends before; the inflater's error where the data is not deflated.
 */
export async function passOverDeflated(reader: StreamReader): Promise<PassedOver | undefined> {
  const inflater = createInflateRaw();
  let size = 0;
  inflater.on('data', (piece: Buffer) => {
    size += piece.length;
  });
  // What fails is told to who writes; without a listener it would end the process too.
  inflater.on('error', () => {});
  try {
    for (;;) {
      const piece = await reader.some(PIECE);
      if (piece === undefined) return undefined;
      const before = inflater.bytesWritten;
      await promisify<Buffer, void>((data, done) => inflater.write(data, done))(piece);
      const left = piece.length - (inflater.bytesWritten - before);
      // What the inflater leaves is behind the end of its data.
      if (left === 0) continue;
      reader.giveBack(left);
      return { compressed: inflater.bytesWritten, size };
    }
  } finally {
    inflater.destroy();
  }
}
