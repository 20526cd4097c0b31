import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { FillBench } from '../kit/fill.ts';
import { SOURCE, sourceSettings } from '../kit/gateway.ts';
import { Go, type GoResult, withoutGo } from '../kit/go.ts';
import { Modgate, type Piece } from '../kit/modgate.ts';
import { APP_OUTPUT, PLAIN_BRANCH, PLAIN_COMMIT, TOOLCHAIN, UNTAGGED } from '../kit/modules.ts';
import { grownDatabase } from '../kit/sumtree.ts';
import { Upstream } from '../kit/upstream.ts';

const APP_ZIPS = [
  'example.com/!upper/!case/@v/v1.0.0.zip',
  'example.com/app/@v/v1.0.0.zip',
  'example.com/legacy/@v/v2.0.0+incompatible.zip',
  'example.com/mod/v2/@v/v2.1.0.zip',
  'example.com/plain/@v/v1.2.0.zip',
  `example.com/untagged/@v/${UNTAGGED}.zip`,
];
const APP_MOD = 'module example.test/main\n\ngo 1.20\n\nrequire example.com/app v1.0.0\n';

async function bench(t: TestContext, config: Readonly<Record<string, Piece>> = {}): Promise<FillBench> {
  const upstream = await Upstream.start();
  t.after(() => upstream.close());
  return new FillBench(t, upstream, config);
}

function goFor(t: TestContext): Go {
  const go = new Go();
  t.after(() => go.remove());
  return go;
}

async function buildApp(go: Go, proxy: string, sumdb: string): Promise<void> {
  const cwd = go.project(['example.com/app v1.0.0']);
  const ok = (run: GoResult) => assert.equal(run.code, 0, run.stderr);
  ok(await go.run(['mod', 'download', 'all'], { proxy, cwd, sumdb }));
  const run = await go.run(['run', '-mod=mod', 'example.com/app'], { proxy, cwd, sumdb });
  assert.equal(run.stdout, APP_OUTPUT, run.stderr);
  ok(await go.run(['mod', 'verify'], { proxy, cwd, sumdb }));
}

describe('a go.mod', { skip: withoutGo }, () => {
  test('then every source may be dead: go builds from the server and from the bare tree, sums checked', async (t) => {
    const b = await bench(t);
    const { upstream } = b;
    b.write('go.mod', APP_MOD);
    const run = await b.run('prefetch', 'go.mod');
    assert.equal(run.code, 0, run.stderr);
    assert.match(run.stdout, /^\d+ files added \(.*\), 0 stored before, 0 failed/);
    assert.deepEqual(b.zips(), APP_ZIPS);
    await upstream.refuse();
    await buildApp(goFor(t), `file://${b.tree}`, upstream.sumdb.verifier);
    const modgate = await Modgate.start({ config: b.config, data: b.data });
    t.after(() => modgate.remove());
    await buildApp(goFor(t), modgate.url, upstream.sumdb.verifier);
  });

  test('a second run asks nothing, not even of a dead upstream', async (t) => {
    const b = await bench(t);
    b.write('go.mod', APP_MOD);
    assert.equal((await b.run('prefetch', 'go.mod')).code, 0);
    const before = b.files();
    b.upstream.forget();
    const again = await b.run('prefetch', 'go.mod');
    assert.equal(again.code, 0, again.stderr);
    assert.equal(b.upstream.count(), 0);
    assert.match(again.stdout, /^0 files added/);
    assert.deepEqual(b.files(), before);
  });

  test('a version that cannot be had is named, the rest is there, the exit code is 1', async (t) => {
    const b = await bench(t);
    b.write('go.mod', `${APP_MOD}\nrequire example.com/medium v1.0.0\n`);
    b.upstream.fault('example.com/plain/@v/v1.2.0.zip', { kind: 'status', status: 503 });
    const run = await b.run('prefetch', '--no-sumdb', 'go.mod');
    assert.equal(run.code, 1);
    assert.match(
      run.stderr,
      /failed: example\.com\/plain@v1\.2\.0 zip\n.*503[\s\S]*next: [\s\S]*code: UPSTREAM_STATUS/,
    );
    assert.match(run.stdout, /1 failed \(1 UPSTREAM_STATUS\)/);
    const rest = [...APP_ZIPS.filter((zip) => !zip.includes('plain')), 'example.com/medium/@v/v1.0.0.zip'];
    assert.deepEqual(b.zips(), rest.sort());
    b.upstream.heal();
    assert.equal((await b.run('prefetch', '--no-sumdb', 'go.mod')).code, 0);
  });
});

