/** `modgate publish`, `retract` and `delete`, as people and CIs use them. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { describe, test } from 'node:test';
import { SOURCE } from '../kit/gateway.ts';
import { Go, withoutGo } from '../kit/go.ts';
import { cleanEnv, type Modgate, modgateCommand } from '../kit/modgate.ts';
import { libZip, MODULE, publish, publishingPair, TOKEN } from '../kit/publish.ts';
import type { Ending } from '../kit/scope.ts';
import { admin, flip, lines, storeCommand } from '../kit/store.ts';
import { until } from '../kit/wait.ts';

const BASE = `/${MODULE}/@v`;

const FILES: Readonly<Record<string, string>> = {
  'go.mod': `module ${MODULE}\n\ngo 1.20\n`,
  'lib.go': 'package lib\n\nconst Version = "of the folder"\n',
  'vendor/example.com/x/x.go': 'package x\n',
  'nested/go.mod': `module ${MODULE}/nested\n`,
  'nested/n.go': 'package nested\n',
};

/** The folder of a module, removed with the test. */
function moduleFolder(t: Ending, files: Readonly<Record<string, string>> = FILES): string {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'modgate-module-'));
  t.after(async () => fs.rmSync(folder, { recursive: true, force: true }));
  for (const [name, text] of Object.entries(files)) {
    fs.mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
    fs.writeFileSync(path.join(folder, name), text);
  }
  return folder;
}

function send({ url }: Pick<Modgate, 'url'>, cwd: string, ...args: string[]) {
  return modgateCommand(['publish', '--server', url, ...args], {
    cwd,
    env: { MODGATE_PUBLISH_TOKEN: TOKEN },
  });
}

function git(folder: string, ...args: string[]): void {
  const about = ['-c', 'user.name=t', '-c', 'user.email=t@corp.test'];
  const run = spawnSync('git', ['-C', folder, ...about, ...args], { encoding: 'utf8', env: cleanEnv() });
  assert.equal(run.status, 0, run.stderr);
}

