/** deploy/modgate.service, alone and with deploy/static-user.conf, as systemd's own tools judge it. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { GIT_ENV, GitFolder } from '../kit/git.ts';
import { GitServer } from '../kit/git-http.ts';
import { bounded } from '../kit/wait.ts';

const UNIT = fileURLToPath(new URL('../../../deploy/modgate.service', import.meta.url));
const DROP_IN = fileURLToPath(new URL('../../../deploy/static-user.conf', import.meta.url));
const EXAMPLE = fileURLToPath(new URL('../../../modgate.example.yaml', import.meta.url));
/** tenths, as systemd counts exposure: 0 is none, 10 is all */
const MOST_EXPOSURE = 15;

const available = spawnSync('systemd-analyze', ['--version']).status === 0;
const skip = available ? false : 'no systemd-analyze (Debian: systemd)';

const withoutStrace =
  spawnSync('strace', ['-o', '/dev/null', 'true']).status === 0 ? false : 'no strace, or no right to trace';

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

describe('git and ssh within the restrictions of the unit', { skip: skip || withoutStrace }, () => {
  let folder: string;
  let trace: string;

  before(async () => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'modgate-strace-'));
    const repositories = new GitFolder();
    repositories.create('lib').commit({ a: 'a' }, { tags: ['v1.0.0'] });
    const server = await GitServer.start({ folder: repositories.folder });
    try {
      await traced('git', 'init', '-q', '--bare', path.join(folder, 'copy'));
      const copy = ['--git-dir', path.join(folder, 'copy')];
      await traced('git', ...copy, 'fetch', '-q', '--depth=1', `${server.url}/lib`, 'v1.0.0:refs/modgate/x');
      await traced(
        'git',
        ...copy,
        'archive',
        '--format=zip',
        '-o',
        path.join(folder, 'zip'),
        'refs/modgate/x',
      );
      await traced('git', 'ls-remote', 'https://127.0.0.1:1/lib');
      await traced('ssh', '-F', '/dev/null', '-o', 'BatchMode=yes', '-p', '1', '127.0.0.1');
    } finally {
      await server.close();
      repositories.remove();
    }
    const files = fs.readdirSync(folder).filter((name) => name.startsWith('trace-'));
    trace = files.map((name) => fs.readFileSync(path.join(folder, name), 'latin1')).join('');
  });
  after(() => fs.rmSync(folder, { recursive: true }));

  let runs = 0;
  function traced(...command: string[]): Promise<unknown> {
    runs += 1;
    const args = ['-f', '-qq', '-o', path.join(folder, `trace-${runs}`), ...command];
    const child = spawn('strace', args, { env: { ...GIT_ENV, GIT_TERMINAL_PROMPT: '0' }, stdio: 'ignore' });
    return bounded(once(child, 'close'), command.join(' '), 60_000);
  }

  test('they make no system call that its filter refuses', () => {
    const used = new Set([...trace.matchAll(/^\d+ +([a-z]\w*)\(/gm)].map(([, name = '']) => name));
    assert.ok(used.has('execve') && used.has('connect'), [...used].join(' '));
    const allowed = allowedCalls();
    assert.deepEqual(
      [...used].filter((name) => !allowed.has(name)),
      [],
    );
  });

  test('they open no socket of a family that it refuses', () => {
    const families = settings('RestrictAddressFamilies').flatMap((line) => line.split(' '));
    const used = new Set([...trace.matchAll(/ socket(?:pair)?\((AF_\w+)/g)].map(([, name = '']) => name));
    assert.ok(used.has('AF_INET'), [...used].join(' '));
    assert.deepEqual(
      [...used].filter((name) => !families.includes(name)),
      [],
    );
  });

  test('they may run what they find, without a terminal and devices', () => {
    for (const name of ['NoExecPaths', 'InaccessiblePaths', 'RootDirectory', 'PrivateNetwork', 'TasksMax'])
      assert.deepEqual(settings(name), [], name);
  });
});

function settings(name: string): string[] {
  const lines = fs.readFileSync(UNIT, 'utf8').matchAll(new RegExp(`^${name}=(.*)$`, 'gm'));
  return [...lines].map(([, value = '']) => value);
}

/** What the lines of SystemCallFilter leave, and what systemd always allows. */
function allowedCalls(): Set<string> {
  const { stdout } = spawnSync('systemd-analyze', ['syscall-filter', '--no-pager'], {
    encoding: 'utf8',
    env: { ...process.env, SYSTEMD_COLORS: '0' },
  });
  const groups = new Map<string, string[]>();
  let group = '';
  for (const line of stdout.split('\n')) {
    if (line.startsWith('@')) group = line.trim();
    else if (/^ +[@\w]/.test(line)) groups.set(group, [...(groups.get(group) ?? []), line.trim()]);
  }
  const all = (name: string): string[] => groups.get(name)?.flatMap(all) ?? [name];
  const allowed = new Set(all('@default'));
  for (const line of settings('SystemCallFilter')) {
    const names = line.replace('~', '').split(' ').flatMap(all);
    for (const name of names) {
      if (line.startsWith('~')) allowed.delete(name);
      else allowed.add(name);
    }
  }
  return allowed;
}

/** of `30s` or `2m` */
function ms(text: string): number {
  const [, count = '', unit = ''] = /^(\d+)(s|m)$/.exec(text) ?? [];
  assert.notEqual(unit, '', `a duration: ${text}`);
  return Number(count) * (unit === 'm' ? 60_000 : 1000);
}
