/**
 * Makes module zips that the go command accepts. The same files in the same order give the same bytes, as long
 * as zlib compresses the same; the h1 is the same in any case.
 */
import { crc32, deflateRawSync } from 'node:zlib';
import { checkFilePath, type ModuleVersion } from '../module/index.ts';
import { checkGoModName } from './check.ts';
import { Collisions } from './collisions.ts';
import { badZip, shown } from './fault.ts';
import { entryName } from './headers.ts';
import { MAX_GOMOD_BYTES, MAX_LICENSE_BYTES, MAX_ZIP_BYTES } from './limits.ts';
import { addDirectory, addEntry, Pieces } from './pieces.ts';

export interface ZipSource {
  /** relative to the module's root, with "/" */
  readonly name: string;
  readonly data: Uint8Array;
  /** by default deflate where that is smaller */
  readonly method?: 'store' | 'deflate';
}

/** BAD_ZIP where the go command would refuse the zip: names, collisions, sizes. Nothing is left out silently. */
export function createZip(m: ModuleVersion, files: readonly ZipSource[]): Buffer {
  checkSources(files);
  const pieces = new Pieces();
  const directory = new Pieces();
  for (const file of files) {
    const name = entryName(`${m.path}@${m.version}/${file.name}`);
    const { method, data } = compress(file);
    const facts = { method, crc: crc32(file.data), size: file.data.length, compressed: data.length };
    addEntry(pieces, directory, name, facts);
    pieces.add(data);
  }
  addDirectory(pieces, directory, files.length);
  const zip = Buffer.concat(pieces.end());
  if (zip.length > MAX_ZIP_BYTES) throw badZip(`${zip.length} bytes; the limit is ${MAX_ZIP_BYTES}`);
  return zip;
}

function checkSources(files: readonly ZipSource[]): void {
  const collisions = new Collisions();
  let total = 0;
  for (const { name, data } of files) {
    const fault = checkFilePath(name);
    if (fault !== undefined) throw badZip(`malformed file path ${shown(name)}: ${fault}`);
    const collision = collisions.add(name, false);
    if (collision !== undefined) throw badZip(collision);
    checkGoModName(name);
    if (name === 'go.mod' && data.length > MAX_GOMOD_BYTES) throw badZip('go.mod is too large');
    if (name === 'LICENSE' && data.length > MAX_LICENSE_BYTES) throw badZip('LICENSE is too large');
    total += data.length;
  }
  if (total > MAX_ZIP_BYTES) throw badZip(`more than ${MAX_ZIP_BYTES} bytes uncompressed`);
}

function compress({ data, method }: ZipSource): { method: number; data: Buffer } {
  const stored = { method: 0, data: Buffer.from(data.buffer, data.byteOffset, data.length) };
  if (method === 'store') return stored;
  const deflated = deflateRawSync(data);
  if (method === undefined && deflated.length >= data.length) return stored;
  return { method: 8, data: deflated };
}
