import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { liveness, type Owner, ownerOf, ownerPrefix, self } from './owner.ts';

const me = self();
const withProc = existsSync('/proc/self/stat');

const BAD_NAMES = [
  '',
  'x',
  '5f0c1d2e3a4b-4711-88-9c2d41aa',
  '5f0c-4711-88-9c2d41aa.1',
  '5f0c1d2e3a4b--88-9c2d41aa.1',
];

describe('owner of a temporary file', () => {
  it('is read from the name that it gives', () => {
    assert.deepEqual(ownerOf(`${ownerPrefix(me)}17`), me);
    assert.deepEqual(ownerOf(`${ownerPrefix(me)}17.claim-0123`), me);
    assert.notEqual(ownerPrefix(me), ownerPrefix(me));
  });
  for (const name of BAD_NAMES) {
    it(`${JSON.stringify(name)} has none`, () => assert.equal(ownerOf(name), undefined));
  }

  const rows: readonly (readonly [what: string, owner: Owner, expected: string])[] = [
    ['this process', me, 'alive'],
    ['another start of this pid', { ...me, start: '1' }, withProc ? 'dead' : 'unknown'],
    ['no such process', { ...me, pid: 4_194_999 }, withProc ? 'dead' : 'unknown'],
    ['another place', { ...me, place: '000000000000' }, 'unknown'],
    ['another place, no such process', { place: '000000000000', pid: 4_194_999, start: '1' }, 'unknown'],
  ];
  for (const [what, owner, expected] of rows) {
    it(`${what} is ${expected}`, () => assert.equal(liveness(owner, me), expected));
  }

  it('without /proc nothing is known of others', () => {
    const blind = { ...me, start: '0' };
    assert.equal(liveness({ ...blind, pid: 4_194_999 }, blind), 'unknown');
    assert.equal(liveness(blind, blind), 'alive');
  });

  it('another process is alive until it ends', { skip: !withProc && 'no /proc' }, async () => {
    const child = spawn(process.execPath, ['-e', 'process.stdin.resume()'], {
      stdio: ['pipe', 'ignore', 'ignore'],
    });
    await once(child, 'spawn');
    const stat = readFileSync(`/proc/${child.pid}/stat`, 'latin1');
    const start = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
    const owner: Owner = { place: me.place, pid: child.pid ?? 0, start };
    assert.equal(liveness(owner, me), 'alive');
    child.stdin?.end();
    await once(child, 'exit');
    assert.equal(liveness(owner, me), 'dead');
  });
});
