/** What every driver of Tree must do; a driver's own test calls it. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { ModgateError } from '../errors/index.ts';
import { readAll, sample } from './fixtures.test.kit.ts';
import { parseKey, type TreeKey } from './key.ts';
import type { Expect, StagedFile, Tree } from './tree.ts';

export interface TreeUnderTest {
  readonly tree: Tree;
  done(): Promise<void>;
}

const IMMUTABLE: Expect = { kind: 'immutable' };
const KEEP: Expect = { kind: 'keep' };
const REPLACE: Expect = { kind: 'replace', fetchedAt: 1_700_000_000_123 };

const small = Buffer.from('first\n');
const other = Buffer.from('other\n');
const longer = Buffer.from('first\nand more\n');
const big = sample(700_001, 1);
/** differs from `big` in its last byte only */
const bigOther = Buffer.from(big)
  .fill(0, big.length - 1)
  .fill(1, big.length - 1);

interface Row {
  readonly name: string;
  readonly there?: Buffer;
  readonly put: Buffer;
  readonly expect: Expect;
  readonly outcome: 'stored' | 'same' | 'IMMUTABLE_CONFLICT';
  readonly after: Buffer;
}

const ROWS: readonly Row[] = [
  { name: 'immutable, nothing there', put: small, expect: IMMUTABLE, outcome: 'stored', after: small },
  {
    name: 'immutable, empty',
    put: Buffer.alloc(0),
    expect: IMMUTABLE,
    outcome: 'stored',
    after: Buffer.alloc(0),
  },
  {
    name: 'immutable, the same there',
    there: small,
    put: small,
    expect: IMMUTABLE,
    outcome: 'same',
    after: small,
  },
  {
    name: 'immutable, the same large there',
    there: big,
    put: big,
    expect: IMMUTABLE,
    outcome: 'same',
    after: big,
  },
  {
    name: 'immutable, other there',
    there: small,
    put: other,
    expect: IMMUTABLE,
    outcome: 'IMMUTABLE_CONFLICT',
    after: small,
  },
  {
    name: 'immutable, longer there',
    there: longer,
    put: small,
    expect: IMMUTABLE,
    outcome: 'IMMUTABLE_CONFLICT',
    after: longer,
  },
  {
    name: 'immutable, shorter there',
    there: small,
    put: longer,
    expect: IMMUTABLE,
    outcome: 'IMMUTABLE_CONFLICT',
    after: small,
  },
  {
    name: 'immutable, empty there',
    there: Buffer.alloc(0),
    put: small,
    expect: IMMUTABLE,
    outcome: 'IMMUTABLE_CONFLICT',
    after: Buffer.alloc(0),
  },
  {
    name: 'immutable, one byte at the end differs',
    there: big,
    put: bigOther,
    expect: IMMUTABLE,
    outcome: 'IMMUTABLE_CONFLICT',
    after: big,
  },
  { name: 'keep, nothing there', put: small, expect: KEEP, outcome: 'stored', after: small },
  { name: 'keep, other there', there: small, put: other, expect: KEEP, outcome: 'same', after: small },
  { name: 'replace, nothing there', put: small, expect: REPLACE, outcome: 'stored', after: small },
  {
    name: 'replace, other there',
    there: small,
    put: other,
    expect: REPLACE,
    outcome: 'stored',
    after: other,
  },
  {
    name: 'replace, the same there',
    there: small,
    put: small,
    expect: REPLACE,
    outcome: 'stored',
    after: small,
  },
  {
    name: 'replace by nothing',
    there: big,
    put: Buffer.alloc(0),
    expect: REPLACE,
    outcome: 'stored',
    after: Buffer.alloc(0),
  },
];

const BAD_KEYS = ['', '/', '/a', 'a/', 'a//b', '.', '..', 'a/..', '../a', 'a/../b', 'a/./b', 'a\\b', 'a\0b'];

