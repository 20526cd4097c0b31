/** A server that runs from a checkout, while the checkout is built again: as `npm start` beside `npm test`. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { sourceSettings } from '../kit/gateway.ts';
import { Modgate } from '../kit/modgate.ts';
import { Upstream } from '../kit/upstream.ts';
import { until } from '../kit/wait.ts';
import { pidsOf } from '../kit/workers.ts';

const PROJECT = fileURLToPath(new URL('../../../', import.meta.url));
/** ms */
const BUILD_LIMIT = 120_000;
const SECOND_WORKER = 1;

describe('another build of the checkout that a server runs from', () => {
  let checkout: string;
  before(() => {
    checkout = fs.mkdtempSync(path.join(os.tmpdir(), 'modgate-checkout-'));
    for (const name of ['package.json', 'tsconfig.json', 'scripts', 'src'])
      fs.cpSync(path.join(PROJECT, name), path.join(checkout, name), { recursive: true });
    fs.symlinkSync(path.join(PROJECT, 'node_modules'), path.join(checkout, 'node_modules'));
    build();
  });
  after(() => fs.rmSync(checkout, { recursive: true, force: true }));

  function build(): void {
    const env = { ...process.env, BUILD_COMMIT: 'abcdef0', npm_config_update_notifier: 'false' };
    const run = spawnSync('npm', ['run', '--silent', 'build'], {
      cwd: checkout,
      env,
      encoding: 'utf8',
      timeout: BUILD_LIMIT,
    });
    assert.equal(run.status, 0, run.stderr + run.stdout);
  }

  let changes = 0;
  /** Every file of the program becomes another one, so that no chunk keeps its name. */
  function changeSources(): void {
    changes++;
    for (const name of fs.readdirSync(path.join(checkout, 'src'), { recursive: true, encoding: 'utf8' }))
      if (name.endsWith('.ts') && !name.includes('.test.'))
        fs.appendFileSync(
          path.join(checkout, 'src', name),
          `\nprocess.env.CHANGE = '${changes} of ${name}';\n`,
        );
    const about = path.join(checkout, 'package.json');
    fs.writeFileSync(
      about,
      fs.readFileSync(about, 'utf8').replace(/"version": "[^"]+"/, `"version": "9.0.${changes}"`),
    );
  }

  const program = () => path.join(checkout, 'dist/bundle/main.js');

  async function serve(t: TestContext, workers: number): Promise<Modgate> {
    const upstream = await Upstream.start();
    t.after(() => upstream.close());
    const modgate = await Modgate.start({
      program: [process.execPath, program()],
      config: { chain: 'corp', sources: { corp: sourceSettings(upstream.url) }, workers },
    });
    t.after(() => modgate.remove());
    return modgate;
  }

  async function works(modgate: Modgate): Promise<void> {
    // The first zip starts a thread, the first look at the metrics loads what makes them.
    assert.equal((await modgate.ask('/example.com/plain/@v/v1.0.0.zip')).status, 200);
    assert.match((await modgate.ask('/metrics')).text, /process_cpu_seconds_total/);
  }

  test('of the same sources: the very same files', async (t) => {
    const modgate = await serve(t, 1);
    const bundle = path.join(checkout, 'dist/bundle');
    const files = () => fs.readdirSync(bundle, { recursive: true, encoding: 'utf8' }).sort();
    const first = files();
    build();
    assert.deepEqual(files(), first);
    await works(modgate);
  });

  test('of changed sources: one process goes on with all of its own', async (t) => {
    const modgate = await serve(t, 1);
    const version = (await modgate.ask('/version')).text;
    changeSources();
    build();
    await works(modgate);
    assert.equal((await modgate.ask('/version')).text, version);
    const next = spawnSync(process.execPath, [program(), '--version'], { encoding: 'utf8' });
    assert.match(next.stdout, new RegExp(`^modgate 9\\.0\\.${changes} `), next.stderr);
  });

  test('of changed sources: a worker that ends is followed by one of the same build', async (t) => {
    const modgate = await serve(t, 2);
    const version = (await modgate.ask('/version')).text;
    changeSources();
    build();
    const pid = pidsOf(modgate).get(SECOND_WORKER) ?? 0;
    process.kill(pid, 'SIGKILL');
    const next = await until(() => {
      const found = pidsOf(modgate).get(SECOND_WORKER);
      return found === pid ? undefined : found;
    }, 'its successor');
    await works(modgate);
    // All may have come to the other one.
    const other = modgate.logs.find((line) => line.msg === 'a worker serves' && line.worker === 0);
    process.kill(Number(other?.pid), 'SIGKILL');
    await until(() => (pidsOf(modgate).get(0) === other?.pid ? undefined : true), 'the other successor');
    assert.equal((await modgate.ask('/version')).text, version);
    await works(modgate);
    assert.equal(pidsOf(modgate).get(SECOND_WORKER), next);
  });

  test('the output of a source that is gone goes with it', () => {
    const output = path.join(checkout, 'dist/src/module/gone.js');
    const source = path.join(checkout, 'src/module/gone.ts');
    fs.writeFileSync(source, 'export const gone = 1;\n');
    build();
    assert.ok(fs.existsSync(output));
    fs.rmSync(source);
    build();
    assert.ok(!fs.existsSync(output));
    assert.ok(!fs.existsSync(output.replace(/\.js$/, '.d.ts')));
  });

  test('what another build removes at the same time is no fault', () => {
    const output = path.join(checkout, 'dist/src/module/gone.js');
    fs.writeFileSync(output, 'export const gone = 1;\n');
    const other = path.join(checkout, 'other.mjs');
    fs.writeFileSync(
      other,
      `import fs from 'node:fs';
const remove = fs.rmSync;
fs.rmSync = (file, options) => {
  remove(file);
  remove(file, options);
};
`,
    );
    const prune = path.join(checkout, 'dist/scripts/prune.js');
    const run = spawnSync(process.execPath, ['--import', other, prune], { encoding: 'utf8' });
    assert.equal(run.status, 0, run.stderr);
    assert.ok(!fs.existsSync(output));
  });

  test('a tarball holds one build', () => {
    const run = spawnSync('npm', ['pack', '--dry-run', '--ignore-scripts', '--json', '--loglevel=error'], {
      cwd: checkout,
      env: { ...process.env, npm_config_update_notifier: 'false' },
      encoding: 'utf8',
    });
    const [packed]: { files: { path: string }[] }[] = JSON.parse(run.stdout);
    const files = (packed?.files ?? []).filter((file) => file.path.startsWith('dist/bundle/'));
    const names = files.map((file) => path.basename(file.path));
    assert.ok(files.some((file) => file.path === 'dist/bundle/main.js'));
    assert.equal(names.filter((name) => name === 'writer-worker.js').length, 1, names.join('\n'));
    assert.equal(names.filter((name) => name === 'LICENSES.txt').length, 1);
    assert.equal(names.filter((name) => name.startsWith('process-metrics-')).length, 1);
  });
});