describe('modgate publish', () => {
  test('releases a folder, says its lines of go.sum, and says the same again where it is there', async (t) => {
    const { modgate } = await publishingPair(t);
    const folder = moduleFolder(t);
    const first = send(modgate, folder, '--version', 'v1.0.0');
    assert.equal(first.code, 0, first.stderr);
    assert.match(first.stdout, /^corp\.test\/lib@v1\.0\.0 is published at http:/);
    assert.match(
      first.stdout,
      /\ncorp\.test\/lib v1\.0\.0 h1:.{44}\ncorp\.test\/lib v1\.0\.0\/go\.mod h1:.{44}\n$/,
    );
    assert.match(first.stderr, /: 2 files, /);
    assert.match(first.stderr, /left out: nested \(in another module\)/);
    assert.match(first.stderr, /left out: vendor\/example\.com \(in a vendor folder\)/);
    const again = send(modgate, folder, '--version', 'v1.0.0', '--json');
    assert.equal(again.code, 0, again.stderr);
    const { status, module, files, omitted } = JSON.parse(again.stdout);
    assert.deepEqual([status, module, files, omitted.length], ['unchanged', MODULE, 2, 2]);

    fs.writeFileSync(path.join(folder, 'lib.go'), 'package lib\n');
    const other = send(modgate, folder, '--version', 'v1.0.0');
    assert.equal(other.code, 1);
    assert.match(other.stderr, /answered 409: .*another content\nstored: h1:.*\nsent: +h1:/);
    assert.match(other.stderr, /code: ALREADY_PUBLISHED/);
  });

  test('builds with the real go command, which finds the sums that were told', {
    skip: withoutGo,
  }, async (t) => {
    const { modgate } = await publishingPair(t);
    const sent = send(modgate, moduleFolder(t), '--version', 'v1.0.0');
    const sums = sent.stdout.slice(sent.stdout.indexOf('go.sum:\n') + 8);
    const go = new Go();
    t.after(async () => go.remove());
    const main = `package main\n\nimport "${MODULE}"\n\nfunc main() { println(lib.Version) }\n`;
    const cwd = go.project([`${MODULE} v1.0.0`], { 'main.go': main, 'go.sum': sums });
    const run = await go.run(['run', '.'], { proxy: modgate.url, cwd });
    assert.equal(run.code, 0, run.stderr);
    assert.match(run.stderr, /of the folder/);
  });

  test('takes a zip, and sends nothing in a dry run', async (t) => {
    const { modgate } = await publishingPair(t);
    const folder = moduleFolder(t, {});
    fs.writeFileSync(path.join(folder, 'lib.zip'), libZip('v1.0.0'));
    const tried = send(modgate, folder, 'lib.zip', '--version', 'v1.0.0', '--dry-run');
    assert.equal(tried.code, 0, tried.stderr);
    assert.match(tried.stdout, /can be published; nothing was sent/);
    assert.deepEqual(modgate.files('tree'), []);
    const sent = send(modgate, folder, 'lib.zip', '--version', 'v1.0.0');
    assert.equal(sent.code, 0, sent.stderr);
    assert.equal((await modgate.ask(`${BASE}/v1.0.0.zip`)).status, 200);
  });

  test('warns of what no commit or tag has, and publishes all the same', async (t) => {
    const { modgate } = await publishingPair(t);
    const folder = moduleFolder(t);
    git(folder, 'init', '-q');
    git(folder, 'add', '.');
    git(folder, 'commit', '-qm', 'one');
    const untagged = send(modgate, folder, '--version', 'v1.0.0');
    assert.equal(untagged.code, 0, untagged.stderr);
    assert.match(untagged.stderr, /warning: there is no tag v1\.0\.0/);
    assert.doesNotMatch(untagged.stderr, /uncommitted/);
    git(folder, 'tag', 'v1.0.1');
    assert.doesNotMatch(send(modgate, folder, '--version', 'v1.0.1').stderr, /warning/);
    fs.writeFileSync(path.join(folder, 'more.go'), 'package lib\n');
    git(folder, 'tag', 'v1.0.2');
    assert.match(
      send(modgate, folder, '--version', 'v1.0.2').stderr,
      /warning: the folder has 1 uncommitted/,
    );
  });

  test('leaves out what git does not track, and says so, but takes a folder that git knows nothing of', async (t) => {
    const { modgate } = await publishingPair(t);
    const folder = moduleFolder(t, {
      'go.mod': `module ${MODULE}\n`,
      'lib.go': 'package lib\n',
      '.gitignore': '.env\nbuild\n',
      'sub/a.go': 'package sub\n',
    });
    git(folder, 'init', '-q');
    git(folder, 'add', '.');
    git(folder, 'commit', '-qm', 'one');
    fs.mkdirSync(path.join(folder, 'build'));
    for (const [name, text] of [
      ['.env', 'KEY=secret\n'],
      ['sub/new.go', 'package sub\n'],
      ['build/go.mod', `module ${MODULE}\n`],
      ['build/gen.go', 'package gen\n'],
    ] as const)
      fs.writeFileSync(path.join(folder, name), text);
    const sent = send(modgate, folder, '--version', 'v1.0.0', '--json');
    assert.equal(sent.code, 0, sent.stderr);
    const { omitted, files } = JSON.parse(sent.stdout);
    const reason = 'not tracked by git';
    const expected = ['.env', 'build', 'sub/new.go'].map((name) => ({ name, reason }));
    const left = omitted.filter((one: { name: string }) => one.name !== '.git');
    assert.deepEqual([files, left], [4, expected]);

    const generated = send(modgate, path.join(folder, 'build'), '--version', 'v1.1.0', '--json');
    const { warnings, files: all } = JSON.parse(generated.stdout);
    assert.deepEqual([all, warnings[0].startsWith('git does not track the go.mod; every file')], [2, true]);
    fs.writeFileSync(path.join(folder, '.git/HEAD'), 'rot');
    const unknown = send(modgate, folder, '--version', 'v1.2.0', '--dry-run');
    assert.match(
      unknown.stderr,
      /warning: git cannot tell what it tracks: .*every file of the folder is published/,
    );
  });

  test('finds the gateway and its token in the configuration of the same machine', async (t) => {
    const { modgate } = await publishingPair(t);
    const folder = moduleFolder(t);
    const listen = new URL(modgate.url).host;
    const args = ['publish', folder, '--version', 'v1.0.0', '--config', modgate.file, '--listen', listen];
    const sent = modgateCommand(args);
    assert.equal(sent.code, 0, sent.stderr);
    assert.equal((await modgate.ask(`${BASE}/v1.0.0.info`)).status, 200);
  });

  test('tells what is wrong before anything is sent', async (t) => {
    const folder = moduleFolder(t);
    const env = { MODGATE_PUBLISH_TOKEN: TOKEN };
    fs.writeFileSync(path.join(folder, 'empty'), '\n');
    const cases: [args: string[], env: Record<string, string>, text: RegExp][] = [
      [['--server', 'http://goproxy.corp.test'], env, /unencrypted.*--insecure/s],
      [['--server', 'https://user:word@goproxy.corp.test'], env, /no http or https URL/],
      [['--server', 'http://127.0.0.1:1', '--token-file', 'empty'], env, /empty is empty/],
      [['--server', 'http://127.0.0.1:1'], {}, /no token to publish with/],
      [['--server', 'http://127.0.0.1:1'], env, /no answer from http:\/\/127\.0\.0\.1:1: ECONNREFUSED/],
      [
        ['--server', 'http://127.0.0.1:1', '--module', 'corp.test/other'],
        env,
        /says "module corp\.test\/lib"/,
      ],
      [['--server', 'http://127.0.0.1:1', '--version', 'v2.0.0'], env, /v2\.0\.0/],
    ];
    for (const [args, variables, text] of cases) {
      const run = modgateCommand(['publish', '--version', 'v1.0.0', ...args], {
        cwd: folder,
        env: variables,
      });
      assert.ok(run.code === 1 || run.code === 2, `${args.join(' ')}: ${run.code}`);
      assert.match(run.stderr, text);
      assert.doesNotMatch(run.stderr, /word|publisher/);
    }
  });
});

