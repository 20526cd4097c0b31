import { isUtf8 } from 'node:buffer';
import { closeSync, openSync } from 'node:fs';
import { ModgateError } from '../errors/index.ts';
import { checkFilePath, type ModuleVersion } from '../module/index.ts';
import { Collisions } from './collisions.ts';
import { ContentReader, type KnownDigests } from './content.ts';
import { type Entry, readDirectory } from './directory.ts';
import { badZip, shown, whyBad } from './fault.ts';
import { RandomFile } from './file.ts';
import { hashByteNames } from './hash.ts';
import {
  MAX_ENTRIES,
  MAX_GOMOD_BYTES,
  MAX_LICENSE_BYTES,
  MAX_NAME_BYTES,
  MAX_NAMES_BYTES,
  MAX_ZIP_BYTES,
} from './limits.ts';

/** faults of names that are told at most; the text of a refusal has a few lines */
const MAX_FAULTS = 5;

export interface CheckedZip {
  /** of the zip, as in go.sum and the checksum database */
  readonly h1: string;
  /** of the go.mod in the zip, undefined where there is none */
  readonly goModH1: string | undefined;
  /** the go.mod itself, where it was asked for and is there */
  readonly goMod?: Uint8Array | undefined;
  /** without folders */
  readonly files: number;
  /** bytes */
  readonly uncompressed: number;
}

/**
 * Checks a module zip as the go command does before it uses one, and hashes it. Synchronous: up to a second for
 * the biggest modules, so not for the main thread. BAD_ZIP where the go command would refuse the zip; a system
 * error where the file cannot be read.
 *
 * @param ahead what was digested while the zip arrived; the result is the same with and without
 * @param wanted goMod: the result has the go.mod too
 */
export function checkZip(
  file: string,
  m: ModuleVersion,
  ahead?: KnownDigests,
  wanted: { readonly goMod?: boolean } = {},
): CheckedZip {
  const fd = openSync(file, 'r');
  try {
    return checkOpenZip(new RandomFile(fd), m, ahead, wanted.goMod === true);
  } finally {
    closeSync(fd);
  }
}

function checkOpenZip(
  file: RandomFile,
  m: ModuleVersion,
  ahead: KnownDigests | undefined,
  wantsGoMod: boolean,
): CheckedZip {
  if (file.size > MAX_ZIP_BYTES) throw badZip(`${file.size} bytes; the limit is ${MAX_ZIP_BYTES}`);
  const prefix = `${m.path}@${m.version}/`;
  const rules = new Rules(prefix);
  const entries: Entry[] = [];
  readDirectory(file, (entry) => {
    rules.add(entry);
    entries.push(entry);
  });
  rules.end();
  // Folders may stand twice; dirhash.HashZip then opens the last one for both lines.
  const opened = new Map(entries.map((entry) => [entry.name, entry]));
  const content = new ContentReader(file, ahead);
  const digests = new Map<string, Buffer>();
  for (const [name, entry] of opened) digests.set(name, content.digest(entry));
  const hashed = entries.map(({ name }) => ({ name, sha256: digests.get(name) ?? Buffer.alloc(0) }));
  const goMod = digests.get(`${prefix}go.mod`);
  const goModEntry = wantsGoMod ? opened.get(`${prefix}go.mod`) : undefined;
  return {
    h1: hashByteNames(hashed),
    goModH1: goMod === undefined ? undefined : hashByteNames([{ name: 'go.mod', sha256: goMod }]),
    files: rules.files,
    uncompressed: rules.uncompressed,
    ...(goModEntry === undefined ? {} : { goMod: content.bytes(goModEntry) }),
  };
}

/**
 * The rules for names and declared sizes, x/mod zip.CheckZip. What that package's documentation forbids and its
 * code accepts is accepted here too: symbolic links (unpacked as plain files), the flag of encryption, entries
 * that overlap.
 */
