import assert from 'node:assert/strict';
import { once } from 'node:events';
import fs from 'node:fs';
import http2 from 'node:http2';
import https from 'node:https';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import tls from 'node:tls';
import { type Authority, authority } from '../../src/net/certificates.test.kit.ts';
import { pairFor } from '../kit/gateway.ts';
import { Go, withoutGo } from '../kit/go.ts';
import { ask, raw } from '../kit/http.ts';
import { modgateCommand, type Piece } from '../kit/modgate.ts';
import { APP_OUTPUT } from '../kit/modules.ts';
import { bounded, until } from '../kit/wait.ts';

const MOD = '/example.com/plain/@v/v1.0.0.mod';
const HUGE = '/example.com/big/@v/v1.0.0.zip';

let ca: Authority;
let clients: Authority;
let folder: string;
before(async () => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'modgate-listener-'));
  ca = await authority();
  clients = await authority('clients of the tests');
  await writeIdentity('server', ca, '127.0.0.1');
  fs.writeFileSync(path.join(folder, 'ca.pem'), ca.cert);
  fs.writeFileSync(path.join(folder, 'clients.pem'), clients.cert);
});
after(() => fs.rmSync(folder, { recursive: true, force: true }));

/** The first bytes of a TLS connection: a record of type 22 (RFC 8446, 5.1). */
function clientHello(): Buffer {
  return Buffer.concat([Buffer.from([22, 3, 1, 0, 200, 1, 0, 0, 196, 3, 3]), Buffer.alloc(194, 7)]);
}

async function writeIdentity(name: string, from: Authority, host: string): Promise<void> {
  const { cert, key } = await from.issue({ host });
  fs.writeFileSync(path.join(folder, `${name}.pem`), cert);
  fs.writeFileSync(path.join(folder, `${name}.key`), key);
}

function tlsSettings(more: Record<string, Piece> = {}): { readonly tls: Piece } {
  return { tls: { cert: path.join(folder, 'server.pem'), key: path.join(folder, 'server.key'), ...more } };
}

interface Answer {
  readonly status: number;
  readonly text: string;
  readonly protocol: string;
}

/** One request over TLS in HTTP/1.1, on a connection of its own. */
function get1(url: string, options: https.RequestOptions = {}): Promise<Answer> {
  const answer = new Promise<Answer>((resolve, reject) => {
    const request = https.get(url, { ca: ca.cert, agent: false, ...options }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (piece: string) => {
        text += piece;
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text, protocol: '1.1' }));
      response.on('error', reject);
    });
    request.on('error', reject);
  });
  return bounded(answer, `GET ${url}`);
}

/** One request in HTTP/2, on a connection of its own. */
async function get2(
  url: string,
  options: http2.SecureClientSessionOptions = {},
  headers: http2.OutgoingHttpHeaders = {},
): Promise<Answer> {
  const session = http2.connect(new URL(url).origin, { ca: ca.cert, ...options });
  try {
    const { pathname } = new URL(url);
    const stream = session.request({ ':path': pathname, ...headers });
    const failed = new Promise<never>((_, reject) => {
      session.once('error', reject);
      stream.once('error', reject);
    });
    let status = 0;
    stream.once('response', (headers) => {
      status = Number(headers[':status']);
    });
    let text = '';
    stream.setEncoding('utf8').on('data', (piece: string) => {
      text += piece;
    });
    await bounded(Promise.race([once(stream, 'end'), failed]), `GET ${url} by HTTP/2`);
    return { status, text, protocol: session.alpnProtocol ?? '' };
  } finally {
    session.destroy();
  }
}

