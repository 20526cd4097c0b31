/**
 * A private route beside the public default: the real go command builds a project that needs modules of both, and every
 * request that leaves the gateway is counted, at a forward proxy that all of them go through.
 */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { FillBench } from '../kit/fill.ts';
import { GitFolder } from '../kit/git.ts';
import { GitServer } from '../kit/git-http.ts';
import { Go, type GoResult, withoutGo } from '../kit/go.ts';
import { Web } from '../kit/meta.ts';
import { Modgate, type Piece } from '../kit/modgate.ts';
import { Upstream } from '../kit/upstream.ts';

const LIB = 'corp.example/team/lib';
/** hosts on which private names may be said */
const PRIVATE_HOSTS = ['corp.example', 'git.corp.example'];
/** in no request to anybody else: the path, its repository, and what the go command asks above it */
const SECRET = /corp[.]example|team|lib\b/;
const PUBLIC = 'example.com/plain';

async function bench(t: TestContext) {
  const folder = new GitFolder();
  t.after(() => folder.remove());
  const lib = folder.create('team/lib.git');
  lib.commit(
    {
      'go.mod': `module ${LIB}\n\ngo 1.20\n\nrequire ${PUBLIC} v1.0.0\n`,
      'lib.go': `package lib\n\nimport "${PUBLIC}"\n\nfunc Name() string { return "lib+" + plain.Version() }\n`,
      'sub/sub.go': 'package sub\n\nfunc Name() string { return "sub" }\n',
    },
    { tags: ['v1.0.0', 'v1.1.0'] },
  );
  const git = await GitServer.start({ folder: folder.folder });
  t.after(() => git.close());
  const upstream = await Upstream.start();
  t.after(() => upstream.close());
  const web = await Web.start(t);
  web.tags(LIB, `${LIB} git https://git.corp.example/team/lib.git`);
  web.tags(`${LIB}/sub`, `${LIB} git https://git.corp.example/team/lib.git`);
  web.forward('git.corp.example', git.url);
  web.forward('goproxy.example', upstream.url);
  web.host('sum.example', (request, response) => {
    const answer = upstream.sumdb.answer(`/sumdb/${upstream.sumdb.name}${request.url}`);
    if (answer === undefined) response.writeHead(404).end('no such record\n');
    else response.writeHead(200, { 'content-type': answer.type }).end(answer.body);
  });
  // It passes no checksum database on, so that the database itself is asked.
  upstream.fault('/sumdb/', { kind: 'status', status: 404 });
  const config: Record<string, Piece> = {
    sources: { public: { url: 'https://goproxy.example', proxy: 'env' } },
    chain: 'public',
    routes: [{ match: 'corp.example', chain: 'direct', private: true }],
    sumdb: [{ name: upstream.sumdb.name, url: 'https://sum.example' }],
  };
  return { web, git, upstream, config };
}

/** What anybody but the private hosts was asked, and the proxy itself was told. */
function outside(web: Web): string[] {
  const requests = web.requests
    .filter(({ host }) => !PRIVATE_HOSTS.includes(host))
    .map(({ host, target, headers }) => `${host}${decodeURIComponent(target)} ${JSON.stringify(headers)}`);
  const tunnels = web.asked.filter((line) => !PRIVATE_HOSTS.some((host) => line === `CONNECT ${host}:443`));
  return [...requests, ...tunnels];
}

function assertQuiet(web: Web, others: number): void {
  const told = outside(web);
  assert.ok(told.length >= others, `${told.length} requests were made to others`);
  assert.deepEqual(
    told.filter((line) => SECRET.test(line)),
    [],
  );
}

function ok(result: GoResult): string {
  assert.equal(result.code, 0, result.stderr);
  return result.stdout;
}

