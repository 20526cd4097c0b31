import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { IncomingHttpHeaders } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { readBody } from './body.ts';
import { bench, type Fake, faultFrom, http, never } from './fakes.test.kit.ts';
import type { Auth } from './options.ts';

/** Redirects as told by path, else answers 200; keeps the headers of each request. */
async function recording(t: TestContext, redirects: Record<string, string> = {}) {
  const seen: { path: string; headers: IncomingHttpHeaders }[] = [];
  const upstream: Fake = await http(t, (request, response) => {
    const path = request.url ?? '';
    seen.push({ path, headers: request.headers });
    const location = redirects[path];
    if (location !== undefined) response.writeHead(302, { location }).end('moved');
    else response.end('x');
  });
  return { ...upstream, seen };
}

const basic = (pair: string) => `Basic ${Buffer.from(pair).toString('base64')}`;

test('credentials', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'modgate-auth-'));
  t.after(() => rm(folder, { recursive: true }));
  const upstream = await recording(t);
  const host = `127.0.0.1:${upstream.port}`;
  const file = join(folder, 'netrc');
  await writeFile(file, `machine 127.0.0.1 login no password no\nmachine ${host} login ann password s3`);
  const rows: readonly [string, Auth, string, string | undefined][] = [
    ['none', { kind: 'none' }, '', undefined],
    ['basic', { kind: 'basic', username: 'ann', password: 'p:w' }, '', basic('ann:p:w')],
    ['bearer', { kind: 'bearer', token: 't0k' }, '', 'Bearer t0k'],
    ['netrc with port', { kind: 'netrc', file }, '', basic('ann:s3')],
    ['netrc from $NETRC', { kind: 'netrc', file: undefined }, '', basic('ann:s3')],
    ['user info', { kind: 'none' }, 'a%40b:c%3Ad@', basic('a@b:c:d')],
    ['bearer beats user info', { kind: 'bearer', token: 't0k' }, 'a:b@', 'Bearer t0k'],
  ];
  for (const [name, auth, user, expected] of rows) {
    await t.test(name, async (t) => {
      const { client } = bench(t, { auth, headers: { 'X-Team': 'build' } }, { env: { NETRC: file } });
      await readBody(await client.get(new URL(`http://${user}${host}/`), { signal: never() }), 1);
      const headers = upstream.seen.at(-1)?.headers;
      assert.equal(headers?.authorization, expected);
      assert.equal(headers?.['x-team'], 'build');
    });
  }
});

test('a denial tells which credentials were sent, never what they are', async (t) => {
  const upstream = await http(t, (_, response) => response.writeHead(401).end());
  const { client } = bench(t, { auth: { kind: 'netrc', file: tmpdir() } });
  const error = await faultFrom(client.get(upstream.url, { signal: never() }));
  assert.match(error.message, /none, the netrc file cannot be read \(EISDIR\)/);
  const bearer = bench(t, { auth: { kind: 'bearer', token: 's3cret' } });
  const denied = await faultFrom(bearer.client.get(upstream.url, { signal: never() }));
  assert.match(denied.message, /credentials sent: bearer/);
  assert.doesNotMatch(`${denied.message}${denied.next}${bearer.log()}`, /s3cret/);
});

test('redirects: credentials stay at home, conditions go along', async (t) => {
  const other = await recording(t);
  const redirects: Record<string, string> = { '/same': '/end', '/other': `${other.url.href}end` };
  const upstream = await recording(t, redirects);
  const { client } = bench(t, {
    auth: { kind: 'basic', username: 'ann', password: 'pw' },
    headers: { 'private-token': 's3cret' },
  });
  const get = async (path: string) => {
    const headers = { 'if-none-match': '"e"' };
    const answer = await client.get(new URL(path, upstream.url), { signal: never(), headers });
    await readBody(answer, 1);
    return answer.url;
  };
  assert.equal(await get('/same'), `${upstream.url.href}end`);
  assert.equal(upstream.seen.at(-1)?.path, '/end');
  assert.equal(upstream.seen.at(-1)?.headers.authorization, basic('ann:pw'));
  assert.equal(await get('/other'), `${other.url.href}end`);
  const away = other.seen.at(-1)?.headers;
  assert.equal(away?.authorization, undefined);
  assert.equal(away?.['private-token'], undefined);
  assert.equal(away?.['if-none-match'], '"e"');
});

test('once away, credentials are not sent at home again either', async (t) => {
  const locations: Record<string, string> = {};
  const home = await recording(t, locations);
  const other = await recording(t, { '/back': `${home.url.href}end` });
  locations['/start'] = `${other.url.href}back`;
  const { client } = bench(t, { auth: { kind: 'bearer', token: 't' } });
  await readBody(await client.get(new URL('/start', home.url), { signal: never() }), 1);
  assert.deepEqual(
    home.seen.map(({ path, headers }) => [path, headers.authorization]),
    [
      ['/start', 'Bearer t'],
      ['/end', undefined],
    ],
  );
});

test('redirect loops and long trails', async (t) => {
  const steps = Object.fromEntries(Array.from({ length: 12 }, (_, i) => [`/${i}`, `/${i + 1}`]));
  const upstream = await recording(t, { ...steps, '/loop': '/loop', '/file': 'file:///etc/passwd' });
  const { client } = bench(t);
  const fault = (path: string) => faultFrom(client.get(new URL(path, upstream.url), { signal: never() }));
  assert.equal((await fault('/loop')).code, 'UPSTREAM_REDIRECT_LOOP');
  assert.equal((await fault('/0')).code, 'UPSTREAM_REDIRECT_LOOP');
  assert.equal((await fault('/file')).code, 'UPSTREAM_BAD_ANSWER');
  await readBody(await client.get(new URL('/2', upstream.url), { signal: never() }), 1);
  assert.equal(client.inFlight, 0);
});

test('headers that cannot be sent are refused at the start', async (t) => {
  for (const headers of [{ 'x y': '1' }, { x: 'a\r\nb: c' }, { Host: 'x' }, { 'Content-Length': '1' }]) {
    assert.throws(() => bench(t, { headers }), { code: 'CONFIG_INVALID' });
  }
});

test('an upstream that repeats its request cannot make a message tell the credentials', async (t) => {
  const upstream = await http(t, (request, response) => {
    response.writeHead(403, { 'content-type': 'text/plain' });
    response.end(`no: ${request.headers.authorization} ${String(request.headers['x-team-key'])}`);
  });
  const url = new URL(`http://127.0.0.1:${upstream.port}/`);
  const auths: readonly Auth[] = [
    { kind: 'bearer', token: 't0ken-of-ours' },
    { kind: 'basic', username: 'ann', password: 't0ken-of-ours' },
  ];
  for (const auth of auths) {
    const { client } = bench(t, { auth, headers: { 'X-Team-Key': 't0ken-of-the-team' } });
    const fault = await faultFrom(client.get(url, { signal: never() }));
    assert.match(fault.message, /it says: no: .*\[secret\]/);
    assert.doesNotMatch(fault.message, /t0ken/);
    assert.ok(!fault.message.includes(basic('ann:t0ken-of-ours').slice(6)));
  }
});
