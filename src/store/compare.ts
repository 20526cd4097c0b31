/** Something that can be read at positions: bytes in memory, a stored file, a staged one. */
export interface Bytes {
  readonly size: number;
  /** Fills the buffer from `position` on; fewer bytes than it holds only at the end. */
  read(buffer: Uint8Array, position: number): Promise<number>;
}

/** bytes */
const PIECE = 256 * 1024;

export function memoryBytes(bytes: Uint8Array): Bytes {
  return {
    size: bytes.length,
    read: (buffer, position) => {
      const part = bytes.subarray(position, position + buffer.length);
      buffer.set(part);
      return Promise.resolve(part.length);
    },
  };
}

/** Equal to the last byte; holds two pieces in memory at most. */
export async function sameBytes(a: Bytes, b: Bytes): Promise<boolean> {
  if (a.size !== b.size) return false;
  const length = Math.min(PIECE, a.size);
  const left = Buffer.allocUnsafe(length);
  const right = Buffer.allocUnsafe(length);
  for (let position = 0; position < a.size; position += length) {
    const [got, other] = await Promise.all([a.read(left, position), b.read(right, position)]);
    if (got !== other || got !== Math.min(length, a.size - position)) return false;
    if (left.compare(right, 0, got, 0, got) !== 0) return false;
  }
  return true;
}
