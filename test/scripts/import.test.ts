import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { FillBench } from '../kit/fill.ts';
import { Go, type GoResult, withoutGo } from '../kit/go.ts';
import { Modgate } from '../kit/modgate.ts';
import { APP_OUTPUT } from '../kit/modules.ts';
import { Upstream } from '../kit/upstream.ts';
import { until } from '../kit/wait.ts';
import { badZip, writeZip, ZIP_FAULTS } from '../kit/zip.ts';

const SUM_NAME = 'sum.modgate.test';

async function bench(t: TestContext): Promise<FillBench> {
  const upstream = await Upstream.start();
  t.after(() => upstream.close());
  return new FillBench(t, upstream);
}

function goFor(t: TestContext): Go {
  const go = new Go();
  t.after(() => go.remove());
  return go;
}

const ok = (run: GoResult) => assert.equal(run.code, 0, run.stderr);

async function buildApp(go: Go, proxy: string, sumdb: string): Promise<void> {
  const cwd = go.project(['example.com/app v1.0.0']);
  ok(await go.run(['mod', 'download', 'all'], { proxy, cwd, sumdb }));
  const run = await go.run(['run', '-mod=mod', 'example.com/app'], { proxy, cwd, sumdb });
  assert.equal(run.stdout, APP_OUTPUT, run.stderr);
  ok(await go.run(['mod', 'verify'], { proxy, cwd, sumdb }));
}

/** Path, size, time and inode of each file. */
function state(folder: string): string[] {
  const names = fs.readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort();
  const found = names.map((name) => ({ name, stat: fs.lstatSync(path.join(folder, name)) }));
  const files = found.filter(({ stat }) => stat.isFile());
  return files.map(({ name, stat }) => `${name} ${stat.size} ${stat.mtimeMs} ${stat.ino}`);
}

/** A folder of the layout of a proxy, from the fixture's own answers. */
function writeVersion(b: FillBench, folder: string, urlPath: string, ...kinds: readonly string[]): void {
  for (const kind of kinds) {
    const answer = b.upstream.fixture.answer(`/${urlPath}.${kind}`);
    assert.ok(answer, `${urlPath}.${kind}`);
    const file = path.join(b.folder, folder, `${urlPath}.${kind}`);
    fs.mkdirSync(path.dirname(file), { recursive: true });
    fs.writeFileSync(file, answer.body);
  }
}

describe('the module cache of a real go command', { skip: withoutGo }, () => {
  test('is served with every source dead, sums checked; a second import changes nothing', async (t) => {
    const b = await bench(t);
    const { upstream } = b;
    const sumdb = upstream.sumdb.verifier;
    const filler = goFor(t);
    await buildApp(filler, upstream.url, sumdb);
    await upstream.refuse();
    const origin = state(filler.folder);
    const run = await b.run('import', filler.folder);
    assert.equal(run.code, 0, run.stderr);
    assert.match(run.stdout, /^\d+ files added \(.*\), 0 stored before, 0 failed/);
    assert.equal(b.zips().length, 6);
    assert.deepEqual(state(filler.folder), origin);
    assert.equal(fs.readFileSync(path.join(b.tree, 'example.com/plain/@v/list'), 'utf8'), 'v1.2.0\n');

    const before = state(b.tree);
    for (const folder of [filler.folder, filler.modcache, path.join(filler.modcache, 'cache/download')]) {
      const again = await b.run('import', '--kind', 'cache', folder);
      assert.equal(again.code, 0, again.stderr);
      assert.match(again.stdout, /^0 files added/);
      assert.deepEqual(state(b.tree), before);
    }

    await buildApp(goFor(t), `file://${b.tree}`, sumdb);
    const modgate = await Modgate.start({ config: b.config, data: b.data });
    t.after(() => modgate.remove());
    await buildApp(goFor(t), modgate.url, sumdb);
  });
});

