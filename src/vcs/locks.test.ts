import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import fs, { existsSync, mkdtempSync, readdirSync, rmSync, utimesSync, watch, writeFileSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { type Owner, self } from '../observe/index.ts';
import { LockFile } from './lock-file.ts';
import { Locks } from './locks.ts';
import { endOrphans, LOCK_VARIABLE } from './orphans.ts';

const NEVER: AbortSignal = new AbortController().signal;
const withoutProc = existsSync('/proc/self/environ') ? false : 'no /proc';

function folderOf(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'modgate-locks-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

const record = (owner: Owner, nonce = '0123456789abcdef') => JSON.stringify({ owner, nonce });
const DEAD: Owner = { ...self(), pid: 4_194_999 };
const ELSEWHERE: Owner = { place: '000000000000', pid: 1, start: '1' };

async function unneeded(): Promise<void> {
  assert.fail('nobody died');
}

/** A promise and what resolves it. */
function gate(): { readonly open: () => void; readonly passed: Promise<void> } {
  let open = () => {};
  const passed = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { open, passed };
}

describe('the lock of a copy', () => {
  it('has one holder at a time, in the order of asking', async (t) => {
    const locks = new Locks(folderOf(t), unneeded);
    const order: number[] = [];
    let inside = 0;
    const jobs = Array.from({ length: 20 }, (_, i) =>
      locks.hold('a', NEVER, async () => {
        inside += 1;
        assert.equal(inside, 1);
        await new Promise((resolve) => setImmediate(resolve));
        order.push(i);
        inside -= 1;
      }),
    );
    await Promise.all(jobs);
    assert.deepEqual(order, [...order.keys()]);
    locks.close();
  });

  it('holds between two users of one folder, and is free after a failure', async (t) => {
    const folder = folderOf(t);
    const [one, other] = [new Locks(folder, unneeded), new Locks(folder, unneeded)];
    let free = () => {};
    const held = new Promise<void>((resolve) => {
      free = resolve;
    });
    let entered = () => {};
    const inside = new Promise<void>((resolve) => {
      entered = resolve;
    });
    const first = one.hold('a', NEVER, async () => {
      entered();
      await held;
      throw new Error('failed');
    });
    await inside;
    assert.equal(await other.holdIfFree('a', async () => 'taken'), undefined);
    const leaving = new AbortController();
    const left = assert.rejects(
      other.hold('a', leaving.signal, async () => 'never'),
      { code: 'CANCELED' },
    );
    leaving.abort();
    await left;
    const second = other.hold('a', NEVER, async () => 'done');
    free();
    await assert.rejects(first, /failed/);
    assert.equal(await second, 'done');
    assert.deepEqual(readdirSync(folder), []);
    one.close();
    other.close();
  });

  it('of many who find a dead holder, one goes on', { skip: withoutProc }, async (t) => {
    const folder = folderOf(t);
    const file = join(folder, 'a');
    for (let round = 0; round < 20; round++) {
      writeFileSync(file, record(DEAD, `${round}`));
      const tries = Array.from({ length: 12 }, () => new LockFile(file).attempt());
      const holds = (await Promise.all(tries)).filter((hold) => hold !== undefined);
      assert.deepEqual(
        holds.map(({ takenOver }) => takenOver),
        [true],
      );
      await holds[0]?.release();
      assert.deepEqual(readdirSync(folder), []);
    }
  });

  it('a claim of a process that died while it took over stops nobody', { skip: withoutProc }, async (t) => {
    const folder = folderOf(t);
    const file = join(folder, 'a');
    writeFileSync(file, record(DEAD));
    const identity = createHash('sha256').update(record(DEAD)).digest('hex').slice(0, 16);
    writeFileSync(`${file}.claim-${identity}-0`, record(DEAD, ''));
    const hold = await new LockFile(file).attempt();
    assert.equal(hold?.takenOver, true);
    await hold.release();
    assert.deepEqual(readdirSync(folder), []);
  });

  const HELD: readonly (readonly [what: string, text: string, age: number, taken: boolean])[] = [
    ['of a process that lives', record(self()), 3_600_000, false],
    ['of another machine that beats', record(ELSEWHERE), 0, false],
    ['of another machine that has been silent', record(ELSEWHERE), 3_600_000, true],
    ['that cannot be read, and is new', '{', 0, false],
    ['that cannot be read, and is old', '', 3_600_000, true],
  ];
  for (const [what, text, age, taken] of HELD) {
    it(`one ${what} is ${taken ? '' : 'not '}taken over`, async (t) => {
      const file = join(folderOf(t), 'a');
      writeFileSync(file, text);
      const then = new Date(Date.now() - age);
      utimesSync(file, then, then);
      const hold = await new LockFile(file).attempt();
      assert.equal(hold?.takenOver, taken ? true : undefined);
      await hold?.release();
    });
  }

  it('work that can wait gives way', async (t) => {
    const locks = new Locks(folderOf(t), unneeded);
    let entered = () => {};
    const inside = new Promise<void>((resolve) => {
      entered = resolve;
    });
    const waiting = locks.yielding('a', async (_held, signal) => {
      entered();
      await once(signal, 'abort');
    });
    await inside;
    assert.equal(await locks.hold('a', NEVER, async () => 'now'), 'now');
    await waiting;
    locks.close();
  });
});

describe('waiting for a lock', () => {
  it('changes nothing in the folder, so that who waits wakes nobody', async (t) => {
    const folder = folderOf(t);
    const [one, other] = [new Locks(folder, unneeded), new Locks(folder, unneeded)];
    const [inside, done] = [gate(), gate()];
    const first = one.hold('a', NEVER, async () => {
      inside.open();
      await done.passed;
    });
    await inside.passed;
    const changes: (string | null)[] = [];
    const watcher = watch(folder, (_event, name) => changes.push(name));
    t.after(() => watcher.close());
    const looks = t.mock.method(LockFile.prototype, 'attempt');
    const start = performance.now();
    const second = other.hold('a', NEVER, async () => 'done');
    while (looks.mock.callCount() < 5) await new Promise((resolve) => setTimeout(resolve, 10));
    // Between two looks is a quarter of a second, but for the first ones.
    assert.ok(performance.now() - start > 700, `${performance.now() - start} ms`);
    assert.deepEqual(
      changes.filter((name) => name !== 'a'),
      [],
    );
    done.open();
    assert.equal(await second, 'done');
    await first;
    one.close();
    other.close();
  });

  it('goes on where the folder cannot be watched', async (t) => {
    const folder = folderOf(t);
    const [one, other] = [new Locks(folder, unneeded), new Locks(folder, unneeded)];
    const full = Object.assign(new Error('System limit for number of file watchers reached'), {
      code: 'ENOSPC',
    });
    t.mock.method(fs, 'watch', () => {
      throw full;
    });
    syncBuiltinESMExports();
    t.after(() => {
      t.mock.restoreAll();
      syncBuiltinESMExports();
    });
    const [inside, done] = [gate(), gate()];
    const first = one.hold('a', NEVER, async () => {
      inside.open();
      await done.passed;
    });
    await inside.passed;
    const second = other.hold('a', NEVER, async () => 'done');
    done.open();
    assert.equal(await second, 'done');
    await first;
  });

  it('ends when the locks are closed', async (t) => {
    const folder = folderOf(t);
    const [one, other] = [new Locks(folder, unneeded), new Locks(folder, unneeded)];
    const [inside, done] = [gate(), gate()];
    const first = one.hold('a', NEVER, async () => {
      inside.open();
      await done.passed;
    });
    await inside.passed;
    const second = assert.rejects(
      other.hold('a', NEVER, async () => 'never'),
      { code: 'SHUTTING_DOWN' },
    );
    other.close();
    await second;
    done.open();
    await first;
    one.close();
  });
});

describe('what a dead holder left', { skip: withoutProc }, () => {
  type Take = (locks: Locks, job: () => Promise<string>) => Promise<unknown>;
  const ways: readonly (readonly [way: string, take: Take])[] = [
    ['hold', (locks, job) => locks.hold('a', NEVER, job)],
    ['holdIfFree', (locks, job) => locks.holdIfFree('a', job)],
    ['yielding', (locks, job) => locks.yielding('a', async () => void (await job()))],
  ];
  for (const [way, take] of ways) {
    it(`is put in order once, before anybody goes on, by ${way}`, async (t) => {
      const folder = folderOf(t);
      writeFileSync(join(folder, 'a'), record(DEAD));
      const order: string[] = [];
      const locks = new Locks(folder, async (name) => {
        order.push(`recover ${name}`);
      });
      await take(locks, async () => {
        order.push('job');
        return 'done';
      });
      await locks.hold('a', NEVER, async () => order.push('next'));
      assert.deepEqual(order, ['recover a', 'job', 'next']);
      locks.close();
    });
  }
});

describe('processes of a dead holder', { skip: withoutProc }, () => {
  it('are ended by their mark, with what they started, and no others', async () => {
    const program =
      'require("child_process").spawn("sleep", ["600"], { stdio: "inherit" }); process.stdin.resume()';
    const start = (nonce: string) =>
      spawn(process.execPath, ['-e', program], {
        env: { ...process.env, [LOCK_VARIABLE]: nonce },
        stdio: ['pipe', 'pipe', 'ignore'],
        detached: true,
      });
    const [marked, other] = [start('aaaa'), start('aaaab')];
    await Promise.all([once(marked, 'spawn'), once(other, 'spawn')]);
    // stdout closes when the last process that has it is gone.
    const gone = once(marked, 'close');
    assert.ok((await endOrphans('aaaa')) >= 1);
    await gone;
    assert.equal(other.exitCode ?? other.signalCode, null);
    assert.ok((await endOrphans('aaaab')) >= 1);
  });
});