describe('a checksum database that grows', { skip: withoutGo }, () => {
  test('has all its tiles in the store that go needs to check what it answered with old and new trees', async (t) => {
    const b = await bench(t);
    const { upstream } = b;
    const name = upstream.sumdb.name;
    // One record beyond the first 65,536, answered with the latest tree; the others in the first tiles, with old trees
    // that end in the middle of tiles which hold no record: only a proof between two trees reads those.
    const late = 'example.com/plain@v1.0.0';
    const own = upstream.fixture
      .sums()
      .map((sum, n) =>
        sum.key === late
          ? { ...sum, id: 65_600, size: 70_011 }
          : { ...sum, id: n * 97, size: 5000 + n * 3001 + 7 },
      );
    const { verifier, answers } = grownDatabase(name, own);
    for (const [url, answer] of answers) upstream.answers.set(url, answer);
    b.write('go.mod', APP_MOD);
    const run = await b.run('prefetch', 'go.mod', 'example.com/plain@v1.0.0', 'example.com/mod');
    assert.equal(run.code, 0, run.stderr);
    await upstream.refuse();
    // What comes first decides which tree the go command has when it reads the next.
    for (const order of [
      [late, 'example.com/app@v1.0.0'],
      ['example.com/app@v1.0.0', late],
    ]) {
      const go = goFor(t);
      for (const module of order) {
        const cwd = go.project([module.replace('@', ' ')]);
        const got = await go.run(['mod', 'download', 'all'], {
          proxy: `file://${b.tree}`,
          sumdb: verifier,
          cwd,
        });
        assert.equal(got.code, 0, got.stderr);
      }
    }
  });
});

