/** A zip writer of the tests' own, so that a fault can be written on purpose and the product's is not trusted. */
import { createHash } from 'node:crypto';
import zlib from 'node:zlib';

export interface ZipEntry {
  /** name in the archive, prefix included */
  readonly name: string;
  readonly data: Uint8Array;
  readonly method?: 'store' | 'deflate';
  /** written instead of the right CRC-32 */
  readonly crc?: number;
}

/** 1980-01-01, the first day that the format knows, as MS-DOS date */
const DOS_DATE = 0x0021;
const UTF8_NAMES = 0x0800;

/** Sections 4.3.7, 4.3.12 and 4.3.16 of the format's APPNOTE, no zip64. */
export function writeZip(entries: readonly ZipEntry[]): Buffer {
  const pieces: Uint8Array[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const entry of entries) {
    const name = Buffer.from(entry.name);
    const deflated = entry.method === 'deflate';
    const body = deflated ? zlib.deflateRawSync(entry.data) : entry.data;
    const crc = entry.crc ?? zlib.crc32(entry.data);
    const common = Buffer.alloc(26);
    common.writeUInt16LE(20, 0);
    common.writeUInt16LE(UTF8_NAMES, 2);
    common.writeUInt16LE(deflated ? 8 : 0, 4);
    common.writeUInt16LE(DOS_DATE, 8);
    common.writeUInt32LE(crc, 10);
    common.writeUInt32LE(body.length, 14);
    common.writeUInt32LE(entry.data.length, 18);
    common.writeUInt16LE(name.length, 22);
    pieces.push(word(0x04034b50), common, name, body);
    const tail = Buffer.alloc(14);
    tail.writeUInt32LE(offset, 10);
    directory.push(word(0x02014b50), half(20), common, tail, name);
    offset += 4 + common.length + name.length + body.length;
  }
  const central = Buffer.concat(directory);
  const end = Buffer.alloc(18);
  end.writeUInt16LE(entries.length, 4);
  end.writeUInt16LE(entries.length, 6);
  end.writeUInt32LE(central.length, 8);
  end.writeUInt32LE(offset, 12);
  return Buffer.concat([...pieces, central, word(0x06054b50), end]);
}

function word(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

function half(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16LE(value);
  return bytes;
}

/** The h1 of a set of files (x/mod sumdb/dirhash Hash1): byte-sorted lines of hash, two spaces, name. */
export function h1(entries: readonly { readonly name: string; readonly data: Uint8Array }[]): string {
  const sum = createHash('sha256');
  const sorted = [...entries].sort((a, b) => Buffer.compare(Buffer.from(a.name), Buffer.from(b.name)));
  for (const { name, data } of sorted)
    sum.update(`${createHash('sha256').update(data).digest('hex')}  ${name}\n`);
  return `h1:${sum.digest('base64')}`;
}

export type ZipFault =
  | 'not a zip'
  | 'empty'
  | 'cut short'
  | 'wrong prefix'
  | 'wrong checksum'
  | 'climbing name'
  | 'names equal but for case'
  | 'go.mod in capitals'
  | 'bytes flipped';

export const ZIP_FAULTS = [
  'not a zip',
  'empty',
  'cut short',
  'wrong prefix',
  'wrong checksum',
  'climbing name',
  'names equal but for case',
  'go.mod in capitals',
  'bytes flipped',
] as const satisfies readonly ZipFault[];

/** The zip of a module version with one fault in it. @param prefix "path@version/" */
export function badZip(fault: ZipFault, prefix: string): Buffer {
  const goMod = { name: `${prefix}go.mod`, data: Buffer.from(`module ${prefix.split('@')[0] ?? ''}\n`) };
  const code = { name: `${prefix}a.go`, data: Buffer.from('package a\n'.repeat(50)) };
  const good = [goMod, code];
  switch (fault) {
    case 'not a zip':
      return Buffer.from('these bytes are no zip at all\n'.repeat(20));
    case 'empty':
      return Buffer.alloc(0);
    case 'cut short':
      return writeZip(good).subarray(0, -40);
    case 'wrong prefix':
      return writeZip([goMod, { ...code, name: 'example.com/other@v1.0.0/a.go' }]);
    case 'wrong checksum':
      return writeZip([goMod, { ...code, crc: 0x12345678 }]);
    case 'climbing name':
      return writeZip([goMod, { ...code, name: `${prefix}../../evil.go` }]);
    case 'names equal but for case':
      return writeZip([...good, { ...code, name: `${prefix}A.go` }]);
    case 'go.mod in capitals':
      return writeZip([code, { ...goMod, name: `${prefix}GO.MOD` }]);
    case 'bytes flipped': {
      const bytes = writeZip([goMod, { ...code, method: 'deflate' }]);
      const at = bytes.indexOf(code.name) + code.name.length + 3;
      bytes[at] = (bytes[at] ?? 0) ^ 0xff;
      return bytes;
    }
  }
}
