import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { FileTree } from './file-tree.ts';
import { openDescriptors, readAll, sample, silent, tempFolder, tempNames } from './fixtures.test.kit.ts';
import { type FsOps, systemOps } from './fs-ops.ts';
import { parseKey } from './key.ts';
import { PIECE, PiecePool, Window } from './window.ts';

const KEY = parseKey('corp.example/m/@v/v1.0.0.zip');

describe('a window on the end of a growing file', () => {
  const LIMIT = 4 * PIECE;

  it('holds 1 MiB whole, and drops the oldest piece only when told', () => {
    const window = new Window(new PiecePool(2 * LIMIT));
    const bytes = sample(LIMIT + 1, 1);
    let at = 0;
    while (at < LIMIT) {
      assert.equal(window.full, false, `at ${at}`);
      at += window.append(bytes.subarray(at, Math.min(at + 100_000, LIMIT)));
    }
    assert.deepEqual([window.start, window.end, window.full], [0, LIMIT, true]);
    const all = Buffer.alloc(LIMIT);
    assert.equal(window.copy(all, 0), LIMIT);
    assert.deepEqual(all, bytes.subarray(0, LIMIT));
    window.dropOldest();
    assert.deepEqual([window.start, window.full], [PIECE, false]);
    window.append(bytes.subarray(at));
    const some = Buffer.alloc(9);
    assert.equal(window.copy(some, LIMIT), 1);
    assert.equal(some[0], bytes[LIMIT]);
    assert.equal(window.copy(some, PIECE - 1), 0);
    assert.equal(window.copy(some, LIMIT + 1), 0);
    assert.equal(window.view(PIECE - 1), undefined);
    assert.deepEqual(window.view(PIECE + 7), bytes.subarray(PIECE + 7, 2 * PIECE));
  });

  it('has one piece beyond the limit of all, and no more', () => {
    const pool = new PiecePool(0);
    const window = new Window(pool);
    assert.equal(window.full, false);
    assert.equal(window.append(sample(2 * PIECE, 1)), PIECE);
    assert.equal(window.full, true);
    window.drop();
    assert.deepEqual([window.start, window.end, pool.isShort()], [PIECE, PIECE, false]);
  });

  it('takes the pieces of a window that can be spared, and of no other', () => {
    const pool = new PiecePool(2 * PIECE);
    const [done, running, next] = [new Window(pool), new Window(pool), new Window(pool)];
    for (const window of [done, running, next]) window.append(sample(PIECE, 1));
    assert.equal(next.full, true);
    done.spare();
    assert.equal(next.full, false);
    assert.deepEqual([done.start, running.start], [PIECE, 0]);
  });

  it('takes no new memory for what was given back', () => {
    const pool = new PiecePool(LIMIT);
    const first = pool.take();
    pool.give(first);
    assert.equal(pool.take(), first);
  });

  it('gives the bytes that came, whatever the pieces', () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 400_000 }), { minLength: 1, maxLength: 12 });
    fc.assert(
      fc.property(sizes, fc.nat(), fc.nat(600_000), (lengths, place, length) => {
        const window = new Window(new PiecePool(1 << 30));
        const all = sample(
          lengths.reduce((sum, more) => sum + more, 0),
          3,
        );
        let at = 0;
        for (const more of lengths) {
          const end = at + more;
          while (at < end) {
            if (window.full) window.dropOldest();
            at += window.append(all.subarray(at, end));
          }
        }
        const position = window.start + (place % (window.end - window.start));
        const buffer = Buffer.alloc(length);
        const count = window.copy(buffer, position);
        assert.equal(count, Math.min(length, window.end - position));
        assert.ok(buffer.subarray(0, count).equals(all.subarray(position, position + count)));
      }),
      { numRuns: 50 },
    );
  });
});

describe('a staged file', () => {
  const counting = () => {
    const seen = { reads: 0, writes: 0 };
    const ops: FsOps = {
      ...systemOps,
      read: (...args) => {
        seen.reads++;
        return systemOps.read(...args);
      },
      write: (...args) => {
        seen.writes++;
        return systemOps.write(...args);
      },
    };
    return { seen, ops };
  };

  for (const [size, writes] of [
    [1, 1],
    [700_000, 4],
    [5 << 20, 22],
  ] as const) {
    it(`of ${size} bytes: who keeps up reads from memory, and the disk is written ${writes} times`, async () => {
      const folder = tempFolder();
      const { seen, ops } = counting();
      const tree = await FileTree.open(folder.path, { logger: silent(), ops });
      const before = openDescriptors();
      const bytes = sample(size, 1);
      const staged = await tree.stage();
      const got = Buffer.alloc(size);
      for (let at = 0; at < size; at += 16_384) {
        await staged.write(bytes.subarray(at, at + 16_384));
        await staged.read(got.subarray(at, at + 16_384), at);
      }
      assert.deepEqual(got, bytes);
      assert.equal(seen.reads, 0);
      await staged.onDisk();
      assert.ok(seen.writes <= writes, `${seen.writes} writes`);
      // A reader that is behind finds everything, wherever it is.
      const again = Buffer.alloc(size);
      assert.equal(await staged.read(again, 0), size);
      assert.deepEqual(again, bytes);
      await tree.adopt(KEY, staged, { kind: 'immutable' });
      await staged.release();
      assert.deepEqual(await readAll(tree, KEY), bytes);
      assert.deepEqual(tempNames(folder.path), []);
      assert.equal(openDescriptors(), before);
      await tree.close();
      folder.remove();
    });
  }

  it('that is released in the middle of its first write leaves nothing behind', async () => {
    const folder = tempFolder();
    const tree = await FileTree.open(folder.path, { logger: silent() });
    // The thread that writes has descriptors of its own.
    await tree.delete(KEY);
    const before = openDescriptors();
    const staged = await tree.stage();
    const writing = staged.write(Buffer.from('some'));
    await staged.release();
    await assert.rejects(writing, { code: 'INTERNAL' });
    assert.deepEqual(tempNames(folder.path), []);
    assert.equal(openDescriptors(), before);
    await tree.close();
    folder.remove();
  });
});
