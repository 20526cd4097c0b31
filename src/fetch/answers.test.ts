import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { ModgateError, toModgateError } from '../errors/index.ts';
import { parseModulePath, parseVersion } from '../module/index.ts';
import { checkInfo, checkMod, parseList, parseQueryInfo } from './answers.ts';

const path = parseModulePath('example.com/plain');
const m = { path, version: parseVersion(path, 'v1.0.0') };

function code(run: () => unknown): string {
  try {
    run();
    return 'ok';
  } catch (error) {
    return toModgateError(error).code;
  }
}

const LISTS: readonly [body: string, versions: string][] = [
  ['', ''],
  ['v1.0.0\n', 'v1.0.0'],
  ['v1.10.0\nv1.9.0\nv1.9.0\n', 'v1.9.0 v1.10.0'],
  ['v1.0.0 2026-01-02T03:04:05Z\n', 'v1.0.0'],
  ['v1.0.0\r\n  v1.1.0\r\n', 'v1.0.0 v1.1.0'],
  ['v0.0.0-20260102030405-0123456789ab\nv1.0.0\n', 'v1.0.0'],
  ['v1\nv1.0\nmain\n1.0.0\nv1.0.0+meta\n', ''],
  ['v1.0.0-rc.1\nv1.0.0\n', 'v1.0.0-rc.1 v1.0.0'],
  ['v2.0.0\nv2.0.0+incompatible\n', 'v2.0.0+incompatible'],
];

const INFOS: readonly [body: string, outcome: string][] = [
  ['{"Version":"v1.0.0","Time":"2026-01-02T03:04:05Z","Origin":{"VCS":"git"}}', 'ok'],
  ['{"Version":"v1.0.1"}', 'UPSTREAM_BAD_ANSWER'],
  ['{"Version":"v1.0.0+incompatible"}', 'UPSTREAM_BAD_ANSWER'],
  ['{"Version":1}', 'UPSTREAM_BAD_ANSWER'],
  ['{}', 'UPSTREAM_BAD_ANSWER'],
  ['null', 'UPSTREAM_BAD_ANSWER'],
  ['', 'UPSTREAM_BAD_ANSWER'],
  ['<!DOCTYPE html><title>Log in</title>', 'UPSTREAM_BAD_ANSWER'],
];

const MODS: readonly [body: string, outcome: string][] = [
  ['module example.com/plain\n', 'ok'],
  ['// a fork under another name\nmodule example.com/other\n', 'ok'],
  ['<html><body>Log in</body></html>', 'UPSTREAM_BAD_ANSWER'],
  ['module example.com/plain\0', 'UPSTREAM_BAD_ANSWER'],
  ['', 'UPSTREAM_BAD_ANSWER'],
  ['Please log in', 'UPSTREAM_BAD_ANSWER'],
  ['module "example.com/quoted"\n', 'ok'],
];

describe('answers of an origin', () => {
  for (const [body, versions] of LISTS) {
    it(`list ${JSON.stringify(body)} → ${versions}`, () =>
      assert.equal(parseList(path, Buffer.from(body), 'corp').join(' '), versions));
  }
  it('a list that is a web page is refused', () => {
    assert.equal(
      code(() => parseList(path, Buffer.from('\n<HTML>'), 'corp')),
      'UPSTREAM_BAD_ANSWER',
    );
  });
  for (const [body, outcome] of INFOS) {
    it(`.info ${body.slice(0, 50)} → ${outcome}`, () =>
      assert.equal(
        code(() => checkInfo(m, Buffer.from(body), 'corp')),
        outcome,
      ));
  }
  for (const [body, outcome] of MODS) {
    it(`.mod ${JSON.stringify(body.slice(0, 40))} → ${outcome}`, () =>
      assert.equal(
        code(() => checkMod(m, Buffer.from(body), 'corp')),
        outcome,
      ));
  }
  it('a query may resolve to any version that the module can have, and to no other', () => {
    const resolve = (version: string) =>
      code(() => parseQueryInfo(path, 'main', Buffer.from(JSON.stringify({ Version: version })), 'corp'));
    assert.equal(resolve('v1.2.4-0.20260102030405-0123456789ab'), 'ok');
    assert.equal(resolve('v2.0.0+incompatible'), 'ok');
    assert.equal(resolve('v2.0.0'), 'UPSTREAM_BAD_ANSWER');
    assert.equal(resolve('main'), 'UPSTREAM_BAD_ANSWER');
    assert.equal(resolve('../../etc'), 'UPSTREAM_BAD_ANSWER');
  });
  it('never cause anything but a coded error, whatever they hold', () => {
    const readers = [
      parseListOf,
      (b: Buffer) => parseQueryInfo(path, 'q', b, 'corp'),
      (b: Buffer) => checkInfo(m, b, 'corp'),
      (b: Buffer) => checkMod(m, b, 'corp'),
    ];
    const body = fc.oneof(
      fc.uint8Array({ maxLength: 300 }).map((a) => Buffer.from(a)),
      fc.json().map((t) => Buffer.from(t)),
      fc.string().map((t) => Buffer.from(t)),
    );
    fc.assert(
      fc.property(body, fc.constantFrom(...readers), (bytes, read) => {
        try {
          read(bytes);
        } catch (error) {
          assert.ok(error instanceof ModgateError, String(error));
        }
      }),
      { numRuns: 3000 },
    );
  });
});

function parseListOf(body: Buffer): unknown {
  return parseList(path, body, 'corp');
}
