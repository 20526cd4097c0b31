import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { it } from 'node:test';
import { Copy, HISTORY } from './copy.ts';

const GONE = [
  'config.lock',
  'packed-refs.new',
  'refs/heads/main.lock',
  'objects/pack/tmp_pack_x1',
  'objects/pack/.tmp-12-pack-34.idx',
  'objects/ab/tmp_obj_y2',
  'objects/tmp_objdir-incoming-z3/pack/a.pack',
];
const KEPT = [
  'refs/heads/tmp-fix',
  'refs/heads/tmp_objdir-mine/a',
  'refs/tags/.tmp-not-a-ref',
  'objects/pack/pack-1.pack',
];

it('what a killed git left is swept, and no branch that is called like it', async (t) => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'modgate-copy-'));
  t.after(() => fs.rmSync(folder, { recursive: true, force: true }));
  const copy = new Copy(path.join(folder, 'one'), path.join(folder, 'trash'), 'https://git.corp.example/lib');
  await copy.makeRepository(HISTORY, 'sha1');
  const at = (name: string) => path.join(copy.path(HISTORY), name);
  for (const name of [...GONE, ...KEPT]) {
    fs.mkdirSync(path.dirname(at(name)), { recursive: true });
    fs.writeFileSync(at(name), '');
  }
  await copy.sweep();
  const left = (names: readonly string[]) => names.filter((name) => fs.existsSync(at(name)));
  assert.deepEqual([left(GONE), left(KEPT)], [[], KEPT]);
});

it('nobody but the group of modgate may look into a copy', async (t) => {
  const before = process.umask(0o022);
  t.after(() => process.umask(before));
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'modgate-copy-'));
  t.after(() => fs.rmSync(folder, { recursive: true, force: true }));
  const copy = new Copy(path.join(folder, 'one'), path.join(folder, 'trash'), 'https://git.corp.example/lib');
  await copy.makeRepository(HISTORY, 'sha1');
  await copy.discard('none');
  for (const name of ['one', `one/${HISTORY}`, `one/${HISTORY}/objects`, 'trash'])
    assert.equal(fs.statSync(path.join(folder, name)).mode & 0o777, 0o750, name);
});
