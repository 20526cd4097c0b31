import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ModgateError } from '../errors/index.ts';
import { originForm, parseTarget } from './route.ts';

const RULES = { prefix: '', longest: 2048 };

const ROUTES: readonly [target: string, expected: string][] = [
  ['/authorize', 'authorize'],
  ['/', 'page /'],
  ['/healthz', 'page /healthz'],
  ['/metrics?name=x', 'page /metrics'],
  ['/example.com/plain/@v/list', 'list example.com/plain'],
  ['http://127.0.0.1:3000/example.com/plain/@v/list', 'list example.com/plain'],
  ['HTTPS://proxy.example/healthz', 'page /healthz'],
  ['/example.com/plain/@latest', 'latest example.com/plain'],
  ['/-/modules/example.com/plain/@v/v1.0.0.zip', 'publish example.com/plain v1.0.0'],
  ['/-/modules/example.com/!upper/v2/@v/v2.0.0-!r!c1.zip', 'publish example.com/Upper/v2 v2.0.0-RC1'],
  ['/example.com/plain/@v/v1.0.0.info', 'info example.com/plain v1.0.0'],
  ['/example.com/plain/@v/v1.0.0.mod', 'mod example.com/plain v1.0.0'],
  ['/example.com/plain/@v/v1.0.0.zip', 'zip example.com/plain v1.0.0'],
  ['/example.com/%21upper/%21case/@v/v1.0.0.zip', 'zip example.com/Upper/Case v1.0.0'],
  ['/example.com/!upper/!case/@v/v1.0.0.zip', 'zip example.com/Upper/Case v1.0.0'],
  ['/example.com/legacy/@v/v2.0.0+incompatible.mod', 'mod example.com/legacy v2.0.0+incompatible'],
  ['/example.com/legacy/@v/v2.0.0%2Bincompatible.mod', 'mod example.com/legacy v2.0.0+incompatible'],
  ['/example.com/legacy/@v/v2.0.0.info', 'query example.com/legacy v2.0.0'],
  ['/example.com/plain/@v/main.info', 'query example.com/plain main'],
  ['/example.com/plain/@v/%21main.info', 'query example.com/plain Main'],
  ['/example.com/plain/@v/v1.info', 'query example.com/plain v1'],
  ['/example.com/plain/@v/0123456789ab.info', 'query example.com/plain 0123456789ab'],
  ['/cached-only/example.com/plain/@v/list', 'list example.com/plain, cached only'],
  ['/sumdb/sum.golang.org/supported', 'sumdb sum.golang.org supported'],
  ['/sumdb/sum.example.com/corp/latest', 'sumdb sum.example.com/corp latest'],
  [
    '/sumdb/sum.golang.org/lookup/example.com/%21x@v1.0.0',
    'sumdb sum.golang.org lookup/example.com/!x@v1.0.0',
  ],
  ['/sumdb/sum.golang.org/tile/8/0/x001/234', 'sumdb sum.golang.org tile/8/0/x001/234'],
];

const REFUSED: readonly string[] = [
  '',
  'example.com/plain/@v/list',
  'http://127.0.0.1',
  'http://127.0.0.1?x=1',
  'http:///example.com/plain/@v/list',
  'http://127.0.0.1//example.com/plain/@v/list',
  'http://user@127.0.0.1/example.com/plain/@v/list',
  'http://127.0.0.1/http://127.0.0.1/example.com/plain/@v/list',
  'ftp://127.0.0.1/example.com/plain/@v/list',
  '//example.com/plain/@v/list',
  '/-/modules/example.com/plain/@v/v1.0.0.mod',
  '/-/modules/example.com/plain/@v/list',
  '/%2d/modules/example.com/plain/@v/v1.0.0.zip',
  '/-/%6dodules/example.com/plain/@v/v1.0.0.zip',
  '/-/modules/',
  '/example.com//plain/@v/list',
  '/example.com/plain/@v//list',
  '/example.com/plain/@v/list/',
  '/example.com/../etc/@v/list',
  '/example.com/%2e%2e/etc/@v/list',
  '/example.com/./plain/@v/list',
  '/example.com%2fplain/@v/list',
  '/example.com/plain%5c/@v/list',
  '/example.com/plain/@v/list%00',
  '/example.com/plain/@v/%zz.info',
  '/example.com/plain/@v/%252e.info',
  '/example.com/plain/@v/list?x=1',
  '/example.com/Plain/@v/list',
  '/example.com/plain!/@v/list',
  '/example.com/!Plain/@v/list',
  '/example.com/plain/@v/v1.0.0.tar',
  '/example.com/plain/@v/v1.0.0',
  '/example.com/plain/@v/.info',
  '/example.com/plain/@v/main.zip',
  '/example.com/plain/@v/main.mod',
  '/example.com/plain/@v/v2.0.0.zip',
  '/example.com/plain/@latest/x',
  '/example.com/plain/@x',
  '/plain/@v/list',
  '/-x.com/y/@v/list',
  '/example.com/pläin/@v/list',
  '/sumdb/',
  '/sumdb/sum.golang.org/other',
  '/sumdb/supported',
  '/favicon.ico',
  `/example.com/${'x'.repeat(5000)}/@v/list`,
];

function show(target: string): string {
  const route = parseTarget(originForm(target), RULES);
  if (route.kind === 'page') return `page ${route.page}`;
  if (route.kind === 'authorize') return 'authorize';
  if (route.kind === 'publish') return `publish ${route.m.path} ${route.m.version}`;
  const { ask } = route;
  const about =
    'm' in ask
      ? `${ask.m.path} ${ask.m.version}`
      : ask.kind === 'sumdb'
        ? `${ask.name} ${ask.endpoint}`
        : ask.kind === 'query'
          ? `${ask.path} ${ask.query}`
          : ask.path;
  return `${ask.kind} ${about}${route.cachedOnly ? ', cached only' : ''}`;
}

describe('routes', () => {
  for (const [target, expected] of ROUTES)
    it(`${target} → ${expected}`, () => assert.equal(show(target), expected));
  for (const target of REFUSED) {
    it(`${target.slice(0, 60)} is no route`, () => {
      assert.throws(
        () => parseTarget(originForm(target), RULES),
        (error) => error instanceof ModgateError && error.status === 404,
      );
    });
  }
});
