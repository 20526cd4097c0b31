import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { describe, it } from 'node:test';
import { systemClock } from '../observe/index.ts';
import { CommandIssuer } from './command-issuer.ts';
import { Git } from './git.ts';

const NEVER: AbortSignal = new AbortController().signal;
const withoutProc = existsSync('/proc/self/environ') ? false : 'no /proc';
const REMOTE = { scheme: 'https', host: 'git.corp.example', port: '', user: undefined, path: 'lib' } as const;

/** What a process without descriptors comes to: `<free> <program> <outcome>`, a line each. */
const WITHOUT_DESCRIPTORS = `
  import { closeSync, openSync } from 'node:fs';
  import { CommandIssuer } from '${new URL('./command-issuer.js', import.meta.url).href}';
  import { Git } from '${new URL('./git.js', import.meta.url).href}';
  const env = process.env;
  const signal = new AbortController().signal;
  const remote = ${JSON.stringify(REMOTE)};
  const outcome = (promise) => promise.then(() => 'OK', (error) => error.code ?? String(error));
  const full = [];
  const fill = () => { try { for (;;) full.push(openSync('/dev/null', 'r')); } catch {} };
  const lines = [];
  for (let free = 0; free < 12; free++) {
    const git = new Git('git', { home: '/', env });
    const issuer = new CommandIssuer(['echo', 'password=x'], { clock: { now: Date.now }, env });
    fill();
    for (let i = 0; i < free; i++) closeSync(full.pop());
    lines.push([free, 'git', await outcome(git.run({ args: ['version'], signal }))]);
    lines.push([free, 'command', await outcome(issuer.lease(remote, false, signal))]);
    for (const one of full.splice(0)) closeSync(one);
    lines.push([free, 'afterwards', await outcome(git.run({ args: ['version'], signal }))]);
  }
  for (const line of lines) console.log(line.join(' '));
`;

describe('a process group', () => {
  it('that cannot be started for want of descriptors is a coded failure, and the next one starts', () => {
    const script = 'ulimit -n 80; exec "$0" --input-type=module -e "$1"';
    const args = ['-c', script, process.execPath, WITHOUT_DESCRIPTORS];
    const text = execFileSync('/bin/sh', args, { encoding: 'utf8', timeout: 60_000 });
    const lines = text
      .trim()
      .split('\n')
      .map((line) => line.split(' '));
    assert.equal(lines.length, 36, text);
    for (const [free, program, outcome = ''] of lines) {
      const allowed = program === 'afterwards' ? ['OK'] : ['OK', 'OVERLOADED'];
      assert.ok(allowed.includes(outcome), `${free} free: ${program} ${outcome}`);
    }
    for (const program of ['git', 'command']) {
      assert.deepEqual(lines[program === 'git' ? 0 : 1], ['0', program, 'OVERLOADED']);
    }
  });

  it('that is over is sent nothing: its number may be somebody else by now', async (t) => {
    const git = new Git('git', { home: tmpdir(), env: process.env });
    const running = git.start({ args: ['version'], signal: NEVER });
    running.stdout.resume();
    await running.end;
    const kill = t.mock.method(process, 'kill');
    running.stop('stopped', new Error('late'));
    assert.deepEqual(
      kill.mock.calls.map((call) => call.arguments),
      [],
    );
    await git.close();
  });

  it('ends with all that a credential command has started', { skip: withoutProc }, async (t) => {
    const mark = `MARK_OF_THIS_TEST=${randomBytes(8).toString('hex')}`;
    const [name = '', value] = mark.split('=');
    t.after(() => {
      for (const pid of marked(mark)) process.kill(Number(pid), 'SIGKILL');
    });
    const issuer = new CommandIssuer(['/bin/sh', '-c', 'sleep 600; echo password=x'], {
      clock: systemClock,
      env: { ...process.env, [name]: value },
      limit: 200,
    });
    await assert.rejects(issuer.lease(REMOTE, false, NEVER), { code: 'UPSTREAM_DENIED' });
    // A signal works a moment after it was sent.
    for (let looks = 1000; marked(mark).length > 0; looks--) {
      assert.ok(looks > 0, 'what it started is still there');
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  });
});

/** ids */
function marked(mark: string): string[] {
  return readdirSync('/proc').filter((pid) => {
    try {
      return /^\d+$/.test(pid) && readFileSync(`/proc/${pid}/environ`, 'latin1').includes(`${mark}\0`);
    } catch {
      return false;
    }
  });
}
