/** The ways by which an upload can come: curl, TLS, HTTP/2, a path prefix, a chain with others, too many at once. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import http2 from 'node:http2';
import net from 'node:net';
import path from 'node:path';
import { test } from 'node:test';
import { certificates } from '../kit/front.ts';
import { SOURCE } from '../kit/gateway.ts';
import { modgateCommand } from '../kit/modgate.ts';
import { libZip, MODULE, publish, publishingPair, put, TOKEN, uploadPath } from '../kit/publish.ts';
import { bounded, until } from '../kit/wait.ts';

const BASE = `/${MODULE}/@v`;

async function curl(...args: string[]): Promise<string> {
  const child = spawn('curl', ['-sS', '--noproxy', '*', ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  child.stdout.on('data', (piece: Buffer) => {
    text += piece.toString();
  });
  await bounded(once(child, 'close'), 'curl');
  return text;
}

test('curl --upload-file publishes, below a prefix too', async (t) => {
  const { modgate } = await publishingPair(t, { config: { prefix: '/goproxy' } });
  const file = path.join(modgate.folder, 'lib.zip');
  fs.writeFileSync(file, libZip('v1.0.0'));
  const url = `${modgate.url}${new URL(modgate.url).pathname === '/' ? '/goproxy' : ''}${uploadPath('v1.0.0')}`;
  const answer = await curl('--upload-file', file, '-H', `Authorization: Bearer ${TOKEN}`, url);
  assert.equal(JSON.parse(answer).status, 'published');
  const chunked = ['-H', 'Transfer-Encoding: chunked', '-H', 'Expect: 100-continue'];
  const again = await curl('-T', file, ...chunked, '-H', `Authorization: Bearer ${TOKEN}`, url);
  assert.equal(JSON.parse(again).status, 'unchanged');
});

test('by TLS, HTTP/1.1 and HTTP/2, with the same answers', async (t) => {
  const folder = fs.mkdtempSync('/tmp/modgate-tls-');
  t.after(async () => fs.rmSync(folder, { recursive: true, force: true }));
  const { ca, cert, key } = await certificates(folder);
  const { modgate } = await publishingPair(t, { config: { tls: { cert, key } } });
  const zip = libZip('v1.0.0');
  const session = http2.connect(modgate.url, { ca: fs.readFileSync(ca), servername: 'goproxy.corp.test' });
  t.after(async () => session.destroy());
  const send = async (token: string, headers: http2.OutgoingHttpHeaders = {}) => {
    const stream = session.request({
      ':method': 'PUT',
      ':path': uploadPath('v1.0.0'),
      authorization: `Bearer ${token}`,
      ...headers,
    });
    let status = 0;
    let text = '';
    stream.on('response', (answer) => {
      status = Number(answer[':status']);
    });
    stream.setEncoding('utf8').on('data', (piece: string) => {
      text += piece;
    });
    const over = once(stream, 'close');
    if (headers.expect === undefined) stream.end(zip);
    else {
      stream.on('continue', () => stream.end(zip));
      stream.on('response', () => stream.end());
    }
    await bounded(over, 'the answer by HTTP/2');
    return { status, text };
  };
  assert.equal((await send('wrong')).status, 401);
  const first = await send(TOKEN, { expect: '100-continue' });
  assert.equal(first.status, 201, first.text);
  assert.equal((await send(TOKEN)).status, 200);
  assert.equal(session.alpnProtocol, 'h2');
  const port = new URL(modgate.url).port;
  const name = `goproxy.corp.test:${port}`;
  const resolve = ['--resolve', `${name}:127.0.0.1`, '--cacert', ca, '--http1.1'];
  const file = path.join(folder, 'lib.zip');
  fs.writeFileSync(file, zip);
  const target = `https://${name}${uploadPath('v1.0.0')}`;
  const answer = await curl(...resolve, '-T', file, '-H', `Authorization: Bearer ${TOKEN}`, target);
  assert.equal(JSON.parse(answer).status, 'unchanged');
  const env = { MODGATE_PUBLISH_TOKEN: TOKEN };
  const args = ['publish', file, '--version', 'v1.0.0', '--server', modgate.url];
  const untrusted = modgateCommand(args, { env });
  assert.deepEqual(
    [untrusted.code, /code: UPSTREAM_TLS/.test(untrusted.stderr)],
    [1, true],
    untrusted.stderr,
  );
});

test('a version that was fetched before stays what it was', async (t) => {
  const config = { routes: [{ match: 'example.com/*', chain: `published,${SOURCE}` }] };
  const { modgate, upstream } = await publishingPair(t, { config });
  const module = 'example.com/plain';
  const url = `/${module}/@v/v1.1.0`;
  const fetched = await modgate.ask(`${url}.zip`);
  assert.equal(fetched.status, 200);
  const other = await publish(modgate, 'v1.1.0', libZip('v1.1.0', {}, module), { module });
  assert.equal(other.status, 409, other.text);
  assert.match(other.text, /stored: h1:.{44}\nsent: {3}h1:.{44}\n/);
  assert.deepEqual((await modgate.ask(`${url}.zip`)).body, fetched.body);
  const mod = await modgate.ask(`/${module}/@v/v1.0.0.mod`);
  const named = libZip('v1.0.0', { 'go.mod': `${mod.text}\n// more\n` }, module);
  assert.equal((await publish(modgate, 'v1.0.0', named, { module })).status, 409);

  assert.doesNotMatch((await modgate.ask(`/${module}/@latest`)).text, /v1\.9\.0/);
  const own = await publish(modgate, 'v1.9.0', libZip('v1.9.0', {}, module), { module });
  assert.equal(own.status, 201, own.text);
  assert.match((await modgate.ask(`/${module}/@v/list`)).text, /v1\.1\.0\n(?:.*\n)*v1\.9\.0\n/);
  assert.match((await modgate.ask(`/${module}/@latest`)).text, /v1\.9\.0/);
  const asked = upstream.requests.filter((request) => request.path.includes('v1.9.0'));
  assert.deepEqual(asked, []);
});

test('a file of a published version that is lost comes from no source in its stead', async (t) => {
  const module = 'example.com/mod';
  const config = { routes: [{ match: module, chain: `published,${SOURCE}` }], workers: 2 };
  const { modgate, upstream } = await publishingPair(t, { config });
  assert.equal((await publish(modgate, 'v1.0.0', libZip('v1.0.0', {}, module), { module })).status, 201);
  const url = `/${module}/@v/v1.0.0`;
  for (const kind of ['zip', 'mod']) {
    fs.rmSync(path.join(modgate.data, `tree${url}.${kind}`));
    const lost = await modgate.ask(`${url}.${kind}`);
    assert.deepEqual([lost.status, /published here/.test(lost.text)], [500, true], lost.text);
  }
  fs.rmSync(path.join(modgate.data, `tree${url}.info`));
  assert.equal((await modgate.ask(`${url}.info`)).status, 404);
  assert.deepEqual(upstream.requests, []);
});

test('more uploads than are taken at once are told to come again', async (t) => {
  const { modgate } = await publishingPair(t);
  const { hostname, port } = new URL(modgate.url);
  const zip = libZip('v1.0.0');
  const head = `PUT ${uploadPath('v1.0.0')} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${TOKEN}\r\nContent-Length: ${zip.length}\r\nExpect: 100-continue\r\n\r\n`;
  const slow = Array.from({ length: 8 }, () => net.connect(Number(port), hostname));
  t.after(async () => {
    for (const socket of slow) socket.destroy();
  });
  for (const socket of slow) {
    socket.on('error', () => undefined);
    socket.write(head);
    // "Go on": it has its place.
    await bounded(once(socket, 'data'), 'its place');
  }
  const refused = await publish(modgate, 'v1.0.0', zip);
  assert.equal(refused.status, 503, refused.text);
  assert.equal(refused.headers['retry-after'], '5');
  assert.match(refused.text, /8 modules are being published/);
  for (const socket of slow) socket.destroy();
  const taken = await until(async () => {
    const answer = await put(modgate.url, uploadPath('v1.0.0'), zip);
    return answer.status === 503 ? undefined : answer;
  }, 'a place');
  assert.equal(taken.status, 201, taken.text);
  assert.equal((await modgate.ask(`${BASE}/list`)).text, 'v1.0.0\n');
});
