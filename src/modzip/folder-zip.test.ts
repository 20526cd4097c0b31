import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { appendFileSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { BAD_FOLDERS, FOLDERS, GOMOD, make, NOISE } from './folder.test.kit.ts';
import { checkZip, type FolderZip, zipFolder } from './index.ts';
import { M } from './rawzip.test.kit.ts';

let root: string;
let folder: string;
beforeEach(() => {
  root = mkdtempSync(path.join(os.tmpdir(), 'modgate-folder-'));
  folder = path.join(root, 'm');
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

async function checked({ stream }: FolderZip) {
  const file = path.join(root, 'm.zip');
  writeFileSync(file, '');
  for await (const piece of stream) appendFileSync(file, piece);
  return checkZip(file, M);
}

function names(files: readonly { readonly name: string }[]): string {
  return files.map(({ name }) => name).join(' ');
}

for (const { says, files, chosen } of FOLDERS) {
  test(`a folder with ${says}`, async () => {
    make(folder, files);
    const zip = await zipFolder(M, folder);
    assert.equal(names(zip.chosen), chosen);
    assert.equal((await checked(zip)).files, zip.chosen.length);
  });
}

test('the same folder gives the same bytes, through a link too', async () => {
  make(folder, { 'go.mod': GOMOD, large: NOISE });
  symlinkSync('m', path.join(root, 'link'));
  const zips: Buffer[] = [];
  for (const place of [folder, path.join(root, 'link')]) {
    const pieces: Buffer[] = [];
    for await (const piece of (await zipFolder(M, place)).stream) pieces.push(piece);
    zips.push(Buffer.concat(pieces));
  }
  assert.ok(zips[0]?.equals(zips[1] ?? Buffer.alloc(0)));
});

test('what is left out is told', async () => {
  make(folder, { '.git/x': '', 'vendor/a/b': '', 'sub/go.mod': '', 'link@': 'x', 'pipe|': '', x: '' });
  const { omitted } = await zipFolder(M, folder);
  assert.deepEqual(omitted, [
    { name: '.git', reason: 'a folder of a version control system' },
    { name: 'link', reason: 'a symbolic link' },
    { name: 'pipe', reason: 'not a regular file' },
    { name: 'sub', reason: 'in another module' },
    { name: 'vendor/a', reason: 'in a vendor folder' },
  ]);
});

for (const files of BAD_FOLDERS) {
  test(`a folder with ${Object.keys(files).join(' and ')} is refused`, async () => {
    make(folder, files);
    await assert.rejects(zipFolder(M, folder), { code: 'BAD_MODULE' });
  });
}

test('a name that is not UTF-8 is refused', async () => {
  make(folder, { a: '' });
  writeFileSync(Buffer.concat([Buffer.from(`${folder}/`), Buffer.from([0xff])]), '');
  await assert.rejects(zipFolder(M, folder), { code: 'BAD_MODULE', message: /UTF-8/ });
});

test('a folder that is not there is a system error', async () => {
  await assert.rejects(zipFolder(M, folder), { code: 'ENOENT' });
});

const CHANGES: readonly { says: string; size: number; change: (place: string) => void }[] = [
  { says: 'grows', size: 1000, change: (place) => appendFileSync(place, 'x') },
  { says: 'grows, a large one', size: 3_000_000, change: (place) => appendFileSync(place, 'x') },
  {
    says: 'gets shorter, a large one',
    size: 3_000_000,
    change: (place) => writeFileSync(place, NOISE.subarray(1)),
  },
  { says: 'has other bytes', size: 1000, change: (place) => writeFileSync(place, NOISE.subarray(7, 1007)) },
  { says: 'is gone', size: 1000, change: (place) => rmSync(place) },
  { says: 'is replaced', size: 1000, change: replace },
  {
    says: 'becomes a link',
    size: 1000,
    change: (place) => {
      rmSync(place);
      symlinkSync('first', place);
    },
  },
  {
    says: 'becomes a pipe',
    size: 1000,
    change: (place) => {
      rmSync(place);
      execFileSync('mkfifo', [place]);
    },
  },
];

function replace(place: string): void {
  writeFileSync(`${place}.new`, NOISE.subarray(0, 1000));
  renameSync(`${place}.new`, place);
}

for (const { says, size, change } of CHANGES) {
  test(`a file that ${says} while the zip is made`, async () => {
    make(folder, { first: NOISE, second: NOISE.subarray(0, size) });
    const { stream } = await zipFolder(M, folder);
    await stream.next();
    change(path.join(folder, 'second'));
    await assert.rejects(
      async () => {
        for await (const _ of stream);
      },
      { code: 'BAD_MODULE', message: /"second" changed while it was read/ },
    );
  });
}

const HALF = Buffer.concat([NOISE.subarray(0, NOISE.length / 2), Buffer.alloc(NOISE.length / 2)]);

for (const [says, was, becomes] of [
  ['less', NOISE, HALF],
  ['more', HALF, NOISE],
] as const) {
  test(`a large file that changes between its two readings, to what deflates to ${says}`, async () => {
    make(folder, { only: was });
    const { stream } = await zipFolder(M, folder);
    await stream.next();
    writeFileSync(path.join(folder, 'only'), becomes);
    await assert.rejects(
      async () => {
        for await (const _ of stream);
      },
      { code: 'BAD_MODULE', message: /"only" changed while it was read/ },
    );
  });
}
