import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TLSSocket } from 'node:tls';
import { readBody } from './body.ts';
import { authority, bench, faultFrom, http, http2, https, never, proxy } from './fakes.test.kit.ts';
import type { TlsOptions } from './options.ts';
import { pinOf } from './tls.ts';

const ca = await authority();
const good = await ca.issue();
const chained = { key: good.key, cert: `${good.cert}\n${ca.cert}` };

test('certificates', async (t) => {
  const stranger = await authority('another authority');
  const identities = {
    good: chained,
    expired: await ca.issue({ notAfter: new Date(Date.now() - 3_600_000) }),
    'another host': await ca.issue({ host: 'other.example' }),
    stranger: await stranger.issue(),
  };
  const leaf = pinOf(new X509Certificate(good.cert));
  const root = pinOf(new X509Certificate(ca.cert));
  const wrong = pinOf(new X509Certificate(stranger.cert));
  const trust = { ca: ca.cert };
  const rows: readonly [keyof typeof identities, string, Partial<TlsOptions>, RegExp | 'ok'][] = [
    ['good', 'our CA', trust, 'ok'],
    ['good', 'no CA', {}, /not signed by an authority that is trusted/],
    ['good', 'TLS 1.3', { ...trust, minVersion: 'TLSv1.3' }, 'ok'],
    ['good', 'pin of the leaf', { ...trust, pins: [leaf] }, 'ok'],
    ['good', 'pin of the authority', { ...trust, pins: [wrong, root] }, 'ok'],
    [
      'good',
      'another pin',
      { ...trust, pins: [wrong] },
      new RegExp(`shows ${leaf.replace(/[+/]/g, '\\$&')}`),
    ],
    ['good', 'insecure, another pin', { insecure: true, pins: [wrong] }, /not one of the pinned/],
    ['expired', 'our CA', trust, /has expired/],
    ['another host', 'our CA', trust, /for another host: .*other\.example/],
    ['stranger', 'our CA', trust, /not signed by an authority/],
    ['stranger', 'insecure', { insecure: true }, 'ok'],
  ];
  for (const [who, name, tls, expected] of rows) {
    await t.test(`${who}: ${name}`, async (t) => {
      const upstream = await https(t, identities[who], (_, response) => response.end('x'));
      const { client, log } = bench(t, { tls });
      assert.equal(/NOT verified/.test(log()), tls.insecure === true);
      // Twice, so that a resumed session is looked at as well.
      for (let round = 0; round < 2; round += 1) {
        const pending = client.get(upstream.url, { signal: never() });
        if (expected === 'ok') {
          const answer = await pending;
          await readBody(answer, 1);
          if (round === 0) assert.equal(typeof answer.links.tls, 'number');
        } else {
          const error = await faultFrom(pending);
          assert.equal(error.code, 'UPSTREAM_TLS', error.message);
          assert.match(error.message, expected);
          assert.ok(error.next);
        }
        for (const socket of upstream.sockets) socket.destroy();
      }
    });
  }
});

test('NODE_EXTRA_CA_CERTS counts beside a CA bundle', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'modgate-tls-'));
  t.after(() => rm(folder, { recursive: true }));
  const extra = join(folder, 'extra.pem');
  await writeFile(extra, ca.cert);
  const upstream = await https(t, chained, (_, response) => response.end('x'));
  const tls = { ca: (await authority('another authority')).cert };
  const { client } = bench(t, { tls }, { env: { NODE_EXTRA_CA_CERTS: extra } });
  await readBody(await client.get(upstream.url, { signal: never() }), 1);
});

test('a client certificate', async (t) => {
  const identity = await ca.issue({ host: 'modgate' });
  const options = { ...chained, ca: ca.cert, requestCert: true, rejectUnauthorized: true };
  const upstream = await https(t, options, (request, response) => {
    // An https server's sockets are TLS sockets.
    response.end((request.socket as TLSSocket).getPeerCertificate().subject.CN);
  });
  const { client } = bench(t, { tls: { ca: ca.cert, ...identity } });
  const answer = await client.get(upstream.url, { signal: never() });
  assert.equal((await readBody(answer, 100)).toString(), 'modgate');
  const without = bench(t, { tls: { ca: ca.cert } });
  const error = await faultFrom(without.client.get(upstream.url, { signal: never() }));
  // TLS 1.3 tells after the handshake; a reset may come before the alert is read.
  assert.ok(['UPSTREAM_TLS', 'UPSTREAM_UNREACHABLE'].includes(error.code), error.message);
});

