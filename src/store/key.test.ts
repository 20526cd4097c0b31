import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseKey } from './key.ts';

const element = 'a'.repeat(255);

const GOOD: readonly string[] = [
  'a',
  'golang.org/x/text/@v/v0.14.0.zip',
  'sumdb/sum.golang.org/tile/8/0/x001/234.p/56',
  '..a/.../a..',
  element,
  `${element}/${element}/${element}/${element}`,
  'é'.repeat(127),
];

const BAD: readonly (readonly [text: string, why: RegExp])[] = [
  ['', /element ""/],
  ['/', /element ""/],
  ['/etc/passwd', /element ""/],
  ['a/', /element ""/],
  ['a//b', /element ""/],
  ['.', /element "\."/],
  ['./a', /element "\."/],
  ['a/./b', /element "\."/],
  ['..', /element "\.\."/],
  ['../a', /element "\.\."/],
  ['a/..', /element "\.\."/],
  ['a/../../b', /element "\.\."/],
  ['a\0', /NUL/],
  ['a\\..\\b', /backslash/],
  ['a/\ud800', /Unicode/],
  [`${element}a`, /element longer than 255/],
  ['é'.repeat(128), /element longer than 255/],
  [`${element}/${element}/${element}/${element}/b`, /longer than 1024/],
  [`${'é/'.repeat(341)}éé`, /longer than 1024/],
];

describe('parseKey', () => {
  for (const text of GOOD) it(`takes ${text.slice(0, 40)}`, () => assert.equal(parseKey(text), text));
  for (const [text, message] of BAD) {
    it(`refuses ${JSON.stringify(text.slice(0, 40))} of ${Buffer.byteLength(text)} bytes`, () => {
      assert.throws(() => parseKey(text), { code: 'INVALID_MODULE', message });
    });
  }
});
