/**
 * Inflates a DEFLATE stream (RFC 1951) piece by piece in bounded memory, synchronously. node:zlib does that only
 * in one shot or asynchronously; it is faster, so small files go there and only big ones come here. Refuses
 * what Go's compress/flate refuses. The stream is the attacker's.
 */
import { Codes, CorruptDeflate, MAX_BITS } from './huffman.ts';

export { CorruptDeflate };

/** Fills the buffer from its start and returns how many bytes; 0 at the end of the input. */
export type Fill = (buffer: Uint8Array) => number;
/** Takes a piece of the output, valid until it returns; what it throws ends the inflation. */
export type Sink = (piece: Uint8Array) => void;

const WINDOW = 32 << 10;
const INPUT = 64 << 10;
const OUTPUT = 256 << 10;
const MAX_MATCH = 258;
const END_OF_BLOCK = 256;
const CODE_ORDER = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];
const MAX_LITERALS = 286;
const MAX_DISTANCES = 30;
/** Bits of the root tables, as in zlib: few distances are used often. */
const LITERAL_ROOT = 9;
const DISTANCE_ROOT = 6;
/** longest code of a code length */
const ORDER_ROOT = 7;

/** First value and count of extra bits of each length symbol (257 and up) and distance symbol. */
const LENGTHS = series(29, 3, (i) => (i < 8 ? 0 : (i - 4) >> 2));
const DISTANCES = series(30, 1, (i) => (i < 4 ? 0 : (i - 2) >> 1));
// The last length symbol stands for 258 alone.
LENGTHS.base[28] = MAX_MATCH;
LENGTHS.extra[28] = 0;

function series(count: number, first: number, extraOf: (i: number) => number) {
  const base = new Uint16Array(count);
  const extra = new Uint8Array(count);
  let next = first;
  for (let i = 0; i < count; i++) {
    base[i] = next;
    extra[i] = extraOf(i);
    next += 1 << extraOf(i);
  }
  return { base, extra };
}

function fixedCodes(): { literals: Codes; distances: Codes } {
  const lengths = new Uint8Array(288 + 32).fill(8);
  lengths.fill(9, 144, 256).fill(7, 256, 280).fill(5, 288);
  const fixed = { literals: new Codes(LITERAL_ROOT), distances: new Codes(DISTANCE_ROOT) };
  fixed.literals.build(lengths, 0, 288);
  fixed.distances.build(lengths, 288, lengths.length);
  return fixed;
}
const FIXED = fixedCodes();

class Inflater {
  readonly #fill: Fill;
  readonly #sink: Sink;
  readonly #input = new Uint8Array(INPUT);
  #inputAt = 0;
  #inputEnd = 0;
  /** bits that are read and not used yet, the next one lowest */
  #hold = 0;
  #bits = 0;
  /** up to 32 KiB of history, then output that the sink has not seen */
  readonly #output = new Uint8Array(WINDOW + OUTPUT);
  #at = 0;
  /** start of what the sink has not seen */
  #unseen = 0;
  // The codes of a dynamic block, in memory that the blocks share: a hostile stream has one in 20 bytes.
  readonly #orders = new Codes(ORDER_ROOT);
  readonly #literals = new Codes(LITERAL_ROOT);
  readonly #distances = new Codes(DISTANCE_ROOT);
  readonly #lengths = new Uint8Array(MAX_LITERALS + MAX_DISTANCES);

  constructor(fill: Fill, sink: Sink) {
    this.#fill = fill;
    this.#sink = sink;
  }

  run(): void {
    for (let final = false; !final; ) {
      final = this.#take(1) === 1;
      const type = this.#take(2);
      if (type === 0) this.#stored();
      else if (type === 1) this.#block(FIXED.literals, FIXED.distances);
      else if (type === 2) this.#dynamic();
      else throw new CorruptDeflate('bad block type');
    }
    this.#sink(this.#output.subarray(this.#unseen, this.#at));
  }

  /** Afterwards at least 25 bits are held, unless the input ends. */
  #refill(): void {
    while (this.#bits <= 24) {
      if (this.#inputAt === this.#inputEnd && !this.#more()) return;
      this.#hold |= (this.#input[this.#inputAt++] ?? 0) << this.#bits;
      this.#bits += 8;
    }
  }

