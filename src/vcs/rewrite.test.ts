import assert from 'node:assert/strict';
import { test } from 'node:test';
import { rewritten } from './remote-url.ts';

const CASES: [what: string, rewrites: Record<string, string>, url: string, expected: string][] = [
  ['no rewrite', {}, 'https://a.example/x', 'https://a.example/x'],
  ['another begin', { 'https://b.example/': 'ssh://b/' }, 'https://a.example/x', 'https://a.example/x'],
  [
    'https to ssh',
    { 'https://git.corp.example/': 'ssh://git@git.corp.example:2222/' },
    'https://git.corp.example/team/lib.git',
    'ssh://git@git.corp.example:2222/team/lib.git',
  ],
  [
    'ssh to https',
    { 'ssh://git@git.corp.example/': 'https://git.corp.example/' },
    'ssh://git@git.corp.example/team/lib.git',
    'https://git.corp.example/team/lib.git',
  ],
  [
    'the short form of ssh',
    { 'https://github.com/': 'git@github.com:' },
    'https://github.com/corp/lib',
    'git@github.com:corp/lib',
  ],
  [
    'the longest begin',
    { 'https://a.example/': 'https://one/', 'https://a.example/team/': 'https://two/' },
    'https://a.example/team/x',
    'https://two/x',
  ],
  [
    'the longest begin, whatever stands first',
    { 'https://a.example/team/': 'https://two/', 'https://a.example/': 'https://one/' },
    'https://a.example/team/x',
    'https://two/x',
  ],
  ['once only', { 'https://a/': 'https://b/', 'https://b/': 'https://c/' }, 'https://a/x', 'https://b/x'],
  ['a begin within a word', { 'https://a.example/te': 'ssh://b/' }, 'https://a.example/team', 'ssh://b/am'],
  ['an empty begin', { '': 'https://b/' }, 'https://a/x', 'https://a/x'],
];

for (const [what, rewrites, url, expected] of CASES) {
  test(`insteadOf: ${what}`, () => assert.equal(rewritten(url, new Map(Object.entries(rewrites))), expected));
}