test('what the gateway would refuse by its version is a wrong call, in a dry run too', (t) => {
  const folder = moduleFolder(t);
  for (const [version, text] of [
    ['v0.0.0-20240102030405-0123456789ab', /pseudo-version/],
    ['v2.0.0+incompatible', /module without go\.mod/],
    ['v2.0.0', /v2/],
    ['1.2.3', /1\.2\.3/],
  ] as const) {
    const run = modgateCommand(['publish', '--version', version, '--dry-run'], { cwd: folder });
    assert.equal(run.code, 2, run.stdout);
    assert.match(run.stderr, text);
    assert.match(run.stderr, /^next: [\s\S]*^code: USAGE$/m);
  }
});

test('publish without a version says the next step, as every wrong call does', (t) => {
  const run = modgateCommand(['publish', '--dry-run'], { cwd: moduleFolder(t) });
  assert.equal(run.code, 2);
  assert.match(run.stderr, /there is no version to publish\nnext: Name it: .*\ncode: USAGE\n$/);
});

test('a token that the gateway does not know: where ours comes from', async (t) => {
  const { modgate } = await publishingPair(t);
  const run = modgateCommand(['publish', '--server', modgate.url, '--version', 'v1.0.0'], {
    cwd: moduleFolder(t),
    env: { MODGATE_PUBLISH_TOKEN: 'a-token-that-is-another-one' },
  });
  assert.equal(run.code, 1);
  assert.match(run.stderr, /answered 401[\s\S]*next: Check MODGATE_PUBLISH_TOKEN, .*\ncode: UNAUTHORIZED/);
});

test('modgate retract looks up on the machine of the gateway what is stored, and the way of the route', async (t) => {
  const { modgate } = await publishingPair(t);
  for (const version of ['v1.2.3', 'v1.2.4']) await publish(modgate, version, libZip(version));
  const run = modgateCommand(['retract', `${MODULE}@v1.2.3`, '--data', modgate.data]);
  assert.match(run.stdout, /git tag v1\.2\.5\n/, run.stderr);
  const config = path.join(moduleFolder(t), 'modgate.yaml');
  fs.writeFileSync(config, `data: ${modgate.data}\nroutes: [{ match: ${MODULE}, chain: direct }]\n`);
  const direct = modgateCommand(['retract', `${MODULE}@v1.2.3`, '--config', config]);
  assert.match(direct.stdout, /git push origin HEAD v1\.2\.5\n/, direct.stderr);
  assert.doesNotMatch(direct.stdout, /modgate publish/);
});

