/**
 * The data of an entry, as archive/zip gives it to a reader: local header, inflated, sizes and CRC32 compared.
 */
import { createHash, hash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import type { Entry } from './directory.ts';
import { badZip, shown } from './fault.ts';
import type { RandomFile } from './file.ts';
import { CorruptDeflate, inflate, type Sink } from './inflate.ts';
import { OnceInflater, TooLong } from './inflate-once.ts';
import { MAX_ZIP_BYTES } from './limits.ts';

/** Files up to this, deflated and inflated, are inflated in one shot, bytes. */
export const ONE_SHOT = 16 << 20;
/** bytes of a big file that are held at once */
const PIECE = 1 << 20;
export const LOCAL_SIGNATURE = 0x04034b50;
export const LOCAL_LENGTH = 30;
const DESCRIPTOR_SIGNATURE = 0x08074b50;
export const STORED = 0;
export const DEFLATED = 8;
const EMPTY = hash('sha256', '', 'buffer');

export interface Digest {
  readonly sha256: Buffer;
  readonly crc: number;
  /** bytes */
  readonly size: number;
}

/** Digests that were made before the directory was there. */
export interface KnownDigests {
  /** The digest of exactly this data, whose local header is at the offset; undefined where it is not known. */
  find(offset: number, start: number, length: number, method: number): Digest | undefined;
}

/** Digests the entries of one zip. Memory: at most 2 × 16 MiB, whatever the entries say. */
export class ContentReader {
  readonly #file: RandomFile;
  /**
   * Bytes that may still be read. Ours: entries may overlap for Go, but thousands of entries over the same
   * hundreds of MiB would keep a thread busy for hours. Without overlap the sum is less than the zip.
   */
  #budget = MAX_ZIP_BYTES;

  readonly #ahead: KnownDigests | undefined;

  /** @param ahead what was digested while the zip arrived */
  constructor(file: RandomFile, ahead?: KnownDigests) {
    this.#file = file;
    this.#ahead = ahead;
  }

  /** SHA-256 of what the entry holds; BAD_ZIP where Go could not read it to its end. */
  digest(entry: Entry): Buffer {
    const start = this.#dataStart(entry);
    if (entry.name.endsWith('/')) {
      if (entry.uncompressed !== 0) throw fault(entry, 'a folder with data');
      return EMPTY;
    }
    // As in an io.SectionReader: a size beyond the end of the file is cut there, and a negative one overflows to
    // all that follows.
    const declared = entry.compressed < 0 ? Number.POSITIVE_INFINITY : entry.compressed;
    const length = Math.max(Math.min(declared, this.#file.size - start), 0);
    const digest = this.#read(entry, start, length);
    if (digest.size !== entry.uncompressed) {
      throw fault(entry, `holds ${digest.size} bytes and declares ${entry.uncompressed}`);
    }
    this.#checkCrc(entry, digest.crc, start + entry.compressed);
    return digest.sha256;
  }

  /** What a small entry holds, of which digest() found nothing wrong. BAD_ZIP where it is larger than the one shot. */
  bytes(entry: Entry): Uint8Array {
    const length = Math.max(Math.min(entry.compressed, this.#file.size), 0);
    if (Math.max(length, entry.uncompressed) > ONE_SHOT) throw fault(entry, 'too large to be read at once');
    const data = this.#file.view(this.#dataStart(entry), length);
    // Its buffer is the inflater's, or the file's.
    return Uint8Array.from(entry.method === STORED ? data : inflateAtOnce(entry, data));
  }

  #dataStart(entry: Entry): number {
    const { offset } = entry;
    const inside = Number.isSafeInteger(offset) && offset >= 0 && offset < this.#file.size;
    const header = inside ? this.#file.view(offset, LOCAL_LENGTH) : undefined;
    if (header === undefined || header.length < LOCAL_LENGTH || header.readUInt32LE(0) !== LOCAL_SIGNATURE) {
      throw fault(entry, 'no local header where the central directory says');
    }
    return offset + LOCAL_LENGTH + header.readUInt16LE(26) + header.readUInt16LE(28);
  }

  #spend(length: number): void {
    this.#budget -= length;
    if (this.#budget < 0) throw badZip('its entries overlap');
  }

  #read(entry: Entry, start: number, length: number): Digest {
    if (entry.method !== STORED && entry.method !== DEFLATED) {
      throw fault(entry, `unsupported compression method ${entry.method}`);
    }
    if (Math.max(length, entry.uncompressed) > ONE_SHOT) return this.#readPieces(entry, start, length);
    this.#spend(length);
    const known = this.#ahead?.find(entry.offset, start, length, entry.method);
    if (known?.size === entry.uncompressed) return known;
    const data = this.#file.view(start, length);
    return digestOf(entry.method === STORED ? data : inflateAtOnce(entry, data));
  }

  #readPieces(entry: Entry, start: number, length: number): Digest {
    const sha256 = createHash('sha256');
    let crc = 0;
    let size = 0;
    let at = start;
    const end = start + length;
    const fill = (buffer: Uint8Array): number => {
      const count = this.#file.read(buffer, at, Math.min(buffer.length, end - at));
      this.#spend(count);
      at += count;
      return count;
    };
    const sink: Sink = (piece) => {
      size += piece.length;
      if (size > entry.uncompressed) throw tooLong(entry);
      sha256.update(piece);
      crc = crc32(piece, crc);
    };
    if (entry.method === STORED) {
      const piece = Buffer.allocUnsafe(PIECE);
      for (let count = fill(piece); count > 0; count = fill(piece)) sink(piece.subarray(0, count));
    } else {
      inflatePieces(entry, fill, sink);
    }
    return { sha256: sha256.digest(), crc, size };
  }

  /** Against the data descriptor too where there is one; otherwise zero means that nobody set it (archive/zip). */
  #checkCrc(entry: Entry, crc: number, end: number): void {
    if (!entry.descriptor) {
      if (entry.crc !== 0 && entry.crc !== crc) throw fault(entry, 'CRC32 differs');
      return;
    }
    const inside = Number.isSafeInteger(end) && end >= 0 && end < this.#file.size;
    const bytes = inside ? this.#file.view(end, 16) : Buffer.alloc(0);
    const signed = bytes.length >= 4 && bytes.readUInt32LE(0) === DESCRIPTOR_SIGNATURE;
    const at = signed ? 4 : 0;
    if (bytes.length < at + 12) throw fault(entry, 'the data descriptor is cut off');
    if (bytes.readUInt32LE(at) !== entry.crc || entry.crc !== crc) throw fault(entry, 'CRC32 differs');
  }
}

/** One for the thread: whatever it checks, it does so one piece of data after the other. */
const inflater = new OnceInflater();

/** The digest of one entry's data; undefined where it cannot be had in one shot, whatever the reason. */
export function digestData(data: Buffer, method: number, uncompressed: number): Digest | undefined {
  try {
    return digestOf(method === STORED ? data : inflater.inflate(data, uncompressed));
  } catch {
    return undefined;
  }
}

function digestOf(data: Uint8Array): Digest {
  return { sha256: hash('sha256', data, 'buffer'), crc: crc32(data), size: data.length };
}

function inflateAtOnce(entry: Entry, data: Buffer): Uint8Array {
  try {
    return inflater.inflate(data, entry.uncompressed);
  } catch (error) {
    throw error instanceof TooLong ? tooLong(entry) : corrupt(entry, error);
  }
}

function inflatePieces(entry: Entry, fill: (buffer: Uint8Array) => number, sink: Sink): void {
  try {
    inflate(fill, sink);
  } catch (error) {
    throw error instanceof CorruptDeflate ? corrupt(entry, error) : error;
  }
}

function corrupt(entry: Entry, cause: unknown) {
  return badZip(`${entryName(entry)}: corrupt or truncated data`, cause);
}

function tooLong(entry: Entry) {
  return fault(entry, `holds more than the ${entry.uncompressed} bytes that it declares`);
}

function fault(entry: Entry, why: string) {
  return badZip(`${entryName(entry)}: ${why}`);
}

function entryName(entry: Entry): string {
  return shown(Buffer.from(entry.name, 'latin1').toString('utf8'));
}
