import assert from 'node:assert/strict';
import type { LookupFunction } from 'node:net';
import { type TestContext, test } from 'node:test';
import { readBody } from './body.ts';
import { bench, faultFrom, http, never } from './fakes.test.kit.ts';
import { TooNear } from './home.ts';
import { nearObjection } from './internet.ts';

/** A source in the Internet, for all that can be told: a proxy of the machine leads to it. Its answers are redirects. */
async function publicSource(t: TestContext, location: () => string, noProxy = '') {
  const asked: string[] = [];
  const proxy = await http(t, (request, response) => {
    asked.push(request.url ?? '');
    if (request.url !== 'http://modules.example/') response.end('beyond');
    else response.writeHead(302, { location: location() }).end();
  });
  const env = { HTTP_PROXY: `http://127.0.0.1:${proxy.port}`, NO_PROXY: noProxy };
  return { asked, env, url: new URL('http://modules.example/') };
}

/** What only this machine can reach. */
async function canary(t: TestContext) {
  let reached = 0;
  const { port } = await http(t, (_request, response) => {
    reached++;
    response.end('secret');
  });
  return { port, reached: () => reached };
}

function lookupOf(addresses: Readonly<Record<string, readonly string[]>>): LookupFunction {
  return (hostname, _options, callback) => {
    const list = addresses[hostname] ?? [];
    callback(
      null,
      list.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
    );
  };
}

test('a source in the Internet leads to no nearer place', async (t) => {
  const secret = await canary(t);
  const port = `:${secret.port}`;
  const places: readonly [location: string, named: RegExp][] = [
    [`http://127.0.0.1${port}/`, /127\.0\.0\.1, which is this machine; the source is in the Internet/],
    [`http://localhost${port}/`, /this machine/],
    [`http://x.localhost${port}/`, /this machine/],
    [`http://2130706433${port}/`, /127\.0\.0\.1/],
    [`http://0x7f.1${port}/`, /127\.0\.0\.1/],
    [`http://0177.0.0.1${port}/`, /127\.0\.0\.1/],
    [`http://127.1${port}/`, /127\.0\.0\.1/],
    [`http://0${port}/`, /0\.0\.0\.0, which is link-local or reserved/],
    [`http://[::1]${port}/`, /\[::1\]/],
    [`http://[::ffff:127.0.0.1]${port}/`, /this machine/],
    [`http://[::]${port}/`, /reserved/],
    ['http://169.254.169.254/latest/meta-data/', /169\.254\.169\.254, which is link-local/],
    ['http://[fd00:ec2::254]/', /private network/],
    ['http://10.0.0.1/', /private network/],
    ['http://metadata.google.internal/', /private network/],
    // No proxy for these: the name is resolved here.
    [`http://rebound.example${port}/`, /rebound\.example \(127\.0\.0\.1\), which is this machine/],
    [`http://mapped.example${port}/`, /mapped\.example \(::ffff:127\.0\.0\.1\)/],
    ['http://metadata.example/', /169\.254\.169\.254/],
  ];
  let location = '';
  const source = await publicSource(t, () => location, 'rebound.example,mapped.example,metadata.example');
  const { client } = bench(
    t,
    { proxy: 'env' },
    {
      env: source.env,
      lookup: lookupOf({
        'rebound.example': ['127.0.0.1'],
        'mapped.example': ['::ffff:127.0.0.1'],
        'metadata.example': ['169.254.169.254'],
      }),
    },
  );
  for (const [place, named] of places) {
    location = place;
    const fault = await faultFrom(client.get(source.url, { signal: never() }));
    assert.equal(fault.code, 'UPSTREAM_BAD_ANSWER', place);
    assert.match(fault.message, named, place);
    assert.match(fault.next ?? '', /a source of its own/);
  }
  assert.equal(secret.reached(), 0);
  assert.ok(
    source.asked.every((url) => url === 'http://modules.example/'),
    'the proxy is asked for none of them either',
  );
  location = 'http://storage.example/';
  const answer = await client.get(source.url, { signal: never() });
  assert.equal((await readBody(answer, 10)).toString(), 'beyond');
});

test('a source on this machine may stay on it, but leads to nothing nearer', async (t) => {
  const other = await canary(t);
  let location = `http://127.0.0.1:${other.port}/`;
  const { port } = await http(t, (_request, response) => response.writeHead(302, { location }).end());
  const { client } = bench(t, {}, { lookup: lookupOf({ 'two.example': ['169.254.169.254', '127.0.0.1'] }) });
  const get = () => client.get(new URL(`http://127.0.0.1:${port}/`), { signal: never() });
  assert.equal((await readBody(await get(), 10)).toString(), 'secret');
  location = `http://two.example:${other.port}/`;
  assert.equal((await readBody(await get(), 10)).toString(), 'secret', 'the other address is passed over');
  for (location of ['http://169.254.169.254/', 'http://0.0.0.0/'])
    assert.match((await faultFrom(get())).message, /the source is this machine, so it may not lead there/);
});