export function treeContract(name: string, open: () => Promise<TreeUnderTest>): void {
  describe(`${name}: contract of Tree`, () => {
    let under: TreeUnderTest;
    let tree: Tree;
    let count = 0;

    before(async () => {
      under = await open();
      tree = under.tree;
    });
    after(() => under.done());

    /** a folder of its own for each test */
    const key = (file = 'list'): TreeKey => parseKey(`corp.example/m${count}/@v/${file}`);
    const fresh = (): void => {
      count++;
    };

    for (const row of ROWS) {
      for (const way of ['put', 'adopt'] as const) {
        it(`${way}: ${row.name}`, async () => {
          fresh();
          if (row.there !== undefined) await tree.put(key(), row.there, KEEP);
          const writing =
            way === 'put' ? tree.put(key(), row.put, row.expect) : adopt(tree, key(), row.put, row.expect);
          if (row.outcome === 'IMMUTABLE_CONFLICT') await assert.rejects(writing, isConflictOf(key()));
          else assert.equal(await writing, row.outcome);
          assert.deepEqual(await readAll(tree, key()), row.after);
          if (row.expect.kind === 'replace') assert.equal(await modified(tree, key()), row.expect.fetchedAt);
          assert.deepEqual(await tree.names(parseKey(`corp.example/m${count}/@v`)), ['list']);
        });
      }
    }

    it('absence is undefined: nothing, a folder, a file in the middle', async () => {
      fresh();
      assert.equal(await tree.open(key()), undefined);
      await tree.put(key('f'), small, KEEP);
      assert.equal(await tree.open(key('g')), undefined);
      assert.equal(await tree.open(key('f/g')), undefined);
      assert.equal(await tree.open(parseKey(`corp.example/m${count}/@v`)), undefined);
      assert.deepEqual(await tree.names(key('g')), []);
      assert.deepEqual(await tree.names(key('f')), []);
    });

    it('reads at positions, never beyond the end', async () => {
      fresh();
      await tree.put(key(), big, KEEP);
      const content = await tree.open(key());
      assert.ok(content);
      assert.equal(content.size, big.length);
      const buffer = Buffer.alloc(1000);
      assert.equal(await content.read(buffer, 0), 1000);
      assert.deepEqual(buffer, big.subarray(0, 1000));
      assert.equal(await content.read(buffer, big.length - 10), 10);
      assert.deepEqual(buffer.subarray(0, 10), big.subarray(-10));
      assert.equal(await content.read(buffer, big.length), 0);
      assert.equal(await content.read(buffer, big.length + 5), 0);
      const parts = [0, 1, 2, 3, 4].map(async (i) => {
        const part = Buffer.alloc(100);
        await content.read(part, i * 100_000);
        assert.deepEqual(part, big.subarray(i * 100_000, i * 100_000 + 100));
      });
      await Promise.all(parts);
      const last = content.read(buffer, 0);
      await content.close();
      assert.equal(await last, 1000, 'close waits for what is under way');
      await content.close();
      await assert.rejects(content.read(buffer, 0), { code: 'INTERNAL' });
    });

    it('an open file stays what it was when it is replaced and deleted', async () => {
      fresh();
      await tree.put(key(), small, REPLACE);
      const content = await tree.open(key());
      assert.ok(content);
      await tree.put(key(), longer, { kind: 'replace', fetchedAt: 1_800_000_000_000 });
      await tree.delete(key());
      assert.deepEqual(await content.bytes(), small);
      await content.close();
      assert.equal(await tree.open(key()), undefined);
    });

    it('deletes; nothing there is fine; the key can be stored again', async () => {
      fresh();
      await tree.delete(key());
      await tree.put(key('f'), small, IMMUTABLE);
      await tree.delete(key('f'));
      await tree.delete(key('f'));
      await tree.delete(key('f/g'));
      assert.deepEqual(await tree.names(parseKey(`corp.example/m${count}/@v`)), []);
      assert.equal(await tree.put(key('f'), other, IMMUTABLE), 'stored');
      await tree.delete(key('f/g'));
      assert.deepEqual(await readAll(tree, key('f')), other);
    });

    it('names the files directly below a folder', async () => {
      fresh();
      for (const file of ['v1.0.0.mod', 'v1.0.0.info', 'deeper/x']) await tree.put(key(file), small, KEEP);
      const names = await tree.names(parseKey(`corp.example/m${count}/@v`));
      assert.deepEqual([...names].sort(), ['v1.0.0.info', 'v1.0.0.mod']);
    });

    it('of many at once exactly one stores, the others find the same or a conflict', async () => {
      fresh();
      const same = await Promise.all(Array.from({ length: 20 }, () => tree.put(key('a'), big, IMMUTABLE)));
      assert.deepEqual(same.filter((outcome) => outcome === 'stored').length, 1);
      const mixed = await Promise.allSettled(
        Array.from({ length: 20 }, (_, i) => tree.put(key('b'), i % 2 === 0 ? big : bigOther, IMMUTABLE)),
      );
      const stored = mixed.filter((result) => result.status === 'fulfilled' && result.value === 'stored');
      const conflicts = mixed.flatMap((result) => (result.status === 'rejected' ? [result.reason] : []));
      assert.equal(stored.length, 1);
      assert.equal(conflicts.length, 10);
      for (const conflict of conflicts) assert.ok(isConflictOf(key('b'))(conflict));
    });

    it('replacing at once leaves one of them, whole', async () => {
      fresh();
      const all = Array.from({ length: 10 }, (_, i) => sample(50_000, i));
      await Promise.all(all.map((bytes) => tree.put(key(), bytes, REPLACE)));
      const left = await readAll(tree, key());
      assert.ok(all.some((bytes) => left?.equals(bytes)));
    });

    it('a staged file is read while it grows, and after it was adopted, until the last release', async () => {
      fresh();
      const staged = await tree.stage();
      const buffer = Buffer.alloc(8);
      assert.equal(await staged.read(buffer, 0), 0);
      await staged.write(Buffer.from('abc'));
      assert.equal(staged.size, 3);
      assert.equal(await staged.read(buffer, 1), 2);
      await staged.write(Buffer.from('defg'));
      staged.retain();
      assert.equal(await tree.adopt(key(), staged, KEEP), 'stored');
      await staged.release();
      assert.equal(await staged.read(buffer, 0), 7);
      assert.equal(buffer.toString('latin1', 0, 7), 'abcdefg');
      await assert.rejects(tree.adopt(key('again'), staged, KEEP), { code: 'INTERNAL' });
      await staged.release();
      await assert.rejects(staged.read(buffer, 0), { code: 'INTERNAL' });
      await assert.rejects(staged.release(), { code: 'INTERNAL' });
      assert.throws(() => staged.retain(), { code: 'INTERNAL' });
      assert.deepEqual(await readAll(tree, key()), Buffer.from('abcdefg'));
    });

    it('a staged file takes one write at a time', async () => {
      const staged = await tree.stage();
      const first = staged.write(big);
      await assert.rejects(staged.write(small), { code: 'INTERNAL' });
      await assert.rejects(tree.adopt(key(), staged, KEEP), { code: 'INTERNAL' });
      await first;
      assert.equal(staged.size, big.length);
      await staged.release();
    });

    it('a conflict leaves the staged file to another try', async () => {
      fresh();
      await tree.put(key('a'), small, IMMUTABLE);
      const staged = await stageOf(tree, other);
      await assert.rejects(tree.adopt(key('a'), staged, IMMUTABLE), isConflictOf(key('a')));
      assert.equal(await tree.adopt(key('b'), staged, IMMUTABLE), 'stored');
      await staged.release();
      assert.deepEqual(await readAll(tree, key('b')), other);
    });

    it('refuses keys that lead elsewhere, whoever branded them', async () => {
      for (const text of BAD_KEYS) {
        const bad = text as TreeKey; // a key that did not come from parseKey is the point
        const refused = { code: 'INVALID_MODULE' };
        await assert.rejects(tree.open(bad), refused, JSON.stringify(text));
        await assert.rejects(tree.put(bad, small, KEEP), refused);
        await assert.rejects(tree.delete(bad), refused);
        await assert.rejects(tree.names(bad), refused);
      }
    });

    it('probes by writing', async () => {
      const probe = await tree.probe();
      assert.equal(probe.writable, true);
      assert.equal(probe.fault, undefined);
      assert.ok(probe.freeBytes > 0);
    });
  });
}

async function stageOf(tree: Tree, bytes: Uint8Array): Promise<StagedFile> {
  const staged = await tree.stage();
  await staged.write(bytes);
  return staged;
}

async function adopt(tree: Tree, key: TreeKey, bytes: Uint8Array, expect: Expect): Promise<string> {
  const staged = await stageOf(tree, bytes);
  try {
    return await tree.adopt(key, staged, expect);
  } finally {
    await staged.release();
  }
}

async function modified(tree: Tree, key: TreeKey): Promise<number | undefined> {
  const content = await tree.open(key);
  await content?.close();
  return content?.modified;
}

function isConflictOf(key: TreeKey): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof ModgateError);
    assert.equal(error.code, 'IMMUTABLE_CONFLICT');
    assert.ok(error.message.includes(key), error.message);
    assert.ok(error.next !== undefined);
    return true;
  };
}
