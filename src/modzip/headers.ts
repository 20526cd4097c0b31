/**
 * The headers of the zips that are made here, byte for byte the same for the same entries. Sizes and offsets need no
 * zip64, since a module zip has at most 500 MiB; the count of entries may.
 */

/** What the headers of an entry say of it. */
export interface EntryFacts {
  /** 0 stored, 8 deflated */
  readonly method: number;
  /** of the uncompressed data */
  readonly crc: number;
  /** bytes, uncompressed */
  readonly size: number;
  /** bytes of the data as it stands in the zip */
  readonly compressed: number;
}

/** A name as it stands in the zip. */
export interface EntryName {
  readonly text: string;
  /** bytes in UTF-8 */
  readonly length: number;
}

export function entryName(text: string): EntryName {
  return { text, length: Buffer.byteLength(text) };
}

/** bytes, without the name */
export const LOCAL_LENGTH = 30;
/** bytes, without the name */
export const CENTRAL_LENGTH = 46;
const LOCAL_SIGNATURE = 0x04034b50;
const CENTRAL_SIGNATURE = 0x02014b50;
/** 1980-01-01, the first day of zip's calendar */
const FIXED_DATE = (1 << 5) | 1;
const VERSION = 20;
const VERSION_64 = 45;
const UTF8 = 0x800;
const MAX_UINT16 = 0xffff;

/** Writes an entry's local header and its name at a place of the target. */
export function writeLocalHeader(target: Buffer, at: number, name: EntryName, facts: EntryFacts): void {
  target.writeUInt32LE(LOCAL_SIGNATURE, at);
  writeFields(target, at + 4, name, facts);
  writeName(target, at + LOCAL_LENGTH, name);
}

/**
 * Writes an entry's header in the central directory, and its name, at a place of the target.
 *
 * @param offset of its local header in the zip, bytes
 */
export function writeCentralHeader(
  target: Buffer,
  at: number,
  name: EntryName,
  facts: EntryFacts,
  offset: number,
): void {
  target.writeUInt32LE(CENTRAL_SIGNATURE, at);
  target.writeUInt16LE(VERSION, at + 4);
  writeFields(target, at + 6, name, facts);
  target.fill(0, at + 32, at + 42);
  target.writeUInt32LE(offset, at + 42);
  writeName(target, at + CENTRAL_LENGTH, name);
}

/** The 26 bytes that local and central headers share. */
function writeFields(target: Buffer, at: number, name: EntryName, facts: EntryFacts): void {
  target.writeUInt16LE(VERSION, at);
  target.writeUInt16LE(isAscii(name) ? 0 : UTF8, at + 2);
  target.writeUInt16LE(facts.method, at + 4);
  target.writeUInt16LE(0, at + 6);
  target.writeUInt16LE(FIXED_DATE, at + 8);
  target.writeUInt32LE(facts.crc, at + 10);
  target.writeUInt32LE(facts.compressed, at + 14);
  target.writeUInt32LE(facts.size, at + 18);
  target.writeUInt16LE(name.length, at + 22);
  target.writeUInt16LE(0, at + 24);
}

function writeName(target: Buffer, at: number, name: EntryName): void {
  target.write(name.text, at, isAscii(name) ? 'latin1' : 'utf8');
}

function isAscii(name: EntryName): boolean {
  return name.length === name.text.length;
}

/**
 * What stands behind the central directory.
 *
 * @param count of entries
 * @param size of the directory, bytes
 * @param offset of the directory, bytes
 */
export function endRecords(count: number, size: number, offset: number): Buffer {
  const end = Buffer.alloc(22);
  const few = Math.min(count, MAX_UINT16);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(few, 8);
  end.writeUInt16LE(few, 10);
  end.writeUInt32LE(size, 12);
  end.writeUInt32LE(offset, 16);
  return count < MAX_UINT16 ? end : Buffer.concat([end64(count, size, offset), end]);
}

/** Zip64's end record and its locator, for more entries than 16 bits count. */
function end64(count: number, size: number, offset: number): Buffer {
  const end = Buffer.alloc(76);
  end.writeUInt32LE(0x06064b50, 0);
  end.writeBigUInt64LE(44n, 4);
  end.writeUInt16LE(VERSION_64, 12);
  end.writeUInt16LE(VERSION_64, 14);
  end.writeBigUInt64LE(BigInt(count), 24);
  end.writeBigUInt64LE(BigInt(count), 32);
  end.writeBigUInt64LE(BigInt(size), 40);
  end.writeBigUInt64LE(BigInt(offset), 48);
  end.writeUInt32LE(0x07064b50, 56);
  end.writeBigUInt64LE(BigInt(offset + size), 64);
  end.writeUInt32LE(1, 72);
  return end;
}
