import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { getEventListeners } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { ModgateError } from '../errors/index.ts';
import { checkZip, createZip, ZipChecker } from './index.ts';
import { M, rawZip } from './rawzip.test.kit.ts';

let folder = '';
let fine = '';
let broken = '';
before(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'modgate-checker-'));
  fine = path.join(folder, 'fine.zip');
  broken = path.join(folder, 'broken.zip');
  await writeFile(fine, createZip(M, [{ name: 'a', data: Buffer.from('a') }]));
  await writeFile(broken, rawZip([{ name: 'a', data: 'a', crc: 1 }]));
});
after(() => rm(folder, { recursive: true, force: true }));

test('checks in threads, more than there are threads', async () => {
  const checker = new ZipChecker({ workers: 2 });
  const checks = Array.from({ length: 10 }, () => checker.check(fine, M));
  assert.equal(checker.pending, 10);
  for (const result of await Promise.all(checks)) assert.deepEqual(result, checkZip(fine, M));
  assert.equal(checker.pending, 0);
  await checker.close();
});

test('failures keep their code across the thread, and the thread goes on', async () => {
  const checker = new ZipChecker({ workers: 1 });
  const failed = await checker.check(broken, M).catch((error: unknown) => error);
  assert.ok(failed instanceof ModgateError);
  assert.equal(failed.code, 'BAD_ZIP');
  assert.match(failed.message, /CRC32/);
  await assert.rejects(checker.check(path.join(folder, 'absent.zip'), M), { code: 'INTERNAL' });
  assert.equal((await checker.check(fine, M)).files, 1);
  await checker.close();
});

test('a thread that dies takes only its own check with it', async () => {
  const script = path.join(folder, 'dies.mjs');
  await writeFile(
    script,
    `import { parentPort } from 'node:worker_threads';
     const result = { h1: 'h1:x', goModH1: undefined, files: 1, uncompressed: 1 };
     parentPort.on('message', ({ file }) => {
       if (file.endsWith('broken.zip')) throw new Error('crash');
       parentPort.postMessage({ kind: 'checked', ok: true, result });
     });`,
  );
  const checker = new ZipChecker({ workers: 1, script: new URL(`file://${script}`) });
  const [first, second, third] = await Promise.allSettled([
    checker.check(fine, M),
    checker.check(broken, M),
    checker.check(fine, M),
  ]);
  assert.deepEqual([first.status, second.status, third.status], ['fulfilled', 'rejected', 'fulfilled']);
  assert.ok(second.status === 'rejected' && second.reason instanceof ModgateError);
  assert.equal(second.reason.code, 'INTERNAL');
  assert.match(String(second.reason.cause), /crash/);
  await checker.close();
});

test('a thread that cannot start rejects its check', async () => {
  const checker = new ZipChecker({ workers: 1, script: new URL(`file://${folder}/absent.mjs`) });
  await assert.rejects(checker.check(fine, M), { code: 'INTERNAL' });
  assert.equal(checker.pending, 0);
  await checker.close();
});

/** A checker with one thread that never comes back from broken.zip, and answers for all others. */
async function hanging(deadline?: number): Promise<ZipChecker> {
  const script = path.join(folder, 'hangs.mjs');
  await writeFile(
    script,
    `import { parentPort } from 'node:worker_threads';
     const result = { h1: 'h1:x', goModH1: undefined, files: 1, uncompressed: 1 };
     const never = new Int32Array(new SharedArrayBuffer(4));
     parentPort.on('message', ({ file }) => {
       // It sleeps: Node 24 does not end a thread whose loop is compiled by its optimizing compiler.
       while (file.endsWith('broken.zip')) Atomics.wait(never, 0, 0, 10);
       parentPort.postMessage({ kind: 'checked', ok: true, result });
     });`,
  );
  return new ZipChecker({
    workers: 1,
    script: new URL(`file://${script}`),
    ...(deadline === undefined ? {} : { deadline }),
  });
}

test('a check that takes longer than the deadline is given up', async () => {
  const checker = await hanging(100);
  await assert.rejects(checker.check(broken, M), {
    code: 'BAD_ZIP',
    message: 'the check of the zip took longer than 0.1 s and was given up',
  });
  assert.equal(checker.pending, 0);
  await checker.close();
});

test('the deadline is 120 s, the wait in the queue is not counted, and the others go on', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const checker = await hanging();
  const late = { code: 'BAD_ZIP', message: /longer than 120 s/ };
  const first = assert.rejects(checker.check(broken, M), late);
  const second = assert.rejects(checker.check(broken, M), late);
  const third = checker.check(fine, M);
  t.mock.timers.tick(119_999);
  assert.equal(checker.pending, 3);
  t.mock.timers.tick(1);
  assert.equal(checker.pending, 2);
  t.mock.timers.tick(119_999);
  assert.equal(checker.pending, 2);
  t.mock.timers.tick(1);
  await Promise.all([first, second]);
  assert.equal((await third).h1, 'h1:x');
  // The thread that answered keeps its place: its deadline went with its check.
  t.mock.timers.tick(500_000);
  assert.equal((await checker.check(fine, M)).h1, 'h1:x');
  await checker.close();
});

test('an aborted check leaves the queue or its thread, and the others go on', async () => {
  const checker = await hanging();
  const [running, waiting, last] = [new AbortController(), new AbortController(), new AbortController()];
  const first = checker.check(broken, M, { signal: running.signal });
  const second = checker.check(fine, M, { signal: waiting.signal });
  const third = checker.check(fine, M, { signal: last.signal });
  waiting.abort();
  await assert.rejects(second, { code: 'CANCELED' });
  assert.equal(checker.pending, 2);
  running.abort(new ModgateError('OVERLOADED', 'too many'));
  await assert.rejects(first, { code: 'OVERLOADED', message: 'too many' });
  assert.equal((await third).h1, 'h1:x');
  assert.equal(getEventListeners(last.signal, 'abort').length, 0);
  last.abort();
  await assert.rejects(checker.check(fine, M, { signal: last.signal }), { code: 'CANCELED' });
  assert.equal((await checker.check(fine, M)).h1, 'h1:x');
  await checker.close();
});

test('close refuses what runs, what waits and what comes', async () => {
  const checker = new ZipChecker({ workers: 1 });
  const checks = [checker.check(fine, M), checker.check(fine, M)].map((check) =>
    check.catch((error: unknown) => error),
  );
  await checker.close();
  for (const error of [
    ...(await Promise.all(checks)),
    await checker.check(fine, M).catch((e: unknown) => e),
  ]) {
    assert.ok(error instanceof ModgateError);
    assert.equal(error.code, 'SHUTTING_DOWN');
  }
});

test('idle threads let the process end, busy ones do not', async () => {
  const script = path.join(folder, 'main.mjs');
  const index = new URL('./index.js', import.meta.url).href;
  await writeFile(
    script,
    `import { ZipChecker } from ${JSON.stringify(index)};
     const checker = new ZipChecker({ workers: 1 });
     checker.check(${JSON.stringify(fine)}, ${JSON.stringify(M)}).then(({ h1 }) => console.log(h1));`,
  );
  const { stdout } = await promisify(execFile)(process.execPath, [script], { timeout: 30_000 });
  assert.equal(stdout.trim(), checkZip(fine, M).h1);
});