describe('TLS', { skip: withoutGo }, () => {
  test('the go command builds over HTTPS, and HTTP/2 and HTTP/1.1 give the same answers', async (t) => {
    const pair = await pairFor(t, { config: tlsSettings() });
    assert.match(pair.modgate.url, /^https:/);
    const go = new Go();
    t.after(() => go.remove());
    const cwd = go.project(['example.com/app v1.0.0']);
    const run = await go.run(['run', '-mod=mod', 'example.com/app'], {
      proxy: pair.modgate.url,
      sumdb: pair.upstream.sumdb.verifier,
      cwd,
      env: { SSL_CERT_FILE: path.join(folder, 'ca.pem') },
    });
    assert.equal(run.stdout, APP_OUTPUT, run.stderr);
    const one = await get1(pair.modgate.url + MOD);
    const two = await get2(pair.modgate.url + MOD);
    assert.deepEqual([one.status, two.status, two.protocol], [200, 200, 'h2']);
    assert.equal(one.text, two.text);
    const missing = await get2(`${pair.modgate.url}/example.com/plain/@v/v1.9.9.mod`);
    assert.equal(missing.status, 404);
    assert.match(missing.text, /code: NOT_FOUND/);
  });

  test('http:// on the TLS port is told to write https://', async (t) => {
    const pair = await pairFor(t, { config: tlsSettings() });
    const answer = await ask(pair.modgate.url.replace('https:', 'http:'), MOD);
    assert.equal(answer.status, 400);
    assert.match(answer.text, /this port speaks HTTPS/);
  });

  test('an aborted zip is a stream error in HTTP/2, never a short whole answer', async (t) => {
    const pair = await pairFor(t, { config: tlsSettings() });
    pair.upstream.fault(HUGE, { kind: 'reset-body', after: 200_000 });
    await assert.rejects(get2(pair.modgate.url + HUGE), /NGHTTP2_INTERNAL_ERROR/);
  });

  test('a client that leaves ends its fetch, in HTTP/2 too', async (t) => {
    const pair = await pairFor(t, { config: tlsSettings() });
    pair.upstream.fault(HUGE, { kind: 'hang-body', after: 200_000 });
    const session = http2.connect(pair.modgate.url, { ca: ca.cert });
    t.after(() => session.destroy());
    const stream = session.request({ ':path': HUGE });
    stream.on('error', () => undefined);
    await bounded(once(stream, 'data'), 'the first bytes');
    stream.close(http2.constants.NGHTTP2_CANCEL);
    const line = await pair.modgate.log((one) => one.msg === 'request' && one.url === HUGE, 'the request');
    assert.equal(line.code, 'CANCELED');
    const idle = async () => {
      const { text } = await get1(`${pair.modgate.url}/metrics`);
      return /\nmodgate_fetches_in_flight 0\n/.test(text) ? true : undefined;
    };
    await until(idle, 'the end of the fetch');
  });
});

describe('client certificates', () => {
  const MODES: [
    mode: string,
    shown: 'none' | 'good' | 'foreign' | 'expired',
    status: number,
    text: RegExp,
  ][] = [
    ['off', 'none', 200, /^module/],
    ['off', 'foreign', 200, /^module/],
    ['optional', 'none', 200, /^module/],
    ['optional', 'good', 200, /^module/],
    [
      'optional',
      'foreign',
      403,
      /does not count here: it is not signed by an authority .*\nnext: .*\ncode: CLIENT_CERTIFICATE/,
    ],
    ['required', 'expired', 403, /does not count here: it has expired\nnext: .*renew/],
    ['required', 'good', 200, /^module/],
    ['required', 'none', 403, /a client certificate is needed here, and none was shown/],
    ['required', 'foreign', 403, /does not count here/],
  ];
  for (const [mode, shown, status, text] of MODES) {
    test(`${mode}, client shows ${shown}: ${status}`, async (t) => {
      const more: Record<string, Piece> = { client_certs: mode };
      if (mode !== 'off') more.client_ca = path.join(folder, 'clients.pem');
      const pair = await pairFor(t, { config: tlsSettings(more) });
      const from = shown === 'foreign' ? await authority('foreign') : clients;
      const notAfter = new Date(Date.now() + (shown === 'expired' ? -3_600_000 : 3_600_000));
      const own = shown === 'none' ? {} : await from.issue({ host: 'client', notAfter });
      for (const answer of [
        await get1(pair.modgate.url + MOD, own),
        await get2(pair.modgate.url + MOD, own),
      ]) {
        assert.equal(answer.status, status, answer.text);
        assert.match(answer.text, text);
      }
    });
  }
});

