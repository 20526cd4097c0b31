/**
 * Makes module zips that the go command accepts. The same files in the same order give the same bytes, as long
 * as zlib compresses the same; the h1 is the same in any case.
 */
import { crc32, deflateRawSync } from 'node:zlib';
import { checkFilePath, type ModuleVersion } from '../module/index.ts';
import { checkGoModName } from './check.ts';
import { Collisions } from './collisions.ts';
import { badZip, shown } from './fault.ts';
import { MAX_GOMOD_BYTES, MAX_LICENSE_BYTES, MAX_ZIP_BYTES } from './limits.ts';

export interface ZipSource {
  /** relative to the module's root, with "/" */
  readonly name: string;
  readonly data: Uint8Array;
  /** by default deflate where that is smaller */
  readonly method?: 'store' | 'deflate';
}

/** 1980-01-01, the first day of zip's calendar */
const FIXED_DATE = (1 << 5) | 1;
const VERSION = 20;
const VERSION_64 = 45;
const UTF8 = 0x800;
const MAX_UINT16 = 0xffff;

/** BAD_ZIP where the go command would refuse the zip: names, collisions, sizes. Nothing is left out silently. */
export function createZip(m: ModuleVersion, files: readonly ZipSource[]): Buffer {
  checkSources(files);
  const local: Uint8Array[] = [];
  const central: Buffer[] = [];
  let offset = 0;
  for (const file of files) {
    const name = Buffer.from(`${m.path}@${m.version}/${file.name}`);
    const { method, data } = compress(file);
    const fields = headerFields(name, method, crc32(file.data), data.length, file.data.length);
    const header = Buffer.concat([signature(0x04034b50), fields, name]);
    local.push(header, data);
    central.push(centralHeader(fields, offset), name);
    offset += header.length + data.length;
  }
  const directory = Buffer.concat(central);
  const zip = Buffer.concat([...local, directory, endRecords(files.length, directory.length, offset)]);
  if (zip.length > MAX_ZIP_BYTES) throw badZip(`${zip.length} bytes; the limit is ${MAX_ZIP_BYTES}`);
  return zip;
}

function checkSources(files: readonly ZipSource[]): void {
  const collisions = new Collisions();
  let total = 0;
  for (const { name, data } of files) {
    const fault = checkFilePath(name);
    if (fault !== undefined) throw badZip(`malformed file path ${shown(name)}: ${fault}`);
    collisions.add(name, false);
    checkGoModName(name);
    if (name === 'go.mod' && data.length > MAX_GOMOD_BYTES) throw badZip('go.mod is too large');
    if (name === 'LICENSE' && data.length > MAX_LICENSE_BYTES) throw badZip('LICENSE is too large');
    total += data.length;
  }
  if (total > MAX_ZIP_BYTES) throw badZip(`more than ${MAX_ZIP_BYTES} bytes uncompressed`);
}

function compress({ data, method }: ZipSource): { method: number; data: Uint8Array } {
  if (method === 'store') return { method: 0, data };
  const deflated = deflateRawSync(data);
  if (method === undefined && deflated.length >= data.length) return { method: 0, data };
  return { method: 8, data: deflated };
}

function signature(value: number): Buffer {
  const buffer = Buffer.alloc(4);
  buffer.writeUInt32LE(value);
  return buffer;
}

/** The 26 bytes that local and central headers share. */
function headerFields(name: Buffer, method: number, crc: number, compressed: number, size: number): Buffer {
  const fields = Buffer.alloc(26);
  fields.writeUInt16LE(VERSION, 0);
  fields.writeUInt16LE(name.some((byte) => byte >= 0x80) ? UTF8 : 0, 2);
  fields.writeUInt16LE(method, 4);
  fields.writeUInt16LE(FIXED_DATE, 8);
  fields.writeUInt32LE(crc, 10);
  fields.writeUInt32LE(compressed, 14);
  fields.writeUInt32LE(size, 18);
  fields.writeUInt16LE(name.length, 22);
  return fields;
}

function centralHeader(fields: Buffer, offset: number): Buffer {
  const header = Buffer.alloc(46);
  header.writeUInt32LE(0x02014b50, 0);
  header.writeUInt16LE(VERSION, 4);
  fields.copy(header, 6);
  header.writeUInt32LE(offset, 42);
  return header;
}

function endRecords(count: number, size: number, offset: number): Buffer {
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
