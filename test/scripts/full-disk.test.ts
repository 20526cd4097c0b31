import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { pairFor } from '../kit/gateway.ts';
import { until } from '../kit/wait.ts';

const tmpfs = mountTmpfs();
test('a disk that is really full', {
  skip: tmpfs === undefined ? 'no right to mount a small file system' : false,
}, async (t) => {
  assert.ok(tmpfs !== undefined);
  t.after(() => unmount(tmpfs));
  const { modgate } = await pairFor(t, { data: path.join(tmpfs, 'data') });
  assert.equal((await modgate.ask('/example.com/plain/@v/v1.0.0.zip')).status, 200);
  const whole = await modgate.ask('/example.com/big/@v/v1.0.0.zip', { method: 'HEAD' });
  assert.equal(whole.status, 507);
  const streamed = await modgate.ask('/example.com/big/@v/v1.0.0.zip').catch(() => undefined);
  assert.ok(
    streamed === undefined || streamed.status === 507,
    'an aborted connection or a text, never a whole answer',
  );
  await until(() => (modgate.bytesInTmp() === 0 ? true : undefined), 'tmp to be empty again');
  const filler = path.join(tmpfs, 'filler');
  fill(filler);
  const small = await modgate.ask('/example.com/plain/@v/v1.1.0.mod');
  assert.equal(small.status, 507, small.text);
  assert.match(small.text, /DISK_FULL/);
  assert.match(small.text, /full/);
  assert.equal((await modgate.ask('/example.com/plain/@v/v1.0.0.zip')).status, 200, 'hits are served');
  await modgate.stop();
  await modgate.restart();
  await modgate.log(({ msg }) => msg === 'the store is not well', 'that the store is full, at the start');
  assert.equal((await modgate.ask('/example.com/plain/@v/v1.0.0.zip')).status, 200, 'and hits are served');
  fs.rmSync(filler);
  assert.equal(
    (await modgate.ask('/example.com/plain/@v/v1.1.0.mod')).status,
    200,
    'and with room again, all is well',
  );
});

function fill(file: string): void {
  const fd = fs.openSync(file, 'w');
  try {
    for (const size of [1 << 16, 1 << 12, 1]) {
      const piece = Buffer.alloc(size);
      try {
        for (;;) fs.writeSync(fd, piece);
      } catch (error) {
        assert.match(String(error), /ENOSPC/);
      }
    }
  } finally {
    fs.closeSync(fd);
  }
}

function mountTmpfs(): string | undefined {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return undefined;
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'modgate-full-'));
  if (spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=8m', 'tmpfs', folder]).status === 0) return folder;
  fs.rmdirSync(folder);
  return undefined;
}

function unmount(folder: string): void {
  spawnSync('umount', ['-l', folder]);
  fs.rmSync(folder, { recursive: true, force: true });
}
