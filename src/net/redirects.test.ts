import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ModgateError } from '../errors/index.ts';
import { isRedirect, Redirects } from './redirects.ts';

/** start, Locations, the last URL or the code and a piece of its text */
const ROWS: readonly [string, readonly (string | undefined)[], string | [string, RegExp]][] = [
  ['https://a.example/x', ['/y'], 'https://a.example/y'],
  ['https://a.example/x/y', ['z'], 'https://a.example/x/z'],
  ['https://a.example/x', ['//b.example/'], 'https://b.example/'],
  ['http://a.example/x', ['https://a.example/x'], 'https://a.example/x'],
  ['https://a.example/', ['https://u:p@b.example/#f'], 'https://b.example/'],
  ['https://a.example/', ['http://a.example/'], ['UPSTREAM_BAD_ANSWER', /from https to http/]],
  ['https://a.example/', ['ftp://a.example/'], ['UPSTREAM_BAD_ANSWER', /another scheme/]],
  ['https://a.example/', ['javascript:alert(1)'], ['UPSTREAM_BAD_ANSWER', /another scheme/]],
  ['https://a.example/', [undefined], ['UPSTREAM_BAD_ANSWER', /without a usable Location/]],
  ['https://a.example/', ['https://[broken'], ['UPSTREAM_BAD_ANSWER', /without a usable Location/]],
  ['https://a.example/', ['/'], ['UPSTREAM_REDIRECT_LOOP', /loop/]],
  ['https://a.example/', ['/b', '/#f'], ['UPSTREAM_REDIRECT_LOOP', /loop/]],
  ['https://a.example/', ['/b', '/?n=1'], 'https://a.example/?n=1'],
  ['https://a.example/0', steps(10), 'https://a.example/10'],
  ['https://a.example/0', steps(11), ['UPSTREAM_REDIRECT_LOOP', /more than 10/]],
];

function steps(count: number): string[] {
  return Array.from({ length: count }, (_, i) => `/${i + 1}`);
}

test('Redirects', async (t) => {
  for (const [start, locations, expected] of ROWS) {
    await t.test(`${start} ${locations.join(' ')}`, () => {
      const trail = new Redirects('corp', new URL(start));
      const follow = () => {
        for (const location of locations) trail.follow(location);
      };
      if (typeof expected === 'string') {
        follow();
        assert.equal(trail.url.href, expected);
      } else {
        assert.throws(follow, (error: ModgateError) => {
          assert.equal(error.code, expected[0]);
          assert.match(error.message, /^source "corp": /);
          assert.match(error.message, expected[1]);
          return true;
        });
      }
    });
  }
});

test('one that stays follows no redirect to another host', () => {
  const trail = new Redirects('corp', new URL('https://a.example/x'), true);
  for (const near of ['/y', 'https://a.example:8443/z', 'https://a.example/w']) trail.follow(near);
  for (const far of ['https://b.example/', 'https://x.a.example/', '//a.example.b.example/'])
    assert.throws(
      () => trail.follow(far),
      (error: ModgateError) =>
        error.code === 'UPSTREAM_BAD_ANSWER' && /another host, .*private/.test(error.message),
      far,
    );
  assert.equal(trail.url.href, 'https://a.example/w');
});

test('the text of a redirect has no secret', () => {
  const trail = new Redirects('corp', new URL('https://u:secret1@a.example/?sig=secret2'));
  assert.throws(
    () => trail.follow('http://u:secret3@b.example/?sig=secret4'),
    (error: ModgateError) => !/secret/.test(error.message) && /b\.example/.test(error.message),
  );
});

test('which statuses redirect', () => {
  const found = Array.from({ length: 100 }, (_, i) => 300 + i).filter(isRedirect);
  assert.deepEqual(found, [301, 302, 303, 307, 308]);
});
