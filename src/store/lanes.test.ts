import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FileTree } from './file-tree.ts';
import { silent, tempFolder } from './fixtures.test.kit.ts';
import { type FsOps, systemOps } from './fs-ops.ts';
import { parseKey } from './key.ts';
import { Lanes, lanesFor } from './lanes.ts';

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

/** pool, most fsyncs at a time, most other writing operations at a time */
const ROWS = [
  [1, 1, 1],
  [2, 1, 1],
  [3, 1, 1],
  [4, 2, 1],
  [8, 4, 3],
  [16, 8, 7],
] as const;

describe('lanes of a pool', () => {
  for (const [threads, flushes, writes] of ROWS) {
    it(`${threads} threads: ${flushes} for fsync, ${writes} for writing`, async () => {
      const folder = tempFolder();
      const most = { fsync: 0, write: 0 };
      const now = { fsync: 0, write: 0 };
      const counted =
        <A extends unknown[], R>(kind: 'fsync' | 'write', operation: (...args: A) => Promise<R>) =>
        async (...args: A): Promise<R> => {
          now[kind]++;
          most[kind] = Math.max(most[kind], now[kind]);
          try {
            return await operation(...args);
          } finally {
            now[kind]--;
          }
        };
      const opening = counted('write', systemOps.open);
      const ops: FsOps = {
        ...systemOps,
        fsync: counted('fsync', systemOps.fsync),
        open: (path, flags) => (flags === 'r' ? systemOps.open(path, flags) : opening(path, flags)),
        write: counted('write', systemOps.write),
        touch: counted('write', systemOps.touch),
        link: counted('write', systemOps.link),
        rename: counted('write', systemOps.rename),
        unlink: counted('write', systemOps.unlink),
        mkdir: counted('write', systemOps.mkdir),
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
      assert.ok(most.fsync > 0 && most.fsync <= flushes, `${most.fsync} fsyncs at a time`);
      assert.ok(most.write > 0 && most.write <= writes, `${most.write} writes at a time`);
    });
  }

  it('leaves a thread to hits wherever there is one to leave', () => {
    for (let threads = 3; threads <= 128; threads++) {
      const { flushes, writes } = lanesFor(threads);
      assert.ok(flushes.count + writes.count < threads, `${threads}`);
    }
  });
});
