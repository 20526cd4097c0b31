import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ModgateError } from '../errors/index.ts';
import { Chain } from '../fetch/index.ts';
import { PathPatterns } from '../module/index.ts';
import { refusePrivateLookup } from './private-lookups.ts';
import { Router } from './router.ts';

const OFF = new Chain([{ step: 'off', separator: undefined }]);
const routeOf = (match: string, isPrivate: boolean) => ({
  match,
  patterns: new PathPatterns(match),
  chain: OFF,
  denied: 'refuse' as const,
  isPrivate,
});
const ROUTER = new Router(
  [
    routeOf('corp.example/open', false),
    routeOf('corp.example, *.corp.example/x', true),
    routeOf('github.com/Corp', true),
    routeOf('*', false),
  ],
  OFF,
);

const ROWS: readonly (readonly [endpoint: string, code: string | undefined])[] = [
  ['lookup/corp.example/lib@v1.0.0', 'PRIVATE_MODULE'],
  ['lookup/corp.example@v1.0.0', 'PRIVATE_MODULE'],
  ['lookup/corp.example/lib/v2@v2.0.0-20240101000000-0123456789ab', 'PRIVATE_MODULE'],
  ['lookup/git.corp.example/x/y@v1.0.0', 'PRIVATE_MODULE'],
  ['lookup/github.com/!corp/lib@v1.0.0', 'PRIVATE_MODULE'],
  ['lookup/corp.example/lib', 'PRIVATE_MODULE'],
  // What nobody can read as a module could be a private one.
  ['lookup/github.com/Corp/lib@v1.0.0', 'INVALID_MODULE'],
  ['lookup/corp.example//lib@v1.0.0', 'INVALID_MODULE'],
  ['lookup/corp.example/open/sub@v1.0.0', undefined],
  ['lookup/github.com/corp/lib@v1.0.0', undefined],
  ['lookup/corp.example.org/lib@v1.0.0', undefined],
  ['latest', undefined],
  ['tile/8/0/001', undefined],
];

describe('a look-up at a checksum database', () => {
  for (const [endpoint, code] of ROWS)
    it(`${endpoint}: ${code ?? 'may be asked'}`, () => {
      const thrown = catching(() => refusePrivateLookup(endpoint, ROUTER));
      assert.equal(thrown?.code, code);
    });

  const NEXT: readonly (readonly [module: string, patterns: string])[] = [
    ['corp.example/lib', 'corp.example,*.corp.example/x,github.com/Corp'],
    ['github.com/!corp/lib', 'github.com/Corp,corp.example,*.corp.example/x'],
  ];
  for (const [module, patterns] of NEXT)
    it(`says which patterns a client must set, those of all private routes: ${module}`, () => {
      const thrown = catching(() => refusePrivateLookup(`lookup/${module}@v1.0.0`, ROUTER));
      assert.ok(
        thrown?.next?.startsWith(`set GONOSUMDB=${patterns} where the go command runs`),
        thrown?.next,
      );
    });

  it('says where the patterns are that the text has no room for', () => {
    const many = Array.from({ length: 100 }, (_, i) => routeOf(`team-${i}.corp.example`, true));
    const router = new Router([routeOf('corp.example', true), ...many], OFF);
    const next = catching(() => refusePrivateLookup('lookup/corp.example/lib@v1.0.0', router))?.next ?? '';
    assert.match(
      next,
      /^set GONOSUMDB=corp\.example,team-0\.corp\.example,.*,… \(modgate serve prints them all\)/,
    );
    assert.ok(next.length < 500, `${next.length} characters`);
  });
});

function catching(run: () => void): ModgateError | undefined {
  try {
    run();
  } catch (error) {
    assert.ok(error instanceof ModgateError);
    return error;
  }
  return undefined;
}