describe('unix socket', () => {
  const settings = () => {
    const socket = path.join(folder, `s-${process.hrtime.bigint()}.sock`);
    return { socket, config: { listen: `unix:${socket}` } };
  };

  /** By the socket; HTTP/1.1. */
  function over(socket: string, urlPath: string): Promise<string> {
    const answer = new Promise<string>((resolve, reject) => {
      const connection = net.connect(socket, () =>
        connection.write(`GET ${urlPath} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`),
      );
      let text = '';
      connection.setEncoding('utf8').on('data', (piece: string) => {
        text += piece;
      });
      connection.on('end', () => resolve(text)).on('error', reject);
    });
    return bounded(answer, `GET ${urlPath} over ${socket}`);
  }

  test('answers, is for its owner and group, and is gone after the end', async (t) => {
    const { socket, config } = settings();
    const pair = await pairFor(t, { config });
    assert.match(await over(socket, MOD), /^HTTP\/1\.1 200 OK\r\n/);
    assert.equal(fs.statSync(socket).mode & 0o777, 0o660);
    assert.equal(await pair.modgate.stop(), 0);
    assert.equal(fs.existsSync(socket), false);
  });

  test('a file that is no socket stays what it is', () => {
    const file = path.join(folder, 'precious');
    fs.writeFileSync(file, 'text');
    const run = modgateCommand(['serve', '--listen', `unix:${file}`, '--data', path.join(folder, 'three')]);
    assert.equal(run.code, 2, run.stderr);
    assert.equal(fs.readFileSync(file, 'utf8'), 'text');
  });

  test('what a kill -9 left behind is taken over; a socket in use is not', async (t) => {
    const { socket, config } = settings();
    const pair = await pairFor(t, { config });
    await pair.modgate.kill9();
    assert.equal(fs.existsSync(socket), true);
    await pair.modgate.restart();
    assert.match(await over(socket, '/healthz'), / 200 OK/);
    const second = modgateCommand([
      'serve',
      '--listen',
      `unix:${socket}`,
      '--data',
      path.join(folder, 'two'),
    ]);
    assert.equal(second.code, 2, second.stderr);
    assert.match(second.stderr, /cannot listen on .*: another program listens there/);
    assert.match(await over(socket, '/healthz'), / 200 OK/);
  });
});

test('everything lies below the prefix', { skip: withoutGo }, async (t) => {
  const pair = await pairFor(t, { config: { prefix: '/go/proxy' } });
  const go = new Go();
  t.after(() => go.remove());
  const cwd = go.project(['example.com/app v1.0.0']);
  const run = await go.run(['run', '-mod=mod', 'example.com/app'], {
    proxy: `${pair.modgate.url}/go/proxy`,
    sumdb: pair.upstream.sumdb.verifier,
    cwd,
  });
  assert.equal(run.stdout, APP_OUTPUT, run.stderr);
  const TABLE: [string, number][] = [
    ['/go/proxy/healthz', 200],
    ['/go/proxy', 200],
    ['/go/proxy/', 200],
    [`/go/proxy${MOD}`, 200],
    [`/go/proxy${MOD}`, 200],
    [MOD, 404],
    ['/healthz', 404],
    ['/go/proxyx/healthz', 404],
    ['/go/%70roxy/healthz', 404],
  ];
  for (const [url, status] of TABLE) assert.equal((await pair.modgate.ask(url)).status, status, url);
  const home = await pair.modgate.ask('/go/proxy/', { headers: { Host: 'modules.example:8443' } });
  assert.match(home.text, /GOPROXY=http:\/\/modules\.example:8443\/go\/proxy\n/);
});

