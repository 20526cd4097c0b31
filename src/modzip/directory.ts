/**
 * The central directory of a zip, read as Go's archive/zip reads it: this decides which files the go command
 * sees, so its tolerance is copied too. A file may have bytes before the zip, the count of entries is compared
 * modulo 65536, and reading ends at the first bytes that are no entry. Every byte here is the attacker's.
 */
import { badZip } from './fault.ts';
import type { RandomFile } from './file.ts';

export interface Entry {
  /** one character per byte (latin1) */
  readonly name: string;
  /** 0 stored, 8 deflated */
  readonly method: number;
  /** a data descriptor follows the data */
  readonly descriptor: boolean;
  readonly crc: number;
  /** bytes, as declared; negative for 2^63 and more, exact up to 2^53 */
  readonly compressed: number;
  /** bytes, as declared */
  readonly uncompressed: number;
  /** of the local header, in the file; may lie outside of it */
  readonly offset: number;
}

interface DirectoryEnd {
  /** where the end record begins */
  readonly at: number;
  readonly records: bigint;
  readonly size: bigint;
  readonly offset: bigint;
}

const END_SIGNATURE = 0x06054b50;
const END_LENGTH = 22;
const LOCATOR64_SIGNATURE = 0x07064b50;
const LOCATOR64_LENGTH = 20;
const END64_SIGNATURE = 0x06064b50;
const END64_LENGTH = 56;
const HEADER_SIGNATURE = 0x02014b50;
const HEADER_LENGTH = 46;
const ZIP64_EXTRA = 1;
const MAX_UINT16 = 0xffff;
const MAX_UINT32 = 0xffffffff;
/** A header with the longest name, extra and comment, bytes. */
const MAX_HEADER = HEADER_LENGTH + 3 * MAX_UINT16;
/** Piece of the directory that is read at once, bytes. */
const WINDOW = 1 << 20;

/** Hands over every entry in order; BAD_ZIP where Go would not open the zip. */
export function readDirectory(file: RandomFile, visit: (entry: Entry) => void): void {
  const end = findEnd(file);
  const { start, base } = locate(file, end);
  const window = new Window(file, start);
  let count = 0n;
  let stop: Stop;
  for (;;) {
    const entry = window.next(base);
    if (typeof entry === 'string') {
      stop = entry;
      break;
    }
    count++;
    visit(entry);
  }
  if (stop === 'end of file') throw badZip('the central directory ends with the file');
  if (BigInt.asUintN(16, count) !== BigInt.asUintN(16, end.records)) {
    throw badZip(`the central directory has ${count} entries and says ${end.records}`);
  }
}

/** Searches the last KiB first, then the last 65 KiB: a truncated comment makes no end record (archive/zip). */
function findEnd(file: RandomFile): DirectoryEnd {
  for (const length of [1 << 10, 65 << 10]) {
    const tail = Buffer.allocUnsafe(Math.min(length, file.size));
    const start = file.size - tail.length;
    if (file.read(tail, start) !== tail.length) throw badZip('the file got shorter');
    const found = findEndIn(tail);
    if (found !== undefined) return extend(file, tail.subarray(found), start + found);
    if (tail.length === file.size) break;
  }
  throw badZip('not a zip file, or cut off: no end of central directory');
}

function findEndIn(tail: Buffer): number | undefined {
  for (let at = tail.length - END_LENGTH; at >= 0; at--) {
    if (tail.readUInt32LE(at) !== END_SIGNATURE) continue;
    const comment = tail.readUInt16LE(at + 20);
    return at + END_LENGTH + comment > tail.length ? undefined : at;
  }
  return undefined;
}

function extend(file: RandomFile, record: Buffer, at: number): DirectoryEnd {
  const records = record.readUInt16LE(10);
  const size = record.readUInt32LE(12);
  const offset = record.readUInt32LE(16);
  // 0xffff for the size is what archive/zip asks for.
  const is64 = records === MAX_UINT16 || size === MAX_UINT16 || offset === MAX_UINT32;
  const end64 = is64 ? findEnd64(file, at) : undefined;
  return end64 ?? { at, records: BigInt(records), size: BigInt(size), offset: BigInt(offset) };
}

function findEnd64(file: RandomFile, endAt: number): DirectoryEnd | undefined {
  const locator = Buffer.allocUnsafe(LOCATOR64_LENGTH);
  if (endAt < LOCATOR64_LENGTH) return undefined;
  file.read(locator, endAt - LOCATOR64_LENGTH);
  if (locator.readUInt32LE(0) !== LOCATOR64_SIGNATURE) return undefined;
  if (locator.readUInt32LE(4) !== 0 || locator.readUInt32LE(16) !== 1) return undefined;
  const at = locator.readBigInt64LE(8);
  if (at < 0n) return undefined;
  const record = Buffer.allocUnsafe(END64_LENGTH);
  if (at > BigInt(file.size) || file.read(record, Number(at)) !== END64_LENGTH) {
    throw badZip('the zip64 end of central directory lies outside of the file');
  }
  if (record.readUInt32LE(0) !== END64_SIGNATURE) throw badZip('no zip64 end of central directory');
  return {
    at: Number(at),
    records: record.readBigUInt64LE(32),
    size: record.readBigUInt64LE(40),
    offset: record.readBigUInt64LE(48),
  };
}

