/** What the programs for developers say to arguments that are none of theirs: one line and the usage, no stack. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { bounded } from './wait.ts';

const ROWS: readonly (readonly [program: string, args: readonly string[], said: RegExp])[] = [
  ['test/soak', ['--minutes', 'x'], /^--minutes x: a number above 0 is needed\n\nnpm run soak -- /],
  ['test/soak', ['--minutes', '0'], /^--minutes 0: a number above 0/],
  ['test/soak', ['--minutes='], /^--minutes : a number above 0/],
  ['test/soak', ['--seed', '1.5'], /^--seed 1\.5: a whole number from 0 on/],
  ['test/soak', ['--clients', '0'], /^--clients 0: a whole number from 1 on/],
  ['test/soak', ['--cache', 'much'], /^--cache much: a size as 8MiB/],
  ['test/soak', ['--bogus'], /^Unknown option '--bogus'.*\n\nnpm run soak -- /],
  ['test/conformance', ['--bogus'], /^Unknown option '--bogus'.*\n\nnpm run conformance -- /],
  ['test/conformance', ['--upstream', 'x'], /^--upstream x: a port is needed\n\nnpm run conformance -- /],
  ['test/conformance', ['--upstream', '70000'], /^--upstream 70000: a port is needed/],
  ['test/conformance', ['nowhere'], /^nowhere: a URL is needed\n\nnpm run conformance -- /],
  ['bench', ['--bogus'], /^error: unknown option '--bogus'\n$/],
  ['bench', ['--rounds', 'x'], /a whole number from 1 on is needed/],
  ['bench', ['--only', 'nothing'], /^error: there is no row "nothing"; --help lists them\n$/],
];

/** ms; more than enough to read arguments */
const LIMIT = 20_000;

for (const [program, args, said] of ROWS)
  test(`${program} ${args.join(' ')}`, async () => {
    const main = fileURLToPath(new URL(`../../${program}/main.js`, import.meta.url));
    // A group of its own: one that takes the arguments after all starts others, which must not outlive the test.
    const child = spawn(process.execPath, [main, ...args], {
      stdio: ['ignore', 'ignore', 'pipe'],
      detached: true,
    });
    let stderr = '';
    child.stderr.on('data', (piece: Buffer) => {
      stderr += piece.toString();
    });
    try {
      await bounded(once(child, 'close'), `${program} ${args.join(' ')}`, LIMIT);
    } finally {
      if (child.exitCode === null && child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
    }
    assert.match(stderr, said);
    assert.doesNotMatch(stderr, /^ +at /m);
    assert.equal(child.exitCode, program === 'bench' ? 1 : 2);
  });