describe('what can be named', () => {
  const CASES: readonly [args: readonly string[], zips: readonly string[]][] = [
    [['example.com/plain'], ['example.com/plain/@v/v1.2.0.zip']],
    [['example.com/plain@latest'], ['example.com/plain/@v/v1.2.0.zip']],
    [['example.com/plain@v1.0'], ['example.com/plain/@v/v1.0.0.zip']],
    // v1.1.0 is retracted by the go.mod of v1.2.0.
    [['example.com/plain@v1'], ['example.com/plain/@v/v1.2.0.zip']],
    [['example.com/plain@v1.1.0'], ['example.com/plain/@v/v1.1.0.zip']],
    [['example.com/plain@master'], [`example.com/plain/@v/${PLAIN_BRANCH}.zip`]],
    [[`example.com/plain@${PLAIN_COMMIT}`], [`example.com/plain/@v/${PLAIN_BRANCH}.zip`]],
    [['example.com/untagged'], [`example.com/untagged/@v/${UNTAGGED}.zip`]],
    [['example.com/Upper/Case@v1.1.0-RC1'], ['example.com/!upper/!case/@v/v1.1.0-!r!c1.zip']],
    [['example.com/app'], APP_ZIPS],
    [['--no-deps', 'example.com/app'], ['example.com/app/@v/v1.0.0.zip']],
    [
      ['example.com/mod', 'example.com/mod/v2@v2.0.0'],
      ['example.com/mod/@v/v1.0.0.zip', 'example.com/mod/v2/@v/v2.0.0.zip'],
    ],
    [[`golang.org/toolchain@${TOOLCHAIN}`], [`golang.org/toolchain/@v/${TOOLCHAIN}.zip`]],
  ];
  for (const [args, zips] of CASES) {
    test(args.join(' '), async (t) => {
      const b = await bench(t);
      const run = await b.run('prefetch', ...args);
      assert.equal(run.code, 0, run.stderr);
      assert.deepEqual(b.zips(), zips);
    });
  }

  const REFUSED: readonly (readonly [args: readonly string[], exit: number, said: RegExp])[] = [
    [['absent/go.mod'], 2, /there is no file absent\/go\.mod/],
    [['not a module'], 2, /is no file and no module/],
    [['example.com/plain@'], 2, /names no version/],
    ...['empty', './empty', 'empty/.', 'empty.mod', 'an@empty'].map(
      (folder) =>
        [[folder], 2, new RegExp(`there is no go\\.work and no go\\.mod in the folder ${folder}\n`)] as const,
    ),
    [['.'], 2, /there is no go\.work and no go\.mod in the folder \.\n/],
    [['broken.mod'], 1, /broken\.mod:2: unterminated block/],
    [['broken.sum'], 1, /broken\.sum:1: wrong number of fields 2/],
    [['nothing.txt'], 2, /neither a go\.mod nor a go\.sum nor a go\.work/],
    [['--toolchain', '--platform', 'linux', 'good.mod'], 2, /GOOS\/GOARCH/],
    [['--platform', 'linux/amd64', 'good.mod'], 2, /none are asked for\n *next: add --toolchain/],
    [
      ['--toolchain', '--platform', 'plan9/foo', 'new.mod'],
      1,
      /go1\.99\.0\.plan9-foo[\s\S]*next: see whether this release of Go is published for this platform/,
    ],
    ...[['@latest'], ['@v1.0.0'], ['@v1.0.0', '--no-deps'], ['']].map(
      ([query = '', ...flags]) =>
        [
          [`example.com/plain/sub/pkg${query}`, ...flags],
          1,
          new RegExp(
            `example\\.com/plain is a module.*: modgate prefetch example\\.com/plain${query || '@latest'}\n`,
          ),
        ] as const,
    ),
    [['--concurrency', '0', 'good.mod'], 2, /from 1 to 256/],
    [[], 2, /missing required argument/],
    [['work/go.work'], 2, /there is no .*work\/absent\/go\.mod/],
    [['example.com/absent@v1.0.0'], 1, /failed: example\.com\/absent@v1\.0\.0 mod[\s\S]*code: NOT_FOUND/],
    [['replaced.mod'], 1, /replaced by the folder .*, which has no go\.mod/],
  ];
  for (const [args, exit, said] of REFUSED) {
    test(`modgate prefetch ${args.join(' ')} ends with ${exit}`, async (t) => {
      const b = await bench(t);
      for (const folder of ['empty', 'empty.mod', 'an@empty']) b.write(`${folder}/x`, '');
      b.write('broken.mod', 'modul example.com/x(\n');
      b.write('broken.sum', 'example.com/x v1.0.0\n');
      b.write('nothing.txt', 'nothing\n');
      b.write('good.mod', 'module m.test\n');
      b.write('new.mod', 'module m.test\n\ngo 1.99.0\n');
      b.write('work/go.work', 'go 1.21\nuse ./absent\n');
      b.write('replaced.mod', 'module m.test\nrequire a.test/b v1.0.0\nreplace a.test/b => ./absent\n');
      const run = await b.run('prefetch', ...args);
      assert.equal(run.code, exit, run.stderr);
      assert.match(run.stderr, said);
    });
  }

  test('a go.sum holds what came to its hashes', async (t) => {
    const b = await bench(t);
    const h1 = b.upstream.fixture.h1('example.com/plain', 'v1.0.0');
    const wrong = `h1:${'A'.repeat(43)}=`;
    b.write('go.sum', `example.com/plain v1.0.0 ${h1}\nexample.com/mod v1.0.0/go.mod ${wrong}\n`);
    const run = await b.run('prefetch', 'go.sum');
    assert.equal(run.code, 1);
    assert.match(
      run.stderr,
      /failed: example\.com\/mod@v1\.0\.0 mod\n.*go\.sum says h1:AAA[\s\S]*CHECKSUM_MISMATCH/,
    );
    assert.match(run.stdout, /1 failed \(1 CHECKSUM_MISMATCH\)/);
    assert.deepEqual(b.zips(), ['example.com/plain/@v/v1.0.0.zip']);
    assert.ok(!b.files().includes('example.com/mod/@v/v1.0.0.mod'));
    b.write('go.sum', `example.com/plain v1.0.0 ${wrong}\n`);
    assert.match(
      (await b.run('prefetch', 'go.sum')).stderr,
      /plain@v1\.0\.0 zip\n.*go\.sum says h1:AAA[\s\S]*next: .*it is stored; .*modgate store purge --hard example\.com\/plain@v1\.0\.0/,
    );
    assert.deepEqual(b.zips(), ['example.com/plain/@v/v1.0.0.zip']);
  });

  test('a zip that is not what go.sum says is not stored, nor does its hash count from then on', async (t) => {
    const b = await bench(t);
    b.write('go.sum', `example.com/plain v1.0.0 h1:${'A'.repeat(43)}=\n`);
    const run = await b.run('prefetch', 'go.sum');
    assert.equal(run.code, 1);
    assert.match(
      run.stderr,
      /plain@v1\.0\.0 zip\n.*go\.sum says h1:AAA[\s\S]*nothing of it was stored[\s\S]*CHECKSUM_MISMATCH/,
    );
    assert.deepEqual(
      b.files().filter((file) => /\.zip/.test(file)),
      [],
    );
    b.write('go.sum', `example.com/plain v1.0.0 ${b.upstream.fixture.h1('example.com/plain', 'v1.0.0')}\n`);
    assert.equal((await b.run('prefetch', 'go.sum')).code, 0);
    assert.deepEqual(b.zips(), ['example.com/plain/@v/v1.0.0.zip']);
  });

  test('a go.work: every module in use, by a folder too; a toolchain on request', async (t) => {
    const b = await bench(t);
    b.write(
      'w/go.work',
      'go 1.99.0\n\nuse (\n\t./a\n\t./b\n)\n\nreplace example.com/medium => example.com/mod v1.0.0\n',
    );
    b.write('w/a/go.mod', 'module a.test\n\ngo 1.20\n\nrequire example.com/plain v1.0.0\n');
    b.write(
      'w/b/go.mod',
      'module b.test\n\ngo 1.20\n\nrequire example.com/medium v1.0.0\nrequire a.test v0.0.0\nreplace a.test => ../a\n',
    );
    const run = await b.run('prefetch', '--toolchain', '--platform', 'linux/amd64', 'w');
    assert.equal(run.code, 0, run.stderr);
    assert.deepEqual(b.zips(), [
      'example.com/mod/@v/v1.0.0.zip',
      'example.com/plain/@v/v1.0.0.zip',
      `golang.org/toolchain/@v/${TOOLCHAIN}.zip`,
    ]);
    assert.ok(b.files().includes(`sumdb/${b.upstream.sumdb.name}/lookup/golang.org/toolchain@${TOOLCHAIN}`));
  });
});

