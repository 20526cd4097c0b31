import assert from 'node:assert/strict';
import { once } from 'node:events';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { Fault } from './faults.ts';
import { Go, withoutGo } from './go.ts';
import { ask, open, raw, readAll } from './http.ts';
import { APP_OUTPUT, TOOLCHAIN, UNTAGGED } from './modules.ts';
import { Upstream } from './upstream.ts';

describe('the upstream of the tests', () => {
  let upstream: Upstream;
  before(async () => {
    upstream = await Upstream.start();
  });
  after(() => upstream.close());

  const ANSWERS: [string, number, RegExp][] = [
    ['/example.com/plain/@v/list', 200, /^v1\.0\.0\nv1\.1\.0\nv1\.2\.0\nv1\.3\.0-rc\.1\n$/],
    ['/example.com/plain/@latest', 200, /"Version":"v1\.2\.0"/],
    ['/example.com/plain/@v/master.info', 200, /v1\.2\.1-0\./],
    ['/example.com/%21upper/%21case/@v/v1.0.0.mod', 200, /^module example\.com\/Upper\/Case\n/],
    ['/example.com/legacy/@v/v2.0.0+incompatible.mod', 200, /^module example\.com\/legacy\n$/],
    ['/example.com/untagged/@v/list', 200, /^$/],
    ['/example.com/absent/@v/list', 404, /not found/],
    ['/example.com/@v/list', 404, /not found/],
  ];
  for (const [url, status, body] of ANSWERS) {
    test(`${url} → ${status}`, async () => {
      const reply = await ask(upstream.url, url);
      assert.equal(reply.status, status);
      assert.match(reply.text, body);
    });
  }

  const FAULTS: [Fault, RegExp | object | number][] = [
    [{ kind: 'reset' }, { code: 'ECONNRESET', syscall: 'read' }],
    [
      { kind: 'reset-body', after: 20 },
      { message: 'aborted', code: 'ECONNRESET' },
    ],
    [{ kind: 'truncate', after: 20 }, /aborted|ECONNRESET/],
    [{ kind: 'wrong-length', delta: 5 }, /aborted|ECONNRESET/],
    [{ kind: 'garbage' }, /Parse Error/],
    [{ kind: 'status', status: 429, headers: { 'retry-after': '3' } }, 429],
    [{ kind: 'redirect-loop' }, 302],
    [{ kind: 'body', body: '<html></html>', type: 'text/html' }, 200],
    [{ kind: 'chunked' }, 200],
  ];
  for (const [fault, expected] of FAULTS) {
    test(`fault ${fault.kind}`, async (t) => {
      t.after(upstream.fault('/example.com/plain/@v/v1.0.0.zip', fault));
      const asked = ask(upstream.url, '/example.com/plain/@v/v1.0.0.zip');
      if (typeof expected === 'number') assert.equal((await asked).status, expected);
      else await assert.rejects(asked, expected);
    });
  }

  test('a reset is RST, not FIN', async (t) => {
    t.after(upstream.fault('v1.0.0.zip', { kind: 'reset' }));
    const socket = net.connect(upstream.port, '127.0.0.1');
    let ended = false;
    socket.on('end', () => {
      ended = true;
    });
    socket.resume().write('GET /example.com/plain/@v/v1.0.0.zip HTTP/1.1\r\nhost: x\r\n\r\n');
    await assert.rejects(once(socket, 'close'), { code: 'ECONNRESET' });
    assert.equal(ended, false);
  });

  test('a hang in mid-body ends when it is released', async (t) => {
    t.after(upstream.fault('v1.0.0.zip', { kind: 'hang-body', after: 10 }));
    const response = await open(upstream.url, '/example.com/plain/@v/v1.0.0.zip');
    upstream.release();
    const body = await readAll(response);
    assert.equal(body.length, Number(response.headers['content-length']));
  });

  test('a client that leaves is an event', async (t) => {
    t.after(upstream.fault('v1.1.0.zip', { kind: 'hang' }));
    const coming = upstream.next('v1.1.0.zip');
    const leave = new AbortController();
    const asked = ask(upstream.url, '/example.com/plain/@v/v1.1.0.zip', { signal: leave.signal });
    const seen = await coming;
    leave.abort();
    await assert.rejects(asked);
    assert.equal(await seen.over, 'left');
  });

  test('it refuses and accepts again on the same port', async () => {
    await upstream.refuse();
    await assert.rejects(ask(upstream.url, '/'), /ECONNREFUSED/);
    await upstream.accept();
    assert.equal((await ask(upstream.url, '/example.com/plain/@latest')).status, 200);
  });

  test('a fault can be spent', async () => {
    upstream.fault('v1.2.0.mod', { kind: 'status', status: 500 }, 1);
    assert.equal((await ask(upstream.url, '/example.com/plain/@v/v1.2.0.mod')).status, 500);
    assert.equal((await ask(upstream.url, '/example.com/plain/@v/v1.2.0.mod')).status, 200);
  });

  test('a raw request arrives as it is written', async () => {
    const text = await raw(upstream.url, 'GET /a//../b HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n');
    assert.match(text, /^HTTP\/1\.1 404/);
    assert.ok(upstream.requests.some((request) => request.rawPath === '/a//../b'));
  });
});

describe('the fixture and the real go command, without modgate', { skip: withoutGo }, () => {
  let upstream: Upstream;
  let go: Go;
  before(async () => {
    upstream = await Upstream.start();
    go = new Go();
  });
  after(async () => {
    go.remove();
    await upstream.close();
  });

  test('the application is downloaded, verified by the checksum database, built and run', async () => {
    const project = go.project(['example.com/app v1.0.0']);
    fs.writeFileSync(
      path.join(project, 'tools.go'),
      '//go:build tools\n\npackage main\n\nimport _ "example.com/app"\n',
    );
    const options = { proxy: upstream.url, sumdb: upstream.sumdb.verifier, cwd: project };
    const run = await go.run(['run', '-mod=mod', 'example.com/app'], options);
    assert.equal(run.stderr.replace(/^go: .*\n/gm, ''), '');
    assert.equal(run.stdout, APP_OUTPUT);
    assert.ok(upstream.count(`/sumdb/${upstream.sumdb.name}/tile/`) > 0, 'the database was not asked');
    assert.equal((await go.run(['mod', 'verify'], options)).stdout, 'all modules verified\n');
  });

  test('a toolchain is switched to', async () => {
    const run = await go.run(['env', 'GOVERSION'], {
      proxy: upstream.url,
      sumdb: upstream.sumdb.verifier,
      env: { GOTOOLCHAIN: 'go1.99.0' },
    });
    assert.equal(run.stdout, 'the fake toolchain ran: env GOVERSION\n', run.stderr);
    assert.ok(upstream.count(TOOLCHAIN) > 0);
  });

  test('the tree on disk is a file:// proxy', async (t) => {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'modgate-tree-'));
    t.after(() => fs.rmSync(folder, { recursive: true }));
    upstream.fixture.writeTree(folder);
    const other = new Go();
    t.after(() => other.remove());
    const run = await other.run(['list', '-m', '-json', 'example.com/untagged@latest'], {
      proxy: `file://${folder}`,
    });
    assert.match(run.stdout, new RegExp(UNTAGGED), run.stderr);
  });
});
