import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { FileTree } from './file-tree.ts';
import { openDescriptors, readAll, sample, silent, tempFolder, tempNames } from './fixtures.test.kit.ts';
import { type FsOps, systemOps } from './fs-ops.ts';
import { parseKey } from './key.ts';
import { MemoryBudget, PIECE, Window } from './window.ts';

const KEY = parseKey('corp.example/m/@v/v1.0.0.zip');

describe('a window on the end of a growing file', () => {
  it('holds 1 MiB whole, and drops the oldest piece only when told', () => {
    const budget = new MemoryBudget(2 * PIECE);
    const window = new Window(budget);
    const bytes = sample(2 * PIECE + 1, 1);
    let at = 0;
    while (at < 2 * PIECE) {
      assert.equal(window.full, false, `at ${at}`);
      at += window.append(bytes.subarray(at, Math.min(at + 100_000, 2 * PIECE)));
    }
    assert.deepEqual([window.start, window.end, window.full], [0, 2 * PIECE, true]);
    const early = window.view(PIECE - 10, 20);
    assert.deepEqual(early, bytes.subarray(PIECE - 10, PIECE), 'a view ends with its piece');
    window.dropOldest();
    assert.deepEqual([window.start, window.full], [PIECE, false]);
    window.append(bytes.subarray(at));
    assert.deepEqual(window.view(2 * PIECE, 9), bytes.subarray(2 * PIECE));
    assert.equal(window.view(PIECE - 1, 9), undefined);
    assert.equal(window.view(2 * PIECE + 1, 9), undefined);
    assert.deepEqual(early, bytes.subarray(PIECE - 10, PIECE), 'and stays true');
    window.drop();
    assert.equal(budget.exceeded, false);
  });

  it('has one piece beyond the budget, and no more', () => {
    const budget = new MemoryBudget(0);
    const window = new Window(budget);
    assert.equal(window.full, false);
    assert.equal(window.append(sample(2 * PIECE, 1)), PIECE);
    assert.equal(window.full, true);
    window.drop();
    assert.deepEqual([window.start, window.end, budget.exceeded], [PIECE, PIECE, false]);
  });

  it('gives the bytes that came, whatever the pieces', () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 400_000 }), { minLength: 1, maxLength: 12 });
    fc.assert(
      fc.property(sizes, fc.nat(), (lengths, place) => {
        const window = new Window(new MemoryBudget(1 << 30));
        const all = sample(
          lengths.reduce((sum, length) => sum + length, 0),
          3,
        );
        let at = 0;
        for (const length of lengths) {
          const end = at + length;
          while (at < end) {
            if (window.full) window.dropOldest();
            at += window.append(all.subarray(at, end));
          }
        }
        const position = window.start + (place % (window.end - window.start));
        const view = window.view(position, 1000);
        assert.ok(view !== undefined && view.length > 0);
        assert.ok(view.equals(all.subarray(position, position + view.length)));
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
    [700_000, 3],
    [5 << 20, 12],
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
        const held = staged.held(at, 16_384);
        assert.ok(held !== undefined);
        held.copy(got, at);
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
    await tree.probe();
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
