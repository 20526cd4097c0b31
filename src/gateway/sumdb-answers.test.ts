import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { ModgateError } from '../errors/index.ts';
import { checkSumdbAnswer } from './sumdb-answers.ts';

const HASH = `${'A'.repeat(43)}=`;
const NOTE = `go.sum database tree\n10\n${HASH}\n\n\u2014 sum.example.com Az3grkwA\n`;
const RECORD = `example.com/plain v1.0.0 h1:${HASH}\nexample.com/plain v1.0.0/go.mod h1:${HASH}\n`;
const PAGE = '<!DOCTYPE html><title>Log in</title>';

const TABLE: readonly [endpoint: string, body: string | Buffer, fits: boolean][] = [
  ['supported', '', true],
  ['supported', PAGE, false],
  ['latest', NOTE, true],
  ['latest', `${NOTE}\u2014 sum.example.com+2 Az3grkwB\n`, true],
  ['latest', PAGE, false],
  ['latest', '', false],
  ['lookup/example.com/plain@v1.0.0', `3\n${RECORD}\n${NOTE}`, true],
  ['lookup/example.com/plain@v1.0.0', `3\n${RECORD}`, false],
  ['lookup/example.com/plain@v1.0.0', `3\n\n${NOTE}`, false],
  ['lookup/example.com/plain@v1.0.0', PAGE, false],
  ['tile/8/0/000', Buffer.alloc(8192), true],
  ['tile/8/0/000', Buffer.alloc(8191), false],
  ['tile/8/1/x001/234.p/7', Buffer.alloc(224), true],
  ['tile/8/1/x001/234.p/7', Buffer.alloc(256), false],
  ['tile/8/0/000', PAGE, false],
  ['tile/8/data/000', RECORD, true],
  ['tile/8/data/000', PAGE, false],
];

describe('answers of a checksum database', () => {
  for (const [endpoint, body, fits] of TABLE) {
    it(`${endpoint} ${JSON.stringify(body.toString().slice(0, 20))} ${fits ? 'passes' : 'is refused'}`, () => {
      const check = () => checkSumdbAnswer(endpoint, Buffer.from(body), 'corp');
      if (fits) check();
      else assert.throws(check, { code: 'UPSTREAM_BAD_ANSWER' });
    });
  }

  it('of any content pass or are a coded error, at once', () => {
    const endpoint = fc.constantFrom(
      'supported',
      'latest',
      'lookup/example.com/a@v1.0.0',
      'tile/8/0/000.p/3',
      'tile/8/data/000',
    );
    const body = fc.array(fc.constantFrom('1', '\n', 'a', ' h1:', HASH, '\u2014 x y\n', RECORD, NOTE), {
      maxLength: 60,
    });
    fc.assert(
      fc.property(endpoint, body, (at, parts) => {
        try {
          checkSumdbAnswer(at, Buffer.from(parts.join('')), 'corp');
        } catch (error) {
          assert.ok(error instanceof ModgateError, String(error));
        }
      }),
      { numRuns: 1000 },
    );
  });
});
