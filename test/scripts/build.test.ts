import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { type Pair, startPair } from '../kit/gateway.ts';
import { Go, withoutGo } from '../kit/go.ts';
import { APP_OUTPUT, PLAIN_BRANCH, PLAIN_COMMIT, TOOLCHAIN, UNTAGGED } from '../kit/modules.ts';
import { until } from '../kit/wait.ts';

describe('the real go command builds through modgate', { skip: withoutGo }, () => {
  let pair: Pair;
  let go: Go;
  before(async () => {
    pair = await startPair();
    go = new Go();
  });
  after(async () => {
    go.remove();
    await pair.close();
  });
  const options = () => ({ proxy: pair.modgate.url, sumdb: pair.upstream.sumdb.verifier });

  test('downloads, verifies by the checksum database, builds and runs an application', async () => {
    const cwd = go.project(['example.com/app v1.0.0']);
    const run = await go.run(['run', '-mod=mod', 'example.com/app'], { ...options(), cwd });
    assert.equal(run.stdout, APP_OUTPUT, run.stderr);
    assert.equal((await go.run(['mod', 'verify'], { ...options(), cwd })).stdout, 'all modules verified\n');
    assert.ok(
      pair.upstream.count(`/sumdb/${pair.upstream.sumdb.name}/lookup/`) > 0,
      'no look-up passed through',
    );
  });

  test('a second machine gets all of it without another upstream request for a file', async () => {
    pair.upstream.forget();
    const other = new Go();
    try {
      const cwd = other.project(['example.com/app v1.0.0']);
      const run = await other.run(['run', '-mod=mod', 'example.com/app'], { ...options(), cwd });
      assert.equal(run.stdout, APP_OUTPUT, run.stderr);
      assert.deepEqual(
        pair.upstream.seen(/\.(mod|zip)$|@v\/v[^/]*\.info$|lookup|tile/).map((r) => r.path),
        [],
      );
    } finally {
      other.remove();
    }
  });

  test('info and mod never fetch a zip', async () => {
    pair.upstream.forget();
    const run = await go.run(['list', '-m', '-json', 'example.com/plain@v1.1.0'], options());
    assert.match(run.stdout, /"Version": "v1\.1\.0"/, run.stderr);
    assert.equal(pair.upstream.count('.zip'), 0);
  });

  const QUERIES: [string, string, string][] = [
    ['a branch', 'example.com/plain@master', PLAIN_BRANCH],
    ['a full commit', `example.com/plain@${PLAIN_COMMIT}`, PLAIN_BRANCH],
    ['a short commit', `example.com/plain@${PLAIN_COMMIT.slice(0, 12)}`, PLAIN_BRANCH],
    ['latest', 'example.com/plain@latest', 'v1.2.0'],
    ['latest of an untagged module', 'example.com/untagged@latest', UNTAGGED],
    ['the branch of an untagged module', 'example.com/untagged@main', UNTAGGED],
    ['a major version below v2', 'example.com/plain@v1', 'v1.2.0'],
    ['a prefix', 'example.com/mod/v2@v2.0', 'v2.0.0'],
    ['a comparison', 'example.com/plain@<v1.1.0', 'v1.0.0'],
    ['capitals', 'example.com/Upper/Case@latest', 'v1.0.0'],
    ['a version with capitals', 'example.com/Upper/Case@v1.1.0-RC1', 'v1.1.0-RC1'],
    ['+incompatible', 'example.com/legacy@latest', 'v2.0.0+incompatible'],
    ['a major version suffix', 'example.com/mod/v2@latest', 'v2.1.0'],
  ];
  for (const [what, query, version] of QUERIES) {
    test(`query by ${what}`, async () => {
      const run = await go.run(['list', '-m', '-f', '{{.Version}}', query], options());
      assert.equal(run.stdout.trim(), version, run.stderr);
    });
  }

  test('lists versions', async () => {
    const run = await go.run(['list', '-m', '-versions', 'example.com/plain'], options());
    assert.equal(
      run.stdout,
      'example.com/plain v1.0.0 v1.2.0 v1.3.0-rc.1\n',
      `retracted v1.1.0 is hidden; ${run.stderr}`,
    );
  });

  test('shows a retraction', async () => {
    const run = await go.run(['list', '-m', '-retracted', '-versions', 'example.com/plain'], options());
    assert.match(run.stdout, / v1\.1\.0 /, run.stderr);
  });

  test('finds the module of a package by its prefixes', async () => {
    const cwd = go.project();
    const run = await go.run(['get', 'example.com/plain/sub/pkg'], { ...options(), cwd });
    assert.equal(run.code, 0, run.stderr);
    assert.match(fs.readFileSync(path.join(cwd, 'go.mod'), 'utf8'), /example\.com\/plain v1\.2\.0/);
  });

  test('an absent module is absent, and says so', async () => {
    const run = await go.run(['list', '-m', 'example.com/absent@v1.0.0'], options());
    assert.equal(run.code, 1);
    assert.match(run.stderr, /404 Not Found/);
    assert.match(run.stderr, /modgate: /);
  });

  test('a toolchain switch works', async () => {
    const run = await go.run(['env', 'GOVERSION'], { ...options(), env: { GOTOOLCHAIN: 'go1.99.0' } });
    assert.equal(run.stdout, 'the fake toolchain ran: env GOVERSION\n', run.stderr);
    assert.ok(pair.modgate.files('tree').includes(`golang.org/toolchain/@v/${TOOLCHAIN}.zip`));
  });

  test('the tree is a file:// proxy, with modgate running and stopped', async () => {
    const tree = `file://${path.join(pair.modgate.data, 'tree')}`;
    const list = path.join(pair.modgate.data, 'tree/example.com/plain/@v/list');
    await until(() => {
      const named = fs.existsSync(list) ? fs.readFileSync(list, 'utf8') : '';
      return named.includes('v1.0.0\nv1.1.0\nv1.2.0\n') ? true : undefined;
    }, 'the list in the tree');
    const build = async () => {
      const other = new Go();
      try {
        const cwd = other.project(['example.com/app v1.0.0']);
        const run = await other.run(['run', '-mod=mod', 'example.com/app'], { proxy: tree, cwd });
        assert.equal(run.stdout, APP_OUTPUT, run.stderr);
        const versions = await other.run(['list', '-m', '-versions', '-retracted', 'example.com/plain'], {
          proxy: tree,
        });
        assert.match(versions.stdout, /v1\.0\.0 v1\.1\.0 v1\.2\.0/, versions.stderr);
      } finally {
        other.remove();
      }
    };
    // No go.sum, no database in reach: what the tree holds of it is enough.
    const verify = async () => {
      const other = new Go();
      try {
        const run = await other.run(['mod', 'download', 'example.com/plain@v1.2.0'], {
          proxy: tree,
          sumdb: pair.upstream.sumdb.verifier,
        });
        assert.equal(run.code, 0, run.stderr);
      } finally {
        other.remove();
      }
    };
    await build();
    await verify();
    assert.equal(await pair.modgate.stop(), 0);
    await build();
    await verify();
    await pair.modgate.restart();
  });
});
