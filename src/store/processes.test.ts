/**
 * Two processes on one folder. This file is also the child: run with a kind of file system, a data folder
 * and a seed, it puts all keys once it is told to, and sends back how each put ended.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { ModgateError } from '../errors/index.ts';
import { FileTree } from './file-tree.ts';
import { linklessOps, readAll, sample, silent, tempFolder, tempNames } from './fixtures.test.kit.ts';
import { type FsOps, systemOps } from './fs-ops.ts';
import { parseKey, type TreeKey } from './key.ts';

const KINDS: Readonly<Record<string, FsOps>> = { links: systemOps, 'no links': linklessOps };
const KEYS: readonly TreeKey[] = Array.from({ length: 60 }, (_, i) =>
  parseKey(`corp.example/m${i % 7}/@v/v1.${i}.0.${i % 2 === 0 ? 'mod' : 'zip'}`),
);
const AT_ONCE = 6;

function bytesOf(index: number, seed: number): Buffer {
  return sample(index % 2 === 0 ? 200 : 400_000, index * 10 + seed);
}

async function putOne(tree: FileTree, index: number, seed: number): Promise<string> {
  const key = KEYS[index];
  assert.ok(key !== undefined);
  const bytes = bytesOf(index, seed);
  try {
    if (index % 2 === 0) return await tree.put(key, bytes, { kind: 'immutable' });
    const staged = await tree.stage();
    try {
      await staged.write(bytes);
      return await tree.adopt(key, staged, { kind: 'immutable' });
    } finally {
      await staged.release();
    }
  } catch (error) {
    return error instanceof ModgateError ? error.code : String(error);
  }
}

async function child(kind: string, data: string, seed: number): Promise<void> {
  const ops = KINDS[kind] ?? systemOps;
  const tree = await FileTree.open(data, { logger: silent(), ops });
  process.send?.('ready');
  await once(process, 'message');
  const outcomes: string[] = [];
  let next = 0;
  const walk = async () => {
    for (let index = next++; index < KEYS.length; index = next++)
      outcomes[index] = await putOne(tree, index, seed);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, walk));
  await tree.close();
  process.send?.(outcomes);
  process.disconnect();
}

const [, , mode, kind = '', data = '', seed = ''] = process.argv;

if (mode === 'child') {
  await child(kind, data, Number(seed));
} else {
  for (const name of Object.keys(KINDS)) {
    describe(`two processes on one folder, file system with ${name}`, () => {
      it('the same bytes: one stores, the other finds the same', () => race(name, [1, 1], 'same'));
      it('other bytes: one stores, the other is refused', () => race(name, [1, 2], 'IMMUTABLE_CONFLICT'));
    });
  }
}

async function race(name: string, seeds: readonly number[], loser: string): Promise<void> {
  const folder = tempFolder();
  const tree = await FileTree.open(folder.path, { logger: silent() });
  try {
    const children = seeds.map((one) => start(name, folder.path, one));
    await Promise.all(children.map((one) => once(one, 'message')));
    const done = children.map(async (one): Promise<string[]> => {
      const [[outcomes], [code]] = await Promise.all([once(one, 'message'), once(one, 'exit')]);
      assert.equal(code, 0);
      return outcomes;
    });
    for (const one of children) one.send('go');
    const ended = Promise.all(done);
    const reads = await readUntil(tree, seeds, ended);
    assert.ok(reads > 0, 'the reader saw files');
    const [first = [], second = []] = await ended;
    for (const [index, key] of KEYS.entries()) {
      const pair = [first[index], second[index]];
      assert.equal(pair.filter((outcome) => outcome === 'stored').length, 1, key);
      assert.equal(pair.filter((outcome) => outcome === loser).length, 1, key);
      const winner = seeds[pair.indexOf('stored')] ?? 0;
      assert.deepEqual(await readAll(tree, key), bytesOf(index, winner), key);
    }
    assert.deepEqual(tempNames(folder.path), []);
  } finally {
    await tree.close();
    folder.remove();
  }
}

function start(name: string, folder: string, one: number): ChildProcess {
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  return fork(fileURLToPath(import.meta.url), ['child', name, folder, String(one)], { env, execArgv: [] });
}

/** Reads all keys over and over; every file that is there must be whole, and must stay what it is. */
async function readUntil(tree: FileTree, seeds: readonly number[], ended: Promise<unknown>): Promise<number> {
  let running = true;
  let reads = 0;
  const stop = () => {
    running = false;
  };
  ended.then(stop, stop);
  const seen = new Map<TreeKey, Buffer>();
  while (running) {
    for (const [index, key] of KEYS.entries()) {
      const found = await readAll(tree, key);
      if (found === undefined) {
        assert.ok(!seen.has(key), `${key} went away`);
        continue;
      }
      reads++;
      const before = seen.get(key);
      if (before === undefined) {
        assert.ok(
          seeds.some((one) => bytesOf(index, one).equals(found)),
          `${key} is partial`,
        );
        seen.set(key, found);
      } else assert.ok(before.equals(found), `${key} changed`);
    }
  }
  return reads;
}
