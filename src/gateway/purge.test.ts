/** The order in which a purge removes files: whatever moment it is killed in, what is left may be used. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { ModgateError } from '../errors/index.ts';
import { parseModulePath } from '../module/index.ts';
import { createLogger, systemClock } from '../observe/index.ts';
import { FileTree, Storeroom } from '../store/index.ts';
import { writeTreeList } from './lists.ts';
import { purge } from './purge.ts';
import { Selection } from './selection.ts';

const LIB = parseModulePath('example.com/lib');
const FOLDER = 'tree/example.com/lib/@v';
const logger = createLogger({ level: 'silent', format: 'json', destination: { write: () => true } });

describe('purge', () => {
  let data: string;
  const has = (name: string) => fs.existsSync(path.join(data, FOLDER, name));

  beforeEach(async () => {
    data = fs.mkdtempSync(path.join(os.tmpdir(), 'modgate-purge-'));
    fs.mkdirSync(path.join(data, FOLDER), { recursive: true });
    for (const version of ['v1.0.0', 'v1.1.0'])
      for (const kind of ['info', 'mod', 'zip', 'ziphash'])
        fs.writeFileSync(path.join(data, FOLDER, `${version}.${kind}`), kind);
    fs.writeFileSync(path.join(data, FOLDER, 'list'), 'v1.0.0\nv1.1.0\n');
    const tree = await FileTree.open(data, { logger });
    const room = new Storeroom(tree, data);
    await room.reconcile(0);
    room.close();
    await tree.close();
  });
  afterEach(() => fs.rmSync(data, { recursive: true, force: true }));

  /** Runs it over a tree that fails at the nth change. False where it came to its end before. */
  async function cutAt(n: number): Promise<boolean> {
    let left = n;
    const tree = await FileTree.open(data, { logger });
    const step = () => {
      if (left-- <= 0) throw new ModgateError('STORE_FAILED', 'cut');
    };
    const { delete: remove, put } = { delete: tree.delete.bind(tree), put: tree.put.bind(tree) };
    tree.delete = async (key) => {
      step();
      await remove(key);
    };
    tree.put = async (key, bytes, expect) => {
      step();
      return await put(key, bytes, expect);
    };
    const room = new Storeroom(tree, data);
    const options = { hard: true, dryRun: false, signal: new AbortController().signal };
    try {
      for await (const { module } of purge(
        { room, clock: systemClock, logger },
        new Selection(['example.com/lib@v1.0.0']),
        options,
      ))
        assert.equal(module, 'example.com/lib');
      return false;
    } catch {
      return true;
    } finally {
      room.close();
      await tree.close();
    }
  }

  for (let n = 0; n < 7; n++) {
    it(`cut before its change ${n}: no list names a part of a version, no zip is without its ziphash`, async () => {
      await cutAt(n);
      const listed = fs
        .readFileSync(path.join(data, FOLDER, 'list'), 'utf8')
        .trim()
        .split('\n');
      for (const version of listed)
        for (const kind of ['info', 'mod', 'zip', 'ziphash'])
          assert.ok(has(`${version}.${kind}`), `${version} is listed and has its ${kind}`);
      if (has('v1.0.0.zip')) assert.ok(has('v1.0.0.ziphash'));
      assert.ok(has('v1.1.0.zip'), 'others are untouched');
    });
  }

  it('leaves a list without them, though another writer writes it in between', async () => {
    const tree = await FileTree.open(data, { logger });
    const room = new Storeroom(tree, data);
    const remove = tree.delete.bind(tree);
    tree.delete = async (key) => {
      // As what notes arrivals does when its time has come.
      if (key.endsWith('.info')) await writeTreeList(tree, LIB, systemClock.now());
      await remove(key);
    };
    const options = { hard: true, dryRun: false, signal: new AbortController().signal };
    const selection = new Selection(['example.com/lib@v1.0.0']);
    for await (const { versions } of purge({ room, clock: systemClock, logger }, selection, options))
      assert.deepEqual(versions, ['v1.0.0']);
    assert.equal(fs.readFileSync(path.join(data, FOLDER, 'list'), 'utf8'), 'v1.1.0\n');
    room.close();
    await tree.close();
  });

  it('ends by itself after them', async () => {
    assert.equal(await cutAt(0), true);
    assert.equal(await cutAt(100), false);
    assert.deepEqual(fs.readdirSync(path.join(data, FOLDER)).sort(), [
      'list',
      'v1.1.0.info',
      'v1.1.0.mod',
      'v1.1.0.zip',
      'v1.1.0.ziphash',
    ]);
  });
});
