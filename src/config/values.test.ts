import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { formatChain, parseChain } from './chain.ts';
import { didYouMean } from './suggest.ts';
import { formatDuration, formatSize, parseDuration, parseSize } from './units.ts';

const DURATIONS: [text: string, ms: number | undefined][] = [
  ['0', 0],
  ['500ms', 500],
  ['10s', 10_000],
  ['1m30s', 90_000],
  ['1.5s', 1500],
  ['2h', 7_200_000],
  ['7d', 604_800_000],
  ['', undefined],
  ['10', undefined],
  ['10 s', undefined],
  ['-1s', undefined],
  ['1w', undefined],
  ['s', undefined],
  ['1e3s', undefined],
  ['.5s', undefined],
  ['99999999999999999d', undefined],
];

for (const [text, ms] of DURATIONS) {
  test(`duration ${JSON.stringify(text)}`, () => assert.equal(parseDuration(text), ms));
}

const SIZES: [text: string, bytes: number | undefined][] = [
  ['0', 0],
  ['4096', 4096],
  ['1B', 1],
  ['1kB', 1000],
  ['1KB', 1000],
  ['64KiB', 65_536],
  ['64MiB', 67_108_864],
  ['1.5GiB', 1_610_612_736],
  ['1GB', 1_000_000_000],
  ['1TiB', 2 ** 40],
  ['', undefined],
  ['MiB', undefined],
  ['1 MiB', undefined],
  ['-1', undefined],
  ['1mb', undefined],
  ['9999999TiB', undefined],
];

for (const [text, bytes] of SIZES) {
  test(`size ${JSON.stringify(text)}`, () => assert.equal(parseSize(text), bytes));
}

test('what is formatted is read back', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 1e12 }), (n) => {
      assert.equal(parseDuration(formatDuration(n)), n);
      assert.equal(parseSize(String(formatSize(n))), n);
    }),
  );
});

const CHAINS: [text: string, elements: [string, string?][]][] = [
  ['', []],
  ['off', [['off']]],
  ['a,b|c', [['a', ','], ['b', '|'], ['c']]],
  [' a , b ', [['a', ','], ['b']]],
  ['a,,b', [['a', ','], ['b']]],
  ['a|', [['a']]],
  [',|,', []],
  ['https://a.example/x,direct', [['https://a.example/x', ','], ['direct']]],
];

for (const [text, elements] of CHAINS) {
  test(`chain ${JSON.stringify(text)}`, () => {
    const parsed = parseChain(text);
    assert.deepEqual(
      parsed.map(({ element, separator }) => (separator === undefined ? [element] : [element, separator])),
      elements,
    );
    assert.deepEqual(parseChain(formatChain(parsed)), parsed);
  });
}

const NEAR: [word: string, expected: string][] = [
  ['lisetn', '; did you mean "listen"?'],
  ['LISTEN', '; did you mean "listen"?'],
  ['date', '; did you mean "data"?'],
  ['x', ''],
  ['something', ''],
];

for (const [word, expected] of NEAR) {
  test(`near miss ${word}`, () => assert.equal(didYouMean(word, ['listen', 'data', 'chain']), expected));
}
