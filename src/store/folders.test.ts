import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { silent, systemError, tempFolder } from './fixtures.test.kit.ts';
import { Folders } from './folders.ts';
import { type FsOps, systemOps } from './fs-ops.ts';
import { Lanes } from './lanes.ts';

/** fsyncs that end when the test says so */
function heldFsync(): { ops: FsOps; begun: EventEmitter; ends: ((error?: Error) => void)[] } {
  const begun = new EventEmitter();
  const ends: ((error?: Error) => void)[] = [];
  const fsync = () =>
    new Promise<void>((resolve, reject) => {
      ends.push((error) => (error === undefined ? resolve() : reject(error)));
      begun.emit('fsync');
    });
  return { ops: { ...systemOps, fsync }, begun, ends };
}

describe('Folders.sync', () => {
  it('is shared by those before it began, and by none after', async () => {
    const folder = tempFolder();
    const { ops, begun, ends } = heldFsync();
    const folders = new Folders(ops, new Lanes(4), silent());
    const settled: string[] = [];
    const ask = (name: string) => folders.sync(folder.path).then(() => settled.push(name));
    const first = once(begun, 'fsync');
    const early = [ask('a'), ask('b')];
    await first;
    const late = [ask('c'), ask('d')];
    assert.equal(ends.length, 1);
    const second = once(begun, 'fsync');
    ends[0]?.();
    await Promise.all(early);
    assert.deepEqual(settled, ['a', 'b'], 'who came too late waits for a flush of its own');
    await second;
    ends[1]?.();
    await Promise.all(late);
    assert.deepEqual(settled, ['a', 'b', 'c', 'd']);
    assert.equal(ends.length, 2);
    folder.remove();
  });

  it('a failure is told to those who shared it, and to nobody else', async () => {
    const folder = tempFolder();
    const { ops, begun, ends } = heldFsync();
    const folders = new Folders(ops, new Lanes(4), silent());
    const first = once(begun, 'fsync');
    const early = [folders.sync(folder.path), folders.sync(folder.path)];
    await first;
    const late = folders.sync(folder.path);
    const second = once(begun, 'fsync');
    ends[0]?.(systemError('EIO'));
    for (const one of early) await assert.rejects(one, { code: 'EIO' });
    await second;
    ends[1]?.();
    await late;
    folder.remove();
  });

  it('where the file system cannot flush folders, goes on', async () => {
    const folder = tempFolder();
    const ops: FsOps = { ...systemOps, fsync: () => Promise.reject(systemError('EINVAL')) };
    await new Folders(ops, new Lanes(1), silent()).sync(folder.path);
    folder.remove();
  });
});

describe('Folders.make', () => {
  it('does not take a folder for durable whose flush failed', async () => {
    const folder = tempFolder();
    let broken = true;
    let flushes = 0;
    const ops: FsOps = {
      ...systemOps,
      fsync: (fd) => {
        flushes++;
        return broken ? Promise.reject(systemError('EIO')) : systemOps.fsync(fd);
      },
    };
    const folders = new Folders(ops, new Lanes(1), silent());
    const made = folders.make(join(folder.path, 'a'), folder.path);
    await made.exists;
    await assert.rejects(made.durable, { code: 'EIO' });
    broken = false;
    await folders.make(join(folder.path, 'a'), folder.path).durable;
    assert.equal(flushes, 2);
    await folders.make(join(folder.path, 'a'), folder.path).durable;
    assert.equal(flushes, 2, 'once for a folder');
    folder.remove();
  });

  it('tells a folder from the one that was removed, though the file system gives it the same number', async () => {
    const folder = tempFolder('disk');
    let flushes = 0;
    const ops: FsOps = {
      ...systemOps,
      fsync: (fd) => {
        flushes++;
        return systemOps.fsync(fd);
      },
    };
    const folders = new Folders(ops, new Lanes(1), silent());
    const deep = join(folder.path, 'a');
    await folders.secure(deep, folder.path);
    await folders.secure(deep, folder.path);
    assert.equal(flushes, 1, 'once for a folder');
    rmSync(deep, { recursive: true });
    mkdirSync(deep);
    await folders.secure(deep, folder.path);
    assert.equal(flushes, 2);
    folder.remove();
  });

  it('makes a forgotten folder again', async () => {
    const folder = tempFolder();
    const folders = new Folders(systemOps, new Lanes(1), silent());
    const deep = join(folder.path, 'a', 'b');
    await folders.make(deep, folder.path).durable;
    rmSync(join(folder.path, 'a'), { recursive: true });
    folders.forget(deep);
    await folders.make(deep, folder.path).durable;
    assert.ok((await systemOps.stat(deep)).isDirectory());
    folder.remove();
  });
});
