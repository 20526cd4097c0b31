/** modgate health, against the real program and against servers that are none. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { authority } from '../../src/net/certificates.test.kit.ts';
import { sourceSettings } from '../kit/gateway.ts';
import { CLI, cleanEnv, Modgate, type Piece, type Run } from '../kit/modgate.ts';
import { bounded } from '../kit/wait.ts';

/** Beside this process, which is the server in some of the tests. */
function health(args: readonly string[], env: Record<string, string> = {}): Promise<Run> {
  const child = spawn(process.execPath, [CLI, 'health', ...args], { env: { ...cleanEnv(), ...env } });
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (piece: Buffer) => (stdout += piece.toString()));
  child.stderr.on('data', (piece: Buffer) => (stderr += piece.toString()));
  const ended = new Promise<Run>((resolve) => child.on('close', (code) => resolve({ code, stdout, stderr })));
  return bounded(ended, 'modgate health');
}

/** A configuration whose only source nobody is behind. */
function nowhere(): Readonly<Record<string, Piece>> {
  return { chain: 'corp', sources: { corp: sourceSettings('http://127.0.0.1:9') } };
}

describe('modgate health', () => {
  let modgate: Modgate;
  before(async () => {
    modgate = await Modgate.start({
      config: nowhere(),
    });
  });
  after(() => modgate.remove());

  test('a gateway that answers: 0, and what it said', async () => {
    const run = await health(['--url', modgate.url]);
    assert.deepEqual(run, { code: 0, stdout: 'ok\n', stderr: '' });
  });

  test('--ready prints the state of the parts', async () => {
    const run = await health(['--ready', '--url', modgate.url]);
    assert.equal(run.code, 0, run.stderr);
    assert.match(run.stdout, /"status": "ready"[\s\S]*"name": "store"/);
  });

  test('--json: what it answered', async () => {
    const run = await health(['--json', '--url', modgate.url]);
    const url = `${modgate.url}/healthz`;
    assert.deepEqual(JSON.parse(run.stdout), { healthy: true, url, status: 200, answer: 'ok' });
    assert.deepEqual([run.code, run.stderr], [0, '']);
    const ready = await health(['--json', '--ready', '--url', modgate.url]);
    assert.equal(JSON.parse(ready.stdout).answer.status, 'ready');
  });

  test('--json: what is not well', async () => {
    const wrong = await health(['--json', '--url', `${modgate.url}/absent`]);
    const { healthy, status, code, message } = JSON.parse(wrong.stdout);
    assert.deepEqual([healthy, status, code], [false, 404, 'UPSTREAM_STATUS']);
    assert.match(message, /answered 404/);
    const silent = await health(['--json', '--url', 'http://127.0.0.1:9']);
    assert.equal(JSON.parse(silent.stdout).code, 'UPSTREAM_UNREACHABLE');
    for (const run of [wrong, silent]) assert.deepEqual([run.code, run.stderr], [1, '']);
  });

  const SHOWN: readonly (readonly [what: string, place: () => string, code: number, said: RegExp])[] = [
    ['answers', () => new URL(modgate.url).host, 0, /ok/],
    ['answers something else', () => `${new URL(modgate.url).host}/absent`, 1, /answered 404/],
    ['is not there', () => '127.0.0.1:9', 1, /no answer from http:\/\/127\.0\.0\.1:9\/healthz/],
  ];
  for (const [what, place, code, said] of SHOWN) {
    for (const flags of [[], ['--json']]) {
      test(`user info of --url is shown nowhere: one that ${what} ${flags.join()}`, async () => {
        const run = await health([...flags, '--url', `http://keeper:hunter2@${place()}`]);
        assert.equal(run.code, code, run.stderr);
        assert.match(run.stdout + run.stderr, said);
        assert.doesNotMatch(run.stdout + run.stderr, /keeper|hunter2/);
      });
    }
  }

  test('user info of --url is sent', async () => {
    let sent: string | undefined;
    const server = http.createServer((req, res) => {
      sent = req.headers.authorization;
      res.end('ok\n');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const run = await health(['--url', `http://keeper:hunter%32@127.0.0.1:${addressOf(server).port}`]);
    server.close();
    assert.equal(run.code, 0, run.stderr);
    assert.equal(sent, `Basic ${Buffer.from('keeper:hunter2').toString('base64')}`);
  });

  for (const url of ['ftp://keeper:hunter2@x', 'keeper:hunter2@x', 'http://keeper%zz:hunter2@x']) {
    test(`user info of ${url}, which is no URL of a gateway, is not shown`, async () => {
      const run = await health(['--url', url]);
      assert.equal(run.code, 2);
      assert.match(run.stderr, /--url .*no http or https URL/);
      assert.doesNotMatch(run.stderr, /keeper|hunter2/);
    });
  }

  test('its address is that of the configuration, by variable and by file', async () => {
    const { port } = new URL(modgate.url);
    assert.equal((await health([], { MODGATE_LISTEN: `0.0.0.0:${port}` })).code, 0);
    const file = path.join(modgate.folder, 'health.yaml');
    fs.writeFileSync(file, `listen: 127.0.0.1:${port}\n`);
    assert.equal((await health(['--config', file])).code, 0);
  });

  test('a path prefix on a unix socket', async (t) => {
    const socket = path.join(modgate.folder, 'health.sock');
    const other = await Modgate.start({ config: { ...nowhere(), listen: `unix:${socket}`, prefix: '/go' } });
    t.after(() => other.remove());
    const run = await health(['--config', path.join(other.folder, 'modgate.yaml')]);
    assert.deepEqual(run, { code: 0, stdout: 'ok\n', stderr: '' });
  });

  const TLS: [what: string, tls: Record<string, Piece>, args: string[], code: number, said: RegExp][] = [
    ['a certificate that nobody here trusts', {}, [], 0, /^ok\n$/],
    [
      'a client certificate needed',
      { client_certs: 'required' },
      [],
      0,
      /^it answers, and wants a client certificate/,
    ],
    [
      'a client certificate needed, and the question whether it is ready',
      { client_certs: 'required' },
      ['--ready'],
      1,
      /^(?!(?:[\s\S]*(?:next|code): ){3})[\s\S]*answered 403: [\s\S]*\nnext: .*admin\.listen.*\ncode: UPSTREAM_STATUS\n$/,
    ],
  ];
  for (const [what, tls, args, code, said] of TLS) {
    test(`TLS, ${what}: ${code}`, async (t) => {
      const ca = await authority();
      const issued: Record<string, string> = { ...(await ca.issue()), client_ca: ca.cert };
      const files: Record<string, string> = {};
      for (const name of ['cert', 'key', ...('client_certs' in tls ? ['client_ca'] : [])]) {
        const file = path.join(modgate.folder, `${name}.pem`);
        fs.writeFileSync(file, issued[name] ?? '');
        files[name] = file;
      }
      const other = await Modgate.start({ config: { ...nowhere(), tls: { ...files, ...tls } } });
      t.after(() => other.remove());
      const listen = { MODGATE_LISTEN: new URL(other.url).host };
      const run = await health(['--config', path.join(other.folder, 'modgate.yaml'), ...args], listen);
      assert.equal(run.code, code, run.stderr);
      assert.match(run.stdout + run.stderr, said);
    });
  }

  test('a free port is not known to others: 2', async () => {
    const run = await health([], { MODGATE_LISTEN: '127.0.0.1:0' });
    assert.equal(run.code, 2);
    assert.match(run.stderr, /takes a free port[\s\S]+next: .*--url/);
  });

  test('nobody listens: 1, with the reason and the next step', async () => {
    const server = http.createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = addressOf(server);
    await new Promise((resolve) => server.close(resolve));
    const run = await health(['--url', `http://127.0.0.1:${port}`]);
    assert.equal(run.code, 1);
    assert.match(run.stderr, /no answer from http:\/\/127\.0\.0\.1:\d+\/healthz: ECONNREFUSED\nnext: /);
  });

  const OTHERS: readonly (readonly [what: string, answer: http.RequestListener, said: RegExp])[] = [
    ['answers 503', (_req, res) => res.writeHead(503).end('stopping'), /answered 503: stopping/],
    ['never answers', () => undefined, /no answer from .* within 300 ms/],
    ['breaks off', (_req, res) => res.destroy(), /ECONNRESET/],
    [
      'sends without end',
      (_req, res) => {
        res.writeHead(500);
        const more = () => {
          while (res.write('x'.repeat(1 << 16)));
        };
        res.on('drain', more);
        more();
      },
      /answered 500: x+/,
    ],
  ];
  for (const [what, answer, said] of OTHERS) {
    test(`a server that ${what}: 1`, async () => {
      const server = http.createServer(answer);
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      const limit = what === 'never answers' ? '300' : '20000';
      const run = await health(['--url', `http://127.0.0.1:${addressOf(server).port}`, '--timeout', limit]);
      server.closeAllConnections();
      server.close();
      assert.equal(run.code, 1, run.stderr);
      assert.match(run.stderr, said);
      assert.ok(run.stderr.length < 2000, `${run.stderr.length} characters`);
    });
  }

  for (const args of [
    ['--url', 'ftp://x'],
    ['--timeout', 'soon'],
    ['--timeout', '0'],
  ]) {
    test(`${args.join(' ')}: 2`, async () => {
      assert.equal((await health(args)).code, 2);
    });
  }
});

function addressOf(server: http.Server): AddressInfo {
  const address = server.address();
  assert.ok(address !== null && typeof address === 'object');
  return address;
}
