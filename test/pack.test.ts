/** The packed tarball, as `npm i -g` and `npx` take it. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { sourceSettings } from './kit/gateway.ts';
import { Modgate } from './kit/modgate.ts';
import { Upstream } from './kit/upstream.ts';

const PROJECT = fileURLToPath(new URL('../../', import.meta.url));
/** ms */
const NPM_LIMIT = 120_000;

/** npm itself fetches the dependencies where its cache lacks them, so it runs without the guard. */
function npm(args: readonly string[], cwd: string): { code: number | null; stdout: string; stderr: string } {
  const { NODE_OPTIONS: _guard, ...env } = process.env;
  const run = spawnSync('npm', [...args, '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd,
    env,
    encoding: 'utf8',
    timeout: NPM_LIMIT,
  });
  return { code: run.status, stdout: run.stdout, stderr: run.stderr };
}

const UNREACHABLE = /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ETIMEDOUT|ENOTCACHED|ENETUNREACH|ECONNRESET|network/;

describe('the packed program', () => {
  let folder: string;
  let tarball: string;
  let packed: { files: { path: string }[] };
  before(() => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'modgate-pack-'));
    // Without its scripts: a build here would rewrite the files that run.
    const run = npm(['pack', '--ignore-scripts', '--json', '--pack-destination', folder], PROJECT);
    assert.equal(run.code, 0, run.stderr);
    const [answer]: (typeof packed & { filename: string })[] = JSON.parse(run.stdout);
    assert.ok(answer !== undefined);
    packed = answer;
    tarball = path.join(folder, answer.filename);
  });
  after(() => fs.rmSync(folder, { recursive: true, force: true }));

  /** Runs npm, and skips the test where neither its cache nor a registry has the dependencies. */
  function orSkip(t: TestContext, args: readonly string[]): string | undefined {
    const run = npm([...args, '--prefer-offline', '--ignore-scripts'], folder);
    if (run.code !== 0 && UNREACHABLE.test(run.stderr)) {
      t.skip('neither npm’s cache nor a package registry has the dependencies');
      return undefined;
    }
    assert.equal(run.code, 0, run.stderr);
    return run.stdout;
  }

  test('holds the program and no tests', () => {
    const files = packed.files.map((file) => file.path);
    assert.ok(files.includes('dist/bundle/main.js'));
    assert.equal(files.filter((file) => /^dist\/bundle\/[^/]+\/LICENSES\.txt$/.test(file)).length, 1);
    assert.ok(files.includes('package.json'));
    assert.deepEqual(
      files.filter(
        (file) =>
          file.includes('.test.') ||
          // The README points to the results.
          (/^(test|bench|src|dist\/test|dist\/bench)\//.test(file) && file !== 'bench/RESULTS.md'),
      ),
      [],
    );
  });

  test('npm i -g, then it runs, serves and answers', async (t) => {
    const prefix = path.join(folder, 'global');
    if (orSkip(t, ['install', '--global', '--prefix', prefix, tarball]) === undefined) return;
    const program = path.join(prefix, 'bin', 'modgate');
    const version = spawnSync(program, ['--version'], { encoding: 'utf8' });
    assert.match(version.stdout, /^modgate \d+\.\d+\.\d+ \(commit .+\)\n$/, version.stderr);
    const upstream = await Upstream.start();
    t.after(() => upstream.close());
    const modgate = await Modgate.start({
      program: [program],
      config: { chain: 'corp', sources: { corp: sourceSettings(upstream.url) } },
    });
    t.after(() => modgate.remove());
    // A zip needs the worker's file too.
    assert.equal((await modgate.ask('/example.com/plain/@v/v1.0.0.zip')).status, 200);
    assert.equal(await modgate.stop(), 0);
  });

  test('npx modgate', (t) => {
    const out = orSkip(t, ['exec', '--yes', `--package=${tarball}`, '--', 'modgate', '--version']);
    if (out !== undefined) assert.match(out, /^modgate \d+\.\d+\.\d+/);
  });
});
