import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ModgateError } from '../errors/index.ts';
import { PathPatterns } from './index.ts';

const table: readonly (readonly [globs: string, path: string, matches: boolean])[] = [
  ['', 'corp.example/a', false],
  [',,', 'corp.example/a', false],
  ['corp.example', 'corp.example', true],
  ['corp.example', 'corp.example/a/b', true],
  ['corp.example', 'corp.examples/a', false],
  ['corp.example/', 'corp.example/a', true],
  ['corp.example/a', 'corp.example', false],
  ['corp.example/a', 'corp.example/ab', false],
  ['*.corp.example', 'git.corp.example/x', true],
  ['*.corp.example', 'a.b.corp.example/x', true],
  ['*.corp.example', 'corp.example/x', false],
  ['*', 'corp.example/x', true],
  ['*/*', 'corp.example/x', true],
  ['*/*', 'corp.example', false],
  ['**', 'corp.example/x', true],
  ['corp.example/*/c', 'corp.example/b/c/d', true],
  ['corp.example/*/c', 'corp.example/c', false],
  ['corp.example/a*b', 'corp.example/axxb', true],
  ['corp.example/a*b', 'corp.example/axxbx', false],
  ['corp.example/a*b*c', 'corp.example/aXbXbc', true],
  ['corp.example/*a', 'corp.example/aaa', true],
  ['corp.example/?', 'corp.example/a', true],
  ['corp.example/?', 'corp.example/ab', false],
  ['corp.example?a', 'corp.example/a', false],
  ['corp.example/[a-c]x', 'corp.example/bx', true],
  ['corp.example/[^a-c]x', 'corp.example/bx', false],
  ['corp.example/[^a-c]x', 'corp.example/dx', true],
  ['corp.example/[\\-x]', 'corp.example/-', true],
  ['corp.example/\\a', 'corp.example/a', true],
  ['corp.example/[a*]', 'corp.example/a', true],
  ['other.example,corp.example', 'corp.example/a', true],
  ['other.example, corp.example ', 'corp.example/a', true],
];

test('globs', () => {
  for (const [globs, path, matches] of table) {
    assert.equal(new PathPatterns(globs).matches(path), matches, `${globs} ${path}`);
  }
});

test('malformed globs are refused', () => {
  for (const glob of [
    '[',
    'a[',
    '[]',
    '[]a]',
    '[^]',
    '[a',
    '[a-',
    '[a-]',
    '[-a]',
    '\\',
    'a\\',
    '[a\\',
    'fine,[x',
  ]) {
    assert.throws(() => new PathPatterns(glob), { code: 'BAD_REQUEST' }, glob);
  }
});

test('many stars do not take exponential time', () => {
  const patterns = new PathPatterns(`${'*a'.repeat(300)}b`);
  const start = performance.now();
  assert.ok(!patterns.matches('a'.repeat(5000)));
  assert.ok(performance.now() - start < 2000);
});

/** A second way to match one element, by backtracking, for short input without classes. */
function slowMatch(glob: string, name: string): boolean {
  if (glob === '') return name === '';
  if (glob[0] === '*')
    return slowMatch(glob.slice(1), name) || (name !== '' && slowMatch(glob, name.slice(1)));
  return name !== '' && (glob[0] === '?' || glob[0] === name[0]) && slowMatch(glob.slice(1), name.slice(1));
}

test('fuzz: agrees with a matcher that tries everything; throws only BAD_REQUEST', () => {
  const short = (runes: string, maxLength: number) =>
    fc.string({ unit: fc.constantFrom(...Array.from(runes)), maxLength });
  const property = fc.property(
    short('ab*?', 7),
    short('ab', 8),
    short('ab*?[]^-\\/é,', 12),
    (glob, name, wild) => {
      if (glob !== '')
        assert.equal(new PathPatterns(glob).matches(name), slowMatch(glob, name), `${glob} ${name}`);
      try {
        new PathPatterns(wild).matches(name);
      } catch (error) {
        assert.ok(error instanceof ModgateError && error.code === 'BAD_REQUEST', String(error));
      }
    },
  );
  fc.assert(property, { numRuns: 20_000, interruptAfterTimeLimit: 1500 });
});
