/** Dynamic DEFLATE blocks with codes as a test wants them (RFC 1951, 3.2.7). */

const CODE_ORDER = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];
/** Code lengths of the code lengths: 0..13 have 4 bits, 14, 15, 17 and 18 have 5; 16 is not used. */
const ORDER_LENGTHS = [4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 5, 5, 0, 5, 5];

export class BlockWriter {
  readonly #bytes: number[] = [];
  #hold = 0;
  #bits = 0;

  get size(): number {
    return this.#bytes.length;
  }

  /**
   * One block that holds these literals.
   * @param literals code lengths of at least 257 symbols; of 256 too
   * @param distances code lengths of at least one symbol
   */
  block(literals: readonly number[], distances: readonly number[], text: readonly number[], last = false) {
    this.#put(last ? 1 : 0, 1);
    this.#put(2, 2);
    this.#put(literals.length - 257, 5);
    this.#put(distances.length - 1, 5);
    this.#put(CODE_ORDER.length - 4, 4);
    for (const symbol of CODE_ORDER) this.#put(ORDER_LENGTHS[symbol] ?? 0, 3);
    this.#lengths([...literals, ...distances]);
    const codes = codesOf(literals);
    for (const symbol of [...text, 256]) this.#code(codes, literals, symbol);
  }

  end(): Buffer {
    return Buffer.from([...this.#bytes, this.#hold]);
  }

  #lengths(lengths: readonly number[]): void {
    const codes = codesOf(ORDER_LENGTHS);
    for (let i = 0; i < lengths.length; ) {
      let zeros = 0;
      while (zeros < 138 && lengths[i + zeros] === 0) zeros++;
      this.#code(codes, ORDER_LENGTHS, zeros < 11 ? (lengths[i] ?? 0) : 18);
      if (zeros >= 11) this.#put(zeros - 11, 7);
      i += zeros < 11 ? 1 : zeros;
    }
  }

  /** The first bit of a code is its highest. */
  #code(codes: readonly number[], lengths: readonly number[], symbol: number): void {
    for (let bit = (lengths[symbol] ?? 0) - 1; bit >= 0; bit--)
      this.#put(((codes[symbol] ?? 0) >> bit) & 1, 1);
  }

  #put(value: number, count: number): void {
    for (let i = 0; i < count; i++) {
      this.#hold |= ((value >> i) & 1) << this.#bits;
      if (++this.#bits < 8) continue;
      this.#bytes.push(this.#hold);
      this.#hold = 0;
      this.#bits = 0;
    }
  }
}

function codesOf(lengths: readonly number[]): number[] {
  const codes = lengths.map(() => 0);
  let code = 0;
  for (let bits = 1; bits <= 15; bits++, code <<= 1) {
    for (const [symbol, length] of lengths.entries()) if (length === bits) codes[symbol] = code++;
  }
  return codes;
}

/** Lengths of a complete code with this many symbols: each choice, 0..1, says which one gets a sibling next. */
export function completeLengths(count: number, choose: () => number): number[] {
  const leaves = [1, 1];
  while (leaves.length < count) {
    const shallow = leaves.flatMap((bits, i) => (bits < 15 ? [i] : []));
    const at = shallow[Math.floor(choose() * shallow.length)] ?? 0;
    const bits = (leaves[at] ?? 0) + 1;
    leaves[at] = bits;
    leaves.push(bits);
  }
  return leaves;
}
