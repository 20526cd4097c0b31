import { constants, createInflateRaw, inflateRawSync } from 'node:zlib';
import { systemCode } from '../errors/index.ts';

/** What a stream of node:zlib writes through, synchronously. */
interface Handle {
  reset(): void;
  writeSync(
    flush: number,
    input: Uint8Array,
    inputAt: number,
    inputLength: number,
    output: Uint8Array,
    outputAt: number,
    outputLength: number,
  ): void;
  onerror: (message: string) => void;
}

/** bytes of the buffer at first; most source files are smaller */
const USUAL = 256 << 10;
/** bytes; a larger buffer is not kept */
const KEPT = 4 << 20;

/** The data holds more than was allowed. */
export class TooLong extends Error {}

/**
 * Inflates one whole DEFLATE stream after the other into one buffer. inflateRawSync makes a stream, a window and a buffer
 * each time: up to twice the work for files of some kilobytes, and hundreds of MiB for the collector
 * (docs/decisions/0024-zips-checked-while-they-arrive.md). What is used of node:zlib's streams here is not documented,
 * so each inflater tries it on a known stream first, and falls back to inflateRawSync.
 */
export class OnceInflater {
  readonly #inflate: (data: Uint8Array, most: number) => Uint8Array;

  constructor() {
    this.#inflate = works(direct()) ?? atOnce;
  }

  /**
   * @param most bytes that the result may have
   * @returns the result, valid until the next call. Throws TooLong, or an Error where the data is no whole stream; what
   *   follows the stream is left out
   */
  inflate(data: Uint8Array, most: number): Uint8Array {
    return this.#inflate(data, most);
  }
}

type Inflate = (data: Uint8Array, most: number) => Uint8Array;

function direct(): Inflate | undefined {
  const stream: object = createInflateRaw();
  const handle: unknown = Reflect.get(stream, '_handle');
  /** [bytes of output left, bytes of input left] after a write */
  const left: unknown = Reflect.get(stream, '_writeState');
  if (!isHandle(handle) || !(left instanceof Uint32Array)) return undefined;
  let fault: string | undefined;
  handle.onerror = (message) => {
    fault = message;
  };
  let output = Buffer.allocUnsafeSlow(USUAL);
  return (data, most) => {
    // One byte of room beyond it tells a stream that ends there from one that goes on.
    const room = most + 1;
    if (room > output.length || output.length > KEPT) output = Buffer.allocUnsafeSlow(Math.max(room, USUAL));
    fault = undefined;
    handle.reset();
    handle.writeSync(constants.Z_FINISH, data, 0, data.length, output, 0, room);
    if (fault !== undefined) throw new Error(fault);
    const length = room - (left[0] ?? 0);
    if (length > most) throw new TooLong();
    return output.subarray(0, length);
  };
}

function isHandle(handle: unknown): handle is Handle {
  return (
    typeof handle === 'object' &&
    handle !== null &&
    'onerror' in handle &&
    'reset' in handle &&
    typeof handle.reset === 'function' &&
    'writeSync' in handle &&
    typeof handle.writeSync === 'function'
  );
}

const KNOWN = Buffer.from('known text, known text');
/** the same, deflated */
const DEFLATED = Buffer.from('y87LL89TKEmtKNFRyIazAQ==', 'base64');

/** The same where it does all that is asked of it with a whole, a long and a cut stream. */
function works(inflate: Inflate | undefined): Inflate | undefined {
  try {
    if (inflate === undefined || fails(() => inflate(DEFLATED, KNOWN.length - 1)) !== TooLong)
      return undefined;
    if (fails(() => inflate(DEFLATED.subarray(0, -3), KNOWN.length)) !== Error) return undefined;
    return KNOWN.equals(inflate(DEFLATED, KNOWN.length)) ? inflate : undefined;
  } catch {
    return undefined;
  }
}

function fails(work: () => unknown): unknown {
  try {
    work();
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.constructor : undefined;
  }
}

/** The documented way. */
export const atOnce: Inflate = (data, most) => {
  // One byte of room beyond the declared size: zlib then needs no second buffer to see the end.
  const chunkSize = Math.max(most + 1, constants.Z_MIN_CHUNK);
  try {
    return inflateRawSync(data, { chunkSize, maxOutputLength: Math.max(most, 1) });
  } catch (error) {
    throw systemCode(error) === 'ERR_BUFFER_TOO_LARGE' ? new TooLong() : error;
  }
};
