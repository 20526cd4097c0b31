import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ModgateError } from '../errors/index.ts';
import {
  checkFilePath,
  escapePath,
  escapeVersion,
  parseModulePath,
  splitPathMajor,
  unescapePath,
  unescapeVersion,
} from './index.ts';

function isInvalid(error: unknown): boolean {
  return error instanceof ModgateError && error.code === 'INVALID_MODULE';
}

const good = [
  'corp.example/a',
  'corp.example',
  'corp.example/A/b_c~d-e.f',
  'corp.example/mod/v2',
  'corp.example/mod/v10',
  'corp.example/v',
  'corp.example/mod/v2x',
  'corp.example/mod/x1',
  'corp.example/a~',
  'corp.example/a~1b',
  'corp.example/a.b~1',
  'corp.example/conx',
  'corp.example/com0',
  '1.2',
  'gopkg.in/yaml.v2',
  'gopkg.in/yaml.v0',
  'gopkg.in/user/yaml.v12',
  'gopkg.in/yaml.v2-unstable',
];

const bad: readonly (readonly [path: string, fault: RegExp])[] = [
  ['', /empty string/],
  ['corp', /missing dot/],
  ['corp/a.b', /missing dot/],
  ['-corp.example/a', /leading dash/],
  ['/corp.example', /empty path element/],
  ['Corp.example/a', /invalid char "C" in first/],
  ['corp_x.example/a', /invalid char "_" in first/],
  ['corp.example~/a', /in first/],
  ['corp.example//a', /double slash/],
  ['corp.example/a/', /trailing slash/],
  ['corp.example/.a', /leading dot/],
  ['corp.example/a.', /trailing dot/],
  ['corp.example/..', /invalid path element/],
  ['corp.example/./a', /invalid path element/],
  ['corp.example/a+b', /invalid char/],
  ['corp.example/a b', /invalid char/],
  ['corp.example/é', /invalid char/],
  ['corp.example/a\n', /invalid char/],
  ['corp.example/a!b', /invalid char/],
  ['corp.example/con', /Windows/],
  ['corp.example/CoM1.x', /Windows/],
  ['corp.example/lpt9', /Windows/],
  ['corp.example/a~1', /tilde/],
  ['corp.example/a~12.b', /tilde/],
  ['corp.example/v1', /invalid version/],
  ['corp.example/v0', /invalid version/],
  ['corp.example/v02', /invalid version/],
  ['corp.example/v2.1', /invalid version/],
  ['gopkg.in/yaml', /invalid version/],
  ['gopkg.in/yaml.v', /invalid version/],
  ['gopkg.in/yaml.v01', /invalid version/],
  ['gopkg.in/yaml/v2', /invalid version/],
  ['gopkg.in/yaml.v0-unstable', /invalid version/],
];

test('module paths', () => {
  for (const path of good) assert.equal(parseModulePath(path), path);
  for (const [path, fault] of bad) {
    assert.throws(() => parseModulePath(path), { code: 'INVALID_MODULE', message: fault }, path);
  }
});

test('file paths', () => {
  const fine = ['a', '.a', '-a', 'a b', 'é/日本.go', 'a~1', '!#$%&()+,-.=@[]^_{}~ x', '.gitignore', 'Ⰰ'];
  for (const name of fine) assert.equal(checkFilePath(name), undefined, name);
  const wrong = [
    '',
    '/a',
    'a/',
    'a//b',
    '.',
    '..',
    'a/../b',
    'a.',
    'a:b',
    'a\\b',
    'a*',
    'a"',
    "a'",
    'a|b',
    'a?',
    'a<',
    'a`',
    'a\0',
    'a\n',
    'aux.go',
    'x/NUL',
    'e\u0301',
    '①',
    '\ud800',
    '\u{2ebf0}',
    '\ufeffa',
    '…',
  ]; // a combining mark, a symbol, half a rune, a letter newer than Go's tables, a byte order mark
  for (const name of wrong) assert.notEqual(checkFilePath(name), undefined, JSON.stringify(name));
});

test('major suffix of a path', () => {
  const table: readonly (readonly [string, string | undefined, string?])[] = [
    ['corp.example/a', 'corp.example/a', ''],
    ['corp.example/a/v2', 'corp.example/a', '/v2'],
    ['corp.example/av2', 'corp.example/av2', ''],
    ['corp.example/a/v1', undefined],
    ['gopkg.in/yaml.v1', 'gopkg.in/yaml', '.v1'],
    ['gopkg.in/yaml.v2-unstable', 'gopkg.in/yaml', '.v2-unstable'],
    ['gopkg.in/yaml', undefined],
  ];
  for (const [path, prefix, pathMajor] of table) {
    assert.deepEqual(splitPathMajor(path), prefix === undefined ? undefined : { prefix, pathMajor }, path);
  }
});

test('escaping', () => {
  const path = parseModulePath('corp.example/BurntSushi/toml');
  assert.equal(escapePath(path), 'corp.example/!burnt!sushi/toml');
  assert.equal(unescapePath('corp.example/!burnt!sushi/toml'), path);
  assert.equal(escapeVersion('v1.0.0-RC1+incompatible'), 'v1.0.0-!r!c1+incompatible');
  assert.equal(unescapeVersion('v1.0.0-!r!c1+incompatible'), 'v1.0.0-RC1+incompatible');
  const wrong = [
    'corp.example/A',
    'corp.example/a!',
    'corp.example/!A',
    'corp.example/!1',
    'corp.example/!!a',
    'corp.example/é',
  ];
  for (const escaped of wrong) assert.throws(() => unescapePath(escaped), isInvalid, escaped);
  for (const v of ['', 'a/b', 'a!b', 'é', '..', 'con', 'a:b'])
    assert.throws(() => escapeVersion(v), isInvalid, v);
  for (const v of ['', 'V1', 'a!', '!1', 'é', 'a/b', 'a\\b'])
    assert.throws(() => unescapeVersion(v), isInvalid, v);
});

const pathLike = fc.string({ unit: fc.constantFrom(...Array.from('aBv12./-~_!+é')), maxLength: 24 });

test('fuzz: paths and escapes throw only INVALID_MODULE, and round trips hold', () => {
  const property = fc.property(
    fc.oneof(
      pathLike,
      pathLike.map((tail) => `x.y/${tail}`),
      fc.string(),
    ),
    (text) => {
      checkFilePath(text);
      for (const parse of [parseModulePath, unescapePath]) {
        try {
          const path = parse(text);
          assert.equal(unescapePath(escapePath(path)), path);
          assert.match(escapePath(path), /^[^A-Z]*$/);
        } catch (error) {
          assert.ok(isInvalid(error), String(error));
        }
      }
      try {
        assert.equal(unescapeVersion(escapeVersion(text)), text);
      } catch (error) {
        assert.ok(isInvalid(error), String(error));
      }
    },
  );
  fc.assert(property, { numRuns: 20_000, interruptAfterTimeLimit: 2000 });
});