test('modgate retract says the line, the next version and the commands', () => {
  const run = modgateCommand(['retract', `${MODULE}@v1.2.3`, '--reason', 'loses data']);
  assert.equal(run.code, 0, run.stderr);
  assert.match(run.stdout, /^ +retract v1\.2\.3 \/\/ loses data$/m);
  assert.match(run.stdout, /modgate publish --version v1\.2\.4/);
  assert.equal(modgateCommand(['retract', MODULE]).code, 2);
});

describe('modgate delete', () => {
  const LIMITS = { admin: { listen: '127.0.0.1:0', token: 'the-token-of-the-admin' }, workers: 2 };

  test('answers 410 with the reason from then on, until the same content is published again', async (t) => {
    const { modgate } = await publishingPair(t, { config: LIMITS });
    for (const version of ['v1.0.0', 'v1.1.0']) await publish(modgate, version, libZip(version));
    for (const kind of ['info', 'mod', 'zip']) await modgate.ask(`${BASE}/v1.1.0.${kind}`);
    const args = ['delete', `${MODULE}@v1.1.0`, '--config', modgate.file];
    const asked = modgateCommand([...args, '--reason', 'holds a secret']);
    assert.deepEqual([asked.code, /nobody is here to answer/.test(asked.stderr)], [2, true], asked.stderr);
    const run = modgateCommand([...args, '--reason', 'holds a secret', '--yes', '--json']);
    assert.equal(run.code, 0, run.stderr);
    const { h1, ...told } = JSON.parse(run.stdout);
    assert.deepEqual([told.status, told.version, told.by], ['deleted', 'v1.1.0', 'command']);

    for (const kind of ['info', 'mod', 'zip']) {
      const url = `${BASE}/v1.1.0.${kind}`;
      const gone = await until(async () => {
        const reply = await modgate.ask(url);
        return reply.status === 200 ? undefined : reply;
      }, `the end of ${url}`);
      assert.equal(gone.status, 410, gone.text);
      assert.match(gone.text, /was deleted here on \d{4}-\d\d-\d\d\nreason: holds a secret\n/);
    }
    const authorized = await modgate.ask('/authorize', {
      headers: { 'x-original-uri': `${BASE}/v1.1.0.zip` },
    });
    assert.equal(authorized.status, 410, authorized.text);
    assert.equal((await modgate.ask(`${BASE}/list`)).text, 'v1.0.0\n');
    assert.match((await modgate.ask(`/${MODULE}/@latest`)).text, /v1\.0\.0/);
    assert.doesNotMatch((await modgate.ask('/index')).text, /v1\.1\.0/);
    assert.equal(fs.readFileSync(path.join(modgate.data, 'tree', `${BASE}/v1.1.0.ziphash`), 'utf8'), h1);

    const purged = await storeCommand(modgate, 'purge', MODULE, '--hard', '--yes');
    assert.equal(purged.code, 1);
    assert.match(purged.stderr, /published here/);
    const other = await publish(modgate, 'v1.1.0', libZip('v1.1.0', { 'x.go': 'package lib\n' }));
    assert.equal(other.status, 409, other.text);
    const same = await publish(modgate, 'v1.1.0', libZip('v1.1.0'));
    assert.equal(same.status, 201, same.text);
    assert.equal((await modgate.ask(`${BASE}/v1.1.0.info`)).status, 200);
    assert.equal((await modgate.ask(`${BASE}/list`)).text, 'v1.0.0\nv1.1.0\n');
    const actions = lines(fs.readFileSync(path.join(modgate.data, 'audit.jsonl'), 'utf8')).map(
      ({ action, version, reason }) => [action, version, reason],
    );
    assert.deepEqual(actions, [
      ['publish', 'v1.0.0', null],
      ['publish', 'v1.1.0', null],
      ['delete', 'v1.1.0', 'holds a secret'],
      ['restore', 'v1.1.0', null],
    ]);
  });

  test('by the administrative listener, of a fetched version too, which no source brings back', async (t) => {
    const { modgate, upstream } = await publishingPair(t, { config: LIMITS });
    const url = '/example.com/plain/@v/v1.1.0';
    for (const kind of ['info', 'mod', 'zip']) await modgate.ask(`${url}.${kind}`);
    const { admin: base } = await modgate.log(({ msg }) => msg === 'listening', 'listening');
    const target = '/api/v1/modules/example.com/plain/@v/v1.1.0';
    const ask = (body: string, token = LIMITS.admin.token) =>
      admin(String(base), 'DELETE', target, {
        body,
        headers: { authorization: `Bearer ${token}`, 'content-length': String(body.length) },
      });
    assert.equal((await ask('{"reason":"x"}', 'wrong')).status, 401);
    assert.equal((await ask('{}')).status, 400);
    assert.equal((await ask('{"reason":"two\\nlines"}')).status, 400);
    const done = await ask('{"reason":"is malware"}');
    assert.equal(done.status, 200, done.text);
    assert.equal(JSON.parse((await ask('{"reason":"again"}')).text).status, 'unchanged');
    const before = upstream.requests.length;
    for (const kind of ['info', 'mod', 'zip']) {
      const gone = await until(async () => {
        const reply = await modgate.ask(`${url}.${kind}`);
        return reply.status === 200 ? undefined : reply;
      }, 'the end of the memory of all workers');
      assert.deepEqual([gone.status, /reason: is malware/.test(gone.text)], [410, true], gone.text);
    }
    assert.equal(upstream.requests.length, before, 'a source was asked for what is deleted');
    assert.doesNotMatch((await modgate.ask('/example.com/plain/@v/list')).text, /v1\.1\.0/);
    assert.equal((await modgate.ask('/example.com/plain/@v/v1.0.0.info')).status, 200);
  });
});