test('a server that only speaks an older TLS', async (t) => {
  const upstream = await https(t, { ...chained, maxVersion: 'TLSv1.2' }, (_, response) => response.end('x'));
  const { client } = bench(t, { tls: { ca: ca.cert, minVersion: 'TLSv1.3' } });
  const error = await faultFrom(client.get(upstream.url, { signal: never() }));
  assert.equal(error.code, 'UPSTREAM_TLS');
  assert.match(error.message, /no TLS version or cipher in common/);
});

test('a server that speaks plain HTTP', async (t) => {
  const upstream = await http(t, (_, response) => response.end('x'));
  const { client } = bench(t);
  const error = await faultFrom(
    client.get(new URL(`https://localhost:${upstream.port}`), { signal: never() }),
  );
  assert.equal(error.code, 'UPSTREAM_TLS', error.message);
  assert.match(error.message, /does not speak TLS/);
});

test('TLS material that cannot be used is refused at the start', (t) => {
  const broken = ca.cert.replace(/[A-Za-z0-9]{40}/, 'x'.repeat(40));
  const rows: readonly Partial<TlsOptions>[] = [
    { ca: 'nothing' },
    { ca: broken },
    { cert: 'x', key: 'y' },
    { cert: good.cert, key: ca.key },
  ];
  for (const tls of rows) assert.throws(() => bench(t, { tls }), { code: 'CONFIG_INVALID', source: 'corp' });
});

test('HTTP/2 is spoken where it is allowed', async (t) => {
  const upstream = await http2(t, chained, (request, response) => {
    response.end(`${request.httpVersion} ${request.url}`);
  });
  for (const [allowed, version] of [
    [true, '2.0'],
    [false, '1.1'],
  ] as const) {
    const { client } = bench(t, { http2: allowed, tls: { ca: ca.cert } });
    const paths = ['/1', '/2', '/3'];
    const texts = await Promise.all(
      paths.map(async (path) => {
        const answer = await client.get(new URL(path, upstream.url), { signal: never() });
        return (await readBody(answer, 100)).toString();
      }),
    );
    assert.deepEqual(
      texts,
      paths.map((path) => `${version} ${path}`),
    );
    assert.equal(client.inFlight, 0);
  }
});

test('HTTP/2 that breaks', async (t) => {
  const upstream = await http2(t, chained, (request, response) => {
    if (request.url === '/refused') response.stream.close(2);
    else if (request.url === '/404') response.writeHead(404).end();
    else if (request.url === '/hang') response.write('x');
    else {
      response.write('x', () => {
        if (request.url === '/stream') response.stream.close(2);
        else response.stream.session?.destroy();
      });
    }
  });
  const options = { http2: true, tls: { ca: ca.cert } };
  const { client } = bench(t, options);
  const impatient = bench(t, { ...options, timeouts: { idle: 60 } });
  const get = (path: string) => client.get(new URL(path, upstream.url), { signal: never() });
  assert.equal((await faultFrom(get('/refused'))).code, 'UPSTREAM_UNREACHABLE');
  assert.equal((await faultFrom(get('/404'))).code, 'NOT_FOUND');
  const rows = [
    ['/stream', 'UPSTREAM_UNREACHABLE'],
    ['/session', 'UPSTREAM_UNREACHABLE'],
  ] as const;
  for (const [path, code] of rows) {
    const error = await faultFrom(get(path).then((answer) => readBody(answer, 10)));
    assert.equal(error.code, code, `${path}: ${error.message}`);
    assert.equal(client.inFlight, 0);
  }
  const hung = await impatient.client.get(new URL('/hang', upstream.url), { signal: never() });
  assert.equal((await faultFrom(readBody(hung, 10))).code, 'UPSTREAM_TIMEOUT');
});

