import assert from 'node:assert/strict';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { type TreeUnderTest, treeContract } from './contract.test.kit.ts';
import { FileTree } from './file-tree.ts';
import {
  ADMISSION,
  admit,
  type Folder,
  linklessOps,
  openDescriptors,
  readAll,
  sample,
  silent,
  steppedOps,
  systemError,
  tempFolder,
  tempNames,
} from './fixtures.test.kit.ts';
import { type FsOps, systemOps } from './fs-ops.ts';
import { parseKey } from './key.ts';

const logger = silent();

async function underTest(ops?: FsOps): Promise<TreeUnderTest> {
  const folder = tempFolder();
  const tree = await FileTree.open(folder.path, { logger, ...(ops === undefined ? {} : { ops }) });
  return {
    tree,
    done: async () => {
      await tree.close();
      const left = tempNames(folder.path);
      folder.remove();
      assert.deepEqual(left, [], 'nothing is left in tmp/');
    },
  };
}

treeContract('FileTree, its thread', () => underTest());
treeContract('FileTree in the thread that calls it', () => underTest(systemOps));
treeContract('FileTree without hard links', () => underTest(linklessOps));

describe('FileTree', () => {
  let folder: Folder;
  let data: string;

  beforeEach(() => {
    folder = tempFolder();
    data = join(folder.path, 'above', 'data');
  });
  afterEach(() => folder.remove());

  it('has the layout and the modes', async () => {
    const tree = await FileTree.open(data, { logger });
    await tree.put(ADMISSION.mod.key, ADMISSION.mod.bytes, { kind: 'immutable' });
    const file = join(data, 'tree/corp.example/team/lib/@v/v1.2.3.mod');
    assert.deepEqual(readFileSync(file), ADMISSION.mod.bytes);
    assert.equal(statSync(file).mode & 0o777, 0o640 & ~process.umask());
    assert.equal(statSync(file).nlink, 1);
    for (const at of [data, join(data, 'tree'), join(data, 'tmp'), join(data, 'tree/corp.example/team')]) {
      assert.equal(statSync(at).mode & 0o777, 0o750 & ~process.umask(), at);
    }
    await tree.close();
  });

  it('leaks no descriptor and no temporary file', async () => {
    const tree = await FileTree.open(data, { logger });
    await admit(tree);
    // The catalogue is open from its first note on.
    await tree.catalog({ kind: 'flush' });
    const before = openDescriptors();
    for (let i = 0; i < 20; i++) {
      assert.deepEqual(await admit(tree), ['same', 'same', 'same', 'same', 'stored']);
      await readAll(tree, ADMISSION.zip.key);
      await tree.open(parseKey('corp.example/team'));
      await (await tree.stage()).release();
      await tree.probe();
    }
    assert.equal(openDescriptors(), before);
    assert.deepEqual(tempNames(data), []);
    await tree.close();
  });

  it('says STORE_FAILED, not absent, where it cannot tell', async () => {
    for (const code of ['EIO', 'EACCES', 'ELOOP', 'ESTALE', 'ENAMETOOLONG']) {
      for (const failing of ['open', 'fstat', 'read', 'readdir'] as const) {
        let armed = false;
        const ops = steppedOps(({ name }) => {
          if (armed && name === failing) throw systemError(code);
        });
        const tree = await FileTree.open(data, { logger, ops });
        await tree.put(ADMISSION.mod.key, ADMISSION.mod.bytes, { kind: 'keep' });
        const before = openDescriptors();
        armed = true;
        const asking =
          failing === 'readdir'
            ? tree.names(parseKey('corp.example/team/lib/@v'))
            : readAll(tree, ADMISSION.mod.key);
        await assert.rejects(asking, { code: 'STORE_FAILED' }, `${failing} ${code}`);
        assert.equal(openDescriptors(), before);
        await tree.close();
      }
    }
  });

  it('does not tell clients where the data folder is', async () => {
    const ops = steppedOps(({ name }) => {
      if (name === 'link') throw systemError('EIO');
    });
    const tree = await FileTree.open(data, { logger, ops });
    await assert.rejects(
      tree.put(ADMISSION.mod.key, ADMISSION.mod.bytes, { kind: 'keep' }),
      (error: Error) => {
        assert.ok(!error.message.includes(folder.path));
        assert.ok(error.message.includes(ADMISSION.mod.key));
        return true;
      },
    );
    await tree.close();
  });

  it('goes on when the data folder is cleared by hand', async () => {
    const tree = await FileTree.open(data, { logger });
    await admit(tree);
    for (const gone of ['tree/corp.example/team', 'tree/corp.example', 'tree', 'tmp']) {
      rmSync(join(data, gone), { recursive: true });
      assert.deepEqual(
        await tree.names(parseKey('corp.example/team/lib/@v')).then((names) => names.length === 0),
        gone !== 'tmp',
      );
      await admit(tree);
      assert.deepEqual(await readAll(tree, ADMISSION.zip.key), ADMISSION.zip.bytes);
    }
    await tree.close();
  });

  it('says what is in the way', async () => {
    const tree = await FileTree.open(data, { logger });
    mkdirSync(join(data, 'tree/corp.example/folder'), { recursive: true });
    writeFileSync(join(data, 'tree/corp.example/file'), '');
    for (const kind of ['immutable', 'keep'] as const) {
      await assert.rejects(tree.put(parseKey('corp.example/folder'), Buffer.from('x'), { kind }), {
        code: 'STORE_FAILED',
      });
      await assert.rejects(tree.put(parseKey('corp.example/file/x'), Buffer.from('x'), { kind }), {
        code: 'STORE_FAILED',
      });
    }
    assert.deepEqual(tempNames(data), []);
    await tree.close();
  });

  it('finishes what is under way when it closes, and takes nothing more', async () => {
    const tree = await FileTree.open(data, { logger });
    const writing = tree.put(ADMISSION.mod.key, ADMISSION.mod.bytes, { kind: 'keep' });
    await tree.close();
    assert.equal(await Promise.race([writing, Promise.resolve('unfinished')]), 'stored');
    await assert.rejects(tree.put(ADMISSION.mod.key, ADMISSION.mod.bytes, { kind: 'keep' }), {
      code: 'SHUTTING_DOWN',
    });
    await assert.rejects(tree.stage(), { code: 'SHUTTING_DOWN' });
    assert.deepEqual(await readAll(tree, ADMISSION.mod.key), ADMISSION.mod.bytes);
  });

  it('probes tell the fault; those at one time are one', async () => {
    let failing = false;
    let tries = 0;
    const ops = steppedOps(({ name }) => {
      if (name === 'write') tries++;
      if (failing && name === 'fsync') throw systemError('EROFS');
    });
    const tree = await FileTree.open(data, { logger, ops });
    failing = true;
    const probes = await Promise.all([tree.probe(), tree.probe(), tree.probe()]);
    for (const probe of probes) {
      assert.equal(probe.writable, false);
      assert.equal(probe.fault?.code, 'STORE_FAILED');
    }
    assert.equal(tries, 2, 'one write, in its two steps');
    failing = false;
    assert.equal((await tree.probe()).writable, true);
    assert.deepEqual(tempNames(data), []);
    await tree.close();
  });

  it('refuses to start where it cannot write', async () => {
    mkdirSync(data, { recursive: true });
    chmodSync(data, 0o500);
    // Root may write everywhere but in the kernel's own folders.
    const place = process.getuid?.() === 0 ? '/proc/self' : data;
    await assert.rejects(FileTree.open(place, { logger }), { code: 'STORE_FAILED' });
  });

  it('refuses to start where the data folder is a file', async () => {
    mkdirSync(join(folder.path, 'above'));
    writeFileSync(data, '');
    await assert.rejects(FileTree.open(data, { logger }), { code: 'STORE_FAILED' });
  });

  it('removes the temporary files of the dead, of nobody else', async () => {
    const first = await FileTree.open(data, { logger });
    const staged = await first.stage();
    await staged.write(Buffer.from('alive'));
    const [alive = ''] = readdirSync(join(data, 'tmp'));
    const [place = '', pid = '', start = ''] = alive.split('-');
    const files = {
      'another start': `${place}-${pid}-1-00000000.1`,
      'no such process': `${place}-4194999-${start}-00000000.1`,
      'another host': `000000000000-${pid}-1-00000000.1`,
      'no name of ours': 'something',
    };
    for (const file of Object.values(files)) writeFileSync(join(data, 'tmp', file), 'x');
    mkdirSync(join(data, 'tmp', 'folder'));

    const second = await FileTree.open(data, { logger });
    const young = [alive, files['another host'], files['no name of ours'], 'folder'];
    const dead = existsSync('/proc/self/stat') ? [] : [files['another start'], files['no such process']];
    assert.deepEqual(tempNames(data).sort(), [...young, ...dead].sort());

    const tomorrow = { now: () => Date.now() + 25 * 3_600_000, monotonic: () => performance.now() };
    const third = await FileTree.open(data, { logger, clock: tomorrow });
    assert.deepEqual(tempNames(data).sort(), [alive, 'folder'].sort());

    assert.equal(await first.adopt(ADMISSION.zip.key, staged, { kind: 'keep' }), 'stored');
    await staged.release();
    assert.deepEqual(tempNames(data), ['folder']);
    for (const tree of [first, second, third]) await tree.close();
  });

  it('without hard links, a dead writer of a key is passed over, a live one waited for', async () => {
    const tree = await FileTree.open(data, { logger, ops: linklessOps });
    const another = await FileTree.open(data, { logger, ops: linklessOps });
    const both = await Promise.all(
      [tree, another].flatMap((one) =>
        Array.from({ length: 5 }, () =>
          one.put(ADMISSION.zip.key, sample(100_000, 1), { kind: 'immutable' }),
        ),
      ),
    );
    assert.equal(both.filter((outcome) => outcome === 'stored').length, 1);
    await tree.close();
    await another.close();
    assert.deepEqual(tempNames(data), []);
  });
});
