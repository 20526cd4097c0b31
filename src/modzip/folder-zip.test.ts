import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, afterEach, before, beforeEach, describe, test } from 'node:test';
import { checkZip, type FolderZip, zipFolder } from './index.ts';
import { M } from './rawzip.test.kit.ts';
import { withoutXMod, XMod } from './xmod.test.kit.ts';

const GOMOD = 'module corp.example/m\n\ngo 1.21\n';
const GOMOD_124 = 'module corp.example/m\n\ngo 1.24\n';
/** does not get smaller */
const NOISE = Buffer.from(Array.from({ length: 3_000_000 }, (_, i) => (i * i * 31) >> 9));

let root: string;
let folder: string;
beforeEach(() => {
  root = mkdtempSync(path.join(os.tmpdir(), 'modgate-folder-'));
  folder = path.join(root, 'm');
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

/** Makes files; a name with "@" at its end is a symbolic link, one with "|" a pipe, one with "/" a folder. */
function make(files: Readonly<Record<string, string | Buffer>>): void {
  mkdirSync(folder, { recursive: true });
  for (const [name, data] of Object.entries(files)) {
    const place = path.join(folder, name.replace(/[@|/]$/, ''));
    mkdirSync(path.dirname(place), { recursive: true });
    if (name.endsWith('/')) mkdirSync(place);
    else if (name.endsWith('@')) symlinkSync(data.toString(), place);
    else if (name.endsWith('|')) execFileSync('mkfifo', [place]);
    else writeFileSync(place, data);
  }
}

async function checked({ stream }: FolderZip) {
  const file = path.join(root, 'm.zip');
  writeFileSync(file, '');
  for await (const piece of stream) appendFileSync(file, piece);
  return checkZip(file, M);
}

function names(files: readonly { readonly name: string }[]): string {
  return files.map(({ name }) => name).join(' ');
}

const FOLDERS: readonly { says: string; files: Readonly<Record<string, string | Buffer>>; chosen: string }[] =
  [
    { says: 'nothing', files: {}, chosen: '' },
    {
      says: 'files in folders',
      files: { 'go.mod': GOMOD, 'b/c': 'c', 'a.go': 'package m\n', 'b/a': '' },
      chosen: 'a.go b/a b/c go.mod',
    },
    {
      says: 'large files',
      files: { noise: NOISE, zero: Buffer.alloc(5_000_000), small: NOISE.subarray(0, 1000) },
      chosen: 'noise small zero',
    },
    {
      says: 'folders of version control systems',
      files: {
        '.git/config': '',
        'a/.hg/x': '',
        '.svn/x': '',
        '.bzr/x': '',
        '.gitignore': 'out',
        'out/x': '',
      },
      chosen: '.gitignore out/x',
    },
    { says: 'a file named .git', files: { '.git': 'gitdir: elsewhere', a: '' }, chosen: '.git a' },
    {
      says: 'nested modules',
      files: {
        'a/go.mod': '',
        'a/x': '',
        'b/go.mod@': '../x',
        'b/x': '',
        'c/GO.MOD': '',
        'c/x': '',
        'd/go.mod/': '',
        'd/x': '',
      },
      chosen: 'd/x',
    },
    {
      says: 'vendored packages',
      files: {
        'go.mod': GOMOD,
        'vendor/modules.txt': '',
        'vendor/a/b': '',
        'vendor/a/c/d': '',
        'x/vendor/y': '',
        'x/vendor/y2/z': '',
      },
      chosen: 'go.mod vendor/modules.txt',
    },
    {
      says: 'vendored packages since Go 1.24',
      files: {
        'go.mod': GOMOD_124,
        'vendor/modules.txt': '',
        'vendor/a/b': '',
        'x/vendor/y': '',
        'x/vendor/y2/z': '',
      },
      chosen: 'go.mod x/vendor/y',
    },
    {
      says: 'links and pipes',
      files: { 'a@': 'b', b: '', 'c|': '', 'd@': '/nowhere', 'e:@': 'b' },
      chosen: 'b',
    },
    { says: 'names in other scripts', files: { 'é/日本.go': 'x' }, chosen: 'é/日本.go' },
    { says: 'what hg archive makes', files: { '.hg_archival.txt': '', a: '' }, chosen: 'a' },
  ];

for (const { says, files, chosen } of FOLDERS) {
  test(`a folder with ${says}`, async () => {
    make(files);
    const zip = await zipFolder(M, folder);
    assert.equal(names(zip.chosen), chosen);
    assert.equal((await checked(zip)).files, zip.chosen.length);
  });
}

test('the same folder gives the same bytes, through a link too', async () => {
  make({ 'go.mod': GOMOD, large: NOISE });
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
  make({ '.git/x': '', 'vendor/a/b': '', 'sub/go.mod': '', 'link@': 'x', 'pipe|': '', x: '' });
  const { omitted } = await zipFolder(M, folder);
  assert.deepEqual(omitted, [
    { name: '.git', reason: 'a folder of a version control system' },
    { name: 'link', reason: 'a symbolic link' },
    { name: 'pipe', reason: 'not a regular file' },
    { name: 'sub', reason: 'in another module' },
    { name: 'vendor/a', reason: 'in a vendor folder' },
  ]);
});

const BAD: readonly Readonly<Record<string, string | Buffer>>[] = [
  { 'a:b': '' },
  { a: '', A: '' },
  { 'GO.MOD': '' },
  { 'aux.go': '' },
  { 'go.mod': Buffer.alloc((16 << 20) + 1) },
];

for (const files of BAD) {
  test(`a folder with ${Object.keys(files).join(' and ')} is refused`, async () => {
    make(files);
    await assert.rejects(zipFolder(M, folder), { code: 'BAD_MODULE' });
  });
}

test('a name that is not UTF-8 is refused', async () => {
  make({ a: '' });
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
    make({ first: NOISE, second: NOISE.subarray(0, size) });
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

test('a large file that changes between its two readings', async () => {
  make({ only: NOISE });
  const { stream } = await zipFolder(M, folder);
  await stream.next();
  writeFileSync(path.join(folder, 'only'), Buffer.alloc(NOISE.length, 1));
  await assert.rejects(
    async () => {
      for await (const _ of stream);
    },
    { code: 'BAD_MODULE', message: /"only" changed while it was read/ },
  );
});

describe('as x/mod makes it', { skip: withoutXMod }, () => {
  let judge: string;
  let xmod: XMod;
  before(() => {
    judge = mkdtempSync(path.join(os.tmpdir(), 'modgate-xmod-'));
    xmod = new XMod(judge);
  });
  after(() => rmSync(judge, { recursive: true, force: true }));

  for (const { says, files } of FOLDERS) {
    test(`of ${says}`, async () => {
      make(files);
      const [answer] = await xmod.ask([{ folder }]);
      assert.equal(answer?.error, '');
      assert.equal((await checked(await zipFolder(M, folder))).h1, answer.h1);
    });
  }

  for (const files of BAD) {
    test(`refused with ${Object.keys(files).join(' and ')}`, async () => {
      make(files);
      const [answer] = await xmod.ask([{ folder }]);
      assert.notEqual(answer?.error, '');
    });
  }
});