class Rules {
  readonly #prefix: string;
  readonly #collisions = new Collisions();
  #entries = 0;
  /** bytes of all names */
  #names = 0;
  /** of names, told together: whoever made the zip has to mend all of them */
  readonly #faults: ModgateError[] = [];
  files = 0;
  /** bytes, as declared */
  uncompressed = 0;

  /** @param prefix "<module>@<version>/" */
  constructor(prefix: string) {
    this.#prefix = prefix;
  }

  add(entry: Entry): void {
    this.#bound(entry.name);
    try {
      this.#add(entry);
    } catch (thrown) {
      if (!(thrown instanceof ModgateError)) throw thrown;
      if (this.#faults.every(({ message }) => message !== thrown.message)) this.#faults.push(thrown);
      if (this.#faults.length >= MAX_FAULTS) this.end();
    }
  }

  /** Throws what was found. */
  end(): void {
    const [first] = this.#faults;
    if (first === undefined) return;
    if (this.#faults.length === 1) throw first;
    throw badZip(this.#faults.map(whyBad).join('\n'));
  }

  #add(entry: Entry): void {
    if (!entry.name.startsWith(this.#prefix)) {
      throw badZip(`${shown(entry.name)} does not begin with ${shown(this.#prefix)}`);
    }
    const path = decode(entry.name.slice(this.#prefix.length));
    if (path === '') return;
    const folder = path.endsWith('/');
    const name = folder ? path.slice(0, -1) : path;
    // CheckFilePath refuses all that is not clean: "//", a leading or trailing "/", "." and "..".
    const fault = checkFilePath(name);
    if (fault !== undefined) throw badZip(`malformed file path ${shown(name)}: ${fault}`);
    const collision = this.#collisions.add(name, folder);
    if (collision !== undefined) throw badZip(collision);
    if (!folder) this.#addFile(name, entry.uncompressed);
  }

  #bound(name: string): void {
    if (name.length > MAX_NAME_BYTES)
      throw badZip(`a name of ${name.length} bytes; the limit is ${MAX_NAME_BYTES}`);
    this.#entries++;
    this.#names += name.length;
    if (this.#entries > MAX_ENTRIES) throw badZip(`more than ${MAX_ENTRIES} entries`);
    if (this.#names > MAX_NAMES_BYTES) throw badZip(`names of more than ${MAX_NAMES_BYTES} bytes`);
  }

  #addFile(name: string, size: number): void {
    checkGoModName(name);
    this.files++;
    this.uncompressed += size;
    if (size < 0 || this.uncompressed > MAX_ZIP_BYTES) {
      throw badZip(`more than ${MAX_ZIP_BYTES} bytes uncompressed`);
    }
    if (name === 'go.mod' && size > MAX_GOMOD_BYTES)
      throw badZip(`go.mod has more than ${MAX_GOMOD_BYTES} bytes`);
    if (name === 'LICENSE' && size > MAX_LICENSE_BYTES) {
      throw badZip(`LICENSE has more than ${MAX_LICENSE_BYTES} bytes`);
    }
  }
}

/** A file with go.mod's name in any case may only be go.mod in the root: elsewhere it would begin another module. */
export function checkGoModName(name: string): void {
  // CheckZip lets it pass, but the go command then fails to read the file go.mod (modfetch.Download).
  if (name.startsWith('go.mod/')) throw badZip(`${shown(name)}: go.mod is a folder`);
  const base = name.slice(name.lastIndexOf('/') + 1);
  if (base.toLowerCase() !== 'go.mod') return;
  if (base !== name) throw badZip(`${shown(name)}: go.mod file not in the module's root folder`);
  if (name !== 'go.mod') throw badZip(`${shown(name)}: go.mod files must have lower-case names`);
}

const ASCII = /^[\0-\x7f]*$/;

/** @param bytes one character per byte */
function decode(bytes: string): string {
  if (ASCII.test(bytes)) return bytes;
  const buffer = Buffer.from(bytes, 'latin1');
  if (!isUtf8(buffer)) throw badZip(`${shown(bytes)}: a name that is not UTF-8`);
  return buffer.toString('utf8');
}
