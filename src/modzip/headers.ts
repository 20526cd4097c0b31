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

const LOCAL_SIGNATURE = 0x04034b50;
const LOCAL_LENGTH = 30;
const CENTRAL_SIGNATURE = 0x02014b50;
const CENTRAL_LENGTH = 46;
/** 1980-01-01, the first day of zip's calendar */
const FIXED_DATE = (1 << 5) | 1;
const VERSION = 20;
const VERSION_64 = 45;
const UTF8 = 0x800;
const MAX_UINT16 = 0xffff;

/** An entry's local header, its name included. */
export function localHeader(name: Buffer, facts: EntryFacts): Buffer {
  const header = Buffer.alloc(LOCAL_LENGTH + name.length);
  header.writeUInt32LE(LOCAL_SIGNATURE, 0);
  writeFields(header, 4, name, facts);
  name.copy(header, LOCAL_LENGTH);
  return header;
}

/**
 * An entry's header in the central directory, its name included.
 *
 * @param offset of its local header, bytes
 */
export function centralHeader(name: Buffer, facts: EntryFacts, offset: number): Buffer {
  const header = Buffer.alloc(CENTRAL_LENGTH + name.length);
  header.writeUInt32LE(CENTRAL_SIGNATURE, 0);
  header.writeUInt16LE(VERSION, 4);
  writeFields(header, 6, name, facts);
  header.writeUInt32LE(offset, 42);
  name.copy(header, CENTRAL_LENGTH);
  return header;
}

/** The 26 bytes that local and central headers share. */
function writeFields(header: Buffer, at: number, name: Buffer, facts: EntryFacts): void {
  header.writeUInt16LE(VERSION, at);
  header.writeUInt16LE(name.some((byte) => byte >= 0x80) ? UTF8 : 0, at + 2);
  header.writeUInt16LE(facts.method, at + 4);
  header.writeUInt16LE(FIXED_DATE, at + 8);
  header.writeUInt32LE(facts.crc, at + 10);
  header.writeUInt32LE(facts.compressed, at + 14);
  header.writeUInt32LE(facts.size, at + 18);
  header.writeUInt16LE(name.length, at + 22);
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
