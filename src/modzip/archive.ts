/**
 * Zips as `git archive` writes them, read from the first byte to the last while they arrive. Every byte may come from
 * a broken or hostile git; the memory is bounded by one piece of the stream and one name.
 *
 * A local header, which comes first, knows no file modes: a symbolic link looks like a file that holds its target.
 * Who reads must know from the tree which is which.
 */
import { ModgateError } from '../errors/index.ts';
import { DEFLATED, LOCAL_LENGTH, LOCAL_SIGNATURE, STORED } from './content.ts';
import type { ZipEntry } from './entry.ts';
import { shown } from './fault.ts';
import { StreamReader } from './stream-reader.ts';
import { passOverDeflated } from './streamed.ts';

/** A file of an archive; `name` is the whole name in it, with the prefix of the archive. */
export type ArchiveEntry = ZipEntry;

const CENTRAL_SIGNATURE = 0x02014b50;
const CENTRAL_LENGTH = 46;
const END64_SIGNATURE = 0x06064b50;
const LOCATOR64_SIGNATURE = 0x07064b50;
const LOCATOR64_LENGTH = 20;
const END_SIGNATURE = 0x06054b50;
const END_LENGTH = 22;
const DESCRIPTOR_SIGNATURE = 0x08074b50;
const DESCRIPTOR_LENGTH = 16;
const DESCRIPTOR64_LENGTH = 24;
const SIGNATURE_LENGTH = 4;
const ZIP64_EXTRA = 1;
const MAX_UINT16 = 0xffff;
const MAX_UINT32 = 0xffffffff;
/** sizes follow the data */
const STREAMED = 0x8;
/** how well it was compressed, and UTF-8: what changes nothing in how an entry is read */
const HARMLESS = 0x806;

/**
 * The files of an archive in its order, the data taken over as it is: neither inflated nor compared with its CRC32.
 * Passed over are folders, files above git's core.bigFileThreshold (512 MiB, so that no module can have one), whose
 * sizes stand behind their data, and data that nobody reads before asking for the next entry.
 *
 * VCS_FAILED where the stream is cut off or no archive of git; BAD_MODULE where it is larger than 500 MiB, as for the
 * go command. The failures of the stream itself are handed on. Leaving early ends the stream.
 */
export async function* archiveEntries(
  stream: AsyncIterable<Buffer>,
): AsyncGenerator<ArchiveEntry, void, undefined> {
  const archive = new Archive(new StreamReader(stream));
  try {
    for (let entry = await archive.next(); entry !== undefined; entry = await archive.next()) yield entry;
    await archive.finish();
  } finally {
    await archive.close();
  }
}

/** What stands in a local header. */
interface Header {
  readonly flags: number;
  readonly method: number;
  readonly crc: number;
  readonly compressed: number;
  readonly size: number;
  /** bytes */
  readonly nameLength: number;
  readonly extraLength: number;
}

class Archive {
  readonly #reader: StreamReader;
  /** data of the last entry that nobody has read */
  #rest: Rest | undefined;
  #entries = 0;
  /** the signature that ended the entries */
  #signature = 0;

  constructor(reader: StreamReader) {
    this.#reader = reader;
  }

  /** The next file; undefined where the directory begins. */
  async next(): Promise<ArchiveEntry | undefined> {
    for (;;) {
      await this.#rest?.skip();
      this.#rest = undefined;
      this.#signature = await this.#nextSignature();
      if (this.#signature !== LOCAL_SIGNATURE) return undefined;
      this.#entries++;
      const header = readHeader(await this.#take(LOCAL_LENGTH - SIGNATURE_LENGTH));
      const names = await this.#take(header.nameLength + header.extraLength);
      const name = names.toString('utf8', 0, header.nameLength);
      if ((header.flags & ~(HARMLESS | STREAMED)) !== 0)
        throw broken(`${shown(name)} has flags ${header.flags}`);
      if ((header.flags & STREAMED) !== 0) await this.#passOverStreamed(name, header);
      else {
        const entry = this.#entry(name, header, names.subarray(header.nameLength));
        if (!name.endsWith('/')) return entry;
      }
    }
  }

  #entry(name: string, header: Header, extra: Buffer): ArchiveEntry {
    const { method, crc } = header;
    if (method !== STORED && method !== DEFLATED)
      throw broken(`${shown(name)} is compressed by method ${method}`);
    const { size, compressed } = wholeSizes(name, header, extra);
    if (method === STORED && size !== compressed) throw broken(`${shown(name)} is stored and has two sizes`);
    const here = this.#reader.here(compressed);
    if (here !== undefined) return { name, method, crc, size, compressed, data: [here] };
    this.#rest = new Rest(this.#reader, compressed);
    return { name, method, crc, size, compressed, data: this.#rest };
  }

  async #passOverStreamed(name: string, { method }: Header): Promise<void> {
    if (method !== DEFLATED) throw broken(`${shown(name)} is streamed by method ${method}`);
    const data = await passOverDeflated(this.#reader).catch((cause: unknown) => {
      throw broken(`${shown(name)} is not deflated`, cause);
    });
    if (data === undefined) throw cutOff();
    const is64 = data.size > MAX_UINT32 || data.compressed > MAX_UINT32;
    const descriptor = await this.#take(is64 ? DESCRIPTOR64_LENGTH : DESCRIPTOR_LENGTH);
    if (descriptor.readUInt32LE() !== DESCRIPTOR_SIGNATURE) throw broken(`no sizes behind ${shown(name)}`);
  }