describe('options', () => {
  test('--dry-run lists the files and fetches no zip', async (t) => {
    const b = await bench(t);
    const run = await b.run('prefetch', '--dry-run', '--json', 'example.com/app');
    assert.equal(run.code, 0, run.stderr);
    assert.deepEqual(b.zips(), []);
    const events = run.stdout
      .trimEnd()
      .split('\n')
      .map((line): unknown => JSON.parse(line));
    const planned = events.filter(
      (event) =>
        typeof event === 'object' && event !== null && 'result' in event && event.result === 'planned',
    );
    assert.equal(planned.length, APP_ZIPS.length * 2);
  });

  test('--dry-run counts what is stored as stored', async (t) => {
    const b = await bench(t);
    const dryRun = async (...args: string[]) => (await b.run('prefetch', '--dry-run', ...args)).stdout;
    b.write('go.mod', APP_MOD);
    assert.equal((await b.run('prefetch', '--no-sumdb', '--no-deps', 'example.com/app@v1.0.0')).code, 0);
    b.upstream.forget();
    assert.match(
      await dryRun('--no-deps', 'example.com/app@v1.0.0'),
      /^0 files would be added, 3 stored before/,
    );
    assert.equal(b.upstream.count(), 0);
    assert.match(
      await dryRun('example.com/app@v1.0.0'),
      new RegExp(`^${(APP_ZIPS.length - 1) * 2} files would be added if they pass their checks, `),
    );
    assert.deepEqual(b.zips(), ['example.com/app/@v/v1.0.0.zip']);
    const full = await b.run('prefetch', '--no-sumdb', 'go.mod');
    assert.equal(full.code, 0, full.stderr);
    const again = await b.run('prefetch', '--no-sumdb', 'go.mod');
    const [, stored] = /^0 files added \(0 B\), (\d+) stored before/.exec(again.stdout) ?? [];
    assert.match(await dryRun('go.mod'), new RegExp(`^0 files would be added, ${stored} stored before`));
  });

  test('--json tells each phase, each file and the end', async (t) => {
    const b = await bench(t);
    const run = await b.run('prefetch', '--json', '--quiet', 'example.com/mod', 'example.com/absent');
    assert.equal(run.code, 1);
    assert.equal(run.stderr, '');
    const events = run.stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    const mod = 'example.com/mod@v1.0.0';
    assert.deepEqual(events[0], { event: 'phase', name: 'module graph' });
    for (const kind of ['info', 'mod', 'zip', 'lookup'])
      assert.ok(
        events.some((e) => e.what === mod && e.kind === kind && e.result === 'added'),
        kind,
      );
    const failed = events.find((e) => e.result === 'failed');
    assert.equal(failed.what, 'example.com/absent@latest');
    assert.equal(failed.code, 'NOT_FOUND');
    const { event, added, codes, exit, seconds } = events.at(-1);
    assert.match(String(seconds), /^\d+(?:\.\d{1,3})?$/);
    assert.deepEqual([event, added, codes, exit], ['end', 5, { NOT_FOUND: 1 }, 1]);
  });

  test('nothing private goes to the checksum database: a route of its own, or --nosumdb', async (t) => {
    const b = await bench(t);
    const routes = [
      { match: 'example.com/plain', chain: 'corp-upstream' },
      { match: '*', chain: 'corp-upstream' },
    ];
    const { chain: _, ...config } = b.config;
    b.write('modgate.yaml', JSON.stringify({ ...config, routes }));
    const run = await b.run('prefetch', '--nosumdb', 'example.com/mod', 'example.com/app');
    assert.equal(run.code, 0, run.stderr);
    const asked = b.upstream.seen('/lookup/').map(({ path }) => path.replace(/.*\/lookup\//, ''));
    assert.deepEqual(asked.sort(), [
      'example.com/!upper/!case@v1.0.0',
      'example.com/app@v1.0.0',
      'example.com/legacy@v2.0.0+incompatible',
      `example.com/untagged@${UNTAGGED}`,
    ]);
  });

  test('nothing private goes to another chain: of its parents, those above the route are not asked for', async (t) => {
    const b = await bench(t);
    const other = await Upstream.start();
    t.after(() => other.close());
    const { chain: _, ...config } = b.config;
    const both = { [SOURCE]: sourceSettings(b.upstream.url), other: sourceSettings(other.url) };
    const routes = [
      { match: 'example.com/plain/secret', chain: SOURCE },
      { match: '*', chain: 'other' },
    ];
    b.write('modgate.yaml', JSON.stringify({ ...config, sources: both, routes }));
    const named = 'example.com/plain/secret/cmd/tool';
    const lists = (upstream: Upstream) => upstream.seen('/@v/list').map(({ path }) => path);
    for (const args of [[`${named}@latest`], [`${named}@v1.0.0`], [`${named}@v1.0.0`, '--no-deps']]) {
      b.upstream.forget();
      const run = await b.run('prefetch', '--no-sumdb', ...args);
      assert.equal(run.code, 1, run.stderr);
      assert.match(run.stderr, /code: NOT_FOUND/);
      assert.deepEqual(
        other.seen('').map(({ path }) => path),
        [],
        args.join(' '),
      );
      for (const parent of ['example.com/plain/secret/cmd', 'example.com/plain/secret'])
        assert.ok(lists(b.upstream).includes(`/${parent}/@v/list`), parent);
    }
    // What goes to the other chain by its own path is looked for there.
    const run = await b.run('prefetch', '--no-sumdb', 'example.com/plain/sub/pkg@v1.0.0');
    assert.match(run.stderr, /next: example\.com\/plain is a module/);
  });

  test('--no-sumdb asks no database', async (t) => {
    const b = await bench(t);
    assert.equal((await b.run('prefetch', '--no-sumdb', 'example.com/mod')).code, 0);
    assert.equal(b.upstream.count('/sumdb/'), 0);
  });

  test('a zip that the database knows otherwise is told', async (t) => {
    const b = await bench(t);
    const other = b.upstream.fixture.answer('/example.com/mod/@v/v1.0.0.zip');
    assert.ok(other);
    const name = b.upstream.sumdb.name;
    const found = b.upstream.sumdb.answer(`/sumdb/${name}/lookup/example.com/mod@v1.0.0`);
    assert.ok(found);
    const body = Buffer.from(found.body.toString().replace(/v1\.0\.0 h1:..../, 'v1.0.0 h1:AAAA'));
    b.upstream.answers.set(`/sumdb/${name}/lookup/example.com/mod@v1.0.0`, { ...found, body });
    const run = await b.run('prefetch', 'example.com/mod');
    assert.equal(run.code, 1);
    assert.match(run.stderr, /mod@v1\.0\.0 lookup\n.*says h1:AAAA[\s\S]*CHECKSUM_MISMATCH/);
  });
});

describe('interrupted', () => {
  for (const signal of ['SIGKILL', 'SIGINT', 'SIGTERM'] as const) {
    test(`by ${signal}: what is complete stays, and the next run fetches only the rest`, async (t) => {
      const b = await bench(t);
      b.write('go.mod', `${APP_MOD}\nrequire example.com/medium v1.1.0\n`);
      b.upstream.fault('example.com/medium/@v/v1.1.0.zip', { kind: 'hang' });
      const hung = b.upstream.next('example.com/medium/@v/v1.1.0.zip');
      const { child, done } = b.start('prefetch', '--concurrency', '1', '--no-sumdb', 'go.mod');
      await hung;
      const before = b.zips();
      assert.ok(before.length > 0);
      child.kill(signal);
      const { code, stdout } = await done;
      const exits = { SIGKILL: null, SIGINT: 130, SIGTERM: 143 };
      assert.equal(code, exits[signal]);
      if (signal !== 'SIGKILL') assert.match(stdout, /^stopped: /);
      assert.deepEqual(b.zips(), before);
      b.upstream.heal();
      b.upstream.forget();
      const again = await b.run('prefetch', '--no-sumdb', 'go.mod');
      assert.equal(again.code, 0, again.stderr);
      assert.deepEqual(b.zips(), [...APP_ZIPS, 'example.com/medium/@v/v1.1.0.zip'].sort());
      const asked = b.upstream.seen('.zip').map(({ path }) => path.slice(1));
      const missing = b.zips().filter((zip) => !before.includes(zip));
      assert.deepEqual(asked.sort(), missing);
      assert.deepEqual(b.files(`${b.data}/tmp`), []);
    });
  }
});
