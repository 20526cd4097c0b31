import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { ModgateError } from '../errors/index.ts';
import { escapePath, escapeVersion } from '../module/index.ts';
import { acceptsGzip } from './accept.ts';
import { wantedRange } from './conditional.ts';
import { parseTarget, type Route } from './route.ts';

const RULES = { prefix: '', longest: 2048 };

/** Pieces that routes are made of and that attackers mix. */
const PIECE = fc.oneof(
  fc.constantFrom(
    '/',
    '//',
    '@v',
    '@latest',
    'list',
    '.info',
    '.mod',
    '.zip',
    'v1.0.0',
    '+incompatible',
    '..',
    '.',
    '%2e',
    '%2f',
    '%00',
    '%21',
    '!',
    '%',
    '\\',
    '?',
    '#',
    'sumdb',
    'lookup',
    'tile/8/0/000',
    'cached-only',
    '-/modules/',
    'example.com',
    'Upper',
    'é',
    '\u0000',
    '\n',
  ),
  fc.string({ maxLength: 8 }),
);
const TARGET = fc.array(PIECE, { maxLength: 14 }).map((pieces) => `/${pieces.join('')}`);

/** Nothing that leaves the parser can name a place outside the module's own folder. */
function checkAsk(route: Route): void {
  if (route.kind === 'publish') {
    const { path: module, version: published } = route.m;
    assert.ok(!/(^|\/)\.{0,2}(\/|$)/.test(escapePath(module)), module);
    assert.ok(!escapeVersion(published).includes('/'));
    return;
  }
  if (route.kind !== 'ask' || route.ask.kind === 'sumdb') return;
  const { ask } = route;
  const path = 'm' in ask ? ask.m.path : ask.path;
  assert.ok(!/(^|\/)\.{0,2}(\/|$)/.test(escapePath(path)), path);
  const version = 'm' in ask ? ask.m.version : ask.kind === 'query' ? ask.query : 'v1.0.0';
  assert.ok(!escapeVersion(version).includes('/') && version !== '..');
}

describe('hostile requests', () => {
  it('are a route in its one spelling, or a coded 404', () => {
    fc.assert(
      fc.property(TARGET, (target) => {
        try {
          checkAsk(parseTarget(target, RULES));
        } catch (error) {
          assert.ok(error instanceof ModgateError && error.status === 404, String(error));
        }
      }),
      { numRuns: 5000 },
    );
  });

  it('get a range inside the file or none', () => {
    const range = fc.oneof(
      fc.string(),
      fc.tuple(fc.nat(), fc.nat()).map(([a, b]) => `bytes=${a}-${b}`),
      fc.stringMatching(/^bytes=\d{0,20}-\d{0,20}$/),
    );
    fc.assert(
      fc.property(range, fc.nat({ max: 1000 }), (header, size) => {
        const wanted = wantedRange({ range: header }, size, { etag: '"x"', modified: 0 });
        if (typeof wanted === 'string') return;
        assert.ok(wanted.first >= 0 && wanted.first <= wanted.last && wanted.last < size);
      }),
      { numRuns: 2000 },
    );
  });

  it('get an answer on encodings at once', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 2000 }), (header) => typeof acceptsGzip(header) === 'boolean'),
    );
  });
});
