/** Copies of repositories under several processes, and under kill -9. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { noise } from '../kit/git.ts';
import {
  faultOf,
  gitsOf,
  NEVER,
  noGits,
  otherProcess,
  type VcsBench,
  vcsBench,
  withoutProc,
} from '../kit/vcs.ts';
import { bounded, until } from '../kit/wait.ts';

describe('copies of repositories between processes', { skip: withoutProc }, () => {
  it('after kill -9 in the middle of a fetch the next process goes on, and the old git is gone', async (t) => {
    const bench = await vcsBench(t);
    const hash = bench.folder.create('lib.git').commit({ 'big.bin': noise(300_000) }, { tags: ['v1.0.0'] });
    bench.server.fault('fetch', { kind: 'stall', after: 100_000 }, 1);
    const asked = bench.server.next('fetch');
    const other = otherProcess(bench, 'lib.git', 'v1.0.0');
    const stalled = await asked;
    await until(() => files(bench.data).find((name) => name.includes('tmp_pack')), 'half a pack');
    other.child.kill('SIGKILL');
    assert.equal(await other.answer, '');
    assert.ok(gitsOf(bench.data).length > 0, 'git outlives its parent');
    assert.equal((await bench.open('lib.git').resolve('v1.0.0', NEVER)).hash, hash);
    assert.equal(await bounded(stalled.over, 'the end of the orphan'), 'left');
    await noGits(bench.data);
    assert.deepEqual(
      files(bench.data).filter((name) => /tmp_pack|\.lock$|half-made|claim/.test(name)),
      [],
    );
  });

  const waits: readonly (readonly [what: string, idle: number, next: (bench: VcsBench) => unknown])[] = [
    ['ends by itself', 2500, () => undefined],
    ['is ended by the next process', 30_000, (bench) => bench.again()],
  ];
  for (const [what, idle, next] of waits) {
    it(`after kill -9 a git that waits for a silent remote ${what}`, async (t) => {
      const bench = await vcsBench(t);
      bench.folder.create('lib.git').commit({ a: 'a' }, { tags: ['v1.0.0'] });
      bench.server.fault('info', { kind: 'stall', after: 10 });
      const asked = bench.server.next('info');
      const other = otherProcess(bench, 'lib.git', 'v1.0.0', idle);
      await asked;
      other.child.kill('SIGKILL');
      assert.equal(await other.answer, '');
      assert.ok(gitsOf(bench.data).length > 0, 'git outlives its parent');
      next(bench);
      await noGits(bench.data);
    });
  }

  it('two processes that want the same commit fetch it once', async (t) => {
    const bench = await vcsBench(t);
    const hash = bench.folder.create('lib.git').commit({ 'big.bin': noise(300_000) }, { tags: ['v1.0.0'] });
    bench.server.fault('fetch', { kind: 'stall', after: 100_000 }, 1);
    const asked = bench.server.next('fetch');
    const first = otherProcess(bench, 'lib.git', 'v1.0.0');
    await asked;
    const second = bench.open('lib.git').resolve('v1.0.0', NEVER);
    // It has its list of refs, and can only wait for the lock now.
    await until(() => (bench.server.count('ls-refs') === 2 ? true : undefined), 'two lists of refs');
    await bench.server.seen('ls-refs')[1]?.over;
    bench.server.heal();
    assert.deepEqual([await first.answer, (await second).hash], [hash, hash]);
    assert.equal(bench.server.count('fetch'), 1);
  });

  it('a caller that leaves ends git, and the next one is not held up', async (t) => {
    const bench = await vcsBench(t);
    const hash = bench.folder.create('lib.git').commit({ 'big.bin': noise(300_000) }, { tags: ['v1.0.0'] });
    bench.server.fault('fetch', { kind: 'stall', after: 100_000 }, 1);
    const asked = bench.server.next('fetch');
    const leaving = new AbortController();
    const left = faultOf(bench.open('lib.git').resolve('v1.0.0', leaving.signal));
    await asked;
    leaving.abort();
    assert.equal((await left).code, 'CANCELED');
    await noGits(bench.data);
    assert.equal((await bench.open('lib.git').resolve('v1.0.0', NEVER)).hash, hash);
    assert.deepEqual(
      files(bench.data).filter((name) => name.includes('tmp_pack')),
      [],
    );
  });

  it('closing ends every git', async (t) => {
    const bench = await vcsBench(t);
    bench.folder.create('lib.git').commit({ a: 'a' }, { tags: ['v1.0.0'] });
    bench.server.fault('info', { kind: 'stall', after: 10 });
    const asked = bench.server.next('info');
    const refused = faultOf(bench.open('lib.git').refs(NEVER));
    await asked;
    await bench.remotes.close();
    assert.equal((await refused).code, 'SHUTTING_DOWN');
    assert.deepEqual(gitsOf(bench.data), []);
  });
});

function files(folder: string): string[] {
  return fs.readdirSync(folder, { recursive: true }).map((name) => path.basename(String(name)));
}