  #more(): boolean {
    this.#inputEnd = this.#fill(this.#input);
    this.#inputAt = 0;
    return this.#inputEnd > 0;
  }

  /** @param count 0..16 */
  #take(count: number): number {
    if (this.#bits < count) this.#refill();
    if (this.#bits < count) throw new CorruptDeflate('unexpected end');
    const value = this.#hold & ((1 << count) - 1);
    this.#hold >>>= count;
    this.#bits -= count;
    return value;
  }

  #symbol(codes: Codes): number {
    if (this.#bits < MAX_BITS) this.#refill();
    let code = codes.entries[this.#hold & codes.rootMask] ?? 0;
    let length = code & 15;
    if (length === 0 && code !== 0) {
      const behind = (this.#hold >>> codes.rootBits) & ((1 << ((code >> 4) & 15)) - 1);
      code = codes.entries[(code >> 8) + behind] ?? 0;
      length = code & 15;
    }
    if (length === 0 || length > this.#bits) throw new CorruptDeflate('bad code or unexpected end');
    this.#hold >>>= length;
    this.#bits -= length;
    return code >> 8;
  }

  #stored(): void {
    this.#take(this.#bits & 7);
    const length = this.#take(16);
    if (length !== (~this.#take(16) & 0xffff)) throw new CorruptDeflate('bad length of a stored block');
    for (let left = length; left > 0; ) {
      this.#makeRoom();
      if (this.#bits > 0) {
        this.#output[this.#at++] = this.#take(8);
        left--;
        continue;
      }
      if (this.#inputAt === this.#inputEnd && !this.#more()) throw new CorruptDeflate('unexpected end');
      const room = Math.min(left, this.#inputEnd - this.#inputAt, this.#output.length - this.#at);
      this.#output.set(this.#input.subarray(this.#inputAt, this.#inputAt + room), this.#at);
      this.#inputAt += room;
      this.#at += room;
      left -= room;
    }
  }

  #dynamic(): void {
    const literals = this.#take(5) + 257;
    const distances = this.#take(5) + 1;
    const orders = this.#take(4) + 4;
    if (literals > MAX_LITERALS || distances > MAX_DISTANCES) throw new CorruptDeflate('too many codes');
    const lengths = this.#lengths.fill(0, 0, CODE_ORDER.length);
    for (let i = 0; i < orders; i++) lengths[CODE_ORDER[i] ?? 0] = this.#take(3);
    this.#orders.build(lengths, 0, CODE_ORDER.length);
    this.#codeLengths(literals + distances);
    this.#literals.build(lengths, 0, literals);
    this.#distances.build(lengths, literals, literals + distances);
    this.#block(this.#literals, this.#distances);
  }

  #codeLengths(count: number): void {
    const lengths = this.#lengths;
    for (let i = 0; i < count; ) {
      const symbol = this.#symbol(this.#orders);
      if (symbol < 16) {
        lengths[i++] = symbol;
        continue;
      }
      if (symbol === 16 && i === 0) throw new CorruptDeflate('nothing to repeat');
      const repeated = symbol === 16 ? (lengths[i - 1] ?? 0) : 0;
      const times =
        symbol === 16 ? 3 + this.#take(2) : symbol === 17 ? 3 + this.#take(3) : 11 + this.#take(7);
      if (i + times > count) throw new CorruptDeflate('too many code lengths');
      lengths.fill(repeated, i, i + times);
      i += times;
    }
  }

  #block(literals: Codes, distances: Codes): void {
    for (;;) {
      if (this.#output.length - this.#at < MAX_MATCH) this.#makeRoom();
      const symbol = this.#symbol(literals);
      if (symbol < END_OF_BLOCK) {
        this.#output[this.#at++] = symbol;
        continue;
      }
      if (symbol === END_OF_BLOCK) return;
      const base = LENGTHS.base[symbol - 257];
      if (base === undefined) throw new CorruptDeflate('bad length');
      const length = base + this.#take(LENGTHS.extra[symbol - 257] ?? 0);
      const distanceSymbol = this.#symbol(distances);
      const distanceBase = DISTANCES.base[distanceSymbol];
      if (distanceBase === undefined) throw new CorruptDeflate('bad distance');
      this.#copy(length, distanceBase + this.#take(DISTANCES.extra[distanceSymbol] ?? 0));
    }
  }

  #copy(length: number, distance: number): void {
    const output = this.#output;
    const from = this.#at - distance;
    if (from < 0) throw new CorruptDeflate('distance too far back');
    if (distance >= length) {
      output.copyWithin(this.#at, from, from + length);
    } else {
      // The copy reads what it writes.
      for (let i = 0; i < length; i++) output[this.#at + i] = output[from + i] ?? 0;
    }
    this.#at += length;
  }

  /** Hands the output over and keeps the last 32 KiB, which the stream may still refer to. */
  #makeRoom(): void {
    if (this.#output.length - this.#at >= MAX_MATCH) return;
    this.#sink(this.#output.subarray(this.#unseen, this.#at));
    this.#output.copyWithin(0, this.#at - WINDOW, this.#at);
    this.#at = WINDOW;
    this.#unseen = WINDOW;
  }
}

/**
 * Inflates until the stream's own end; what follows it in the input is left alone. Throws CorruptDeflate.
 * Takes about 0.4 MiB whatever the sizes.
 */
export function inflate(fill: Fill, sink: Sink): void {
  new Inflater(fill, sink).run();
}