describe('the store', () => {
  test('keeps what is published, however small its cap, and though a source has the same', async (t) => {
    const routes = [
      { match: 'corp.test/*', chain: 'published' },
      { match: 'example.com/mod', chain: `published,${SOURCE}` },
    ];
    const config = { routes, store: { cap: 8192, scrub: '0' } };
    const { modgate, upstream } = await publishingPair(t, { config });
    await publish(modgate, 'v1.0.0', libZip('v1.0.0'));
    const both = '/example.com/mod/@v/v1.0.0';
    const zip = upstream.fixture.answer(`${both}.zip`)?.body ?? Buffer.alloc(0);
    const twin = await publish(modgate, 'v1.0.0', zip, { module: 'example.com/mod' });
    assert.equal(twin.status, 201, twin.text);
    for (const kind of ['info', 'mod', 'zip']) await modgate.ask(`/example.com/plain/@v/v1.1.0.${kind}`);
    const fetched = path.join(modgate.data, 'tree/example.com/plain/@v/v1.1.0.zip');
    const evicted = await until(async () => {
      const run = await storeCommand(modgate, 'gc', '--cap', '4096', '--json');
      return fs.existsSync(fetched) ? undefined : run;
    }, 'the eviction of what can come again');
    assert.match(evicted.stdout, /"published":2/);
    for (const base of [`${BASE}/v1.0.0`, both])
      for (const kind of ['info', 'mod', 'zip', 'ziphash', 'published'])
        assert.ok(fs.existsSync(path.join(modgate.data, `tree${base}.${kind}`)), `${base}.${kind}`);
    const purged = await storeCommand(modgate, 'purge', '*', '--hard', '--yes');
    assert.match(purged.stdout, /kept corp\.test\/lib, published here: v1\.0\.0/);
    assert.equal((await modgate.ask(`${BASE}/v1.0.0.zip`)).status, 200);
    const listed = await storeCommand(modgate, 'ls', MODULE, '--json');
    assert.equal(lines(listed.stdout)[0]?.source, 'published');
  });

  test('tells that a broken published zip is lost, which the same upload mends', async (t) => {
    const { modgate } = await publishingPair(t);
    const zip = libZip('v1.0.0');
    await publish(modgate, 'v1.0.0', zip);
    flip(path.join(modgate.data, `tree${BASE}/v1.0.0.zip`), 60);
    const run = await storeCommand(modgate, 'verify', MODULE);
    assert.equal(run.code, 1);
    assert.match(run.stdout, /published here, and no source has it: publish the same zip again/);
    const again = await publish(modgate, 'v1.0.0', zip);
    assert.equal(again.status, 201, again.text);
    assert.deepEqual((await modgate.ask(`${BASE}/v1.0.0.zip`)).body, zip);
    assert.equal((await storeCommand(modgate, 'verify')).code, 0);
  });
});
