import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { Copy } from './copy.ts';
import { Git } from './git.ts';
import { Locks } from './locks.ts';
import { packIfMany } from './packing.ts';

const NEVER: AbortSignal = new AbortController().signal;

/** A copy with more packs than are left alone, and a git whose repack begins a pack and then does `rest`. */
function bench(t: TestContext, rest: string) {
  const folder = mkdtempSync(join(tmpdir(), 'modgate-packing-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const packs = join(folder, 'copy', 'content.git', 'objects', 'pack');
  mkdirSync(packs, { recursive: true });
  for (let i = 0; i < 25; i++) writeFileSync(join(packs, `pack-${i}.pack`), '');
  const program = join(folder, 'git');
  const begun = join(packs, 'tmp_pack_a1b2c3');
  const script = `#!/bin/sh
case $1 in
version) echo git version 2.45.1;;
repack) echo half >'${begun}'; ${rest};;
esac
`;
  writeFileSync(program, script, { mode: 0o755 });
  return {
    begun,
    copy: new Copy(join(folder, 'copy'), join(folder, 'trash'), 'https://git.corp.example/lib'),
    git: new Git(program, { home: folder, env: process.env }),
    locks: () => new Locks(join(folder, 'locks'), async () => {}),
    left: () => readdirSync(packs).filter((name) => name.startsWith('tmp')),
  };
}

describe('packing', () => {
  it('that gives way leaves nothing behind, whichever locks of this process want the copy', async (t) => {
    const { begun, copy, git, locks, left } = bench(t, 'exec sleep 600');
    const [old, fresh] = [locks(), locks()];
    const packing = assert.rejects(packIfMany(copy, 'a', git, old), { code: 'CANCELED' });
    while (!existsSync(begun)) await new Promise((resolve) => setTimeout(resolve, 5));
    await fresh.hold('a', NEVER, async () => assert.deepEqual(left(), []));
    await packing;
    old.close();
    fresh.close();
  });

  it('that fails is told, with what git said, and leaves nothing behind', async (t) => {
    const { copy, git, locks, left } = bench(t, 'echo broken >&2; exit 1');
    const own = locks();
    await assert.rejects(packIfMany(copy, 'a', git, own), {
      code: 'VCS_FAILED',
      message: /repack.*1.*broken/s,
    });
    assert.deepEqual(left(), []);
    own.close();
  });
});
