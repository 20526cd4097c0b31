import type { ModuleVersion } from '../module/index.ts';
import type { ZipEntry } from './entry.ts';
import { badZip, shown, tooLarge, tooLargeFile } from './fault.ts';
import { centralHeader, endRecords, localHeader } from './headers.ts';
import { MAX_GOMOD_BYTES, MAX_LICENSE_BYTES, MAX_ZIP_BYTES } from './limits.ts';

/** bytes of a piece in which small ones are gathered */
const PIECE = 256 << 10;
/** bytes from which a piece is handed on as it is */
const LARGE = 64 << 10;

/**
 * Writes a module zip in pieces of some hundred KiB, holding no more of it than one piece and the directory. The same
 * entries in the same order give the same bytes.
 *
 * Sizes are checked, names and contents are not: chooseFiles names what may be in a zip, checkZip reads what is.
 * BAD_MODULE where the zip or its files together, go.mod or LICENSE are larger than they may be; BAD_ZIP where an
 * entry's data is not as long as it says.
 */
export async function* writeModuleZip(
  m: ModuleVersion,
  entries: Iterable<ZipEntry> | AsyncIterable<ZipEntry>,
): AsyncGenerator<Buffer, void, undefined> {
  const gatherer = new Gatherer();
  const directory = new Directory();
  const prefix = `${m.path}@${m.version}/`;
  for await (const entry of entries) {
    const name = Buffer.from(prefix + entry.name);
    directory.add(name, entry, gatherer.length);
    yield* gatherer.add(localHeader(name, entry));
    let length = 0;
    for await (const piece of entry.data) {
      length += piece.length;
      if (length > entry.compressed) break;
      yield* gatherer.add(piece);
    }
    if (length !== entry.compressed) throw wrongLength(entry, length);
  }
  const offset = gatherer.length;
  for (const header of directory.headers) yield* gatherer.add(header);
  yield* gatherer.add(endRecords(directory.headers.length, gatherer.length - offset, offset));
  yield* gatherer.rest();
}

function wrongLength(entry: ZipEntry, length: number) {
  const holds = length > entry.compressed ? 'more' : `only ${length} bytes`;
  return badZip(
    `the data of ${shown(entry.name)} has ${holds} where ${entry.compressed} bytes are announced`,
  );
}

/** What the end of the zip will say of the entries; holds their sizes to the limits. */
class Directory {
  readonly headers: Buffer[] = [];
  /** bytes, uncompressed */
  #total = 0;

  /** @param offset of the entry in the zip */
  add(name: Buffer, entry: ZipEntry, offset: number): void {
    this.headers.push(centralHeader(name, entry, offset));
    this.#total += entry.size;
    if (this.#total > MAX_ZIP_BYTES) throw tooLarge('the source tree of the module');
    if (entry.name === 'go.mod' && entry.size > MAX_GOMOD_BYTES)
      throw tooLargeFile('go.mod', MAX_GOMOD_BYTES);
    if (entry.name === 'LICENSE' && entry.size > MAX_LICENSE_BYTES)
      throw tooLargeFile('LICENSE', MAX_LICENSE_BYTES);
  }
}

/** Small pieces become large ones: each costs whoever takes it some work of its own. */
class Gatherer {
  /** bytes of all that was added */
  length = 0;
  #piece = Buffer.allocUnsafe(0);
  #filled = 0;

  /** Gives what is ready to go; `data` may not change afterwards. */
  *add(data: Buffer): Generator<Buffer, void, undefined> {
    this.length += data.length;
    if (this.length > MAX_ZIP_BYTES) throw tooLarge('the zip of the module');
    if (this.#filled + data.length > this.#piece.length) {
      yield* this.rest();
      if (data.length >= LARGE) {
        yield data;
        return;
      }
      this.#piece = Buffer.allocUnsafeSlow(PIECE);
    }
    data.copy(this.#piece, this.#filled);
    this.#filled += data.length;
  }

  *rest(): Generator<Buffer, void, undefined> {
    if (this.#filled === 0) return;
    yield this.#piece.subarray(0, this.#filled);
    this.#piece = Buffer.allocUnsafe(0);
    this.#filled = 0;
  }
}
