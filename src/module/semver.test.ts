import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  canonicalSemver,
  canonicalVersion,
  checkPathMajor,
  compareVersions,
  isCanonicalVersion,
  isPrerelease,
  isValidSemver,
  majorMinorOf,
  majorOf,
  parseModulePath,
  parseVersion,
  sortVersions,
} from './index.ts';

const long = '9'.repeat(400);

/** In Go's order, each less than the next. */
const ordered = [
  'v0.0.0-0',
  'v0.0.0',
  'v0.9.0',
  'v1.0.0-0',
  'v1.0.0-9',
  'v1.0.0-10',
  `v1.0.0-${long}`,
  `v1.0.0-1${long}`,
  'v1.0.0--',
  'v1.0.0-1a',
  'v1.0.0-A',
  'v1.0.0-alpha',
  'v1.0.0-alpha.1',
  'v1.0.0-alpha.1.1',
  'v1.0.0-alpha.beta',
  'v1.0.0-beta.2',
  'v1.0.0-beta.11',
  'v1.0.0-rc.1',
  'v1.0.0',
  'v1.2.0',
  'v1.10.0',
  'v2.0.0+incompatible',
  'v10.0.0',
  `v${long}.0.0`,
  `v1${long}.0.0`,
];

test('order of versions', () => {
  for (const [i, a] of ordered.entries()) {
    for (const [j, b] of ordered.entries())
      assert.equal(compareVersions(a, b), Math.sign(i - j), `${a} ${b}`);
  }
  assert.deepEqual(sortVersions(ordered.toReversed()), ordered);
  assert.equal(compareVersions('v1.0.0+a', 'v1.0.0+b'), 0);
  assert.equal(compareVersions('v1', 'v1.0.0'), 0);
  assert.equal(compareVersions('bad', 'v0.0.0-0'), -1);
  assert.equal(compareVersions('bad', 'worse'), 0);
  assert.deepEqual(sortVersions(['v1.0.0+b', 'v1.0.0+a', 'x']), ['x', 'v1.0.0+a', 'v1.0.0+b']);
});

test('parts of a version', () => {
  const table: readonly (readonly [
    v: string,
    canonical: string,
    major: string,
    majorMinor: string,
    pre: boolean,
  ])[] = [
    ['v1', 'v1.0.0', 'v1', 'v1.0', false],
    ['v1.2', 'v1.2.0', 'v1', 'v1.2', false],
    ['v1.2.3', 'v1.2.3', 'v1', 'v1.2', false],
    ['v1.2.3-pre.1+meta.01', 'v1.2.3-pre.1', 'v1', 'v1.2', true],
    ['v1.2.3+meta', 'v1.2.3', 'v1', 'v1.2', false],
    ['v10.20.30--', 'v10.20.30--', 'v10', 'v10.20', true],
  ];
  for (const [v, canonical, major, majorMinor, pre] of table) {
    assert.deepEqual(
      [canonicalSemver(v), majorOf(v), majorMinorOf(v), isPrerelease(v)],
      [canonical, major, majorMinor, pre],
    );
  }
  const invalid = [
    '',
    'v',
    '1.0.0',
    'V1.0.0',
    'v01.0.0',
    'v1.00.0',
    'v1.0.01',
    'v1.',
    'v1.0.',
    'v1-pre',
    'v1.0+b',
    'v1.0.0-',
    'v1.0.0-01',
    'v1.0.0-a..b',
    'v1.0.0+',
    'v1.0.0+a..b',
    'v1.0.0-é',
    'v1.0.0 ',
    'v1.0.0\n',
    'v1.0.0.0',
    'v1.0.0-a+b+c',
  ];
  for (const v of invalid) {
    assert.ok(!isValidSemver(v), JSON.stringify(v));
    assert.deepEqual([canonicalSemver(v), majorOf(v)], ['', '']);
  }
});

