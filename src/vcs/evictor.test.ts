import assert from 'node:assert/strict';
import fs, { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { createLogger, ownerPrefix, self } from '../observe/index.ts';
import { Evictor } from './evictor.ts';
import { Locks } from './locks.ts';
import { Trash } from './trash.ts';

const [OLD, NEW] = ['a'.repeat(32), 'b'.repeat(32)];
const withoutProc = existsSync('/proc/self/stat') ? false : 'no /proc';
const HOURS = 3_600_000;

function folderOf(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'modgate-evictor-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

describe('the evictor', () => {
  it('leaves nothing in the trash where a copy was made anew while it was moved away', async (t) => {
    const folder = folderOf(t);
    for (const name of [OLD, NEW]) {
      mkdirSync(join(folder, name));
      writeFileSync(join(folder, name, 'pack'), Buffer.alloc(1000));
    }
    const locks = new Locks(join(folder, 'locks'), async () => {});
    const evictor = new Evictor(folder, 1500, locks, createLogger({ level: 'silent', format: 'json' }));
    await evictor.start();
    const rename = fs.promises.rename;
    t.mock.method(fs.promises, 'rename', async (from: string, to: string) => {
      await rename(from, to);
      if (from !== join(folder, OLD)) return;
      for (const place of [from, to]) mkdirSync(join(place, 'in-use'), { recursive: true });
      writeFileSync(join(to, 'in-use', `${ownerPrefix(self())}pin`), '');
    });
    syncBuiltinESMExports();
    t.after(() => {
      t.mock.restoreAll();
      syncBuiltinESMExports();
    });
    await evictor.grown(NEW);
    assert.deepEqual(readdirSync(join(folder, 'trash')), []);
    assert.deepEqual(readdirSync(join(folder, OLD)), ['in-use']);
    assert.equal(evictor.total, 1000);
    locks.close();
  });

  it('measures a copy again where something in its folder is new, and then keeps to the cap', async (t) => {
    const folder = folderOf(t);
    mkdirSync(join(folder, OLD));
    writeFileSync(join(folder, OLD, 'tags'), Buffer.alloc(1000));
    const locks = new Locks(join(folder, 'locks'), async () => {});
    const evictor = new Evictor(folder, 1500, locks, createLogger({ level: 'silent', format: 'json' }));
    await evictor.touched('c'.repeat(32));
    await evictor.touched(OLD);
    assert.equal(evictor.total, 1000);
    mkdirSync(join(folder, NEW));
    writeFileSync(join(folder, NEW, 'tags'), Buffer.alloc(1000));
    await evictor.touched(NEW);
    assert.deepEqual([existsSync(join(folder, OLD)), existsSync(join(folder, NEW))], [false, true]);
    locks.close();
  });
});

describe('the trash', () => {
  const me = self();
  const rows: readonly (readonly [
    what: string,
    name: string,
    later: number,
    stays: boolean,
    proc: boolean,
  ])[] = [
    ['of this process', `${ownerPrefix(me)}gone`, 0, true, false],
    ['of this process, hours old', `${ownerPrefix(me)}gone`, 2 * HOURS, false, false],
    ['of a dead process', `${ownerPrefix({ ...me, pid: 4_194_999 })}gone`, 0, false, true],
    ['of another container', '0123456789ab-7-123-deadbeef.gone', 0, true, false],
    ['of another container, hours old', '0123456789ab-7-123-deadbeef.gone', 2 * HOURS, false, false],
    ['of nobody', 'gone', 0, false, false],
  ];
  for (const [what, name, later, stays, proc] of rows) {
    it(`${stays ? 'keeps' : 'loses'} what is ${what}`, { skip: proc && withoutProc }, async (t) => {
      const folder = folderOf(t);
      mkdirSync(join(folder, name, 'objects'), { recursive: true });
      t.mock.timers.enable({ apis: ['Date'], now: Date.now() + later });
      await new Trash(folder).sweep();
      assert.deepEqual(readdirSync(folder), stays ? [name] : []);
    });
  }

  it('takes what is there, and nothing else', async (t) => {
    const folder = folderOf(t);
    const trash = new Trash(join(folder, 'trash'));
    assert.equal(await trash.take(join(folder, 'none')), undefined);
    mkdirSync(join(folder, 'one'));
    const away = await trash.take(join(folder, 'one'));
    assert.ok(away !== undefined && existsSync(away) && !existsSync(join(folder, 'one')));
    await trash.empty(away);
    assert.deepEqual(readdirSync(join(folder, 'trash')), []);
  });
});
