import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ModgateError } from '../errors/index.ts';
import { parseGoSum } from './gosum.ts';

const H1 = 'h1:w5fcysjrx7yqtD/aO+QwRjYZOKnaM9Uh2b40tElTs3Y=';

test('lines about zips and about go.mod files; empty lines and spaces do not count', () => {
  const text = `rsc.io/quote v1.5.2 ${H1}\n\n  rsc.io/quote v1.5.2/go.mod ${H1}  \r\ngithub.com/X/y v2.0.0+incompatible h9:AAAA=\n`;
  assert.deepEqual(parseGoSum(text), [
    { path: 'rsc.io/quote', version: 'v1.5.2', of: 'zip', hash: H1 },
    { path: 'rsc.io/quote', version: 'v1.5.2', of: 'mod', hash: H1 },
    { path: 'github.com/X/y', version: 'v2.0.0+incompatible', of: 'zip', hash: 'h9:AAAA=' },
  ]);
  assert.deepEqual(parseGoSum(''), []);
});

const REFUSED: readonly [text: string, said: RegExp][] = [
  ['rsc.io/quote v1.5.2', /^go\.sum:1: wrong number of fields 2, should be 3/],
  [`rsc.io/quote v1.5.2 ${H1}\nrsc.io/quote v1.5.2 ${H1} x`, /^go\.sum:2: wrong number of fields 4/],
  [`../quote v1.5.2 ${H1}`, /^go\.sum:1: .*module path/],
  [`rsc.io/quote v1.5 ${H1}`, /^go\.sum:1: .*canonical/],
  [`rsc.io/quote v2.5.2 ${H1}`, /^go\.sum:1: .*version/],
  ['rsc.io/quote v1.5.2 sha256', /^go\.sum:1: no hash/],
];
for (const [text, said] of REFUSED) {
  test(`refused: ${text.slice(0, 40)}`, () =>
    assert.throws(
      () => parseGoSum(text),
      (thrown) =>
        thrown instanceof ModgateError && thrown.code === 'INVALID_MODULE' && said.test(thrown.message),
    ));
}

test('any text is read or refused with a code', () => {
  fc.assert(
    fc.property(
      fc.string({
        unit: fc.constantFrom(' ', '\n', '\t', 'a.test/b', 'X', '@', '=', 'h1:', 'AAAA', 'v1.0.0', '/go.mod'),
      }),
      (text) => {
        try {
          parseGoSum(text);
        } catch (thrown) {
          assert.ok(thrown instanceof ModgateError);
        }
      },
    ),
  );
});
