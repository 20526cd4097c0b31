/** Emptied folders are removed while others write into them: no write may fail, and what was written is there. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { afterEach, beforeEach, it } from 'node:test';
import { parseModulePath, parseVersion } from '../module/index.ts';
import { FileTree } from './file-tree.ts';
import { type Folder, silent, tempFolder } from './fixtures.test.kit.ts';
import { type FsOps, systemOps } from './fs-ops.ts';
import type { TreeKey } from './key.ts';
import { keys } from './keys.ts';
import { Storeroom } from './storeroom.ts';
import type { Expect } from './tree.ts';

const LIB = parseModulePath('example.com/lib');
const KEY = keys.file({ path: LIB, version: parseVersion(LIB, 'v1.0.0') }, 'mod');
const BYTES = Buffer.from('module example.com/lib\n');

let folder: Folder;
let tree: FileTree;
let room: Storeroom;
/** Before the next call of that operation the folder is emptied by another process, and removed. */
let emptiedBefore: keyof FsOps | undefined;

/** As a purge in another process does it. */
async function empty(key: TreeKey): Promise<void> {
  await other.delete(key);
  room.removeEmptyFolders(LIB);
}
let other: FileTree;

function meddled<K extends keyof FsOps>(name: K): FsOps[K] {
  const own = systemOps[name] as (...args: unknown[]) => Promise<unknown>;
  const call = async (...args: unknown[]) => {
    // Temporary files lie elsewhere.
    const there = !String(args[0]).includes('/tmp/') || name === 'link' || name === 'rename';
    if (emptiedBefore === name && there) {
      emptiedBefore = undefined;
      await empty(KEY);
    }
    return own(...args);
  };
  // It has the parameters of the operation that it stands in for.
  return call as FsOps[K];
}

beforeEach(async () => {
  folder = tempFolder('memory');
  const meddling = (['open', 'link', 'rename', 'mkdir', 'unlink'] as const).map((name) => [
    name,
    meddled(name),
  ]);
  const ops: FsOps = { ...systemOps, ...Object.fromEntries(meddling) };
  tree = await FileTree.open(folder.path, { logger: silent(), ops });
  other = await FileTree.open(folder.path, { logger: silent(), ops: systemOps });
  room = new Storeroom(other, folder.path);
});
afterEach(async () => {
  emptiedBefore = undefined;
  room.close();
  await tree.close();
  await other.close();
  folder.remove();
});

const EXPECTS: readonly Expect[] = [
  { kind: 'immutable' },
  { kind: 'keep' },
  { kind: 'replace', fetchedAt: Date.now() },
];
for (const expect of EXPECTS) {
  for (const there of [false, true]) {
    for (const name of ['open', 'link', 'rename', 'mkdir', 'unlink'] as const) {
      it(`before ${name} of a write (${expect.kind}) ${there ? 'of what is stored' : 'into a known folder'}: it ends`, async () => {
        await tree.put(KEY, BYTES, { kind: 'keep' });
        if (!there) await tree.delete(KEY);
        emptiedBefore = name;
        await tree.put(KEY, BYTES, expect);
        emptiedBefore = undefined;
        await tree.put(KEY, BYTES, expect);
        assert.ok(existsSync(room.path(KEY)));
      });
    }
  }
}

it('two processes write and purge at once: no write fails', { timeout: 60_000 }, async () => {
  let over = false;
  const purging = (async () => {
    while (!over) {
      await other.put(KEY, BYTES, { kind: 'keep' });
      await empty(KEY);
    }
  })();
  for (let n = 0; n < 300; n++) for (const expect of EXPECTS) await tree.put(KEY, BYTES, expect);
  over = true;
  await purging;
});
