/**
 * The canonical Huffman codes of DEFLATE (RFC 1951, 3.2.2) and their decoding tables. The stream may bring new
 * codes with every few bytes, so a table costs what its codes need: the first bits of the stream lead into a
 * root table, and only longer codes have tables of their own behind it, each as big as its longest code.
 */

export class CorruptDeflate extends Error {}

/** Longest code, bits. */
export const MAX_BITS = 15;
/** The fixed literals have the most symbols. */
const MAX_SYMBOLS = 288;
/**
 * Enough for any codes: a table of n bits behind the root holds n + 1 symbols at least. With a root of 9 bits that
 * makes 512 + 288 / 7 * 64 entries at most, with one of 6 bits and 32 symbols 64 + 32 / 10 * 512.
 */
const ENTRIES = 4096;

/** One set of codes at a time; its memory is used again by the next build. */
export class Codes {
  /**
   * By the next `rootBits` bits of the stream: symbol << 8 | code length; or, where the codes are longer, with a
   * length of 0, start of the table for the bits that follow << 8 | how many bits it looks at << 4; or 0 where no
   * code has these bits. The length in a table behind the root is the whole code's.
   */
  readonly entries = new Uint32Array(ENTRIES);
  rootBits = 0;
  rootMask = 0;
  readonly #rootLimit: number;
  /** codes of each length that have no entry yet */
  readonly #count = new Uint16Array(MAX_BITS + 1);
  /** where in #symbols those of each length go; afterwards where they end */
  readonly #next = new Uint16Array(MAX_BITS + 2);
  /** symbols in the order of their codes */
  readonly #symbols = new Uint16Array(MAX_SYMBOLS);

  /** @param rootLimit bits that the root table looks at, at most; 6..9 */
  constructor(rootLimit: number) {
    this.#rootLimit = rootLimit;
  }

  /**
   * Takes over the codes whose lengths are lengths[from..to), by the rules of compress/flate: neither over- nor
   * undersubscribed, but for a lone code of one bit. No code at all is fine until one is needed.
   */
  build(lengths: Uint8Array, from: number, to: number): void {
    const max = this.#sort(lengths, from, to);
    this.rootBits = Math.min(max, this.#rootLimit);
    this.rootMask = (1 << this.rootBits) - 1;
    // Complete codes overwrite all the entries that they use; these are for the two kinds that do not.
    this.entries[0] = 0;
    this.entries[1] = 0;
    if (max > 0) this.#fill(lengths, from, max);
  }

  /** @returns the length of the longest code; 0 where there is none */
  #sort(lengths: Uint8Array, from: number, to: number): number {
    const count = this.#count.fill(0);
    for (let i = from; i < to; i++) {
      const bits = lengths[i] ?? 0;
      count[bits] = (count[bits] ?? 0) + 1;
    }
    count[0] = 0;
    let max = MAX_BITS;
    while (max > 0 && count[max] === 0) max--;
    const next = this.#next;
    let codes = 0;
    next[1] = 0;
    for (let bits = 1; bits <= max; bits++) {
      codes = (codes << 1) + (count[bits] ?? 0);
      next[bits + 1] = (next[bits] ?? 0) + (count[bits] ?? 0);
    }
    if (max > 0 && codes !== 1 << max && !(codes === 1 && max === 1)) {
      throw new CorruptDeflate('bad Huffman code');
    }
    for (let i = from; i < to; i++) {
      const bits = lengths[i] ?? 0;
      if (bits === 0) continue;
      const place = next[bits] ?? 0;
      this.#symbols[place] = i - from;
      next[bits] = place + 1;
    }
    return max;
  }

  /** Codes in their order have each prefix of the root's length in one run. */
  #fill(lengths: Uint8Array, from: number, max: number): void {
    const { entries, rootBits, rootMask } = this;
    const used = this.#next[max] ?? 0;
    // Its first bit is the lowest, as in the stream.
    let code = 0;
    let prefix = -1;
    let start = 0;
    let size = 1 << rootBits;
    let skipped = 0;
    for (let i = 0; i < used; i++) {
      const symbol = this.#symbols[i] ?? 0;
      const length = lengths[from + symbol] ?? 0;
      if (length > rootBits && (code & rootMask) !== prefix) {
        const bits = this.#bitsBehind(length, max);
        prefix = code & rootMask;
        start += size;
        size = 1 << bits;
        skipped = rootBits;
        entries[prefix] = (start << 8) | (bits << 4);
      }
      const entry = (symbol << 8) | length;
      const end = start + size;
      const step = 1 << (length - skipped);
      for (let at = start + (code >> skipped); at < end; at += step) entries[at] = entry;
      this.#count[length] = (this.#count[length] ?? 0) - 1;
      code = following(code, length);
    }
  }

  /** Bits of the longest code with the prefix whose first code has this length. */
  #bitsBehind(length: number, max: number): number {
    let bits = length - this.rootBits;
    let left = 1 << bits;
    for (; bits + this.rootBits < max; bits++) {
      left -= this.#count[bits + this.rootBits] ?? 0;
      if (left <= 0) break;
      left <<= 1;
    }
    return bits;
  }
}

/** The code after this one, whose last bit is the highest: the carry runs down. */
function following(code: number, length: number): number {
  let bit = 1 << (length - 1);
  while ((code & bit) !== 0) bit >>= 1;
  return (code & (bit - 1)) | bit;
}
