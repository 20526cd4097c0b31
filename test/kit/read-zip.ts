/** A reader of whole zips of the tests' own, so that what the product writes is not read by the product. */
import { createHash } from 'node:crypto';
import zlib from 'node:zlib';

export interface ReadEntry {
  /** with the prefix */
  readonly name: string;
  readonly data: Buffer;
}

/** The entries in the order of the central directory (APPNOTE 4.3.12), zip64 left out. */
export function readZip(zip: Buffer): ReadEntry[] {
  const end = zip.lastIndexOf(Buffer.from('PK\x05\x06'));
  const entries: ReadEntry[] = [];
  for (let i = 0, at = zip.readUInt32LE(end + 16); i < zip.readUInt16LE(end + 10); i++) {
    const nameLength = zip.readUInt16LE(at + 28);
    const local = zip.readUInt32LE(at + 42);
    const start = local + 30 + zip.readUInt16LE(local + 26) + zip.readUInt16LE(local + 28);
    const packed = zip.subarray(start, start + zip.readUInt32LE(at + 20));
    const data = zip.readUInt16LE(at + 10) === 8 ? zlib.inflateRawSync(packed) : packed;
    if (zlib.crc32(data) !== zip.readUInt32LE(at + 16)) throw new Error(`entry ${i}: wrong CRC-32`);
    entries.push({ name: zip.toString('utf8', at + 46, at + 46 + nameLength), data });
    at += 46 + nameLength + zip.readUInt16LE(at + 30) + zip.readUInt16LE(at + 32);
  }
  return entries;
}

/** x/mod sumdb/dirhash.Hash1 */
export function h1Of(entries: readonly ReadEntry[]): string {
  const lines = entries
    .map(({ name, data }) => ({
      name: Buffer.from(name),
      sum: createHash('sha256').update(data).digest('hex'),
    }))
    .sort((a, b) => Buffer.compare(a.name, b.name))
    .map(({ name, sum }) => `${sum}  ${name.toString()}\n`);
  return `h1:${createHash('sha256').update(lines.join('')).digest('base64')}`;
}