  /** Reads the directory and what follows, so that an archive that is cut off there is found out. */
  async finish(): Promise<void> {
    let headers = 0;
    let signature = this.#signature;
    for (; signature === CENTRAL_SIGNATURE; signature = await this.#nextSignature()) {
      const header = await this.#take(CENTRAL_LENGTH - SIGNATURE_LENGTH);
      await this.#take(header.readUInt16LE(24) + header.readUInt16LE(26) + header.readUInt16LE(28));
      headers++;
    }
    if (headers !== this.#entries)
      throw broken(`it has ${this.#entries} entries and a directory of ${headers}`);
    if (signature === END64_SIGNATURE) signature = await this.#skipEnd64();
    if (signature !== END_SIGNATURE) throw broken('bytes that belong to no entry');
    const end = await this.#take(END_LENGTH - SIGNATURE_LENGTH);
    await this.#take(end.readUInt16LE(16));
    if ((await this.#reader.some(1)) !== undefined) throw broken('bytes behind its end');
  }

  async #skipEnd64(): Promise<number> {
    const length = (await this.#take(8)).readBigUInt64LE();
    if (length > BigInt(MAX_UINT16)) throw broken('a zip64 end record that is too long');
    await this.#take(Number(length));
    const locator = await this.#nextSignature();
    if (locator !== LOCATOR64_SIGNATURE) throw broken('no zip64 locator');
    await this.#take(LOCATOR64_LENGTH - SIGNATURE_LENGTH);
    return this.#nextSignature();
  }

  async #nextSignature(): Promise<number> {
    return (await this.#take(SIGNATURE_LENGTH)).readUInt32LE();
  }

  async #take(length: number): Promise<Buffer> {
    const bytes = this.#reader.here(length) ?? (await this.#reader.take(length));
    if (bytes.length < length) throw cutOff();
    return bytes;
  }

  close(): Promise<void> {
    return this.#reader.close();
  }
}

/** Data that has not arrived as a whole. */
class Rest implements AsyncIterable<Buffer> {
  readonly #reader: StreamReader;
  /** bytes */
  #left: number;

  constructor(reader: StreamReader, length: number) {
    this.#reader = reader;
    this.#left = length;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Buffer, void, undefined> {
    while (this.#left > 0) yield await this.#next();
  }

  async skip(): Promise<void> {
    while (this.#left > 0) await this.#next();
  }

  async #next(): Promise<Buffer> {
    const piece = await this.#reader.some(this.#left);
    if (piece === undefined) throw cutOff();
    this.#left -= piece.length;
    return piece;
  }
}

/** @param bytes behind the signature */
function readHeader(bytes: Buffer): Header {
  return {
    flags: bytes.readUInt16LE(2),
    method: bytes.readUInt16LE(4),
    crc: bytes.readUInt32LE(10),
    compressed: bytes.readUInt32LE(14),
    size: bytes.readUInt32LE(18),
    nameLength: bytes.readUInt16LE(22),
    extraLength: bytes.readUInt16LE(24),
  };
}

/** The sizes, from the zip64 extra where the header has no room; there they stand both. */
function wholeSizes(name: string, { size, compressed }: Header, extra: Buffer) {
  if (size !== MAX_UINT32 && compressed !== MAX_UINT32) return { size, compressed };
  for (let at = 0; at + 4 <= extra.length; at += 4 + extra.readUInt16LE(at + 2)) {
    if (extra.readUInt16LE(at) !== ZIP64_EXTRA || at + 20 > extra.length) continue;
    const sizes = { size: extra.readBigUInt64LE(at + 4), compressed: extra.readBigUInt64LE(at + 12) };
    return { size: Number(sizes.size), compressed: Number(sizes.compressed) };
  }
  throw broken(`${shown(name)} has no sizes`);
}

function cutOff() {
  return broken('it is cut off');
}

function broken(why: string, cause?: unknown) {
  return new ModgateError('VCS_FAILED', `the archive that git made cannot be read: ${why}`, {
    cause,
    next: 'try again; if it stays, run git fsck on the repository and look at the git command of the gateway',
  });
}
