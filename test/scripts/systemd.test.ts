/** deploy/modgate.service, alone and with deploy/static-user.conf, as systemd's own tools judge it. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const UNIT = fileURLToPath(new URL('../../../deploy/modgate.service', import.meta.url));
const DROP_IN = fileURLToPath(new URL('../../../deploy/static-user.conf', import.meta.url));
const EXAMPLE = fileURLToPath(new URL('../../../modgate.example.yaml', import.meta.url));
/** tenths, as systemd counts exposure: 0 is none, 10 is all */
const MOST_EXPOSURE = 15;

const available = spawnSync('systemd-analyze', ['--version']).status === 0;
const skip = available ? false : 'no systemd-analyze (Debian: systemd)';

/** In the words of systemd-analyze: who the service is. */
const USERS: [dropIn: string | undefined, user: RegExp][] = [
  [undefined, /runs under a transient non-root user identity/],
  [DROP_IN, /runs under a static non-root user identity/],
];

for (const [dropIn, user] of USERS)
  describe(`the systemd unit${dropIn === undefined ? '' : ' with a user that is there always'}`, {
    skip,
  }, () => {
    let folder: string;
    let unit: string;
    before(() => {
      folder = fs.mkdtempSync(path.join(os.tmpdir(), 'modgate-unit-'));
      unit = path.join(folder, 'modgate.service');
      // The program need not be installed on this machine for its unit to be judged.
      const text = fs.readFileSync(UNIT, 'utf8').replace('/usr/local/bin/modgate', process.execPath);
      fs.writeFileSync(unit, text);
      if (dropIn === undefined) return;
      fs.mkdirSync(`${unit}.d`);
      fs.copyFileSync(dropIn, path.join(`${unit}.d`, 'static-user.conf'));
    });
    after(() => fs.rmSync(folder, { recursive: true }));

    test('systemd-analyze verify has nothing to say', () => {
      const run = spawnSync('systemd-analyze', ['verify', '--man=no', unit], { encoding: 'utf8' });
      assert.equal(run.stdout + run.stderr, '');
      assert.equal(run.status, 0);
    });

    test('systemd-analyze security: it is exposed little', () => {
      const args = ['security', '--offline=true', `--threshold=${MOST_EXPOSURE}`, '--no-pager', unit];
      const run = spawnSync('systemd-analyze', args, { encoding: 'utf8' });
      assert.equal(run.status, 0, run.stdout + run.stderr);
      assert.match(run.stdout, user);
    });
  });

test('systemd waits longer than the gateway takes to stop', () => {
  const shutdown = /^shutdown: (\S+)$/m.exec(fs.readFileSync(EXAMPLE, 'utf8'))?.[1] ?? '';
  const stop = /^TimeoutStopSec=(\S+)$/m.exec(fs.readFileSync(UNIT, 'utf8'))?.[1] ?? '';
  assert.ok(ms(stop) > ms(shutdown), `${stop} > ${shutdown}`);
});

/** of `30s` or `2m` */
function ms(text: string): number {
  const [, count = '', unit = ''] = /^(\d+)(s|m)$/.exec(text) ?? [];
  assert.notEqual(unit, '', `a duration: ${text}`);
  return Number(count) * (unit === 'm' ? 60_000 : 1000);
}
