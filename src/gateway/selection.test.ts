import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Selection } from './selection.ts';

describe('Selection', () => {
  const TABLE: [patterns: string[], path: string, version: string, expected: boolean][] = [
    [[], 'example.com/lib', 'v1.0.0', true],
    [['example.com/lib'], 'example.com/lib', 'v1.0.0', true],
    [['example.com/lib'], 'example.com/lib/v2', 'v2.0.0', false],
    [['example.com/lib'], 'example.com/library', 'v1.0.0', false],
    [['example.com'], 'example.com/lib', 'v1.0.0', false],
    [['example.com/*'], 'example.com/lib/v2', 'v2.0.0', true],
    [['*.example.com'], 'git.example.com/lib', 'v1.0.0', true],
    [['example.com/lib@v1.0.0'], 'example.com/lib', 'v1.0.0', true],
    [['example.com/lib@v1.0.0'], 'example.com/lib', 'v1.0.0-rc.1', false],
    [['example.com/lib@v1.*'], 'example.com/lib', 'v1.9.3', true],
    [['example.com/lib@v1.*'], 'example.com/lib', 'v11.0.0', false],
    [['example.com/*@v[01].*'], 'example.com/lib', 'v0.3.0', true],
    [['example.com/*@*-0.?????????????-*'], 'example.com/lib', 'v1.2.4-0.20240102030405-0123456789ab', false],
    [['example.com/*@*-0.??????????????-*'], 'example.com/lib', 'v1.2.4-0.20240102030405-0123456789ab', true],
    [['example.org/x', 'example.com/lib'], 'example.com/lib', 'v1.0.0', true],
    [['example.com/lib/'], 'example.com/lib', 'v1.0.0', true],
    [['example.com/lib//@v1.0.0'], 'example.com/lib', 'v1.0.0', true],
    [['example.com/l*/'], 'example.com/lib/v2', 'v2.0.0', true],
    [['example.com/l\\ib'], 'example.com/lib', 'v1.0.0', true],
  ];
  for (const [patterns, path, version, expected] of TABLE) {
    it(`${patterns.join(' ') || '(nothing)'} ${expected ? 'means' : 'does not mean'} ${path}@${version}`, () =>
      assert.equal(new Selection(patterns).matches({ path, version }), expected));
  }

  for (const bad of [
    '',
    '@v1.0.0',
    '/',
    '//@v1.0.0',
    'example.com/lib@',
    'example.com/[',
    'a b',
    'a,b',
    'x@v1/2',
    'x'.repeat(2000),
  ]) {
    it(`refuses ${JSON.stringify(bad.slice(0, 20))}`, () =>
      assert.throws(() => new Selection([bad]), { code: 'BAD_REQUEST' }));
  }

  const RANGES: [patterns: string[], inside: string[], outside: string[]][] = [
    [[], ['a.b', 'z.z/z'], []],
    [['example.com/lib'], ['example.com/lib'], ['example.com/lib/v2', 'example.com/li', 'example.com/lib-a']],
    [['example.com/l*@v1.*'], ['example.com/l', 'example.com/lib/v2'], ['example.com/m', 'example.com']],
    [['*.com/x', 'b.c'], ['a.b', 'z.z'], []],
    [
      ['b.c/*', 'b.c/d', 'a.b'],
      ['a.b', 'b.c/d', 'b.c/e'],
      ['a.b/c', 'b.c', 'b.d'],
    ],
  ];
  for (const [patterns, inside, outside] of RANGES) {
    it(`${patterns.join(' ') || '(nothing)'} lies in ranges that are in order and apart`, () => {
      const ranges = new Selection(patterns).ranges();
      const holds = (path: string) => ranges.filter(({ from, below }) => from <= path && path < below).length;
      assert.deepEqual(
        inside.map(holds),
        inside.map(() => 1),
      );
      assert.deepEqual(
        outside.map(holds),
        outside.map(() => 0),
      );
      assert.deepEqual(
        ranges.map(({ from }) => from),
        ranges.map(({ from }) => from).sort(),
      );
    });
  }

  it('behind a path its range begins there', () => {
    const [range] = new Selection(['b.c/*']).ranges('b.c/d');
    assert.ok(
      range !== undefined && range.from > 'b.c/d' && range.from < 'b.c/d/e' && range.from < 'b.c/d-e',
    );
    assert.deepEqual(new Selection(['b.c/*']).ranges('b.d'), []);
  });

  it('covers a module only where no version is named', () => {
    assert.equal(new Selection(['example.com/*@v1.*']).coversModule('example.com/lib'), false);
    assert.equal(new Selection(['example.com/*']).coversModule('example.com/lib'), true);
  });
});
