import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { acceptsGzip } from './accept.ts';
import { isNotModified, wantedRange } from './conditional.ts';
import { readWishes } from './wishes.ts';

const RUNS = 3000 * Number(process.env.MODGATE_TEST_FUZZ ?? 1);
/** ms that one header may take, however it is made; generous, for a machine that others use too */
const AT_ONCE = 200;

/** Headers as an attacker makes them: pieces of the grammar in any order, and very long. */
const HEADER = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc
    .array(
      fc.constantFrom(
        'bytes',
        '=',
        '-',
        ',',
        '0',
        '1',
        '99',
        '999999999999999',
        '9'.repeat(400),
        ' ',
        '\t',
        '"',
        'W/',
        '*',
        ';',
        'q=',
        '0.',
        'gzip',
        'GZIP',
        'identity',
        '"a"',
        'Thu, 01 Jan 1970 00:00:00 GMT',
        'GMT',
        ':',
        '\0',
        'é',
      ),
      { maxLength: 12 },
    )
    .map((pieces) => pieces.join('')),
  fc
    .tuple(
      fc.constantFrom(' ', ',', 'gzip', '"', 'W/', 'bytes=', '0-,', ';q=', '\t'),
      fc.constantFrom('', 'x', 'gzip', '"'),
    )
    .map(([piece, end]) => piece.repeat(16_384 / piece.length) + end),
);
const VALIDATORS = { etag: '"a"', modified: 0 };

/** The best of three counts: a busy machine may hold up any one. */
function timed<T>(what: () => T): T {
  let best = Infinity;
  for (let n = 0; ; n++) {
    const start = performance.now();
    const result = what();
    best = Math.min(best, performance.now() - start);
    if (best < AT_ONCE) return result;
    assert.ok(n < 2, `it takes ${best} ms`);
  }
}

test('fuzz: a wanted range lies within the file', () => {
  const property = fc.property(
    HEADER,
    fc.option(HEADER, { nil: undefined }),
    fc.nat(2000),
    (range, ifRange, size) => {
      const found = timed(() => wantedRange({ range, 'if-range': ifRange }, size, VALIDATORS));
      if (typeof found === 'string') return;
      assert.ok(0 <= found.first && found.first <= found.last && found.last < size, JSON.stringify(found));
    },
  );
  fc.assert(property, { numRuns: RUNS });
});

test('fuzz: conditions and codings are true or false, at once', () => {
  const property = fc.property(HEADER, HEADER, (one, two) => {
    const headers = { 'if-none-match': one, 'if-modified-since': two };
    assert.equal(typeof timed(() => isNotModified(headers, VALIDATORS)), 'boolean');
    assert.equal(typeof timed(() => isNotModified({ 'if-modified-since': two }, VALIDATORS)), 'boolean');
    assert.equal(typeof timed(() => acceptsGzip(one)), 'boolean');
  });
  fc.assert(property, { numRuns: RUNS });
});

test('fuzz: the short way of a hit takes no request that asks for more', () => {
  const names = ['Host', 'host', 'Range', 'IF-RANGE', 'If-None-Match', 'If-Modified-Since', 'Content-Length'];
  const name = fc.oneof(
    fc.constantFrom(...names, 'Transfer-Encoding', 'Expect', 'Accept-Encoding'),
    fc.string({ maxLength: 20 }),
  );
  const property = fc.property(fc.array(fc.tuple(name, HEADER), { maxLength: 6 }), (lines) => {
    const wishes = timed(() => readWishes(lines.flat()));
    const lower = lines.map(([one]) => one.toLowerCase());
    const special = names
      .slice(2)
      .concat('Transfer-Encoding', 'Expect')
      .some((one) => lower.includes(one.toLowerCase()));
    const more = special || lower.filter((one) => one === 'host').length > 1;
    assert.equal(wishes === undefined, more);
  });
  fc.assert(property, { numRuns: RUNS });
});
