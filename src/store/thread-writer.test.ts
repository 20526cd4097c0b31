import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, readSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { FileTree } from './file-tree.ts';
import {
  ADMISSION,
  admit,
  type Folder,
  openDescriptors,
  readAll,
  silent,
  tempFolder,
  tempNames,
} from './fixtures.test.kit.ts';
import { parseKey } from './key.ts';
import { ThreadWriter } from './thread-writer.ts';
import type { Temp } from './writer.ts';

const KEY = parseKey('corp.example/m/@v/v1.0.0.mod');
const BYTES = Buffer.from('module corp.example/m\n');

describe('a thread that writes', () => {
  let folder: Folder;
  let logged: string[];
  let discarded: Temp[];
  let lost: string[];
  let writer: ThreadWriter;

  const make = (script?: string) => {
    if (script !== undefined) writeFileSync(join(folder.path, 'script.mjs'), script);
    return new ThreadWriter({
      data: folder.path,
      threads: 4,
      log: { info: (_, message) => logged.push(message), warn: (_, message) => logged.push(message) },
      discard: async (temp) => {
        discarded.push(temp);
      },
      lost: async (prefix) => {
        lost.push(prefix);
      },
      ...(script === undefined ? {} : { script: new URL(`file://${folder.path}/script.mjs`) }),
    });
  };

  beforeEach(() => {
    folder = tempFolder();
    for (const name of ['tree', 'tmp']) mkdirSync(join(folder.path, name));
    logged = [];
    discarded = [];
    lost = [];
    writer = make();
  });
  afterEach(async () => {
    await writer.close();
    folder.remove();
  });

  it('is not there before it is needed, and does what it is told', async () => {
    const before = openDescriptors();
    await make().close();
    assert.equal(openDescriptors(), before);
    assert.equal(await writer.put(KEY, BYTES, { kind: 'immutable' }), 'stored');
    assert.deepEqual(readFileSync(join(folder.path, 'tree', KEY)), BYTES);
    await writer.delete(KEY);
    assert.equal(existsSync(join(folder.path, 'tree', KEY)), false);
  });

  it('tells what the disk says, in the words of the store', async () => {
    writeFileSync(join(folder.path, 'tree', 'corp.example'), 'no folder');
    await assert.rejects(writer.put(KEY, BYTES, { kind: 'keep' }), {
      code: 'STORE_FAILED',
      message: /ENOTDIR, while writing corp\.example\/m\/@v\/v1\.0\.0\.mod$/,
    });
  });

  it('passes on what it has to say to who runs the gateway', async () => {
    // A temporary file that cannot be removed: a folder took its place.
    const temp = await writer.create();
    rmSync(temp.file);
    mkdirSync(temp.file);
    await writer.discard(temp.fd);
    assert.deepEqual(logged, ['temporary file not removed']);
  });

  it('takes its calls with it when it dies, and no byte of an open file', async () => {
    const deadly = `
      import { openSync, writeSync } from 'node:fs';
      import { parentPort, workerData } from 'node:worker_threads';
      parentPort.on('message', ({ id, call }) => {
        if (call.kind !== 'create') process.exit(3);
        const file = workerData.data + '/tmp/' + id;
        const fd = openSync(file, 'wx+');
        writeSync(fd, 'some bytes');
        parentPort.postMessage({ kind: 'done', id, value: { fd, file } });
      });`;
    const dying = make(deadly);
    const temp = await dying.create();
    await assert.rejects(dying.put(KEY, BYTES, { kind: 'keep' }), { code: 'INTERNAL', message: /ended/ });
    // The next thread does not know the file; what is in it can still be read.
    const next = await dying.create();
    await assert.rejects(dying.write(temp.fd, BYTES, 0), { code: 'INTERNAL' });
    await assert.rejects(dying.adopt(KEY, temp.fd, 3, { kind: 'keep' }), { code: 'INTERNAL' });
    const buffer = Buffer.alloc(10);
    assert.equal(readSync(temp.fd, buffer, 0, 10, 0), 10);
    assert.equal(buffer.toString(), 'some bytes');
    await dying.discard(temp.fd);
    assert.deepEqual(discarded, [temp]);
    assert.equal(lost.length, 1, 'its files are to be removed');
    await dying.close();
    await dying.discard(next.fd);
    assert.deepEqual(discarded, [temp, next]);
  });

  it('cannot start: the call fails, and the next one too', async () => {
    const broken = make('throw new Error("no")');
    for (let i = 0; i < 2; i++)
      await assert.rejects(broken.delete(KEY), { code: 'INTERNAL', message: /ended/ });
    await broken.close();
  });

  it('takes nothing after its end', async () => {
    await writer.delete(KEY);
    await writer.close();
    await assert.rejects(writer.delete(KEY), { code: 'SHUTTING_DOWN' });
    await assert.rejects(writer.create(), { code: 'SHUTTING_DOWN' });
  });
});

describe('a write that hangs in the system', () => {
  it('is told, delays no hit, and goes on when the system does', async (t) => {
    const folder = tempFolder();
    t.after(() => folder.remove());
    const tree = await FileTree.open(folder.path, { logger: silent(), stuck: 20 });
    await admit(tree);
    assert.equal((await tree.probe()).writable, true);
    // The look at what is there opens it, and waits for whoever writes into it.
    const pipe = join(folder.path, 'tree', ADMISSION.zip.key.replace('.zip', '.hung'));
    if (spawnSync('mkfifo', [pipe]).status !== 0) return t.skip('there is no mkfifo');
    const key = parseKey(ADMISSION.zip.key.replace('.zip', '.hung'));
    const hung = tree.put(key, BYTES, { kind: 'keep' });
    const waiting = Date.now();
    while ((await tree.probe()).writable) assert.ok(Date.now() - waiting < 10_000, 'nobody told');
    assert.match((await tree.probe()).fault?.message ?? '', /a write has been waiting/);
    assert.deepEqual(await readAll(tree, ADMISSION.zip.key), ADMISSION.zip.bytes);
    // Out of the way first: who opens it for writing lets the thread go on at once.
    renameSync(pipe, join(folder.path, 'pipe'));
    writeFileSync(join(folder.path, 'pipe'), '');
    assert.equal(await hung, 'stored');
    assert.equal((await tree.probe()).writable, true);
    await tree.close();
  });
});

describe('a tree that was closed', () => {
  it('lets who reads a staged file read on', async () => {
    const folder = tempFolder();
    const tree = await FileTree.open(folder.path, { logger: silent() });
    const before = openDescriptors();
    await admit(tree);
    const staged = await tree.stage();
    for (let i = 0; i < 24; i++) await staged.write(Buffer.alloc(64 << 10, i));
    await tree.close();
    const buffer = Buffer.alloc(1);
    assert.equal(await staged.read(buffer, 3 << 16), 1);
    assert.equal(buffer[0], 3);
    await staged.release();
    assert.deepEqual(await readAll(tree, ADMISSION.zip.key), ADMISSION.zip.bytes);
    assert.deepEqual(tempNames(folder.path), []);
    assert.equal(openDescriptors(), before);
    folder.remove();
  });
});
