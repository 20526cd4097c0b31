import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { acceptsGzip } from './accept.ts';

describe('Accept-Encoding', () => {
  const TABLE: [string, boolean][] = [
    ['gzip', true],
    ['*', true],
    ['br, gzip;q=0.5', true],
    ['gzip;q=0, *', false],
    ['*, gzip;q=0', false],
    ['*;q=0, gzip', true],
    ['gzip;q=0.000', false],
    ['*;q=0', false],
    ['br', false],
    ['', false],
  ];
  for (const [header, expected] of TABLE)
    it(`"${header}": ${expected}`, () => assert.equal(acceptsGzip(header), expected));
});