test('through a proxy', async (t) => {
  const secure = await https(t, chained, (_, response) => response.end('secure'));
  const plain = await http(t, (_, response) => response.end('plain'));
  const tls = { ca: ca.cert };
  const text = async (client: ReturnType<typeof bench>['client'], url: URL) =>
    (await readBody(await client.get(url, { signal: never() }), 100)).toString();

  await t.test('explicit, with credentials: a tunnel for https, forwarding for http', async (t) => {
    const fake = await proxy(t);
    const { client } = bench(t, { tls, proxy: `http://pat:s%3A3@127.0.0.1:${fake.port}` });
    const authorization = `Basic ${Buffer.from('pat:s:3').toString('base64')}`;
    assert.equal(await text(client, secure.url), 'secure');
    assert.equal(await text(client, new URL('/x?y', plain.url)), `forwarded for 127.0.0.1:${plain.port}`);
    assert.deepEqual(fake.seen, [
      { line: `CONNECT localhost:${secure.port}`, authorization },
      { line: `GET http://127.0.0.1:${plain.port}/x?y`, authorization },
    ]);
  });
  await t.test('from the environment, decided for each URL', async (t) => {
    const fake = await proxy(t);
    const env = {
      HTTPS_PROXY: `127.0.0.1:${fake.port}`,
      HTTP_PROXY: fake.url.href,
      NO_PROXY: 'direct.example',
    };
    const { client } = bench(t, { proxy: 'env' }, { env });
    assert.equal(await text(client, plain.url), 'plain', 'loopback is never proxied');
    const url = new URL('http://modgate.invalid/m');
    assert.equal(await text(client, url), 'forwarded for modgate.invalid');
    assert.equal(fake.seen.length, 1);
  });
  const faults: readonly [number, string, RegExp][] = [
    [407, 'UPSTREAM_DENIED', /^source "corp": the proxy http:\/\/127\.0\.0\.1:\d+\/ wants other credentials/],
    [403, 'UPSTREAM_DENIED', /the proxy \S+ refused to connect, with status 403/],
    [502, 'UPSTREAM_UNREACHABLE', /the proxy \S+ refused to connect, with status 502/],
  ];
  for (const [status, code, message] of faults) {
    await t.test(`refuses with ${status}`, async (t) => {
      const fake = await proxy(t, status);
      const { client } = bench(t, { tls, proxy: `http://u:s3cret@127.0.0.1:${fake.port}` });
      const error = await faultFrom(client.get(secure.url, { signal: never() }));
      assert.equal(error.code, code);
      assert.match(error.message, message);
      assert.doesNotMatch(error.message, /s3cret/);
      if (status !== 407) return;
      const forwarded = await faultFrom(client.get(plain.url, { signal: never() }));
      assert.equal(forwarded.code, 'UPSTREAM_DENIED');
      assert.match(forwarded.message, /the proxy \S+ wants other credentials/);
    });
  }
  await t.test('is down', async (t) => {
    for (const url of [secure.url, plain.url]) {
      const { client } = bench(t, { proxy: 'http://u:s3cret@127.0.0.1:1' });
      const error = await faultFrom(client.get(url, { signal: never() }));
      assert.equal(error.code, 'UPSTREAM_UNREACHABLE');
      assert.match(
        error.message,
        /the proxy http:\/\/127\.0\.0\.1:1\/ cannot be reached: connection refused/,
      );
      assert.doesNotMatch(error.message, /s3cret/);
    }
  });
  await t.test('hangs', async (t) => {
    const silent = await http(t, () => {});
    const proxied = { proxy: silent.url.href };
    const { client } = bench(t, { ...proxied, timeouts: { connect: 60 } });
    const tunnel = await faultFrom(client.get(secure.url, { signal: never() }));
    // Node's server closes a CONNECT that nobody handles.
    assert.match(tunnel.message, /the proxy \S+ cannot be reached|no connection within 60 ms/);
    const waiting = bench(t, { ...proxied, timeouts: { firstByte: 60 } });
    const forwarded = await faultFrom(waiting.client.get(plain.url, { signal: never() }));
    assert.match(forwarded.message, /no first byte within 60 ms \(\S+ through the proxy http/);
  });
  await t.test('the certificate behind it is still verified', async (t) => {
    const fake = await proxy(t);
    const { client } = bench(t, { proxy: fake.url.href });
    assert.equal((await faultFrom(client.get(secure.url, { signal: never() }))).code, 'UPSTREAM_TLS');
  });
  await t.test('an https proxy', async (t) => {
    const fake = await proxy(t, 200, chained);
    const { client } = bench(t, { tls, proxy: fake.url.href });
    assert.equal(await text(client, secure.url), 'secure');
    assert.match(await text(client, plain.url), /^forwarded for/);
    assert.deepEqual(
      fake.seen.map(({ line }) => line.split(' ')[0]),
      ['CONNECT', 'GET'],
    );
    const stranger = bench(t, { proxy: fake.url.href });
    const error = await faultFrom(stranger.client.get(secure.url, { signal: never() }));
    assert.match(
      error.message,
      /the proxy https:\/\/localhost:\d+\/ cannot be reached: its certificate is not/,
    );
  });
  await t.test('that is no http URL', async (t) => {
    assert.throws(() => bench(t, { proxy: 'socks5://127.0.0.1:1' }), { code: 'CONFIG_INVALID' });
    const { client } = bench(t, { proxy: 'env' }, { env: { HTTPS_PROXY: 'socks5://127.0.0.1:1' } });
    const error = await faultFrom(client.get(new URL('https://corp.example'), { signal: never() }));
    assert.equal(error.code, 'CONFIG_INVALID');
    assert.match(error.message, /HTTPS_PROXY is no http or https URL/);
  });
});
