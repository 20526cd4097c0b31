import { tooLarge } from './fault.ts';
import { MAX_ZIP_BYTES } from './limits.ts';

/**
 * A stream of bytes, read in the lengths that its format asks for; nothing is copied that lies in one piece.
 * BAD_MODULE where more comes than a zip may have.
 */
export class StreamReader {
  readonly #pieces: AsyncIterator<Buffer>;
  #piece: Buffer = Buffer.alloc(0);
  #at = 0;
  /** bytes that came out of the stream */
  #read = 0;

  constructor(stream: AsyncIterable<Buffer>) {
    this.#pieces = stream[Symbol.asyncIterator]();
  }

  /** The next bytes where all of them are here already. */
  here(length: number): Buffer | undefined {
    if (this.#piece.length - this.#at < length) return undefined;
    this.#at += length;
    return this.#piece.subarray(this.#at - length, this.#at);
  }

  /** The next bytes; fewer only at the end of the stream. */
  async take(length: number): Promise<Buffer> {
    const here = this.here(length);
    if (here !== undefined) return here;
    const taken: Buffer[] = [];
    for (let left = length; left > 0; ) {
      const some = await this.some(left);
      if (some === undefined) break;
      taken.push(some);
      left -= some.length;
    }
    return Buffer.concat(taken);
  }

  /** At least one and at most so many bytes, whatever is here; undefined at the end of the stream. */
  async some(most: number): Promise<Buffer | undefined> {
    while (this.#at === this.#piece.length) {
      const next = await this.#pieces.next();
      if (next.done === true) return undefined;
      this.#piece = next.value;
      this.#at = 0;
      this.#read += next.value.length;
      if (this.#read > MAX_ZIP_BYTES) throw tooLarge('the archive of the repository');
    }
    const start = this.#at;
    this.#at = Math.min(start + most, this.#piece.length);
    return this.#piece.subarray(start, this.#at);
  }

  /** Gives back the last bytes of what `some` gave, before anything else is read. */
  giveBack(length: number): void {
    this.#at -= length;
  }

  /** Ends the stream, wherever it is. */
  async close(): Promise<void> {
    await this.#pieces.return?.();
  }
}
