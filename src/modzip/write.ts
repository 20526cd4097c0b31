import type { ModuleVersion } from '../module/index.ts';
import type { ZipEntry } from './entry.ts';
import { badZip, shown, tooLarge, tooLargeFile } from './fault.ts';
import { entryName } from './headers.ts';
import { MAX_GOMOD_BYTES, MAX_LICENSE_BYTES, MAX_NAME_BYTES, MAX_ZIP_BYTES } from './limits.ts';
import { addDirectory, addEntry, Pieces } from './pieces.ts';

/**
 * Writes a module zip in pieces of some hundred KiB, holding no more of it than one piece and the directory. The same
 * entries in the same order give the same bytes.
 *
 * Sizes are checked, names and contents are not: chooseFiles names what may be in a zip, checkZip reads what is.
 * BAD_MODULE where the zip or its files together, go.mod or LICENSE are larger than they may be; BAD_ZIP where an
 * entry's data is not as long as it says. The failures of the entries are handed on.
 */
export async function* writeModuleZip(
  m: ModuleVersion,
  entries: Iterable<ZipEntry> | AsyncIterable<ZipEntry>,
): AsyncGenerator<Buffer, void, undefined> {
  const zip = new ModuleZip(`${m.path}@${m.version}/`);
  for await (const entry of entries) {
    zip.begin(entry);
    // Most data is here at once; waiting for each piece of it would cost more than writing it.
    if (Symbol.iterator in entry.data) {
      for (const piece of entry.data) zip.add(piece);
    } else {
      for await (const piece of entry.data) {
        zip.add(piece);
        if (zip.ready) yield* zip.take();
      }
    }
    zip.finishEntry();
    if (zip.ready) yield* zip.take();
  }
  yield* zip.end();
}

class ModuleZip {
  readonly #prefix: string;
  readonly #pieces = new Pieces();
  readonly #directory = new Pieces();
  #entry: ZipEntry | undefined;
  /** bytes of the entry's data that were not added yet */
  #missing = 0;
  #count = 0;
  /** bytes, uncompressed */
  #total = 0;

  /** @param prefix "<module>@<version>/" */
  constructor(prefix: string) {
    this.#prefix = prefix;
  }

  begin(entry: ZipEntry): void {
    const { name, size, compressed } = entry;
    this.#total += size;
    if (this.#total > MAX_ZIP_BYTES) throw tooLarge('the source tree of the module');
    if (name === 'go.mod' && size > MAX_GOMOD_BYTES) throw tooLargeFile(name, MAX_GOMOD_BYTES);
    if (name === 'LICENSE' && size > MAX_LICENSE_BYTES) throw tooLargeFile(name, MAX_LICENSE_BYTES);
    const whole = entryName(this.#prefix + name);
    if (whole.length > MAX_NAME_BYTES) throw badZip(`a name of more than ${MAX_NAME_BYTES} bytes`);
    addEntry(this.#pieces, this.#directory, whole, entry);
    if (this.#pieces.length + compressed > MAX_ZIP_BYTES) throw tooLarge('the zip of the module');
    this.#entry = entry;
    this.#missing = compressed;
    this.#count++;
  }

  /** @param piece of the entry's data */
  add(piece: Buffer): void {
    this.#missing -= piece.length;
    if (this.#missing < 0) throw this.#wrongLength();
    this.#pieces.add(piece);
  }

  finishEntry(): void {
    if (this.#missing !== 0) throw this.#wrongLength();
  }

  get ready(): boolean {
    return this.#pieces.ready;
  }

  take(): Buffer[] {
    return this.#pieces.take();
  }

  end(): Buffer[] {
    addDirectory(this.#pieces, this.#directory, this.#count);
    if (this.#pieces.length > MAX_ZIP_BYTES) throw tooLarge('the zip of the module');
    return this.#pieces.end();
  }

  #wrongLength() {
    const { name = '', compressed = 0 } = this.#entry ?? {};
    const than = this.#missing < 0 ? 'longer' : 'shorter';
    return badZip(`the data of ${shown(name)} is ${than} than the ${compressed} bytes that its entry says`);
  }
}
