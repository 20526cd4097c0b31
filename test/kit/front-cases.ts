/** What a front does beside its modes: without modgate, for another proxy's name, in front of TLS and of a socket. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import http from 'node:http';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { certificates, Front, OLD_HOST, type Program, portOf } from './front.ts';
import { type Behind, behind, download, refusal, SENDFILE, unexpectedlyTwice } from './front-tests.ts';
import { pairFor, SOURCE } from './gateway.ts';
import { withoutGo } from './go.ts';
import { hangUp } from './reload.ts';
import { type Ending, Scope } from './scope.ts';
import { until } from './wait.ts';

export function fallbackTests(program: Program, mode: 'proxy' | 'try-files'): void {
  describe(`${mode}, with the stored files where modgate is down`, () => {
    const scope = new Scope();
    let all: Behind;
    before(async () => {
      all = await behind(scope, { program, flags: ['--mode', mode, '--fallback'] });
      await download(all, all.front.url());
      assert.equal((await all.front.ask('/example.com/plain/@v/master.info')).status, 200);
      // It is written a moment after the versions that it names.
      const list = path.join(all.modgate.data, 'tree/example.com/plain/@v/list');
      await until(() => (fs.existsSync(list) ? true : undefined), "the tree's own list");
    });
    after(() => scope.close());

    for (const status of [502, 503, 504])
      test(`a ${status} of modgate's own passes unchanged, although the file is stored`, async () => {
        const { front, upstream } = all;
        const heal = upstream.fault('/example.com/cold/', { kind: 'status', status });
        const reply = await front.ask(`/example.com/cold/s${status}/@v/v1.0.0.mod`);
        heal();
        assert.equal(reply.status >= 500, true, reply.text);
        assert.match(reply.text, new RegExp(SOURCE));
      });

    test('modgate is killed: the go command gets all that is stored, and nothing looks absent', {
      skip: withoutGo,
    }, async () => {
      const { front, modgate } = all;
      await modgate.kill9();
      await download(all, front.url());
      const STORED: [string, string, string][] = [
        ['/example.com/plain/@v/v1.2.0.zip', 'application/zip', 'public, max-age=31536000, immutable'],
        [
          '/example.com/plain/@v/v1.2.0.mod',
          'text/plain; charset=utf-8',
          'public, max-age=31536000, immutable',
        ],
        ['/example.com/plain/@v/v1.2.0.info', 'application/json', 'no-cache'],
        ['/example.com/plain/@v/list', 'text/plain; charset=utf-8', 'no-cache'],
        [
          '/example.com/!upper/!case/@v/v1.0.0.mod',
          'text/plain; charset=utf-8',
          'public, max-age=31536000, immutable',
        ],
      ];
      for (const [target, type, cache] of STORED) {
        const reply = await front.ask(target);
        assert.equal(reply.status, 200, `${target}: ${reply.text}`);
        const key = target.replace(/^\//, '');
        assert.deepEqual(reply.body, fs.readFileSync(path.join(modgate.data, 'tree', key)), target);
        // As text of a protocol: Caddy joins what stands in a list of values.
        const found = [reply.headers['content-type'], reply.headers['cache-control']];
        // A file that modgate never names immutable may be so in the front's own mode.
        assert.deepEqual(found, [type, cache], target);
        const part = await front.ask(target, { headers: { range: 'bytes=0-1', 'if-none-match': '*' } });
        const [begin, whole] = [part.body, reply.body];
        // The whole, or the part and its status: never one with the other's status, never an empty "not modified".
        if (part.status === 200) assert.deepEqual(begin, whole);
        else if (part.status === 206) assert.deepEqual(begin, whole.subarray(0, 2));
        else assert.equal(part.status, 304, target);
      }
      for (const target of [
        '/example.com/plain/@v/master.info',
        '/example.com/plain/@v/v1.0.0.zip',
        '/example.com/none/@v/list',
        '/example.com/none/@latest',
      ]) {
        const { status, text } = await front.ask(target);
        assert.equal(status, 502, `${target}: ${text}`);
        assert.match(text, /cannot reach modgate/);
      }
      const said = await refusal(all, front.url(), 'example.com/plain@v1.0.0');
      assert.match(said, /cannot reach modgate/);
    });
  });
}

export function frontCases(program: Program, modes: readonly string[]): void {
  for (const mode of modes)
    test(`another proxy's name, at its path and at the root, before a modgate below a prefix: ${mode}`, {
      skip: withoutGo,
    }, async (t) => {
      const flags = ['--mode', mode, '--take-over', `${OLD_HOST}/athens`, '--pages'];
      const all = await behind(t, { program, flags, config: { prefix: '/goproxy' } });
      const { front, modgate } = all;
      await download(all, front.url(OLD_HOST, '/athens'));
      await download(all, front.url(OLD_HOST));
      await download(all, front.url(undefined, '/goproxy'));
      const target = '/example.com/%21upper/%21case/@v/v1.0.0.zip';
      const { body } = await modgate.ask(`/goproxy${target}`);
      for (const prefix of ['', '/athens']) {
        assert.deepEqual((await front.ask(prefix + target, { host: OLD_HOST })).body, body, prefix);
        assert.equal((await front.ask(`${prefix}/healthz`, { host: OLD_HOST })).text, 'ok\n');
      }
      assert.equal((await front.ask(target)).status, 404, 'the own name has the prefix only');
      const home = (await front.ask('/goproxy/')).text;
      assert.match(home, /GOPROXY=https:\/\/goproxy\.corp\.test\/goproxy\n/);
      // What the page says of pages is true behind a front too.
      assert.match(home, /with --pages only, and\n\/metrics, \/index and \/catalog never/);
      for (const page of ['healthz', 'readyz', 'version', 'metrics', 'index', 'catalog']) {
        assert.ok(home.includes(`https://goproxy.corp.test/goproxy/${page}`), home);
        const through = /^(?:healthz|readyz|version)$/.test(page);
        assert.equal((await front.ask(`/goproxy/${page}`)).status, through ? 200 : 404, page);
      }
    });

  test('without TLS', async (t) => {
    const { front, modgate } = await behind(t, { program, variant: 'plain' });
    const target = '/example.com/%21upper/%21case/@v/v1.0.0.zip';
    assert.deepEqual((await front.ask(target)).body, (await modgate.ask(target)).body);
  });

  for (const mode of ['proxy', ...modes])
    test(`modgate is not there: 502 with a reason, never absence: ${mode}`, async (t) => {
      const all = await behind(t, { program, flags: ['--mode', mode] });
      await all.modgate.kill9();
      for (const target of ['/example.com/plain/@v/list', '/example.com/medium/@v/v1.0.0.zip']) {
        const { status, text, headers } = await all.front.ask(target);
        assert.equal(status, 502, text);
        assert.match(text, /^the front cannot reach modgate/);
        assert.match(headers['content-type'] ?? '', /^text\/plain/);
      }
    });

  test('accel: a file that the front cannot read never looks absent', async (t) => {
    const config = { trusted_proxies: '127.0.0.1', sendfile: SENDFILE[program] };
    const { modgate } = await pairFor(t, { config });
    const front = await Front.start(t, modgate, {
      program,
      flags: ['--mode', 'accel'],
      edit: (text) => text.replaceAll(`${modgate.data}/tree`, '/no/such/tree'),
    });
    const zip = '/example.com/medium/@v/v1.0.0.zip';
    const stored = await modgate.ask(zip);
    const reply = await front.ask(zip);
    // mod_xsendfile cannot be made to ask again without a 404 where that fails too.
    assert.equal(reply.status, program === 'apache' ? 502 : 200, reply.text.slice(0, 300));
    if (program === 'apache') assert.match(reply.text, /cannot read the file that modgate named/);
    else assert.deepEqual(reply.body, stored.body);
    assert.deepEqual(unexpectedlyTwice(program, reply.twice), []);
    assert.equal((await front.ask('/_modgate_failed')).status, 404);
  });

  test('modgate is configured for another front, and this one as before: bytes', async (t) => {
    const all = await behind(t, { program, flags: ['--mode', 'accel'] });
    const { front, modgate } = all;
    const zip = '/example.com/medium/@v/v1.0.0.zip';
    const { body } = await modgate.ask(zip);
    const others = [
      { type: 'x-accel-redirect', prefix: '/elsewhere/' },
      { type: 'x-sendfile' },
      { type: 'off' },
    ];
    for (const sendfile of others.filter(({ type }) => program !== 'apache' || type !== 'x-sendfile')) {
      modgate.configure({ sendfile });
      await hangUp(modgate);
      assert.deepEqual((await front.ask(zip)).body, body, JSON.stringify(sendfile));
    }
  });

  test('a data folder whose name has marks', async (t) => {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'modgate, a=b ü-'));
    fs.chmodSync(folder, 0o750);
    const data = path.join(folder, 'data');
    const { front, modgate } = await behind(t, { program, flags: ['--mode', 'accel'], data });
    // After modgate's own end, which writes there.
    t.after(() => fs.rmSync(folder, { recursive: true, force: true }));
    const zip = '/example.com/medium/@v/v1.0.0.zip';
    const { body } = await modgate.ask(zip);
    const id = 'by-the-front';
    assert.deepEqual((await front.ask(zip, { headers: { 'x-request-id': id } })).body, body);
    assert.equal((await modgate.log((line) => line.request === id, 'its record')).bytes, 0);
  });

  test('modgate speaks TLS itself, and the front checks its certificate', async (t) => {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'modgate-tls-'));
    t.after(() => fs.rmSync(folder, { recursive: true, force: true }));
    fs.chmodSync(folder, 0o750);
    const { ca, cert, key } = await certificates(folder);
    const config = { tls: { cert, key } };
    const { front } = await behind(t, { program, flags: ['--upstream-ca', ca], config });
    assert.equal((await front.ask('/example.com/plain/@v/list')).status, 200, front.output);
    const other = await certificates(fs.mkdtempSync(path.join(folder, 'other-')));
    const stranger = await behind(t, { program, flags: ['--upstream-ca', other.ca], config });
    const refused = await stranger.front.ask('/example.com/plain/@v/list');
    assert.ok(refused.status >= 500, `${refused.status} ${refused.text}`);
  });

  test('modgate listens on a socket', { skip: withoutGo }, async (t) => {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'modgate-socket-'));
    t.after(() => fs.rmSync(folder, { recursive: true, force: true }));
    fs.chmodSync(folder, 0o755);
    const config = { listen: `unix:${folder}/m.sock`, trusted_proxies: 'unix' };
    const all = await behind(t, { program, flags: ['--mode', modes.at(-1) ?? ''], config });
    await download(all, all.front.url());
  });
}

/** Where modgate can be asked what a caller may have. */
export function authorizeTests(program: Program): void {
  test('go: a module that policy refuses is refused with its reason', { skip: withoutGo }, async (t) => {
    const config = { routes: [{ match: 'example.com/plain', chain: 'off' }] };
    const all = await behind(t, { program, flags: ['--mode', 'auth-request'], config });
    for (const target of ['/example.com/plain/@v/v1.0.0.zip', '/example.com/plain/@v/v1.0.0.mod']) {
      const reply = await all.front.ask(target);
      assert.equal(reply.status, 403, reply.text);
      assert.match(reply.text, /LOOKUP_OFF/);
    }
    const said = await refusal(all, all.front.url(), 'example.com/plain@v1.0.0');
    assert.match(said, /its chain is "off"/);
  });

  test('the very file that is sent is asked about, and by nobody but the front', async (t) => {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'modgate-asked-'));
    const key = 'example.com/!upper/@v/v1.0.0.zip';
    const stored = path.join(folder, 'data/tree', key);
    fs.mkdirSync(path.dirname(stored), { recursive: true });
    fs.writeFileSync(stored, 'the stored file');
    fs.writeFileSync(path.join(folder, 'modgate.yaml'), JSON.stringify({ data: './data', prefix: '/go' }));
    const { url, seen, answers } = await recorder(t);
    const flags = ['--mode', 'auth-request', '--take-over', `${OLD_HOST}/old`];
    const front = await Front.start(t, { folder, url }, { program, flags });
    t.after(() => fs.rmSync(folder, { recursive: true, force: true }));
    const target = '/old/example.com/%21upper/@v/v1.0.0.zip';
    const headers = { 'x-original-uri': '/go/another', 'x-original-method': 'PUT' };
    for (const method of ['GET', 'HEAD']) {
      const reply = await front.ask(target, { host: OLD_HOST, headers, method });
      assert.equal(reply.status, 200);
      assert.equal(reply.text, method === 'GET' ? 'the stored file' : '');
      assert.deepEqual(seen.splice(0), [`/go/authorize ${method} /go/${key}`]);
    }
    answers.set('/go/authorize', 403);
    const refused = await front.ask(target, { host: OLD_HOST, headers });
    // The reason is the one that the file itself is refused for.
    const own = '/go/example.com/%21upper/@v/v1.0.0.zip';
    if (program === 'nginx') assert.equal(refused.text, `${own} is refused`);
    assert.equal(refused.status, 403, refused.text);
    assert.equal(seen.splice(0)[0], `/go/authorize GET /go/${key}`);
    for (const page of ['/go/authorize', '/authorize', '/_modgate_authorize', '/go/_modgate_authorize'])
      for (const host of [undefined, OLD_HOST]) {
        const { status } = await front.ask(page, { ...(host === undefined ? {} : { host }), headers });
        assert.equal(status, 404, page);
      }
    assert.deepEqual(seen, []);
  });
}

/** In the place of a modgate: notes each request with the one that it asks about, and answers 204 to /go/authorize. */
async function recorder(t: Ending) {
  const seen: string[] = [];
  const answers = new Map([['/go/authorize', 204]]);
  const server = http.createServer(({ url = '', headers }, response) => {
    const method = headers['x-original-method'] ?? headers['x-forwarded-method'];
    const about = headers['x-original-uri'] ?? headers['x-forwarded-uri'];
    seen.push(url === '/go/authorize' ? [url, method, about].join(' ') : url);
    const status = answers.get(url) ?? 403;
    response.writeHead(status, { 'content-type': 'text/plain' });
    response.end(status === 204 ? undefined : `${url} is refused`);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${portOf(server)}`, seen, answers };
}
