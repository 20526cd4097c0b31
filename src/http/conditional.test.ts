import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { acceptsGzip } from './accept.ts';
import { type ConditionalHeaders, isNotModified, wantedRange } from './conditional.ts';

const modified = Date.UTC(2026, 0, 2, 3, 4, 5, 678);
const date = new Date(modified).toUTCString();
const earlier = new Date(modified - 5000).toUTCString();
const validators = { etag: '"abc"', modified };

const NOT_MODIFIED: readonly [ConditionalHeaders, boolean][] = [
  [{}, false],
  [{ 'if-none-match': '"abc"' }, true],
  [{ 'if-none-match': 'W/"abc"' }, true],
  [{ 'if-none-match': '"x", "abc"' }, true],
  [{ 'if-none-match': '*' }, true],
  [{ 'if-none-match': '"x"' }, false],
  [{ 'if-none-match': '"x"', 'if-modified-since': date }, false],
  [{ 'if-modified-since': date }, true],
  [{ 'if-modified-since': earlier }, false],
  [{ 'if-modified-since': 'yesterday' }, false],
];

const RANGES: readonly [ConditionalHeaders, string][] = [
  [{}, 'whole'],
  [{ range: 'bytes=0-9' }, '0-9'],
  [{ range: 'bytes=90-' }, '90-99'],
  [{ range: 'bytes=90-1000' }, '90-99'],
  [{ range: 'bytes=-5' }, '95-99'],
  [{ range: 'bytes=-500' }, '0-99'],
  [{ range: 'bytes=100-' }, 'unsatisfiable'],
  [{ range: 'bytes=-0' }, 'unsatisfiable'],
  [{ range: 'bytes=9-3' }, 'whole'],
  [{ range: 'bytes=0-1,5-6' }, 'whole'],
  [{ range: 'bytes=-' }, 'whole'],
  [{ range: 'lines=0-1' }, 'whole'],
  [{ range: 'bytes=0-9', 'if-range': '"abc"' }, '0-9'],
  [{ range: 'bytes=0-9', 'if-range': 'W/"abc"' }, 'whole'],
  [{ range: 'bytes=0-9', 'if-range': '"x"' }, 'whole'],
  [{ range: 'bytes=0-9', 'if-range': date }, '0-9'],
  [{ range: 'bytes=0-9', 'if-range': earlier }, 'whole'],
];

const ENCODINGS: readonly [string | undefined, boolean][] = [
  [undefined, false],
  ['', false],
  ['gzip', true],
  ['br, gzip;q=0.5', true],
  ['*', true],
  ['gzip;q=0', false],
  ['gzip; q=0.0', false],
  ['identity', false],
  ['gzipped', false],
];

describe('conditional and range requests', () => {
  for (const [headers, expected] of NOT_MODIFIED) {
    it(`${JSON.stringify(headers)} → ${expected ? 304 : 200}`, () =>
      assert.equal(isNotModified(headers, validators), expected));
  }
  for (const [headers, expected] of RANGES) {
    it(`${JSON.stringify(headers)} of 100 bytes → ${expected}`, () => {
      const range = wantedRange(headers, 100, validators);
      assert.equal(typeof range === 'string' ? range : `${range.first}-${range.last}`, expected);
    });
  }
  for (const [header, expected] of ENCODINGS) {
    it(`Accept-Encoding ${header} → ${expected ? 'gzip' : 'as it is'}`, () =>
      assert.equal(acceptsGzip(header), expected));
  }
});
