/**
 * Digests the entries of a zip while it still arrives, so that the check at its end finds most of the work done. What
 * is found here is a guess about where entries lie: the central directory, which alone counts, comes last. So a digest
 * is only used where the directory names exactly the same bytes, compressed in the same way; a digest of given bytes is
 * the same whoever asks. The first thing that is not plain ends it: the check then does the rest itself.
 */
import { closeSync, openSync } from 'node:fs';
import {
  DEFLATED,
  type Digest,
  digestData,
  type KnownDigests,
  LOCAL_LENGTH,
  LOCAL_SIGNATURE,
  ONE_SHOT,
  STORED,
} from './content.ts';
import { RandomFile } from './file.ts';
import { MAX_ZIP_BYTES } from './limits.ts';

const DESCRIPTOR = Buffer.from('PK\x07\x08', 'latin1');
/** with signature, CRC32 and two sizes of 32 bits */
const DESCRIPTOR_LENGTH = 16;
const HAS_DESCRIPTOR = 0x8;
const MAX_UINT32 = 0xffffffff;
/** Entries whose digests are kept; more are left to the check. */
const MAX_KNOWN = 100_000;
/** compressed bytes of one step, so that another check on the same thread need not wait long */
const STEP = 2 << 20;

interface Known {
  /** place of the data in the file */
  readonly start: number;
  /** bytes, compressed */
  readonly length: number;
  readonly method: number;
  readonly digest: Digest;
}

/** An entry's data, as its local header says. */
interface Local {
  readonly start: number;
  readonly method: number;
  /** undefined: a data descriptor behind the data says it */
  readonly sizes: { readonly compressed: number; readonly uncompressed: number } | undefined;
}

export class AheadDigests implements KnownDigests {
  readonly #fd: number;
  readonly #file: RandomFile;
  /** of the local header → what was found there */
  readonly #known = new Map<number, Known>();
  /** place of the next local header */
  #at = 0;
  /** from where on the descriptor of the entry at hand is looked for */
  #searched = 0;
  #ended = false;
  /** bytes that may still be unpacked */
  #budget = MAX_ZIP_BYTES;

  constructor(file: string) {
    this.#fd = openSync(file, 'r');
    this.#file = new RandomFile(this.#fd);
  }

  /**
   * Goes on as far as there are whole entries.
   * @param size bytes of the file that are there now
   * @returns false where more could be done at once in another step
   */
  grow(size: number): boolean {
    this.#file.grow(size);
    const until = this.#at + STEP;
    while (!this.#ended && this.#at < until) {
      if (!this.#next(size)) return true;
    }
    return this.#ended;
  }

  /** The digest of data at a place, where it is known. */
  find(offset: number, start: number, length: number, method: number): Digest | undefined {
    const known = this.#known.get(offset);
    const same = known?.start === start && known.length === length && known.method === method;
    return same ? known.digest : undefined;
  }

  close(): void {
    closeSync(this.#fd);
  }

  /** False where the next entry is not there as a whole. */
  #next(size: number): boolean {
    const local = this.#local(size);
    if (local === undefined || this.#ended) return false;
    const { start, method, sizes } = local;
    const end = sizes === undefined ? this.#findDescriptor(start, size) : start + sizes.compressed;
    if (end === undefined || end > size) {
      // A large entry is read in pieces by the check; waiting for it here would hold up all that follow.
      if (size - start > ONE_SHOT) this.#ended = true;
      return false;
    }
    const uncompressed = sizes?.uncompressed ?? this.#file.view(end + 12, 4).readUInt32LE(0);
    this.#digest(start, end - start, method, uncompressed);
    this.#at = sizes === undefined ? end + DESCRIPTOR_LENGTH : end;
    this.#searched = 0;
    return !this.#ended;
  }

  #local(size: number): Local | undefined {
    if (this.#at + LOCAL_LENGTH > size) return undefined;
    const header = this.#file.view(this.#at, LOCAL_LENGTH);
    if (header.length < LOCAL_LENGTH) return undefined;
    const method = header.readUInt16LE(8);
    const flags = header.readUInt16LE(6);
    const compressed = header.readUInt32LE(18);
    const uncompressed = header.readUInt32LE(22);
    const start = this.#at + LOCAL_LENGTH + header.readUInt16LE(26) + header.readUInt16LE(28);
    const described = (flags & HAS_DESCRIPTOR) !== 0;
    const plain =
      header.readUInt32LE(0) === LOCAL_SIGNATURE &&
      (method === DEFLATED || (method === STORED && !described)) &&
      compressed !== MAX_UINT32 &&
      uncompressed !== MAX_UINT32;
    if (!plain) {
      this.#ended = true;
      return undefined;
    }
    return { start, method, sizes: described ? undefined : { compressed, uncompressed } };
  }

  /** Where a descriptor stands that says of itself how far it is from the data's start. */
  #findDescriptor(start: number, size: number): number | undefined {
    let from = Math.max(start, this.#searched);
    while (from + DESCRIPTOR_LENGTH <= size && size - start <= 2 * ONE_SHOT) {
      const data = this.#file.some(from, size - from);
      const found = data.indexOf(DESCRIPTOR);
      if (found < 0) {
        // Its first bytes may be the last ones here.
        from += Math.max(data.length - DESCRIPTOR.length + 1, 1);
        continue;
      }
      const at = from + found;
      if (at + DESCRIPTOR_LENGTH > size) break;
      if (this.#file.view(at + 8, 4).readUInt32LE(0) === at - start) return at;
      from = at + 1;
    }
    this.#searched = from;
    return undefined;
  }

  #digest(start: number, length: number, method: number, uncompressed: number): void {
    this.#budget -= Math.max(length, uncompressed);
    const small = Math.max(length, uncompressed) <= ONE_SHOT;
    const digest =
      small && this.#budget >= 0 && this.#known.size < MAX_KNOWN
        ? digestData(this.#file.view(start, length), method, uncompressed)
        : undefined;
    if (digest === undefined) this.#ended = true;
    else this.#known.set(this.#at, { start, length, method, digest });
  }
}
