import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { deflateRawSync } from 'node:zlib';
import fc from 'fast-check';
import { atOnce, OnceInflater, TooLong } from './inflate-once.ts';

/** The bytes in hex, or the kind of the failure. */
function outcome(
  inflate: (data: Uint8Array, most: number) => Uint8Array,
  data: Uint8Array,
  most: number,
): string {
  try {
    return Buffer.from(inflate(data, most)).toString('hex');
  } catch (error) {
    return error instanceof TooLong ? 'too long' : 'corrupt';
  }
}

const inflater = new OnceInflater();
const once = (data: Uint8Array, most: number) => inflater.inflate(data, most);

describe('inflating into one buffer', () => {
  const text = Buffer.from('a text, a text and the same text again');
  const large = Buffer.alloc(5 << 20, 'large ');
  const CASES: [what: string, data: Uint8Array, most: number, expected: Buffer | string][] = [
    ['as many bytes as allowed', deflateRawSync(text), text.length, text],
    ['fewer than allowed', deflateRawSync(text), 1000, text],
    ['more than allowed', deflateRawSync(text), text.length - 1, 'too long'],
    ['nothing', deflateRawSync(Buffer.alloc(0)), 0, Buffer.alloc(0)],
    ['nothing allowed', deflateRawSync(text), 0, 'too long'],
    ['larger than the buffer', deflateRawSync(large), large.length, large],
    ['small again after that', deflateRawSync(text), text.length, text],
    ['cut off', deflateRawSync(text).subarray(0, -4), text.length, 'corrupt'],
    ['no DEFLATE', Buffer.alloc(20, 0xff), 100, 'corrupt'],
    ['no data at all', Buffer.alloc(0), 100, 'corrupt'],
    ['bytes behind the end', Buffer.concat([deflateRawSync(text), Buffer.from('rest')]), 100, text],
  ];
  for (const [what, data, most, expected] of CASES) {
    test(what, () =>
      assert.equal(
        outcome(once, data, most),
        typeof expected === 'string' ? expected : expected.toString('hex'),
      ),
    );
  }

  test('does not fall back on this Node', () => {
    const first = inflater.inflate(deflateRawSync(text), text.length);
    const second = inflater.inflate(deflateRawSync(text), text.length);
    assert.equal(first.buffer, second.buffer);
  });

  test('fuzz: is the same as the documented way, whatever the bytes', () => {
    const stream = fc.uint8Array({ maxLength: 400 }).map((data) => deflateRawSync(data));
    const edits = fc.array(fc.tuple(fc.nat(400), fc.nat(255)), { maxLength: 3 });
    fc.assert(
      fc.property(stream, edits, fc.nat(500), fc.nat(400), (data, changes, most, cut) => {
        const bytes = Buffer.from(data.subarray(0, changes.length === 0 ? data.length : cut));
        for (const [at, value] of changes) if (at < bytes.length) bytes[at] = value;
        // Which comes first of two faults depends on the room; with nothing allowed the documented way makes one byte.
        const refused = (text: string) => text.replace(/^(?:too long|corrupt)$/, 'refused');
        const usual = refused(outcome(atOnce, bytes, most));
        if (most > 0) assert.equal(refused(outcome(once, bytes, most)), usual);
      }),
      { numRuns: 5000, interruptAfterTimeLimit: 3000 },
    );
  });
});
