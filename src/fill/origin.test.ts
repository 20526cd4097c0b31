import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { findOrigin } from './origin.ts';

const folder = realpathSync(mkdtempSync(join(tmpdir(), 'modgate-origin-')));
after(() => rmSync(folder, { recursive: true, force: true }));

function moduleCache(name: string): string {
  const cache = join(folder, name);
  mkdirSync(join(cache, 'cache/download/example.com/a/@v'), { recursive: true });
  return cache;
}

test('a module cache begins below cache/download', async () => {
  const cache = moduleCache('own');
  const { folder: found, layout } = await findOrigin(cache, 'auto');
  assert.deepEqual([found.root, layout], [join(cache, 'cache/download'), 'proxy']);
});

test('a link on the way down leads nowhere; the folder itself may be one', async () => {
  const elsewhere = moduleCache('elsewhere');
  for (const [name, link] of [
    ['evil-cache', 'cache'],
    ['evil-download', 'cache/download'],
  ] as const) {
    const evil = join(folder, name);
    mkdirSync(join(evil, link, '..'), { recursive: true });
    symlinkSync(join(elsewhere, link), join(evil, link));
    await assert.rejects(findOrigin(evil, 'auto'), { code: 'BAD_REQUEST' });
  }
  symlinkSync(elsewhere, join(folder, 'named'));
  const { folder: found } = await findOrigin(join(folder, 'named'), 'auto');
  assert.equal(found.root, join(elsewhere, 'cache/download'));
});