test('canonical versions and the path they belong to', () => {
  assert.equal(canonicalVersion('v2.0+incompatible'), '');
  assert.equal(canonicalVersion('v2.0.0+incompatible'), 'v2.0.0+incompatible');
  assert.equal(canonicalVersion('v2.0.0+other'), 'v2.0.0');
  for (const v of ['v1.0.0', 'v2.0.0+incompatible', 'v1.0.0-rc.1']) assert.ok(isCanonicalVersion(v), v);
  for (const v of ['', 'v1', 'v1.0', 'v1.0.0+meta', 'latest', 'v1.0.0+Incompatible'])
    assert.ok(!isCanonicalVersion(v), v);

  const table: readonly (readonly [path: string, version: string, ok: boolean])[] = [
    ['corp.example/a', 'v0.1.0', true],
    ['corp.example/a', 'v1.0.0', true],
    ['corp.example/a', 'v2.0.0', false],
    ['corp.example/a', 'v2.0.0+incompatible', true],
    ['corp.example/a', 'v1.0', false],
    ['corp.example/a', 'master', false],
    ['corp.example/a/v2', 'v2.0.0', true],
    ['corp.example/a/v2', 'v1.0.0', false],
    ['corp.example/a/v2', 'v3.0.0+incompatible', false],
    ['gopkg.in/a.v1', 'v1.0.0', true],
    ['gopkg.in/a.v1', 'v0.0.0-20161208181325-20d25e280405', true],
    ['gopkg.in/a.v1', 'v0.1.0', false],
    ['gopkg.in/a.v2-unstable', 'v2.0.0', true],
    ['golang.org/toolchain', 'v0.0.1-go1.22.0.linux-amd64', true],
  ];
  for (const [path, version, ok] of table) {
    const parse = () => parseVersion(parseModulePath(path), version);
    if (ok) assert.equal(parse(), version);
    else assert.throws(parse, { code: 'INVALID_MODULE' }, `${path}@${version}`);
  }
  assert.match(checkPathMajor('v2.0.0', '') ?? '', /should be v0 or v1, not v2/);
  assert.match(checkPathMajor('v1.0.0', '/v2') ?? '', /should be v2, not v1/);
});

test('fuzz: the order is total, and canonical form is stable', () => {
  const identifier = fc.string({
    unit: fc.constantFrom(...Array.from('0123459aZ-')),
    minLength: 1,
    maxLength: 4,
  });
  const version = fc
    .tuple(fc.nat(11), fc.nat(11), fc.nat(11), fc.array(identifier, { maxLength: 3 }))
    .map(([a, b, c, pre]) => `v${a}.${b}.${c}${pre.length > 0 ? `-${pre.join('.')}` : ''}`);
  const property = fc.property(version, version, version, fc.string(), (a, b, c, junk) => {
    assert.equal(compareVersions(a, b), -compareVersions(b, a) || 0);
    if (compareVersions(a, b) <= 0 && compareVersions(b, c) <= 0) assert.ok(compareVersions(a, c) <= 0);
    if (compareVersions(a, b) === 0) assert.equal(canonicalSemver(a), canonicalSemver(b));
    assert.equal(canonicalSemver(canonicalSemver(a)), canonicalSemver(a));
    assert.equal(isValidSemver(`v1.0.0-${junk}`), canonicalSemver(`v1.0.0-${junk}`) !== '');
  });
  fc.assert(property, { numRuns: 20_000, interruptAfterTimeLimit: 1500 });
});

test('hostile versions take linear time', () => {
  const n = 200_000;
  const start = performance.now();
  for (const v of [
    `v1.0.0-${'0.'.repeat(n)}`,
    `v1.0.0-${'a-'.repeat(n)}!`,
    `v${'9'.repeat(n)}x`,
    `v1.0.0-${'1'.repeat(n)}+`,
  ]) {
    assert.ok(!isValidSemver(v));
  }
  assert.ok(performance.now() - start < 2000);
});
