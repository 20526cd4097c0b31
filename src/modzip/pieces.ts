import {
  CENTRAL_LENGTH,
  type EntryFacts,
  type EntryName,
  endRecords,
  LOCAL_LENGTH,
  writeCentralHeader,
  writeLocalHeader,
} from './headers.ts';

/** bytes of a piece in which small ones are gathered */
const PIECE = 256 << 10;
/** bytes from which data is handed on as it is */
const LARGE = 64 << 10;
const NOTHING = Buffer.alloc(0);

/** Bytes that grow at their end and leave in large pieces: each piece costs whoever takes it some work of its own. */
export class Pieces {
  /** bytes of all that was added */
  length = 0;
  #full: Buffer[] = [];
  #piece: Buffer = NOTHING;
  #filled = 0;

  /** @param data does not change afterwards */
  add(data: Buffer): void {
    if (data.length >= LARGE && data.length > this.#piece.length - this.#filled) {
      this.#seal();
      this.#full.push(data);
      this.length += data.length;
    } else {
      this.write(data.length, (target, at) => data.copy(target, at));
    }
  }

  /** Has so many bytes written at a place of a buffer whose former content is anything. */
  write(length: number, fill: (target: Buffer, at: number) => void): void {
    if (length > this.#piece.length - this.#filled) {
      this.#seal();
      this.#piece = Buffer.allocUnsafeSlow(Math.max(length, PIECE));
    }
    fill(this.#piece, this.#filled);
    this.#filled += length;
    this.length += length;
  }

  /** Whether a piece is full. */
  get ready(): boolean {
    return this.#full.length > 0;
  }

  /** The pieces that are full; each is given once. */
  take(): Buffer[] {
    const full = this.#full;
    this.#full = [];
    return full;
  }

  /** All pieces that were not given yet. */
  end(): Buffer[] {
    this.#seal();
    return this.take();
  }

  #seal(): void {
    if (this.#filled > 0) this.#full.push(this.#piece.subarray(0, this.#filled));
    this.#piece = NOTHING;
    this.#filled = 0;
  }
}

/** Adds the headers of the entry whose data is added to the zip next. */
export function addEntry(zip: Pieces, directory: Pieces, name: EntryName, facts: EntryFacts): void {
  const offset = zip.length;
  directory.write(CENTRAL_LENGTH + name.length, (target, at) =>
    writeCentralHeader(target, at, name, facts, offset),
  );
  zip.write(LOCAL_LENGTH + name.length, (target, at) => writeLocalHeader(target, at, name, facts));
}

/** Adds what stands behind the data of the last entry. */
export function addDirectory(zip: Pieces, directory: Pieces, count: number): void {
  const offset = zip.length;
  for (const piece of directory.end()) zip.add(piece);
  zip.add(endRecords(count, zip.length - offset, offset));
}
