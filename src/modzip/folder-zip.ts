import { constants, type Stats } from 'node:fs';
import { type FileHandle, open, readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { pipeline } from 'node:stream';
import { crc32, createDeflateRaw, deflateRawSync } from 'node:zlib';
import { systemCode } from '../errors/index.ts';
import type { ModuleVersion } from '../module/index.ts';
import { type Choice, chooseFiles } from './choose.ts';
import type { ZipEntry } from './entry.ts';
import { badModule, shown } from './fault.ts';
import { type FolderFile, listFolder } from './folder-files.ts';
import { MAX_GOMOD_BYTES } from './limits.ts';
import { vendorRuleOf } from './omitted.ts';
import { writeModuleZip } from './write.ts';

export interface FolderZip extends Choice<FolderFile> {
  /** Makes the zip; to be read once. */
  readonly stream: AsyncGenerator<Buffer, void, undefined>;
}

/** Files up to this are read and deflated at once, bytes. */
const AT_ONCE = 1 << 20;
/** bytes of a larger file that are held at once */
const PIECE = 256 << 10;

/**
 * The module zip of a folder on disk, as x/mod's zip.CreateFromDir makes it: without folders of version control systems
 * (what they ignore is in), without nested modules, vendored packages, symbolic links. Memory: the list of files, and
 * 1 MiB. For commands: small files are deflated in the calling thread.
 *
 * BAD_MODULE where chooseFiles says so, and from the stream where a file changes while it is read; system errors where
 * the folder or a file cannot be read.
 *
 * @param folder holds the module's root; a link to a folder is followed
 * @param tracked names of the files that are taken, from the folder; undefined: all, what git ignores too
 */
export async function zipFolder(
  m: ModuleVersion,
  folder: string,
  tracked?: ReadonlySet<string>,
): Promise<FolderZip> {
  const goMod = await readGoMod(folder);
  const listed = await listFolder(folder, vendorRuleOf(goMod), tracked);
  const { chosen, omitted } = chooseFiles(listed.files, goMod);
  return {
    chosen,
    omitted: [...listed.omitted, ...omitted],
    stream: writeModuleZip(m, entriesOf(chosen)),
  };
}

/** Undefined where there is none that counts: what stands in its place is named by chooseFiles. */
async function readGoMod(folder: string): Promise<Buffer | undefined> {
  const place = path.join(folder, 'go.mod');
  const stats = await stat(place).catch((error: unknown) => {
    if (['ENOENT', 'ELOOP'].includes(systemCode(error))) return undefined;
    throw error;
  });
  return stats?.isFile() === true && stats.size <= MAX_GOMOD_BYTES ? await readFile(place) : undefined;
}

async function* entriesOf(files: readonly FolderFile[]): AsyncGenerator<ZipEntry, void, undefined> {
  for (const file of files) {
    const handle = await openListed(file);
    try {
      yield file.size <= AT_ONCE ? await smallEntry(file, handle) : await largeEntry(file, handle);
      // The stats that were listed are from before the first byte was read.
      if (changed(file.stats, await handle.stat())) throw changedWhile(file);
    } finally {
      await handle.close();
    }
  }
}

/** Nothing but the file that was listed: what took its place, a link or a pipe, is not even waited for. */
async function openListed(file: FolderFile): Promise<FileHandle> {
  const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants;
  const handle = await open(file.place, O_RDONLY | O_NOFOLLOW | O_NONBLOCK).catch((error: unknown) => {
    throw ['ENOENT', 'ELOOP', 'ENXIO'].includes(systemCode(error)) ? changedWhile(file) : error;
  });
  const stats = await handle.stat();
  if (!changed(file.stats, stats)) return handle;
  await handle.close();
  throw changedWhile(file);
}

function changed(before: Stats, after: Stats): boolean {
  return (
    before.ino !== after.ino ||
    before.dev !== after.dev ||
    before.size !== after.size ||
    before.mtimeMs !== after.mtimeMs
  );
}

async function smallEntry(file: FolderFile, handle: FileHandle): Promise<ZipEntry> {
  const data = await handle.readFile();
  if (data.length !== file.size) throw changedWhile(file);
  const deflated = deflateRawSync(data);
  const crc = crc32(data);
  const stored = deflated.length >= data.length;
  const piece = stored ? data : deflated;
  return {
    name: file.name,
    method: stored ? 0 : 8,
    crc,
    size: data.length,
    compressed: piece.length,
    data: [piece],
  };
}

/** Read twice: the header in front of the data says how long it will be. */
async function largeEntry(file: FolderFile, handle: FileHandle): Promise<ZipEntry> {
  const first = new Reading();
  for await (const piece of first.deflated(file, handle)) void piece;
  const { crc, compressed } = first;
  return { name: file.name, method: 8, crc, size: file.size, compressed, data: again(file, handle, first) };
}

async function* again(file: FolderFile, handle: FileHandle, first: Reading) {
  const second = new Reading();
  for await (const piece of second.deflated(file, handle)) {
    if (second.compressed > first.compressed) throw changedWhile(file);
    yield piece;
  }
  if (second.crc !== first.crc) throw changedWhile(file);
}

/** One reading of a file from its begin to its end. */
class Reading {
  crc = 0;
  /** bytes that were deflated, and what they became */
  #size = 0;
  compressed = 0;

  async *deflated(file: FolderFile, handle: FileHandle): AsyncGenerator<Buffer, void, undefined> {
    const deflater = createDeflateRaw({ chunkSize: PIECE });
    // A failure of the reading destroys the deflater, whose reader is told of it.
    pipeline(this.#pieces(file, handle), deflater, () => {});
    for await (const piece of deflater) {
      this.compressed += piece.length;
      yield piece;
    }
  }

  async *#pieces(file: FolderFile, handle: FileHandle): AsyncGenerator<Buffer, void, undefined> {
    for (;;) {
      const { bytesRead, buffer } = await handle.read(Buffer.allocUnsafe(PIECE), 0, PIECE, this.#size);
      if (bytesRead === 0) break;
      const piece = buffer.subarray(0, bytesRead);
      this.#size += bytesRead;
      if (this.#size > file.size) break;
      this.crc = crc32(piece, this.crc);
      yield piece;
    }
    if (this.#size !== file.size) throw changedWhile(file);
  }
}

function changedWhile(file: FolderFile) {
  return badModule(
    `${shown(file.name)} changed while it was read`,
    'try again when nothing writes to the folder of the module',
  );
}
