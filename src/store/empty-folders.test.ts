/** Emptied folders are removed while others write into them: no write may fail, and what was written is there. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
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

/** descriptor → what was opened by it last */
const opened = new Map<number, string>();
const flushed = new Set<string>();
let links = 0;
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
    if (name === 'link') links++;
    // Of the tree; link and rename have the temporary file first.
    const there = [...args, opened.get(Number(args[0]))].some((path) =>
      String(path).startsWith(join(folder.path, 'tree', LIB)),
    );
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
  flushed.clear();
  links = 0;
  const meddling = (['stat', 'link', 'rename', 'mkdir'] as const).map((name) => [name, meddled(name)]);
  const open = meddled('open');
  const fsync = meddled('fsync');
  const ops: FsOps = {
    ...systemOps,
    ...Object.fromEntries(meddling),
    open: async (path, flags) => {
      const fd = await open(path, flags);
      opened.set(fd, path);
      return fd;
    },
    fsync: async (fd) => {
      await fsync(fd);
      flushed.add(opened.get(fd) ?? '');
    },
  };
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
/** Its folder: known to be durable, there but not known to this process, or not there. */
type Before = 'known' | 'found' | 'missing';

/** What a write does in the tree on its way. */
function operations({ kind }: Expect, there: boolean, before: Before): readonly (keyof FsOps)[] {
  const brings: readonly (keyof FsOps)[] = kind === 'replace' ? ['rename'] : there ? [] : ['link'];
  return [...(before === 'known' ? [] : (['mkdir'] as const)), ...brings, 'open', 'stat', 'fsync'];
}

async function begin(before: Before, there: boolean): Promise<void> {
  const first = before === 'known' ? tree : other;
  if (before !== 'missing') await first.put(KEY, BYTES, { kind: 'keep' });
  if (!there) await first.delete(KEY);
}

for (const expect of EXPECTS) {
  for (const there of [false, true]) {
    for (const before of ['known', 'found', 'missing'] as const) {
      if (there && before === 'missing') continue;
      for (const name of operations(expect, there, before)) {
        it(`before ${name} of a write (${expect.kind}) of what is ${there ? '' : 'not '}stored, its folder ${before}: it ends`, async () => {
          await begin(before, there);
          emptiedBefore = name;
          await tree.put(KEY, BYTES, expect);
          assert.equal(emptiedBefore, undefined, `${name} was called`);
          await tree.put(KEY, BYTES, expect);
          assert.ok(existsSync(room.path(KEY)));
        });
      }
    }
  }
}

const V2 = parseModulePath('example.com/lib/v2');
const BELOW = keys.file({ path: V2, version: parseVersion(V2, 'v2.0.0') }, 'mod');
for (const [key, what] of [
  [KEY, 'into it'],
  [BELOW, 'below it'],
] as const) {
  it(`a folder that another process removed and made again is flushed again before a write ${what} ends`, async () => {
    await tree.put(KEY, BYTES, { kind: 'keep' });
    await empty(KEY);
    // As a process that was not yet able to flush it.
    mkdirSync(dirname(room.path(KEY)), { recursive: true });
    flushed.clear();
    await tree.put(key, BYTES, { kind: 'keep' });
    const root = join(folder.path, 'tree');
    for (let at = dirname(room.path(key)); at !== dirname(root); at = dirname(at))
      assert.ok(flushed.has(at), `${at} is flushed`);
  });
}

it('a write that something is in the way of, which is no file, ends after some tries', async () => {
  mkdirSync(room.path(KEY), { recursive: true });
  const refused = { code: 'STORE_FAILED', message: /something that is no file is in the way/ };
  await assert.rejects(tree.put(KEY, BYTES, { kind: 'immutable' }), refused);
  assert.equal(links, 4);
});

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
