import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ModgateError } from '../errors/index.ts';
import { parseGoMod } from './gomod.ts';
import { parseGoWork } from './gowork.ts';

test('a workspace', () => {
  const text = `// all of it
go 1.22.1
toolchain go1.23.0
godebug default=go1.21
use (
	./a // first
	"./b c"
)
use ../d
replace example.com/x v1.2.3 => example.com/y v1.4.0
replace (
	example.com/z => ./z
)
`;
  assert.deepEqual(parseGoWork(text), {
    go: '1.22.1',
    toolchain: 'go1.23.0',
    use: ['./a', './b c', '../d'],
    replace: [
      { path: 'example.com/x', version: 'v1.2.3', newPath: 'example.com/y', newVersion: 'v1.4.0' },
      { path: 'example.com/z', version: undefined, newPath: './z', newVersion: undefined },
    ],
  });
  assert.deepEqual(parseGoWork(''), { go: undefined, toolchain: undefined, use: [], replace: [] });
});

const REFUSED: readonly [text: string, said: RegExp][] = [
  ['go 1.22\ngo 1.23', /^go\.work:2: repeated go statement/],
  ['toolchain go1.22.0\ntoolchain go1.23.0', /^go\.work:2: repeated toolchain statement/],
  ['go next', /^go\.work:1: invalid go version/],
  ['use', /^go\.work:1: use expects exactly one argument/],
  ['\nrequire a.test/b v1.0.0', /^go\.work:2: unknown directive: require/],
  ['replace a => ', /^go\.work:1: usage: replace/],
  ['use (\n./a', /^go\.work:2: unterminated block/],
];
for (const [text, said] of REFUSED) {
  test(`refused: ${JSON.stringify(text)}`, () =>
    assert.throws(
      () => parseGoWork(text),
      (thrown) =>
        thrown instanceof ModgateError && thrown.code === 'INVALID_MODULE' && said.test(thrown.message),
    ));
}

test('any text is read or refused with a code', () => {
  const words = [
    'go ',
    'use ',
    'replace ',
    '=> ',
    '(',
    ')',
    '\n',
    '"',
    './a',
    'v1.0.0 ',
    'a.test/b ',
    '//',
    '1.2',
  ];
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom(...words) }), (text) => {
      try {
        parseGoWork(text);
      } catch (thrown) {
        assert.ok(thrown instanceof ModgateError);
      }
    }),
  );
});

test("a main module's own directives must be well-formed; a dependency's are passed over", () => {
  for (const text of [
    'module a.test\nreplace x\n',
    'module a.test\nexclude x\n',
    'module a.test\nretract x y\n',
  ]) {
    assert.equal(parseGoMod(text).module, 'a.test');
    assert.throws(() => parseGoMod(text, 'main'), /^ModgateError: go\.mod:2: /);
  }
});