describe('reverse proxies', () => {
  const FORWARDED = { 'X-Forwarded-For': '203.0.113.9', 'X-Forwarded-Proto': 'https' };
  const CASES: [trusted: string, headers: Record<string, string>, client: string][] = [
    ['127.0.0.1', FORWARDED, '203.0.113.9'],
    ['127.0.0.0/8', { Forwarded: 'for="[2001:db8::7]:4711";proto=https' }, '2001:db8::7'],
    ['10.0.0.0/8', FORWARDED, '127.0.0.1'],
    ['', FORWARDED, '127.0.0.1'],
  ];
  for (const [trusted, headers, client] of CASES) {
    test(`trusting "${trusted}", ${Object.keys(headers)[0]}: the client is ${client}`, async (t) => {
      const config: Record<string, Piece> = trusted === '' ? {} : { trusted_proxies: trusted };
      const pair = await pairFor(t, { config });
      // A miss, then a hit from memory: each has its own way to the record.
      for (const cache of ['miss', 'hit', 'hit']) {
        await pair.modgate.ask(MOD, { headers });
        const line = await pair.modgate.log((one) => one.url === MOD && one.cache === cache, cache);
        assert.equal(line.client, client);
      }
      const home = await pair.modgate.ask('/', { headers });
      assert.match(home.text, client === '127.0.0.1' ? /GOPROXY=http:/ : /GOPROXY=https:/);
    });
  }
});

describe('requests behind one another on one connection', () => {
  /** Descriptors of the process that are files of its tree. */
  function openFiles(pid: number): number {
    const folder = `/proc/${pid}/fd`;
    return fs.readdirSync(folder).filter((fd) => linkOf(`${folder}/${fd}`).endsWith('.zip')).length;
  }

  function linkOf(file: string): string {
    try {
      return fs.readlinkSync(file);
    } catch {
      return '';
    }
  }

  for (const secure of [false, true]) {
    const how = secure ? 'HTTPS' : 'HTTP';
    test(`a caller that leaves frees what each of them holds, over ${how}`, async (t) => {
      const pair = await pairFor(t, { config: secure ? tlsSettings() : {} });
      const { url, pid } = pair.modgate;
      if (secure) await get1(url + HUGE);
      else await ask(url, HUGE);
      const { hostname, port } = new URL(url);
      const socket = secure
        ? tls.connect({ host: hostname, port: Number(port), ca: ca.cert, ALPNProtocols: ['http/1.1'] })
        : net.connect(Number(port), hostname);
      socket.on('error', () => undefined);
      await once(socket, secure ? 'secureConnect' : 'connect');
      socket.write(`GET ${HUGE} HTTP/1.1\r\nHost: x\r\n\r\n`.repeat(10));
      await until(() => (openFiles(pid) > 1 ? true : undefined), 'several open files');
      socket.destroy();
      await until(() => (openFiles(pid) === 0 ? true : undefined), 'no open file');
    });
  }

  test('more than a client sends end the connection, and nothing is left', async (t) => {
    const pair = await pairFor(t);
    await ask(pair.modgate.url, HUGE);
    await raw(pair.modgate.url, `GET ${HUGE} HTTP/1.1\r\nHost: x\r\n\r\n`.repeat(500));
    await until(() => (openFiles(pair.modgate.pid) === 0 ? true : undefined), 'no open file');
    assert.equal((await ask(pair.modgate.url, MOD)).status, 200);
  });
});