test('a client for the Internet alone asks nothing nearer, whatever names it', async (t) => {
  const secret = await canary(t);
  const source = await publicSource(t, () => 'http://127.0.0.1/', 'rebound.example,private.example');
  const { client } = bench(
    t,
    { proxy: 'env', reach: 'internet' },
    {
      env: source.env,
      lookup: lookupOf({ 'rebound.example': ['127.0.0.1'], 'private.example': ['10.0.0.1', '127.0.0.1'] }),
    },
  );
  const port = `:${secret.port}`;
  const near: readonly (readonly [string, RegExp])[] = [
    [`http://127.0.0.1${port}/`, /127\.0\.0\.1 is this machine, and only the Internet may be asked/],
    [`http://localhost${port}/`, /this machine/],
    [`http://0x7f.1${port}/`, /127\.0\.0\.1 is this machine/],
    [`http://[::1]${port}/`, /this machine/],
    ['http://10.0.0.1/', /private network/],
    ['http://wiki.internal/', /private network/],
    [`http://rebound.example${port}/`, /rebound\.example \(127\.0\.0\.1\) is this machine/],
    [`http://private.example${port}/`, /private\.example \(10\.0\.0\.1\) is in a private network/],
    ['http://modules.example/', /127\.0\.0\.1 is this machine/],
  ];
  for (const [url, named] of near) {
    const fault = await faultFrom(client.get(new URL(url), { signal: never() }));
    assert.match(fault.message, named, url);
    assert.ok(fault.cause instanceof TooNear, url);
  }
  assert.equal(secret.reached(), 0);
  assert.deepEqual(source.asked, ['http://modules.example/']);
  const answer = await client.get(new URL('http://other.example/'), { signal: never() });
  assert.equal((await readBody(answer, 10)).toString(), 'beyond', 'the Internet is asked, through the proxy');
});

test('what another program may be sent to is judged by all addresses of the name', async () => {
  const lookup = lookupOf({
    'public.example': ['8.8.8.8', '2606:4700::1111'],
    'mixed.example': ['8.8.8.8', '192.168.0.1'],
    'six.example': ['fd00::1'],
  });
  const proxied = { HTTPS_PROXY: 'http://proxy.example:3128' };
  const rows: readonly (readonly [url: string, env: NodeJS.ProcessEnv, near: string | undefined])[] = [
    ['https://public.example/x', {}, undefined],
    ['ssh://git@public.example/x', {}, undefined],
    ['https://8.8.8.8/x', {}, undefined],
    ['https://mixed.example/x', {}, 'mixed.example 192.168.0.1'],
    ['ssh://git@mixed.example:2222/x', {}, 'mixed.example 192.168.0.1'],
    ['ssh://git@six.example/x', {}, 'six.example fd00::1'],
    ['ssh://git@0x7f.1/x', {}, '127.0.0.1 '],
    ['ssh://git@LOCALHOST/x', {}, 'localhost '],
    ['https://[::1]/x', {}, '::1 '],
    ['https://10.1.2.3/x', {}, '10.1.2.3 '],
    // The proxy resolves it, so its addresses are not known here; but SSH takes no proxy.
    ['https://mixed.example/x', proxied, undefined],
    ['https://10.1.2.3/x', proxied, '10.1.2.3 '],
    ['ssh://git@mixed.example/x', proxied, 'mixed.example 192.168.0.1'],
    // Nothing may be dialed by a proxy that cannot be used, but git may know better.
    ['https://mixed.example/x', { HTTPS_PROXY: 'socks5://proxy.example' }, 'mixed.example 192.168.0.1'],
  ];
  for (const [url, env, near] of rows) {
    const found = await nearObjection(new URL(url), { env, lookup }, never());
    assert.equal(found && `${found.host} ${found.address}`, near, url);
  }
});

test('a name without an address is an outage, and one who leaves is told so', async () => {
  const url = new URL('https://none.example/');
  const lookup: LookupFunction = (_hostname, _options, callback) =>
    callback(Object.assign(new Error('no'), { code: 'ENOTFOUND' }), '');
  const fault = await faultFrom(nearObjection(url, { env: {}, lookup }, never()));
  assert.equal(fault.code, 'UPSTREAM_UNREACHABLE');
  const bad = await faultFrom(nearObjection(new URL('ssh://a%zzb/x'), { env: {}, lookup }, never()));
  assert.equal(bad.code, 'UPSTREAM_UNREACHABLE', 'a host that is none');
  const silent = { env: {}, lookup: () => undefined };
  const left = await faultFrom(nearObjection(url, silent, AbortSignal.abort()));
  assert.equal(left.code, 'CANCELED');
});
