import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FileTree } from './file-tree.ts';
import { silent, tempFolder } from './fixtures.test.kit.ts';
import { type FsOps, systemOps } from './fs-ops.ts';
import { parseKey } from './key.ts';
import { Lanes } from './lanes.ts';

describe('Lanes', () => {
  it('runs so many at a time, the others in order, and goes on after a failure', async () => {
    const lanes = new Lanes(2);
    const begun: number[] = [];
    const ends: (() => void)[] = [];
    const task = (i: number) => () => {
      begun.push(i);
      return new Promise<void>((resolve, reject) => {
        ends[i] = () => (i === 0 ? reject(new Error('first')) : resolve());
      });
    };
    const all = [0, 1, 2, 3].map((i) => lanes.run(task(i)));
    assert.deepEqual(begun, [0, 1]);
    ends[0]?.();
    await assert.rejects(all[0] ?? Promise.resolve(), /first/);
    assert.deepEqual(begun, [0, 1, 2]);
    ends[1]?.();
    await all[1];
    assert.deepEqual(begun, [0, 1, 2, 3]);
    ends[2]?.();
    ends[3]?.();
    await Promise.all(all.slice(1));
    await lanes.run(() => Promise.resolve());
  });
});

/** pool, most fsyncs at a time */
const ROWS = [
  [1, 1],
  [2, 1],
  [3, 1],
  [4, 2],
  [16, 8],
] as const;

describe('lanes of a pool', () => {
  for (const [threads, flushes] of ROWS) {
    it(`${threads} threads: ${flushes} for fsync`, async () => {
      const folder = tempFolder();
      let most = 0;
      let now = 0;
      const ops: FsOps = {
        ...systemOps,
        fsync: async (fd) => {
          now++;
          most = Math.max(most, now);
          await systemOps.fsync(fd).finally(() => now--);
        },
      };
      const tree = await FileTree.open(folder.path, { logger: silent(), ops, threads });
      await Promise.all(
        Array.from({ length: 64 }, (_, i) => {
          const key = parseKey(`corp.example/m${i % 40}/@v/v1.0.${i}.mod`);
          if (i % 2 === 0) return tree.put(key, Buffer.from('x'), { kind: 'keep' });
          return tree.put(key, Buffer.from('x'), { kind: 'replace', fetchedAt: 1 });
        }),
      );
      await tree.close();
      folder.remove();
      assert.ok(most > 0 && most <= flushes, `${most} fsyncs at a time`);
    });
  }
});
