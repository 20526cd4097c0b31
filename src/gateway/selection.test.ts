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
  ];
  for (const [patterns, path, version, expected] of TABLE) {
    it(`${patterns.join(' ') || '(nothing)'} ${expected ? 'means' : 'does not mean'} ${path}@${version}`, () =>
      assert.equal(new Selection(patterns).matches({ path, version }), expected));
  }

  for (const bad of [
    '',
    '@v1.0.0',
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

  it('covers a module only where no version is named', () => {
    assert.equal(new Selection(['example.com/*@v1.*']).coversModule('example.com/lib'), false);
    assert.equal(new Selection(['example.com/*']).coversModule('example.com/lib'), true);
  });
});
