/** Modules that are published to the real program, by uploads as they come from a CI and from whoever else. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { describe, test } from 'node:test';
import { Go, withoutGo } from '../kit/go.ts';
import { raw } from '../kit/http.ts';
import { libZip, MODULE, publish, publishingPair, put, TOKEN, uploadPath } from '../kit/publish.ts';
import { lines } from '../kit/store.ts';
import { lineTo } from '../kit/workers.ts';

const BASE = `/${MODULE}/@v`;

describe('an upload', () => {
  test('is listed, served, indexed and audited at once, and is never asked of the upstream', async (t) => {
    const { modgate, upstream } = await publishingPair(t);
    assert.equal((await modgate.ask(`${BASE}/list`)).status, 404);
    assert.equal((await modgate.ask(`/${MODULE}/@latest`)).status, 404);
    assert.equal((await modgate.ask('/corp.test/@v/list')).status, 404);
    const lookup = await modgate.ask(`/sumdb/${upstream.sumdb.name}/lookup/${MODULE}@v1.0.0`);
    assert.deepEqual([lookup.status, /code: PRIVATE_MODULE/.test(lookup.text)], [403, true], lookup.text);
    assert.equal((await modgate.ask(`${BASE}/v1.0.0.info`)).status, 404);
    const zip = libZip('v1.0.0');
    const first = await publish(modgate, 'v1.0.0', zip);
    assert.equal(first.status, 201, first.text);
    const { h1, ...told } = JSON.parse(first.text);
    assert.deepEqual(told, { module: MODULE, version: 'v1.0.0', status: 'published' });
    assert.match(h1, /^h1:.{44}$/);

    assert.equal((await modgate.ask(`${BASE}/list`)).text, 'v1.0.0\n');
    const info = await modgate.ask(`${BASE}/v1.0.0.info`);
    assert.match(info.text, /^{"Version":"v1.0.0","Time":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"}$/);
    assert.equal((await modgate.ask(`/${MODULE}/@latest`)).text, info.text);
    assert.equal((await modgate.ask(`${BASE}/v1.info`)).text, info.text);
    assert.equal((await modgate.ask(`${BASE}/v1.0.0.mod`)).text, `module ${MODULE}\n\ngo 1.20\n`);
    assert.deepEqual((await modgate.ask(`${BASE}/v1.0.0.zip`)).body, zip);
    assert.match((await modgate.ask('/index')).text, /"Path":"corp.test\/lib","Version":"v1.0.0"/);
    assert.equal(fs.readFileSync(path.join(modgate.data, 'tree', `${BASE}/list`), 'utf8'), 'v1.0.0\n');
    const [entry] = lines(fs.readFileSync(path.join(modgate.data, 'audit.jsonl'), 'utf8'));
    const { time, request, ...record } = entry ?? {};
    assert.match(String(time), /^\d{4}-/);
    assert.equal(typeof request, 'string');
    assert.deepEqual(record, {
      action: 'publish',
      module: MODULE,
      version: 'v1.0.0',
      h1,
      reason: null,
      who: 'publish',
      remote: '127.0.0.1',
    });

    const again = await publish(modgate, 'v1.0.0', zip);
    assert.deepEqual([again.status, JSON.parse(again.text).status], [200, 'unchanged']);
    const other = await publish(modgate, 'v1.0.0', libZip('v1.0.0', { 'more.go': 'package lib\n' }));
    assert.equal(other.status, 409, other.text);
    assert.match(other.text, new RegExp(`stored: ${h1.replaceAll('+', '\\+')}\nsent: {3}h1:.{44}\n`));
    assert.match(other.text, /code: ALREADY_PUBLISHED/);
    assert.deepEqual((await modgate.ask(`${BASE}/v1.0.0.zip`)).body, zip);
    const page = (await modgate.ask('/metrics')).text;
    assert.match(page, /modgate_published_total\{outcome="published"\} 1\n/);
    assert.match(page, /modgate_published_total\{outcome="unchanged"\} 1\n/);
    assert.match(page, /modgate_published_total\{outcome="conflict"\} 1\n/);
    assert.equal(upstream.requests.length, 0, 'the upstream was asked');
  });

  test('is refused with the reason where it cannot be taken, and leaves nothing', async (t) => {
    const { modgate } = await publishingPair(t);
    const zip = libZip('v1.0.0');
    const bad = (files: Record<string, string>) => libZip('v1.0.0', files);
    const cases: [what: string, reply: ReturnType<typeof put>, status: number, text: RegExp][] = [
      ['no token', publish(modgate, 'v1.0.0', zip, { token: null }), 401, /the request has no token/],
      ['another token', publish(modgate, 'v1.0.0', zip, { token: `${TOKEN}x` }), 401, /the token is wrong/],
      [
        'another route',
        publish(modgate, 'v1.0.0', libZip('v1.0.0', {}, 'example.com/x'), { module: 'example.com/x' }),
        403,
        /match: "example\.com\/x", chain: published, private: true/,
      ],
      ['a version that is none', put(modgate.url, uploadPath('v1.0'), zip), 400, /not canonical/],
      ['a major that the path has not', put(modgate.url, uploadPath('v2.0.0'), zip), 400, /v2\.0\.0/],
      [
        'a pseudo-version',
        publish(modgate, 'v0.0.0-20240102030405-0123456789ab', zip),
        400,
        /pseudo-version/,
      ],
      ['+incompatible', publish(modgate, 'v2.0.0+incompatible', zip), 400, /modules without a go\.mod/],
      ['a version too long for a file', publish(modgate, `v1.0.0-${'a'.repeat(240)}`, zip), 400, /too long/],
      [
        'a go.mod that cannot be read',
        publish(modgate, 'v1.0.0', bad({ 'go.mod': `module ${MODULE}\n\nrequire (\n` })),
        400,
        /cannot be read\ngo\.mod:\d: /,
      ],
      [
        'another spelling of the path',
        put(modgate.url, uploadPath('v1.0.0').replace('/-/', '/%2d/'), zip),
        404,
        /uploads go to/,
      ],
      ['no zip', publish(modgate, 'v1.0.0', Buffer.from('no zip')), 400, /not a zip|no zip|zip/],
      ['an empty body', publish(modgate, 'v1.0.0', Buffer.alloc(0)), 400, /brings no zip/],
      ['another path in the zip', publish(modgate, 'v1.1.0', zip), 400, /does not begin with/],
      [
        'another path in go.mod',
        publish(modgate, 'v1.0.0', bad({ 'go.mod': 'module corp.test/other\n' })),
        400,
        /says "module corp\.test\/other"/,
      ],
      [
        'all faults of the names',
        publish(modgate, 'v1.0.0', bad({ 'a:b': '', 'LIB.go': '', 'sub/go.mod': 'module x\n' })),
        400,
        /a:b.*LIB\.go.*sub\/go\.mod/s,
      ],
      [
        'an encoding',
        publish(modgate, 'v1.0.0', zip, { headers: { 'content-encoding': 'gzip' } }),
        400,
        /content-encoding/,
      ],
      ['GET', put(modgate.url, uploadPath('v1.0.0'), Buffer.alloc(0), { method: 'GET' }), 405, /use PUT/],
      ['PUT elsewhere', put(modgate.url, `${BASE}/v1.0.0.zip`, zip), 405, /use GET or HEAD/],
    ];
    for (const [what, reply, status, text] of cases) {
      const answer = await reply;
      assert.equal(answer.status, status, `${what}: ${answer.text}`);
      assert.match(answer.text, text, what);
      assert.ok(answer.text.split('\n').length <= 9, what);
    }
    assert.match(
      String((await publish(modgate, 'v1.0.0', zip, { token: null })).headers['www-authenticate']),
      /^Bearer/,
    );
    assert.deepEqual(modgate.files('tree'), []);
    assert.equal(fs.existsSync(path.join(modgate.data, 'audit.jsonl')), false);
  });

  test('without a go.mod in the zip is refused', async (t) => {
    const { modgate } = await publishingPair(t);
    const zip = libZip('v1.0.0', { 'go.mod': '' });
    const answer = await publish(modgate, 'v1.0.0', zip);
    assert.equal(answer.status, 400, answer.text);
    assert.match(answer.text, /says "module "/);
  });

  test('is refused where nothing is configured for it', async (t) => {
    const { modgate } = await publishingPair(t, { config: { publish: {} } });
    const answer = await publish(modgate, 'v1.0.0', libZip('v1.0.0'));
    assert.equal(answer.status, 403, answer.text);
    assert.match(answer.text, /publish\.token is not set/);
  });

  test('that waits for "go on" is told to only where it will be read', async (t) => {
    const { modgate } = await publishingPair(t);
    const zip = libZip('v1.0.0');
    const head = (token: string, length: number) =>
      `PUT ${uploadPath('v1.0.0')} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\nContent-Length: ${length}\r\nExpect: 100-continue\r\n\r\n`;
    assert.match(await raw(modgate.url, head('wrong', zip.length)), /^HTTP\/1\.1 401 /);
    assert.match(await raw(modgate.url, head(TOKEN, 501 << 20)), /^HTTP\/1\.1 413 /);
    const whole = Buffer.concat([Buffer.from(head(TOKEN, zip.length)), zip]);
    assert.match(await raw(modgate.url, whole), /^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 201 /);
  });

  test('that is cut off leaves nothing', async (t) => {
    const { modgate } = await publishingPair(t);
    const zip = libZip('v1.0.0');
    const line = (rest: string) =>
      `PUT ${uploadPath('v1.0.0')} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${TOKEN}\r\n${rest}\r\n\r\n`;
    const cut = Buffer.concat([Buffer.from(line(`Content-Length: ${zip.length}`)), zip.subarray(0, 100)]);
    const { hostname, port } = new URL(modgate.url);
    const { connect } = await import('node:net');
    await new Promise<void>((resolve) => {
      const socket = connect(Number(port), hostname, () => socket.write(cut, () => socket.destroy()));
      socket.on('close', () => resolve());
    });
    await modgate.log((entry) => entry.route === 'publish', 'the record of the upload');
    const chunk = Buffer.concat([
      Buffer.from(`${line('Transfer-Encoding: chunked')}${zip.length.toString(16)}\r\n`),
      zip,
      Buffer.from('\r\n0\r\n\r\n'),
    ]);
    assert.deepEqual(modgate.files('tree'), []);
    assert.match(await raw(modgate.url, chunk), /^HTTP\/1\.1 201 /);
  });
});

describe('with several workers', () => {
  test('what one took in is told by every other at once', async (t) => {
    const { modgate } = await publishingPair(t, { config: { workers: 2 } });
    const [one, two] = [await lineTo(modgate, (n) => n === 0), await lineTo(modgate, (n) => n === 1)];
    t.after(async () => {
      one.close();
      two.close();
    });
    for (let n = 0; n < 5; n++) {
      for (const line of [one, two]) await line.ask(`/${MODULE}/@latest`);
      const answer = await publish(modgate, `v1.${n}.0`, libZip(`v1.${n}.0`));
      assert.equal(answer.status, 201, answer.text);
      for (const line of [one, two]) {
        assert.match((await line.ask(`${BASE}/list`)).text, new RegExp(`v1\\.${n}\\.0\n`), `${n}`);
        assert.match((await line.ask(`/${MODULE}/@latest`)).text, new RegExp(`"v1\\.${n}\\.0"`));
        assert.equal((await line.ask(`${BASE}/v1.${n}.0.mod`)).status, 200);
        assert.match((await line.ask('/index')).text, new RegExp(`"v1\\.${n}\\.0"`));
      }
    }
  });

  test('of uploads of one version at the same time one wins, and the others learn of it', async (t) => {
    const { modgate } = await publishingPair(t, { config: { workers: 2 } });
    const zips = [libZip('v1.0.0'), libZip('v1.0.0', { 'b.go': 'package lib\n' })];
    const answers = await Promise.all(
      Array.from({ length: 8 }, (_, n) => publish(modgate, 'v1.0.0', zips[n % 2] ?? Buffer.alloc(0))),
    );
    const statuses = answers.map(({ status }) => status);
    const winner = statuses.indexOf(201);
    assert.equal(statuses.filter((status) => status === 201).length, 1, String(statuses));
    for (const [n, status] of statuses.entries())
      if (n !== winner) assert.equal(status, n % 2 === winner % 2 ? 200 : 409, answers[n]?.text);
    assert.deepEqual((await modgate.ask(`${BASE}/v1.0.0.zip`)).body, zips[winner % 2]);
  });
});

describe('the go command', { skip: withoutGo }, () => {
  test('builds against a published module, and sees what is retracted', async (t) => {
    const { modgate, upstream } = await publishingPair(t);
    const go = new Go();
    t.after(async () => go.remove());
    for (const version of ['v1.2.2', 'v1.2.3']) await publish(modgate, version, libZip(version));
    const main = `package main\n\nimport "${MODULE}"\n\nfunc main() { println(lib.Version) }\n`;
    const cwd = go.project([`${MODULE} v1.2.3`], { 'main.go': main });
    const options = { proxy: modgate.url, cwd, env: { GONOSUMDB: 'corp.test/*', GOFLAGS: '-mod=mod' } };
    const run = await go.run(['run', '.'], options);
    assert.equal(run.code, 0, run.stderr);
    assert.match(run.stderr, /^v1\.2\.3$/m);

    const retracting = `module ${MODULE}\n\ngo 1.20\n\nretract v1.2.3 // wrong\n`;
    const next = await publish(modgate, 'v1.2.4', libZip('v1.2.4', { 'go.mod': retracting }));
    assert.equal(next.status, 201, next.text);
    const list = (...args: string[]) => go.run(['list', '-m', ...args, MODULE], options);
    assert.match((await list('-versions')).stdout, /v1\.2\.2 v1\.2\.4\n/);
    assert.match((await list('-retracted', '-versions')).stdout, /v1\.2\.2 v1\.2\.3 v1\.2\.4\n/);
    const kept = modgate
      .files('tree')
      .filter((name) => /\.named$|@latest$/.test(name) && name.includes(MODULE));
    assert.deepEqual(kept, [], 'an answer is kept that may be another one in a moment');
    assert.equal(upstream.requests.filter(({ path: asked }) => asked.includes('corp.test')).length, 0);
  });
});