describe('limits', () => {
  test('a header that is too large is 431, a URL that is too long 404', async (t) => {
    const pair = await pairFor(t, { config: { limits: { header: '4KiB', url: 300 } } });
    const large = await pair.modgate.ask(MOD, { headers: { 'X-Large': 'x'.repeat(5000) } });
    assert.equal(large.status, 431);
    assert.match(large.text, /raise limits\.header .*\ncode: HEADER_TOO_LARGE/);
    const long = await pair.modgate.ask(`/example.com/${'x'.repeat(300)}/@v/list`);
    assert.equal(long.status, 404);
    assert.match(long.text, /more than 300 characters \(limits\.url\)/);
  });

  test('a header that is too large is 431 in HTTP/2 too', async (t) => {
    const pair = await pairFor(t, { config: { ...tlsSettings(), limits: { header: '4KiB' } } });
    const session = http2.connect(pair.modgate.url, { ca: ca.cert });
    t.after(() => session.destroy());
    for (const [size, status] of [
      [3000, 200],
      [5000, 431],
    ] as const) {
      const stream = session.request({ ':path': '/healthz', 'x-large': 'x'.repeat(size) });
      stream.resume();
      const [headers] = await bounded(once(stream, 'response'), 'the answer');
      assert.equal(headers[':status'], status);
    }
  });

  test('a header that does not end is 408, an idle connection is closed', async (t) => {
    const pair = await pairFor(t, { config: { limits: { header_time: '300ms', idle: '300ms' } } });
    const { hostname, port } = new URL(pair.modgate.url);
    const slow = await raw(pair.modgate.url, 'GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ');
    assert.match(slow, /^HTTP\/1\.1 408 /);
    const idle = net.connect(Number(port), hostname);
    t.after(() => idle.destroy());
    idle.write('GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n');
    idle.resume();
    await bounded(once(idle, 'close'), 'the end of the idle connection');
  });

  test('the same over HTTPS, in HTTP/1.1', async (t) => {
    const config = { ...tlsSettings(), limits: { header_time: '300ms', idle: '300ms' } };
    const pair = await pairFor(t, { config });
    const { hostname, port } = new URL(pair.modgate.url);
    const open = async (bytes: string) => {
      const socket = tls.connect({ host: hostname, port: Number(port), ca: ca.cert });
      t.after(() => socket.destroy());
      await once(socket, 'secureConnect');
      let text = '';
      socket.setEncoding('latin1').on('data', (piece: string) => {
        text += piece;
      });
      socket.write(bytes);
      await bounded(once(socket, 'close'), 'the end of the connection');
      return text;
    };
    assert.match(await open('GET / HTTP/1.1\r\nHost: x\r\nX-Slow: '), /^HTTP\/1\.1 408 /);
    assert.match(await open('GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n'), /^HTTP\/1\.1 200 /);
  });

  test('beyond the most connections new ones are closed and counted', async (t) => {
    const pair = await pairFor(t, { config: { limits: { connections: 3 } } });
    const { hostname, port } = new URL(pair.modgate.url);
    const held = await Promise.all(
      [1, 2, 3].map(async () => {
        const socket = net.connect(Number(port), hostname);
        t.after(() => socket.destroy());
        socket.write('GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n');
        await once(socket, 'data');
        return socket;
      }),
    );
    const fourth = net.connect(Number(port), hostname);
    fourth.on('error', () => undefined);
    await bounded(once(fourth, 'close'), 'the end of the fourth connection');
    const [first] = held;
    assert.ok(first);
    first.write('GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
    let text = '';
    first.setEncoding('utf8').on('data', (piece: string) => {
      text += piece;
    });
    await bounded(once(first, 'end'), 'the metrics');
    assert.match(text, /\nmodgate_http_connections 3\n/);
    assert.match(text, /\nmodgate_http_connections_dropped_total 1\n/);
  });
});

describe('what no request is made of is told why', () => {
  const BARE = 'GET /healthz HTTP/1.1\r\n';
  const TOLD: readonly (readonly [what: string, bytes: string | Buffer, status: number, text: RegExp])[] = [
    ['no Host', `${BARE}\r\n`, 400, /^modgate: the request has no Host .*\nnext: .*\ncode: BAD_REQUEST\n$/],
    [
      'two Hosts',
      `${BARE}Host: a\r\nHost: b\r\n\r\n`,
      400,
      /more than one Host .*\nnext: .*\ncode: BAD_REQUEST\n$/,
    ],
    [
      'an expectation',
      `${BARE}Host: x\r\nExpect: nonsense\r\nConnection: close\r\n\r\n`,
      417,
      /^modgate: .*Expect: nonsense.*\nnext: .*\ncode: EXPECTATION_FAILED\n$/,
    ],
    [
      'two Hosts with an expectation',
      `${BARE}Host: a\r\nHost: b\r\nExpect: nonsense\r\n\r\n`,
      400,
      /more than one Host .*\nnext: .*\ncode: BAD_REQUEST\n$/,
    ],
    ['no HTTP', 'nonsense\r\n\r\n', 400, /^modgate: .*not valid HTTP\nnext: .*\ncode: BAD_REQUEST\n$/],
    ['a tunnel', 'CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n', 405, /\nnext: .*\ncode: METHOD_NOT_ALLOWED\n$/],
    [
      'TLS',
      clientHello(),
      400,
      /^modgate: this port speaks plain HTTP.*\nnext: .*http:\/\/.*\ncode: BAD_REQUEST\n$/,
    ],
  ];
  for (const [what, bytes, status, text] of TOLD) {
    test(`${what}: ${status}`, async (t) => {
      const pair = await pairFor(t);
      // One file that is in memory, so that the short way of a hit is held to it too.
      await pair.modgate.ask('/healthz');
      const answer = await raw(pair.modgate.url, bytes);
      const [head = '', body = ''] = answer.split('\r\n\r\n');
      assert.match(head, new RegExp(`^HTTP/1\\.1 ${status} `));
      assert.match(body, text);
    });
  }

  test('an expectation over HTTP/2: 417, for what is answered from memory too', async (t) => {
    const { modgate } = await pairFor(t, { config: tlsSettings() });
    for (const url of ['/healthz', MOD]) {
      for (let i = 0; i < 2; i++) assert.equal((await get2(modgate.url + url)).status, 200);
      const refused = await get2(modgate.url + url, {}, { expect: 'nonsense' });
      assert.equal(refused.status, 417);
      assert.match(refused.text, /Expect: nonsense.*\nnext: .*\ncode: EXPECTATION_FAILED\n$/);
      // Nobody waits for a body here.
      assert.equal((await get2(modgate.url + url, {}, { expect: '100-continue' })).status, 200);
    }
  });

  const BEHIND: readonly (readonly [what: string, bytes: string])[] = [
    ['what is no HTTP', 'nonsense\r\n\r\n'],
    ['a tunnel', 'CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n'],
  ];
  for (const [what, bytes] of BEHIND) {
    test(`${what}, behind a request that waits for its answer, is not answered in its place`, async (t) => {
      const pair = await pairFor(t);
      const list = '/example.com/plain/@v/list';
      pair.upstream.fault(list, { kind: 'hang' });
      const { hostname, port } = new URL(pair.modgate.url);
      const socket = net.connect(Number(port), hostname);
      t.after(() => socket.destroy());
      // The close may be a reset.
      socket.on('error', () => undefined);
      let text = '';
      socket.setEncoding('latin1').on('data', (piece: string) => {
        text += piece;
      });
      socket.write(`GET ${list} HTTP/1.1\r\nHost: x\r\n\r\n${bytes}`);
      await bounded(once(socket, 'close'), 'the end of the connection');
      assert.equal(text, '');
    });
  }

  test('no Host, for what is answered from memory', async (t) => {
    const { modgate } = await pairFor(t);
    for (let i = 0; i < 2; i++) assert.equal((await modgate.ask(MOD)).status, 200);
    const answer = await raw(modgate.url, `GET ${MOD} HTTP/1.1\r\n\r\n`);
    assert.match(answer, /^HTTP\/1\.1 400 [\s\S]*\r\nConnection: close\r\n[\s\S]*has no Host/);
    assert.match(await raw(modgate.url, `GET ${MOD} HTTP/1.0\r\n\r\n`), /^HTTP\/1\.1 200 /);
  });

  test('the log says that a client speaks TLS to a port without', { skip: withoutGo }, async (t) => {
    const { modgate } = await pairFor(t);
    const go = new Go();
    t.after(() => go.remove());
    const run = await go.run(['list', '-m', 'example.com/plain@v1.0.0'], {
      proxy: modgate.url.replace('http:', 'https:'),
    });
    assert.match(run.stderr, /server gave HTTP response to HTTPS client/);
    const line = await modgate.log((one) => one.msg === 'no request', 'the refused connection');
    assert.match(String(line.error), /^this port speaks plain HTTP/);
    assert.deepEqual([line.level, line.status, line.client], ['info', 400, '127.0.0.1']);
  });

  const NOTED: readonly (readonly [
    what: string,
    secure: boolean,
    bytes: string,
    status: number,
    error: RegExp,
  ])[] = [
    ['no HTTP', false, 'nonsense\r\n\r\n', 400, /not valid HTTP/],
    ['a tunnel', false, 'CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n', 405, /method CONNECT/],
    ['plain HTTP to a port with TLS', true, `${BARE}Host: x\r\n\r\n`, 400, /^this port speaks HTTPS/],
  ];
  for (const [what, secure, bytes, status, error] of NOTED) {
    test(`the log has a line for ${what}`, async (t) => {
      const { modgate } = await pairFor(t, { config: secure ? tlsSettings() : {} });
      assert.match(await raw(modgate.url, bytes), new RegExp(`^HTTP/1\\.1 ${status} `));
      const line = await modgate.log((one) => one.msg === 'no request', 'the refused connection');
      assert.match(String(line.error), error);
      assert.deepEqual([line.level, line.status, line.client], ['info', status, '127.0.0.1']);
    });
  }
});

describe('a graceful end', () => {
  test('what does not end in time is broken off, and the log says whose doing that was', async (t) => {
    const pair = await pairFor(t, { config: { shutdown: '300ms' } });
    pair.upstream.fault(HUGE, { kind: 'hang-body', after: 200_000 });
    const asked = pair.upstream.next(HUGE);
    const running = assert.rejects(ask(pair.modgate.url, HUGE));
    await asked;
    await pair.modgate.stop();
    await running;
    const line = await pair.modgate.log((one) => one.url === HUGE, 'the record');
    assert.equal(line.code, 'SHUTTING_DOWN');
    await pair.modgate.log((one) => one.answers === 1, 'how many were broken off');
  });

  test('a kept HTTPS connection that asks nothing does not put it off', async (t) => {
    const pair = await pairFor(t, { config: { ...tlsSettings(), shutdown: '60s' } });
    const agent = new https.Agent({ keepAlive: true });
    t.after(() => agent.destroy());
    assert.equal((await get1(pair.modgate.url + MOD, { agent })).status, 200);
    assert.equal(await pair.modgate.stop(), 0);
  });

  for (const version of ['HTTP/1.1', 'HTTP/2'] as const) {
    test(`a transfer that runs ends whole over ${version}, and connections that ask nothing are closed`, async (t) => {
      const pair = await pairFor(t, { config: { ...tlsSettings(), shutdown: '60s' } });
      pair.upstream.fault(HUGE, { kind: 'hang-body', after: 200_000 });
      const asked = pair.upstream.next(HUGE);
      const url = pair.modgate.url + HUGE;
      const running = version === 'HTTP/2' ? get2(url) : get1(url);
      await asked;
      const { hostname, port } = new URL(pair.modgate.url);
      const idle = tls.connect({ host: hostname, port: Number(port), ca: ca.cert, ALPNProtocols: ['h2'] });
      idle.on('error', () => undefined);
      idle.resume();
      await once(idle, 'secureConnect');
      pair.modgate.signal('SIGTERM');
      await pair.modgate.log((line) => line.msg === 'stopping', 'stopping');
      pair.upstream.release(HUGE);
      assert.equal((await running).status, 200);
      assert.equal(await pair.modgate.exited(), 0);
      idle.destroy();
    });
  }
});