test('a build with private and public modules tells nobody outside of the private ones', {
  skip: withoutGo,
}, async (t) => {
  const { web, git, upstream, config } = await bench(t);
  const modgate = await Modgate.start({ config, env: web.env });
  t.after(() => modgate.remove());
  const go = new Go();
  t.after(() => go.remove());
  const cwd = go.project([], {
    'main.go': `package main\n\nimport (\n\t"fmt"\n\t"${LIB}"\n\t"${LIB}/sub"\n\t"${PUBLIC}"\n)\n\nfunc main() { fmt.Println(lib.Name(), sub.Name(), plain.Version()) }\n`,
  });
  const options = {
    proxy: modgate.url,
    sumdb: `${upstream.sumdb.verifier} ${modgate.url}/sumdb/${upstream.sumdb.name}`,
    cwd,
    env: { GONOSUMDB: 'corp.example', GOFLAGS: '-modcacherw' },
  };
  const run = (...args: string[]) => go.run(args, options);

  await t.test('it is found, fetched, verified and run', async () => {
    ok(await run('get', `${LIB}/sub@latest`, `${PUBLIC}@latest`));
    ok(await run('mod', 'tidy'));
    assert.match(ok(await run('run', '.')), /^lib\+\S+ sub \S+/);
    assert.match(ok(await run('list', '-m', '-versions', LIB)), /v1\.0\.0 v1\.1\.0/);
    assert.ok(git.count('fetch') > 0 && web.pagesAsked.includes(LIB));
    assert.ok(web.requests.some(({ host, target }) => host === 'sum.example' && target.includes(PUBLIC)));
    assertQuiet(web, 10);
  });

  await t.test('what is missing is missing at the private host alone', async () => {
    const version = await run('get', `${LIB}@v1.9.0`);
    assert.equal(version.code, 1);
    assert.match(version.stderr, /corp\.example\/team\/lib@v1\.9\.0/);
    const unknown = await run('get', 'corp.example/team/nothing');
    assert.equal(unknown.code, 1);
    assert.match(unknown.stderr, /nobody says where the code of corp\.example\/team\/nothing is/);
    assert.match((await modgate.ask(`/${LIB}/@v/v1.9.0.zip`)).text, /v1\.9\.0/);
    for (const url of ['/@v/list', '/@latest', '/@v/main.info', '/@v/v1.0.0.mod', '/@v/0123456.info'])
      await modgate.ask(`/corp.example/team/nothing${url}`);
    assertQuiet(web, 10);
  });

  await t.test('its host leads nobody away', async () => {
    web.page('corp.example/moved', '', 302, { location: 'https://public.example/corp.example?go-get=1' });
    web.tags('public.example/corp.example', 'corp.example/moved git https://git.corp.example/team/lib.git');
    web.tags('corp.example/elsewhere', 'corp.example/elsewhere mod https://goproxy.example');
    const moved = await modgate.ask('/corp.example/moved/@v/list');
    assert.match(`${moved.status} ${moved.text}`, /^502 .*redirect to another host/s);
    const elsewhere = await modgate.ask('/corp.example/elsewhere/@v/list');
    assert.match(`${elsewhere.status} ${elsewhere.text}`, /^403 .*another host, and its route is private/s);
    assertQuiet(web, 10);
  });

  const lookup = `/sumdb/${upstream.sumdb.name}/lookup/${LIB}@v1.0.0`;
  await t.test('a look-up is refused here, and the go command shows why', async () => {
    for (const url of [lookup, `/cached-only${lookup}`]) {
      const reply = await modgate.ask(url);
      assert.equal(reply.status, 403);
      assert.match(reply.text, /code: PRIVATE_MODULE/);
    }
    const strict = await go.run(['get', `${LIB}@v1.0.0`], {
      ...options,
      env: { GONOSUMDB: '', GOFLAGS: '-modcacherw', GOMODCACHE: path.join(go.folder, 'other') },
    });
    assert.equal(strict.code, 1);
    assert.match(
      strict.stderr,
      /corp\.example\/team\/lib is private: no checksum database is asked about it/,
    );
    assert.match(strict.stderr, /next: set GONOSUMDB=corp\.example where /);
    assertQuiet(web, 10);
  });

  await t.test('with GOPRIVATE it comes through the gateway where GONOPROXY says none', async () => {
    const asked = await go.run(['get', `${LIB}@v1.0.0`], {
      ...options,
      env: {
        GONOSUMDB: '',
        GOPRIVATE: 'corp.example',
        GONOPROXY: 'none',
        GOFLAGS: '-modcacherw',
        GOMODCACHE: path.join(go.folder, 'third'),
      },
    });
    ok(asked);
    assertQuiet(web, 10);
  });

  await t.test('what another process stored of a look-up before is not served', async () => {
    const file = path.join(modgate.data, 'tree', lookup);
    fs.mkdirSync(path.dirname(file), { recursive: true });
    fs.writeFileSync(file, 'a record\n');
    for (const url of [lookup, `/cached-only${lookup}`])
      assert.equal((await modgate.ask(url)).status, 403, url);
  });

  await t.test('nor is anybody told of it who looks after the store', async () => {
    const before = web.requests.length;
    await modgate.stop();
    const bench = new FillBench(t, upstream, { ...config, data: modgate.data }, web.env);
    const verified = await bench.run('store', 'verify', LIB);
    assert.equal(verified.code, 0, verified.stderr);
    assert.equal(web.requests.length, before);
  });
});

test('prefetch leaves the look-ups of private modules out, and says so', { skip: withoutGo }, async (t) => {
  const { web, upstream, config } = await bench(t);
  const fill = new FillBench(t, upstream, config, web.env);
  fill.write(
    'project/go.mod',
    `module main.example\n\ngo 1.20\n\nrequire (\n\t${LIB} v1.0.0\n\t${PUBLIC} v1.0.0\n)\n`,
  );
  const { code, stderr, stdout } = await fill.run('prefetch', 'project/go.mod');
  assert.equal(code, 0, stderr);
  assert.match(stderr, /1 look-ups left out/);
  assert.match(stdout, /1 left out/);
  assertQuiet(web, 5);
});