/** Where the directory starts, and what is added to every offset: the length of what stands before the zip. */
function locate(file: RandomFile, end: DirectoryEnd): { start: number; base: bigint } {
  const start = BigInt(end.at) - end.size;
  const limit = (1n << 63n) - 1n;
  if (end.size > limit || end.offset > limit || start < 0n || start >= BigInt(file.size)) {
    throw badZip('the central directory lies outside of the file');
  }
  const base = start - end.offset;
  // archive/zip: where an entry stands at the declared offset itself, the end record only counts wrongly.
  if (base > 0n && typeof new Window(file, Number(end.offset)).next(0n) !== 'string') {
    return { start: Number(end.offset), base: 0n };
  }
  return { start: Number(start), base };
}

/** Why there is no further entry: other bytes (or half an entry), or nothing at all. */
type Stop = 'no entry' | 'end of file';

/** Reads entry after entry through a bounded piece of the file. */
class Window {
  readonly #file: RandomFile;
  #buffer: Buffer = Buffer.alloc(0);
  /** of the buffer's first byte, in the file */
  #start: number;
  #at = 0;

  constructor(file: RandomFile, start: number) {
    this.#file = file;
    this.#start = start;
  }

  next(base: bigint): Entry | Stop {
    this.#fill();
    const left = this.#buffer.length - this.#at;
    if (left === 0) return 'end of file';
    if (left < HEADER_LENGTH) return 'no entry';
    const header = this.#buffer.subarray(this.#at);
    if (header.readUInt32LE(0) !== HEADER_SIGNATURE) return 'no entry';
    const nameLength = header.readUInt16LE(28);
    const extraLength = header.readUInt16LE(30);
    const length = HEADER_LENGTH + nameLength + extraLength + header.readUInt16LE(32);
    if (length > HEADER_LENGTH && left === HEADER_LENGTH) return 'end of file';
    if (length > left) return 'no entry';
    this.#at += length;
    return parseHeader(header, nameLength, extraLength, base) ?? 'no entry';
  }

  /** Afterwards a whole header is in the buffer, unless the file ends. */
  #fill(): void {
    if (this.#buffer.length - this.#at >= MAX_HEADER) return;
    const next = this.#start + this.#at;
    const rest = Math.max(this.#file.size - next, 0);
    if (rest === this.#buffer.length - this.#at) return;
    const buffer = Buffer.allocUnsafe(Math.min(WINDOW, rest));
    this.#buffer = buffer.subarray(0, this.#file.read(buffer, next));
    this.#start = next;
    this.#at = 0;
  }
}

function parseHeader(
  header: Buffer,
  nameLength: number,
  extraLength: number,
  base: bigint,
): Entry | undefined {
  const nameEnd = HEADER_LENGTH + nameLength;
  const sizes = { uncompressed: header.readUInt32LE(24), compressed: header.readUInt32LE(20) };
  const offset = header.readUInt32LE(42);
  const whole = readExtras(header.subarray(nameEnd, nameEnd + extraLength), sizes, offset);
  if (whole === undefined) return undefined;
  return {
    name: header.toString('latin1', HEADER_LENGTH, nameEnd),
    method: header.readUInt16LE(10),
    descriptor: (header.readUInt16LE(8) & 0x8) !== 0,
    crc: header.readUInt32LE(16),
    compressed: whole.compressed,
    uncompressed: whole.uncompressed,
    offset: Number(BigInt.asIntN(64, whole.offset + base)),
  };
}

interface Sizes {
  readonly uncompressed: number;
  readonly compressed: number;
}

/**
 * The real sizes and offset, from the zip64 extra where the header has no room; undefined where that extra is
 * too short or missing. A missing one for the uncompressed size alone is let pass, as in archive/zip.
 */
function readExtras(extra: Buffer, { uncompressed, compressed }: Sizes, offset: number) {
  const need = [uncompressed === MAX_UINT32, compressed === MAX_UINT32, offset === MAX_UINT32];
  const values = [BigInt(uncompressed), BigInt(compressed), BigInt(offset)];
  for (let at = 0; need.includes(true) && at + 4 <= extra.length; ) {
    const length = extra.readUInt16LE(at + 2);
    const start = at + 4;
    if (start + length > extra.length) break;
    if (extra.readUInt16LE(at) === ZIP64_EXTRA) {
      if (!readZip64(extra.subarray(start, start + length), need, values)) return undefined;
    }
    at = start + length;
  }
  if (need[1] || need[2]) return undefined;
  return {
    uncompressed: signed(values[0]),
    compressed: signed(values[1]),
    offset: BigInt.asIntN(64, values[2] ?? 0n),
  };
}

function readZip64(field: Buffer, need: boolean[], values: bigint[]): boolean {
  let at = 0;
  for (const i of need.keys()) {
    if (!need[i]) continue;
    if (at + 8 > field.length) return false;
    values[i] = field.readBigUInt64LE(at);
    need[i] = false;
    at += 8;
  }
  return true;
}

/** As Go's int64(x), so that a size of 2^63 and more is negative. */
function signed(value: bigint | undefined): number {
  return Number(BigInt.asIntN(64, value ?? 0n));
}
