import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import { tempFolder } from './fixtures.test.kit.ts';
import { partsOf } from './key-parts.ts';
import { walkFolders } from './walk.ts';

const FILES = [
  'a.b/@latest',
  'a.b/@v/list',
  'a.b/@v/v1.0.0.info',
  'a.b/c/@v/v1.0.0.mod',
  'a.c/@v/list',
  'top',
  'z/y',
];

describe('walkFolders', () => {
  const folder = tempFolder('memory');
  for (const file of FILES) {
    mkdirSync(dirname(join(folder.path, file)), { recursive: true });
    writeFileSync(join(folder.path, file), '');
  }
  const walk = (after?: string) =>
    [...walkFolders(folder.path, after)].flatMap(({ folder: at, files }) =>
      files.map((name) => (at === '' ? name : `${at}/${name}`)),
    );
  const order = walk();

  it('meets every file once', () => assert.deepEqual([...order].sort(), FILES));
  for (const [i, file] of order.entries()) {
    it(`goes on behind ${file}`, () => assert.deepEqual(walk(file), order.slice(i + 1)));
  }
  it('goes on where the file, or its folder, is gone', () => {
    assert.deepEqual(walk('a.b/@v/v0.9.0.info'), walk('a.b/@v/list'));
    assert.deepEqual(walk('a.bb/@v/list'), walk('a.b/c/@v/v1.0.0.mod'));
  });
  it('has nothing to say of a folder that is not there', () =>
    assert.deepEqual(
      [...walkFolders(join(folder.path, 'nowhere'))].flatMap(({ files }) => files),
      [],
    ));
});

describe('partsOf', () => {
  const TABLE: [string, string][] = [
    ['example.com/!lib/@v/v1.0.0.info', 'info example.com/Lib@v1.0.0'],
    ['example.com/lib/@v/v1.0.0-!r!c1.zip', 'zip example.com/lib@v1.0.0-RC1'],
    ['example.com/lib/@v/v1.0.0.ziphash', 'ziphash example.com/lib@v1.0.0'],
    ['example.com/lib/@v/v2.0.0+incompatible.mod', 'mod example.com/lib@v2.0.0+incompatible'],
    ['example.com/lib/@v/v2.0.0.info', 'query example.com/lib v2.0.0'],
    ['example.com/lib/@v/main.info', 'query example.com/lib main'],
    ['example.com/lib/@v/main.zip', 'other'],
    ['example.com/lib/@v/list', 'list example.com/lib '],
    ['example.com/lib/@v/.named', 'named example.com/lib '],
    ['example.com/lib/@latest', 'latest example.com/lib '],
    ['sumdb/sum.example.com/latest', 'sumdb sum.example.com latest'],
    ['sumdb/sum.example.com/tile/8/0/x001/234.p/5', 'sumdb sum.example.com tile/8/0/x001/234.p/5'],
    ['example.com/lib/@v/v1.0.0.lock', 'other'],
    ['example.com/Lib/@v/v1.0.0.info', 'other'],
    ['lost+found', 'other'],
  ];
  for (const [key, expected] of TABLE) {
    it(key, () => {
      const parts = partsOf(key);
      const said =
        'm' in parts
          ? `${parts.kind} ${parts.m.path}@${parts.m.version}`
          : 'path' in parts
            ? `${parts.kind} ${parts.path} ${parts.query}`
            : 'name' in parts
              ? `${parts.kind} ${parts.name} ${parts.endpoint}`
              : parts.kind;
      assert.equal(said, expected);
    });
  }
});
