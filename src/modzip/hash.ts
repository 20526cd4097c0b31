/**
 * h1, the hash of go.sum (x/mod sumdb/dirhash.Hash1): SHA-256, in base64, over one line for each file, sorted by
 * the bytes of its name:
 *
 *     <SHA-256 of its content in hex>  <name>\n
 */
import { createHash, hash } from 'node:crypto';
import { badZip } from './fault.ts';

export interface HashedFile {
  readonly name: string;
  /** 32 bytes */
  readonly sha256: Uint8Array;
}

/** "h1:…"; a name that stands twice counts twice. BAD_ZIP for a name with a newline. */
export function hashFiles(entries: Iterable<HashedFile>): string {
  const files: HashedFile[] = [];
  for (const { name, sha256 } of entries) files.push({ name: Buffer.from(name).toString('latin1'), sha256 });
  return hashByteNames(files);
}

/** As hashFiles, for names with one character per byte: their order is the order of the bytes. */
export function hashByteNames(files: HashedFile[]): string {
  files.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
  const summary = createHash('sha256');
  for (const { name, sha256 } of files) {
    if (name.includes('\n')) throw badZip('a file name with a newline');
    summary.update(
      `${Buffer.from(sha256.buffer, sha256.byteOffset, sha256.length).toString('hex')}  ${name}\n`,
      'latin1',
    );
  }
  return `h1:${summary.digest('base64')}`;
}

/** h1 of a go.mod file, as in the "/go.mod" lines of go.sum: that of a single file named go.mod. */
export function hashGoMod(bytes: Uint8Array): string {
  return hashByteNames([{ name: 'go.mod', sha256: hash('sha256', bytes, 'buffer') }]);
}

/** Whether a text can be the h1 of anything. */
export function isH1(text: string): boolean {
  return /^h1:[A-Za-z0-9+/]{43}=$/.test(text);
}
