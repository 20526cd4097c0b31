import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ModgateError } from '../errors/index.ts';
import { modulePathOf, parseGoMod } from './index.ts';

const whole = `// Package docs.
//
// Deprecated: use corp.example/b instead.
module "corp.example/a" // the module

go 1.21rc1
toolchain go1.22.0
godebug default=go1.21
unknown thing ( here )

require corp.example/x v1.2.3 // indirect
require (
	corp.example/y/v2 v2.0.0 // indirect; but not for long
	"corp.example/\\x7a" v2.0.0+incompatible // notindirect

	gopkg.in/a.v1 v0.0.0-20161208181325-20d25e280405
)
exclude corp.example/x v1.2.2
exclude nonsense
replace (
	corp.example/x => ../x
	corp.example/x v1.2.3 => corp.example/fork v1.2.4
	corp.example/broken => corp.example/no-version
)
// It leaks.
retract v1.0.0
retract [v1.1.0, v1.2.0] // Both.
retract ]what is this[
futureblock (
	( anything goes
)
go2 ()
tool corp.example/tool
ignore ./node_modules
`;

test('a go.mod with everything in it', () => {
  assert.deepEqual(parseGoMod(whole), {
    module: 'corp.example/a',
    deprecated: 'use corp.example/b instead.\nthe module',
    go: '1.21rc1',
    toolchain: 'go1.22.0',
    require: [
      { path: 'corp.example/x', version: 'v1.2.3', indirect: true },
      { path: 'corp.example/y/v2', version: 'v2.0.0', indirect: true },
      { path: 'corp.example/z', version: 'v2.0.0+incompatible', indirect: false },
      { path: 'gopkg.in/a.v1', version: 'v0.0.0-20161208181325-20d25e280405', indirect: false },
    ],
    replace: [
      { path: 'corp.example/x', version: undefined, newPath: '../x', newVersion: undefined },
      { path: 'corp.example/x', version: 'v1.2.3', newPath: 'corp.example/fork', newVersion: 'v1.2.4' },
    ],
    exclude: [{ path: 'corp.example/x', version: 'v1.2.2' }],
    retract: [
      { low: 'v1.0.0', high: 'v1.0.0', rationale: 'It leaks.' },
      { low: 'v1.1.0', high: 'v1.2.0', rationale: 'Both.' },
    ],
  });
});

test('small go.mod files', () => {
  assert.deepEqual(parseGoMod('').module, undefined);
  assert.equal(parseGoMod('module a').module, 'a');
  assert.equal(parseGoMod('module a\r\ngo 1.20\r\n').go, '1.20');
  assert.equal(parseGoMod('module (\n\ta\n)\n').module, 'a');
  assert.equal(parseGoMod('module a//comment').module, 'a');
  assert.equal(parseGoMod('go v1.2bad\n').go, '1.2');
  assert.equal(parseGoMod('go (\n1.20\n)\n').go, undefined);
  assert.equal(parseGoMod('require corp.example/a v1.2\n').require[0]?.version, 'v1.2.0');
});

test('what the go command refuses in a dependency', () => {
  const table: readonly (readonly [text: string, line: number])[] = [
    ['module a\nmodule b\n', 2],
    ['module\n', 1],
    ['module a b\n', 1],
    ['module `a`\n', 1],
    ["module 'a'\n", 1],
    ['module "a\n', 1],
    ['module "\\q"\n', 1],
    ['module "\\ud800"\n', 1],
    ['\nmodule "\\', 2],
    ['module a\n\ngo x\n', 3],
    ['go 1.20\ngo 1.20\n', 2],
    ['go 1.20 1.21\n', 1],
    ['require a\n', 1],
    ['require a master\n', 1],
    ['require corp.example/a v2.0.0\n', 1],
    ['require corp.example/a/v1 v1.0.0\n', 1],
    ['require (\n\ta v1.0.0\n', 3],
    ['require (\n\ta v1.0.0\n) x\n', 3],
    ['/* no */', 1],
    ['module a/* no */', 1],
    ['module a\u0000\n', 1],
    ['ignore a b\n', 1],
  ];
  for (const [text, line] of table) {
    const message = new RegExp(`^go\\.mod:${line}: `);
    assert.throws(() => parseGoMod(text), { code: 'INVALID_MODULE', message }, JSON.stringify(text));
  }
});

test('the module path alone', () => {
  const table: readonly (readonly [string, string | undefined])[] = [
    ['module a', 'a'],
    ['garbage((\nmodule a // b\n', 'a'],
    ['\t module \t "a"\r\n', 'a'],
    ['module `a`', 'a'],
    ['module "a', undefined],
    ['modulea', undefined],
    ['module//x\nmodule b', 'b'],
    ['\ufeffmodule a', undefined],
    ['', undefined],
  ];
  for (const [text, path] of table) assert.equal(modulePathOf(text), path, JSON.stringify(text));
});

test('fuzz: parseGoMod throws only INVALID_MODULE with a line', () => {
  const word = fc.constantFrom(
    'module',
    'go',
    'require',
    'retract',
    'replace',
    'exclude',
    'toolchain',
    '=>',
    '(',
    ')',
    '[',
    ']',
    ',',
    '\n',
    '\n',
    '//',
    '/*',
    '"',
    '`',
    '\\',
    'v1.2.3',
    'corp.example/a',
    '1.20',
    'é',
    '\0',
    '"a"',
    '../x',
    '{',
    '\r',
  );
  const text = fc.oneof(
    fc.array(word, { maxLength: 20 }).map((words) => words.join(' ')),
    fc.string({ unit: 'binary' }),
  );
  const property = fc.property(text, (mod) => {
    modulePathOf(mod);
    try {
      parseGoMod(mod);
    } catch (error) {
      assert.ok(error instanceof ModgateError && error.code === 'INVALID_MODULE', String(error));
      assert.match(error.message, /^go\.mod:\d+: /);
    }
  });
  fc.assert(property, { numRuns: 5000, interruptAfterTimeLimit: 2000 });
});

test('a big hostile go.mod is read in linear time', () => {
  const start = performance.now();
  assert.equal(parseGoMod('// x\n'.repeat(300_000)).module, undefined);
  assert.equal(parseGoMod(`x ${'( '.repeat(500_000)}x`).module, undefined);
  assert.throws(() => parseGoMod(`module "${'\\x41'.repeat(300_000)}`), { code: 'INVALID_MODULE' });
  assert.throws(() => parseGoMod('x'.repeat((16 << 20) + 1)), { code: 'INVALID_MODULE' });
  assert.ok(performance.now() - start < 5000);
});