describe('what is refused', () => {
  test('every broken zip, with its name; the rest is taken', async (t) => {
    const b = await bench(t);
    writeVersion(b, 'in', 'example.com/plain/@v/v1.0.0', 'info', 'mod', 'zip');
    for (const [n, fault] of ZIP_FAULTS.entries()) {
      const name = `example.com/bad${n}`;
      const base = `in/${name}/@v/v1.0.0`;
      b.write(`${base}.mod`, `module ${name}\n`);
      fs.writeFileSync(path.join(b.folder, `${base}.zip`), badZip(fault, `${name}@v1.0.0/`));
    }
    const run = await b.run('import', 'in');
    assert.equal(run.code, 1);
    for (const n of ZIP_FAULTS.keys())
      assert.match(
        run.stderr,
        new RegExp(
          `failed: example\\.com/bad${n}@v1\\.0\\.0 zip\n *example\\.com/bad${n}/@v/v1\\.0\\.0\\.zip: the zip [\\s\\S]*?code: BAD_ZIP`,
        ),
      );
    assert.match(run.stdout, new RegExp(`${ZIP_FAULTS.length} failed \\(${ZIP_FAULTS.length} BAD_ZIP\\)`));
    assert.deepEqual(b.files(), [
      'example.com/plain/@v/list',
      'example.com/plain/@v/v1.0.0.info',
      'example.com/plain/@v/v1.0.0.mod',
      'example.com/plain/@v/v1.0.0.zip',
      'example.com/plain/@v/v1.0.0.ziphash',
    ]);
    assert.deepEqual(b.files(path.join(b.data, 'tmp')), []);
  });

  const LIES: readonly [file: string, text: string, said: RegExp][] = [
    [
      'v1.0.0.ziphash',
      `h1:${'A'.repeat(43)}=`,
      /zip\n *example\.com\/plain\/@v\/v1\.0\.0\.zip: the zip of .*, but the \.ziphash beside it says h1:AAAA[\s\S]*CHECKSUM_MISMATCH/,
    ],
    ['v1.0.0.ziphash', 'nonsense', /zip\n.*the \.ziphash beside it says nonsense[\s\S]*CHECKSUM_MISMATCH/],
    [
      'v1.0.0.info',
      '{"Version":"v1.0.1"}',
      /info\n *example\.com\/plain\/@v\/v1\.0\.0\.info: .* names another version[\s\S]*next: look at that file[\s\S]*BAD_REQUEST/,
    ],
    [
      'v1.0.0.mod',
      'module example.com/plain // another\n',
      /mod\n *example\.com\/plain\/@v\/v1\.0\.0\.mod: .*is not the go\.mod[\s\S]*CHECKSUM_MISMATCH/,
    ],
    [
      'v1.0.0.mod',
      '<!doctype html><p>log in',
      /mod\n *example\.com\/plain\/@v\/v1\.0\.0\.mod: the \.mod of example\.com\/plain@v1\.0\.0 is a web page[\s\S]*next: look at that file[\s\S]*code: BAD_REQUEST/,
    ],
  ];
  for (const [file, text, said] of LIES) {
    test(`a ${file} that says ${text}`, async (t) => {
      const b = await bench(t);
      writeVersion(b, 'in', 'example.com/plain/@v/v1.0.0', 'info', 'mod', 'zip');
      b.write(`in/example.com/plain/@v/${file}`, text);
      const run = await b.run('import', 'in');
      assert.equal(run.code, 1);
      assert.match(run.stderr, said);
      assert.ok(!b.files().includes(`example.com/plain/@v/${file}`));
    });
  }

  const FIRST: readonly [what: string, change: (mod: string) => string, agrees: boolean][] = [
    ['that is the go.mod in it', (mod) => mod, true],
    ['that is its go.mod with other line ends', (mod) => mod.replaceAll('\n', '\r\n'), true],
    ['of other bytes', (mod) => `${mod}// another\n`, false],
  ];
  for (const [what, change, agrees] of FIRST) {
    test(`a zip whose .mod was imported before, ${what}`, async (t) => {
      const b = await bench(t);
      writeVersion(b, 'mods', 'example.com/plain/@v/v1.0.0', 'mod');
      const file = path.join(b.folder, 'mods/example.com/plain/@v/v1.0.0.mod');
      fs.writeFileSync(file, change(fs.readFileSync(file, 'utf8')));
      assert.equal((await b.run('import', 'mods')).code, 0);
      const before = state(b.tree);
      writeVersion(b, 'zips', 'example.com/plain/@v/v1.0.0', 'zip');
      const run = await b.run('import', 'zips');
      assert.equal(run.code, agrees ? 0 : 1, run.stderr);
      assert.deepEqual(b.zips(), agrees ? ['example.com/plain/@v/v1.0.0.zip'] : []);
      if (agrees) return;
      assert.match(
        run.stderr,
        /zip\n.*is not the \.mod that is stored[\s\S]*purge --hard[\s\S]*CHECKSUM_MISMATCH/,
      );
      assert.deepEqual(state(b.tree), before);
    });
  }

  for (const [endpoint, text] of [
    ['lookup/example.com/plain@v1.0.0', '<p>log in'],
    ['tile/8/0/000', 'short'],
  ]) {
    test(`a ${endpoint} of a checksum database that says ${text}`, async (t) => {
      const b = await bench(t);
      writeVersion(b, 'in', 'example.com/plain/@v/v1.0.0', 'info', 'mod', 'zip');
      b.write(`in/sumdb/${SUM_NAME}/${endpoint}`, text ?? '');
      const run = await b.run('import', 'in');
      assert.equal(run.code, 1);
      assert.ok(run.stderr.includes(`\n  sumdb/${SUM_NAME}/${endpoint} is not what `), run.stderr);
      assert.match(
        run.stderr,
        /is not what a checksum database answers\n *next: look at that file.*\n *code: BAD_REQUEST/,
      );
    });
  }

  test('an empty .ziphash, as a crash leaves it, claims nothing', async (t) => {
    const b = await bench(t);
    writeVersion(b, 'in', 'example.com/plain/@v/v1.0.0', 'zip');
    b.write('in/example.com/plain/@v/v1.0.0.ziphash', '');
    assert.equal((await b.run('import', 'in')).code, 0);
    assert.deepEqual(b.zips(), ['example.com/plain/@v/v1.0.0.zip']);
    assert.ok(!b.files().some((file) => file.endsWith('.info')));
  });

  test('a version that is stored with another content stays as it is', async (t) => {
    const b = await bench(t);
    writeVersion(b, 'in', 'example.com/plain/@v/v1.0.0', 'info', 'mod', 'zip');
    assert.equal((await b.run('import', 'in')).code, 0);
    const before = state(b.tree);
    writeVersion(b, 'other', 'example.com/plain/@v/v1.0.0', 'mod');
    const zip = writeZip([{ name: 'example.com/plain@v1.0.0/evil.go', data: Buffer.from('package evil\n') }]);
    fs.writeFileSync(path.join(b.folder, 'other/example.com/plain/@v/v1.0.0.zip'), zip);
    const run = await b.run('import', 'other');
    assert.equal(run.code, 1);
    assert.match(
      run.stderr,
      /plain@v1\.0\.0 zip\n *example\.com\/plain\/@v\/v1\.0\.0\.zip: .*is not the one that was stored before[\s\S]*IMMUTABLE_CONFLICT/,
    );
    b.write('mods/example.com/plain/@v/v1.0.0.mod', 'module example.com/plain // another\n');
    assert.match((await b.run('import', 'mods')).stderr, /plain@v1\.0\.0 mod\n[\s\S]*IMMUTABLE_CONFLICT/);
    assert.deepEqual(state(b.tree), before);
  });

  test('a zip that was stored without a .ziphash is the one that counts', async (t) => {
    const b = await bench(t);
    writeVersion(b, 'data/tree', 'example.com/plain/@v/v1.0.0', 'info', 'mod', 'zip');
    const at = 'example.com/plain/@v/v1.0.0.zip';
    const stored = fs.readFileSync(path.join(b.tree, at));
    const evil = writeZip([
      { name: 'example.com/plain@v1.0.0/evil.go', data: Buffer.from('package evil\n') },
    ]);
    fs.mkdirSync(path.join(b.folder, 'other/example.com/plain/@v'), { recursive: true });
    fs.writeFileSync(path.join(b.folder, 'other', at), evil);
    assert.match((await b.run('import', 'other')).stderr, /plain@v1\.0\.0 zip\n[\s\S]*IMMUTABLE_CONFLICT/);
    writeVersion(b, 'same', 'example.com/plain/@v/v1.0.0', 'zip');
    const again = await b.run('import', 'same');
    assert.equal(again.code, 0, again.stderr);
    assert.ok(b.files().includes(`${at}hash`));
    assert.deepEqual(fs.readFileSync(path.join(b.tree, at)), stored);
  });

  test('a .mod that comes without the zip is held to the stored zip; its line ends may differ', async (t) => {
    const b = await bench(t);
    writeVersion(b, 'in', 'example.com/plain/@v/v1.0.0', 'info', 'zip');
    assert.equal((await b.run('import', 'in')).code, 0);
    b.write('mods/example.com/plain/@v/v1.0.0.mod', 'module example.com/plain // another\n');
    assert.match((await b.run('import', 'mods')).stderr, /plain@v1\.0\.0 mod\n[\s\S]*CHECKSUM_MISMATCH/);
    const right = b.upstream.fixture.answer('/example.com/plain/@v/v1.0.0.mod')?.body.toString() ?? '';
    b.write('mods/example.com/plain/@v/v1.0.0.mod', right.replaceAll('\n', '\r\n'));
    const run = await b.run('import', 'mods');
    assert.equal(run.code, 0, run.stderr);
  });

  test('links, pipes and odd names are left out and named; nothing outside is read, nothing hangs', async (t) => {
    const b = await bench(t);
    writeVersion(b, 'in', 'example.com/plain/@v/v1.0.0', 'info', 'mod', 'zip');
    writeVersion(b, 'outside', 'example.com/mod/@v/v1.0.0', 'mod');
    const at = (name: string) => path.join(b.folder, 'in', name);
    fs.symlinkSync(path.join(b.folder, 'outside/example.com/mod'), at('example.com/mod'));
    fs.symlinkSync('/etc/hostname', at('example.com/plain/@v/v1.1.0.mod'));
    execFileSync('mkfifo', [at('example.com/plain/@v/v1.2.0.zip')]);
    b.write('in/example.com/Plain/@v/v1.0.0.mod', 'module example.com/Plain\n');
    b.write('in/example.com/plain/@v/v1.zip', 'x');
    b.write('in/example.com/plain/@v/evil\u001b[2J.zip', 'x');
    b.write('in/example.com/plain/@v/v1.0.0.lock', '');
    b.write('in/README', 'x');
    b.write('in/example.com/plain/@v/v1.3.0.zip/x', 'x');
    b.write('in/example.com/plain/@v/deeper/y', 'x');
    const run = await b.run('import', '--verbose', 'in');
    assert.equal(run.code, 0, run.stderr);
    assert.match(run.stdout, /9 left out, 0 failed/);
    for (const said of [
      /left out: example\.com\/mod: a symbolic link/,
      /left out: example\.com\/plain\/@v\/v1\.1\.0\.mod: a symbolic link/,
      /left out: example\.com\/plain\/@v\/v1\.2\.0\.zip: no regular file/,
      /left out: example\.com\/Plain\/@v\/v1\.0\.0\.mod: .*upper case/,
      /left out: example\.com\/plain\/@v\/v1\.zip: /,
      /left out: example\.com\/plain\/@v\/evil\?\[2J\.zip: /,
      /left out: README: /,
      /left out: example\.com\/plain\/@v\/v1\.3\.0\.zip: a folder/,
      /left out: example\.com\/plain\/@v\/deeper: a folder/,
    ])
      assert.match(run.stderr, said);
    assert.deepEqual(b.zips(), ['example.com/plain/@v/v1.0.0.zip']);
  });

  const NOTHING: readonly (readonly [args: readonly string[], said: RegExp])[] = [
    [['absent'], /cannot open absent: ENOENT/],
    ...['auto', 'cache', 'tree', 'athens'].map(
      (kind) =>
        [
          ['--kind', kind, 'empty/a/b.txt'],
          /b\.txt is a file[\s\S]*next: name the folder[\s\S]*BAD_REQUEST/,
        ] as const,
    ),
    [['empty'], /is no module cache, no Athens store and no tree/],
    [['--kind', 'athens', 'empty'], /holds no module/],
    [['--kind', 'zip', 'empty'], /Allowed choices are/],
  ];
  for (const [args, said] of NOTHING) {
    test(`modgate import ${args.join(' ')} ends with 2`, async (t) => {
      const b = await bench(t);
      b.write('empty/a/b.txt', 'x');
      const run = await b.run('import', ...args);
      assert.equal(run.code, 2, run.stderr);
      assert.match(run.stderr, said);
    });
  }
});

describe('other stores', () => {
  for (const [what, upper, rc] of [
    ['escaped', '!upper/!case', 'v1.1.0-!r!c1'],
    ['as they are', 'Upper/Case', 'v1.1.0-RC1'],
  ] as const) {
    test(`an Athens disk store, its names ${what}`, async (t) => {
      const b = await bench(t);
      const put = (folder: string, url: string, info: string) => {
        for (const [kind, name] of [
          ['zip', 'source.zip'],
          ['mod', 'go.mod'],
          ['info', `${info}.info`],
        ]) {
          const answer = b.upstream.fixture.answer(`/${url}.${kind}`);
          assert.ok(answer);
          fs.mkdirSync(path.join(b.folder, 'athens', folder), { recursive: true });
          fs.writeFileSync(path.join(b.folder, 'athens', folder, String(name)), answer.body);
        }
      };
      put(`example.com/${upper}/${rc}`, 'example.com/!upper/!case/@v/v1.1.0-!r!c1', rc);
      put('example.com/mod/v2/v2.0.0', 'example.com/mod/v2/@v/v2.0.0', 'v2.0.0');
      put('example.com/mod/v1.0.0', 'example.com/mod/@v/v1.0.0', 'v1.0.0');
      const run = await b.run('import', 'athens');
      assert.equal(run.code, 0, run.stderr);
      assert.deepEqual(b.zips(), [
        'example.com/!upper/!case/@v/v1.1.0-!r!c1.zip',
        'example.com/mod/@v/v1.0.0.zip',
        'example.com/mod/v2/@v/v2.0.0.zip',
      ]);
      const before = state(b.tree);
      assert.match((await b.run('import', '--kind', 'athens', 'athens')).stdout, /^0 files added/);
      assert.deepEqual(state(b.tree), before);
    });
  }

  test('the data folder of another modgate, and its bare tree', async (t) => {
    const b = await bench(t);
    assert.equal((await b.run('prefetch', 'example.com/app')).code, 0);
    const files = b.files().filter((file) => !/\/(?:\.named|@latest)$/.test(file));
    assert.ok(files.some((file) => file.startsWith(`sumdb/${SUM_NAME}/lookup/`)));
    await b.upstream.refuse();
    for (const [n, origin] of [b.data, b.tree].entries()) {
      const data = path.join(b.folder, `copy${n}`);
      const dry = await b.run('import', '--dry-run', '--data', data, origin);
      assert.match(dry.stdout, /^[1-9]\d* files would be added if they pass their checks, /);
      assert.deepEqual(b.files(data), []);
      const run = await b.run('import', '--data', data, '--json', '--quiet', origin);
      assert.equal(run.code, 0, run.stderr);
      assert.deepEqual(b.files(path.join(data, 'tree')), files);
      assert.equal(JSON.parse(run.stdout.trimEnd().split('\n').at(-1) ?? '').event, 'end');
    }
  });
});

test('kill -9 in the middle, then again: complete, and nothing is left over', async (t) => {
  const b = await bench(t);
  const names = Array.from({ length: 40 }, (_, n) => `example.com/cold/n${n}/@v/v1.0.0`);
  for (const name of names) writeVersion(b, 'in', name, 'info', 'mod', 'zip');
  writeVersion(b, 'in', 'example.com/medium/@v/v1.0.0', 'info', 'mod', 'zip');
  const { child, done } = b.start('import', '--concurrency', '1', 'in');
  await until(() => (b.zips().length >= 5 ? true : undefined), 'five stored zips');
  child.kill('SIGKILL');
  assert.equal((await done).code, null);
  const stored = b.zips();
  assert.ok(stored.length < names.length, 'it was in the middle');
  for (const zip of stored) assert.ok(b.files().includes(`${zip}hash`), zip);
  const run = await b.run('import', 'in');
  assert.equal(run.code, 0, run.stderr);
  const expected = [...names, 'example.com/medium/@v/v1.0.0'].flatMap((name) =>
    ['info', 'mod', 'zip', 'ziphash'].map((kind) => `${name}.${kind}`),
  );
  const found = b.files().filter((file) => !file.endsWith('/list'));
  assert.deepEqual(found, expected.sort());
  for (const name of names) assert.ok(b.files().includes(name.replace('v1.0.0', 'list')), name);
  assert.deepEqual(b.files(path.join(b.data, 'tmp')), []);
});
