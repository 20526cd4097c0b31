import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import type { FileText } from './files.ts';
import { FileRecord } from './record.ts';
import { FileWatch } from './watch.ts';

/** ms; the tests look themselves */
const NEVER = 1e9;

describe('files that are watched', () => {
  let folder: string;
  let file: string;
  let told: number;
  let watch: FileWatch;
  beforeEach(() => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'modgate-watch-'));
    file = path.join(folder, 'a.yaml');
    fs.writeFileSync(file, 'one');
    told = 0;
    watch = new FileWatch(() => told++, NEVER);
  });
  afterEach(() => {
    watch.close();
    fs.rmSync(folder, { recursive: true });
  });

  /** Reads the files and watches them as they were then. */
  function read(...files: string[]): FileRecord {
    const record = new FileRecord();
    for (const one of files) record.read(one);
    watch.watch(record.states);
    return record;
  }
  async function looks(n: number): Promise<number> {
    for (let i = 0; i < n; i++) await watch.look();
    return told;
  }

  test('as they were: nothing is told', async () => {
    read(file);
    assert.equal(await looks(5), 0);
  });

  test('a change is told once it has been the same for one look', async () => {
    read(file);
    await looks(1);
    fs.writeFileSync(file, 'half of tw');
    assert.equal(await looks(1), 0);
    fs.writeFileSync(file, 'half of two and the rest');
    assert.equal(await looks(1), 0, 'it is still being written');
    assert.equal(await looks(1), 1);
  });

  test('a change between reading and the first look is one', async () => {
    read(file);
    fs.writeFileSync(file, 'changed');
    assert.equal(await looks(2), 1);
  });

  test('it is told until somebody reads the files again, whatever came of that', async () => {
    read(file);
    fs.writeFileSync(file, 'broken');
    assert.equal(await looks(2), 1);
    read(file);
    assert.equal(await looks(4), 1);
  });

  test('a folder that is swapped by its link, as Kubernetes does', async () => {
    for (const version of ['v1', 'v2']) {
      fs.mkdirSync(path.join(folder, version));
      fs.writeFileSync(path.join(folder, version, 'token'), version);
    }
    fs.symlinkSync('v1', path.join(folder, '..data'));
    fs.symlinkSync(path.join('..data', 'token'), path.join(folder, 'token'));
    read(path.join(folder, 'token'));
    assert.equal(await looks(3), 0);
    fs.symlinkSync('v2', path.join(folder, '..new'));
    fs.renameSync(path.join(folder, '..new'), path.join(folder, '..data'));
    assert.equal(await looks(2), 1);
  });

  test('a file that goes, and one that comes', async () => {
    const missing = path.join(folder, 'missing');
    read(file, missing);
    assert.equal(await looks(2), 0);
    fs.writeFileSync(missing, 'there');
    assert.equal(await looks(2), 1);
    read(file, missing);
    fs.rmSync(file);
    assert.equal(await looks(2), 2);
  });

  test('a record says what was read then, here and in another process', () => {
    const record = read(file);
    fs.writeFileSync(file, 'later');
    assert.equal(textOf(record.read(file)), 'one');
    const replayed = FileRecord.replay(structuredClone(record.texts));
    assert.equal(textOf(replayed(file)), 'one');
    assert.equal('code' in replayed('/elsewhere') && 'ENOENT', 'ENOENT');
  });
});

const textOf = (read: FileText) => ('text' in read ? read.text : read.code);