/** A module proxy of its own on a private route, whose redirects may lead nowhere else. */
test('a private source leads to no other host', async (t) => {
  const web = await Web.start(t);
  web.host('own.example', (request, response) => {
    const location = request.url?.includes('@latest')
      ? 'https://own.example/elsewhere'
      : 'https://cdn.example/corp.example/lib/list';
    if (request.url === '/elsewhere') response.end('{"Version":"v1.0.0"}');
    else response.writeHead(302, { location }).end();
  });
  web.host('cdn.example', (_request, response) => response.end('v1.0.0\n'));
  for (const isPrivate of [true, false]) {
    const modgate = await Modgate.start({
      config: {
        sources: { own: { url: 'https://own.example', private: isPrivate, retry: { attempts: 1 } } },
        routes: [{ match: 'corp.example', chain: 'own', private: isPrivate }],
      },
      env: web.env,
    });
    t.after(() => modgate.remove());
    assert.equal((await modgate.ask('/corp.example/lib/@latest')).status, 200);
    const list = await modgate.ask('/corp.example/lib/@v/list');
    assert.equal(list.status, isPrivate ? 502 : 200, list.text);
    if (isPrivate) {
      assert.match(
        list.text,
        /a redirect to another host, which is refused because what is asked is private/,
      );
      assert.ok(!web.asked.some((line) => line.includes('cdn.example')));
    }
  }
});

test('what becomes private by a reload is not answered from memory', async (t) => {
  const { web, upstream, config } = await bench(t);
  const open = { ...config, routes: [] };
  const modgate = await Modgate.start({ config: open, env: web.env });
  t.after(() => modgate.remove());
  const lookup = `/sumdb/${upstream.sumdb.name}/lookup/${PUBLIC}@v1.0.0`;
  assert.equal((await modgate.ask(lookup)).status, 200);
  // What was public, answered from memory and stored, becomes private.
  modgate.configure({ routes: [{ match: 'example.com', chain: 'direct', private: true }] });
  modgate.signal('SIGHUP');
  await modgate.log(({ msg }) => msg === 'the configuration was read again and is in force', 'the reload');
  assert.equal((await modgate.ask(lookup)).status, 403);
});

test('mappings, rewritings and near places are as the configuration says', async (t) => {
  const { web } = await bench(t);
  web.tags('corp.example/near', 'corp.example/near git https://127.0.0.1/near');
  web.tags('corp.example/old', 'corp.example/old git https://old.example/team/lib.git');
  const { NODE_EXTRA_CA_CERTS: _trust, GIT_SSL_CAINFO: _git, ...env } = web.env;
  const modgate = await Modgate.start({
    config: {
      chain: 'direct',
      routes: [
        {
          match: 'corp.example/old',
          chain: 'direct',
          instead_of: { 'https://git.corp.example/': 'https://old.example/' },
        },
        { match: 'written.example,127.0.0.2', chain: 'direct' },
      ],
      vcs: {
        ca: web.ca,
        repositories: [{ match: 'mapped.example/*', url: 'https://git.corp.example/team/{1}.git' }],
      },
    },
    env,
  });
  t.after(() => modgate.remove());
  const list = async (module: string) => {
    const reply = await modgate.ask(`/${module}/@v/list`);
    return `${reply.status} ${reply.status === 200 ? reply.text.replaceAll('\n', ' ') : /code: (\w+)/.exec(reply.text)?.[1]}`;
  };
  assert.equal(await list('mapped.example/lib'), '200 v1.0.0 v1.1.0 ');
  assert.equal(await list('corp.example/old'), '200 v1.0.0 v1.1.0 ');
  assert.ok(!web.asked.includes('CONNECT old.example:443'));
  for (const module of [
    'corp.example/near',
    '127.0.0.1/x',
    '10.0.0.1/x',
    '169.254.169.254/latest',
    'wiki.internal/x',
  ])
    assert.equal(await list(module), '403 VCS_REFUSED', module);
  // Whoever writes a route down means that place: it is asked, and nobody listens there.
  assert.equal(await list('127.0.0.2/x'), '502 UPSTREAM_UNREACHABLE');
  assert.equal(await list('hg.example/lib.hg'), '501 VCS_UNSUPPORTED');
});

test('serve prints one line for the patterns of all private routes, to be pasted into a shell', async (t) => {
  const routes = [
    { match: 'corp.example, *.corp.example/x', chain: 'direct', private: true },
    { match: 'open.example', chain: 'direct' },
    { match: 'github.com/corp,corp.example', chain: 'direct', private: true },
  ];
  const modgate = await Modgate.start({ config: { routes } });
  t.after(() => modgate.remove());
  assert.ok(
    modgate.stdout.includes("\n  go env -w GONOSUMDB='corp.example,*.corp.example/x,github.com/corp'\n"),
    modgate.stdout,
  );
});
