import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Code, explain, ModgateError, toModgateError } from './index.ts';

/** What a caller sees; 404 is for absence alone, since the go command moves on there. */
const STATUSES: readonly [Code, status: number, exit: number][] = [
  ['NOT_FOUND', 404, 1],
  ['INVALID_MODULE', 404, 1],
  ['BAD_ROUTE', 404, 1],
  ['NOT_CACHED', 404, 1],
  ['METHOD_NOT_ALLOWED', 405, 1],
  ['LOOKUP_OFF', 403, 1],
  ['UPSTREAM_DENIED', 502, 1],
  ['UPSTREAM_DENIED_PASSED', 403, 1],
  ['UPSTREAM_RATE_LIMITED', 429, 1],
  ['UPSTREAM_TIMEOUT', 504, 1],
  ['UPSTREAM_UNREACHABLE', 502, 1],
  ['UPSTREAM_TLS', 502, 1],
  ['UPSTREAM_STATUS', 502, 1],
  ['UPSTREAM_BAD_ANSWER', 502, 1],
  ['UPSTREAM_REDIRECT_LOOP', 508, 1],
  ['UPSTREAM_SUSPENDED', 503, 1],
  ['BAD_ZIP', 502, 1],
  ['CHECKSUM_MISMATCH', 502, 1],
  ['IMMUTABLE_CONFLICT', 502, 1],
  ['DISK_FULL', 507, 1],
  ['STORE_FAILED', 500, 1],
  ['OVERLOADED', 503, 1],
  ['SHUTTING_DOWN', 503, 1],
  ['CONFIG_INVALID', 500, 2],
  ['USAGE', 400, 2],
  ['INTERNAL', 500, 70],
];

const SYSTEM: readonly [thrown: unknown, Code][] = [
  [Object.assign(new Error('write'), { code: 'ENOSPC' }), 'DISK_FULL'],
  [Object.assign(new Error('write'), { code: 'EDQUOT' }), 'DISK_FULL'],
  [Object.assign(new Error('read'), { code: 'EIO' }), 'STORE_FAILED'],
  [Object.assign(new Error('open'), { code: 'EMFILE' }), 'OVERLOADED'],
  [new DOMException('left', 'AbortError'), 'CANCELED'],
  [new TypeError('x is undefined'), 'INTERNAL'],
  ['a string', 'INTERNAL'],
  [undefined, 'INTERNAL'],
];

describe('errors', () => {
  for (const [code, status, exit] of STATUSES) {
    it(`${code} → HTTP ${status}, exit ${exit}`, () => {
      const error = new ModgateError(code, 'x');
      assert.deepEqual([error.status, error.exit], [status, exit]);
    });
  }
  for (const [thrown, code] of SYSTEM) {
    it(`${String(thrown)} → ${code}`, () => assert.equal(toModgateError(thrown).code, code));
  }
  it('pass through as they are', () => {
    const error = new ModgateError('NOT_FOUND', 'x');
    assert.equal(toModgateError(error), error);
  });
  it('count as absence only where the origin said so', () => {
    const absent = STATUSES.map(([code]) => code).filter((code) => new ModgateError(code, 'x').absent);
    assert.deepEqual(absent, ['NOT_FOUND', 'INVALID_MODULE']);
  });
});

describe('the text of a refusal', () => {
  it('tells what, the next step and the code', () => {
    const error = new ModgateError('UPSTREAM_TIMEOUT', 'source "corp": no answer', { next: 'try again' });
    assert.equal(
      explain(error),
      'modgate: source "corp": no answer\nnext: try again\ncode: UPSTREAM_TIMEOUT\n',
    );
  });

  /** cmd/go drops a text that has more, and ends it at a blank line or a rune that is not graphic. */
  const HOSTILE: readonly string[] = [
    'x'.repeat(5000),
    'ü'.repeat(2000),
    '🦫'.repeat(1000),
    'a\nb\n\nc\nd\ne\nf\ng\nh\ni\nj\nk',
    'red \u001b[31m and \u0000 zero',
    '\r\n\r\n',
    '\ud800 half a pair',
  ];
  for (const message of HOSTILE) {
    it(`keeps to what the go command shows: ${JSON.stringify(message.slice(0, 20))}…`, () => {
      const text = explain(new ModgateError('BAD_ZIP', message, { next: message }));
      const lines = text.split('\n').slice(0, -1);
      assert.ok(Buffer.byteLength(text) <= 648, `${Buffer.byteLength(text)} bytes`);
      assert.ok(lines.length <= 8, `${lines.length} lines`);
      assert.ok(
        lines.every((line) => line !== '' && /^[\p{L}\p{M}\p{N}\p{P}\p{S} ]+$/u.test(line)),
        text,
      );
      assert.equal(lines.at(-1), 'code: BAD_ZIP');
    });
  }
});
