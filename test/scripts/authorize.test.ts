/** What a reverse proxy is told that asks about its caller's request, and who is told to send a file. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { type Pair, pairFor, startPair } from '../kit/gateway.ts';
import type { Piece } from '../kit/modgate.ts';
import { hangUp } from '../kit/reload.ts';
import { lineTo, ownerOf, strangerTo, WORKERS } from '../kit/workers.ts';

const MEDIUM = '/example.com/medium/@v/v1.0.0.zip';

describe('/authorize', () => {
  let data: string;
  let pair: Pair;
  before(async () => {
    data = fs.mkdtempSync(path.join(os.tmpdir(), 'modgate-authorize-'));
    const first = await startPair({ data });
    assert.equal((await first.modgate.ask('/example.com/mod/@v/v1.0.0.zip')).status, 200);
    await first.close();
    const routes = [{ match: 'example.com/plain,example.com/mod', chain: 'off' }];
    pair = await startPair({ data, config: { routes } });
  });
  after(async () => {
    await pair.close();
    fs.rmSync(data, { recursive: true, force: true });
  });

  const PLAIN = '/example.com/plain/@v/v1.0.0.zip';
  const ROWS: [string, Record<string, string>, number, RegExp][] = [
    ['a file that a source may have', { 'x-original-uri': MEDIUM }, 204, /^$/],
    [
      'by the headers of Caddy and Traefik',
      { 'x-forwarded-uri': MEDIUM, 'x-forwarded-method': 'HEAD' },
      204,
      /^$/,
    ],
    ['a list', { 'x-original-uri': '/example.com/plain/@v/list' }, 204, /^$/],
    ['a chain that is off', { 'x-original-uri': PLAIN }, 403, /its chain is "off"[\s\S]*LOOKUP_OFF/],
    [
      'a chain that is off, but it is stored',
      { 'x-original-uri': '/example.com/mod/@v/v1.0.0.zip' },
      204,
      /^$/,
    ],
    ['no header', {}, 400, /X-Original-URI/],
    ['two that may differ', { 'x-original-uri': MEDIUM, 'x-forwarded-uri': PLAIN }, 400, /does not name/],
    ['another method', { 'x-original-uri': MEDIUM, 'x-original-method': 'PUT' }, 405, /METHOD_NOT_ALLOWED/],
    ['no route', { 'x-original-uri': '/example.com/medium/@v/v1.0.0.ziphash' }, 404, /BAD_ROUTE/],
    ['a hidden slash', { 'x-original-uri': '/example.com%2fmedium/@v/v1.0.0.zip' }, 404, /BAD_ROUTE/],
    ['another folder', { 'x-original-uri': '/example.com/x/../medium/@v/v1.0.0.zip' }, 404, /BAD_ROUTE/],
    ['a query', { 'x-original-uri': `${MEDIUM}?x` }, 404, /BAD_ROUTE/],
    ['itself', { 'x-original-uri': '/authorize' }, 404, /BAD_ROUTE/],
  ];
  for (const [what, headers, status, text] of ROWS)
    test(`${what}: ${status}`, async () => {
      const reply = await pair.modgate.ask('/authorize', { headers });
      assert.equal(reply.status, status, reply.text);
      assert.match(reply.text, text);
      assert.equal(reply.headers['cache-control'], 'no-store');
    });
});

const THROUGH = { 'x-forwarded-for': '192.0.2.1' };
const ACCEL = { type: 'x-accel-redirect' };

describe('sendfile', () => {
  test('a large stored file is named to a trusted proxy; a small, a growing one is not', async (t) => {
    const config = { trusted_proxies: '127.0.0.1', sendfile: { type: 'x-sendfile' } };
    const { modgate } = await pairFor(t, { config });
    const growing = await modgate.ask(MEDIUM, { headers: THROUGH });
    assert.equal(growing.headers['x-sendfile'], undefined);
    assert.ok(growing.body.length > 4 << 20);
    const stored = await modgate.ask(MEDIUM, { headers: { ...THROUGH, range: 'bytes=0-1' } });
    assert.equal(stored.status, 200);
    assert.equal(stored.headers['x-sendfile'], `${modgate.data}/tree${MEDIUM}`);
    assert.equal(stored.headers.vary, 'X-Modgate-Sendfile');
    assert.equal(stored.headers['content-type'], 'application/zip');
    assert.match(stored.headers['cache-control'] ?? '', /immutable/);
    assert.equal(stored.body.length, 0);
    const direct = await modgate.ask(MEDIUM);
    assert.deepEqual(direct.body, growing.body, 'who asks without a proxy gets bytes');
    for (const name of ['etag', 'last-modified']) assert.equal(stored.headers[name], direct.headers[name]);
    for (const _ of ['cold', 'warm']) {
      const small = await modgate.ask('/example.com/plain/@v/v1.0.0.zip', { headers: THROUGH });
      assert.equal(small.headers['x-sendfile'], undefined);
      assert.ok(small.body.length > 0);
    }
  });

  const BYTES: [what: string, config: Record<string, Piece>, headers: Record<string, string>][] = [
    ['nobody else is told a path', { trusted_proxies: '192.0.2.0/24,unix', sendfile: ACCEL }, THROUGH],
    [
      'nor is who asks for it as of a Rack application',
      { trusted_proxies: '127.0.0.1' },
      { ...THROUGH, 'x-sendfile-type': 'X-Sendfile' },
    ],
    [
      'X-Modgate-Sendfile: off',
      { trusted_proxies: '127.0.0.1', sendfile: ACCEL },
      { ...THROUGH, 'x-modgate-sendfile': 'off' },
    ],
  ];
  for (const [what, config, headers] of BYTES)
    test(`${what}: bytes`, async (t) => {
      const { modgate } = await pairFor(t, { config });
      const whole = await modgate.ask(MEDIUM);
      const reply = await modgate.ask(MEDIUM, { headers });
      assert.equal(reply.headers['x-sendfile'] ?? reply.headers['x-accel-redirect'], undefined);
      assert.deepEqual(reply.body, whole.body);
    });

  test('workers: whichever has the caller names what is stored, and passes on bytes of what is not', async (t) => {
    const config = { trusted_proxies: '127.0.0.1', sendfile: ACCEL, workers: WORKERS };
    const { modgate } = await pairFor(t, { config });
    const stranger = await strangerTo(modgate, 'example.com/medium');
    const owner = await lineTo(modgate, (worker) => worker === ownerOf('example.com/medium'));
    for (const [line, target] of [
      [stranger, MEDIUM],
      [owner, '/example.com/medium/@v/v1.1.0.zip'],
    ] as const) {
      const cold = await line.ask(target, { headers: THROUGH });
      assert.equal(cold.headers['x-accel-redirect'], undefined);
      assert.ok(cold.body.length > 1 << 20);
      for (const one of [stranger, owner]) {
        const stored = await one.ask(target, { headers: THROUGH });
        assert.equal(stored.headers['x-accel-redirect'], `/_modgate_tree${target}`);
        assert.deepEqual((await one.ask(target)).body, cold.body);
      }
    }
    for (const line of [stranger, owner]) line.close();
  });

  test('it changes while the gateway runs', async (t) => {
    const { modgate } = await pairFor(t, { config: { trusted_proxies: '127.0.0.1' } });
    const { body } = await modgate.ask(MEDIUM);
    modgate.configure({ sendfile: { type: 'x-accel-redirect', prefix: '/internal/' } });
    await hangUp(modgate);
    const named = await modgate.ask(MEDIUM, { headers: THROUGH });
    assert.equal(named.headers['x-accel-redirect'], `/internal${MEDIUM}`);
    modgate.configure({});
    await hangUp(modgate);
    assert.deepEqual((await modgate.ask(MEDIUM, { headers: THROUGH })).body, body);
  });
});

describe('X-Modgate-Length', () => {
  test('an answer whose length the source does not tell waits for it', async () => {
    const pair = await startPair();
    try {
      pair.upstream.fault('.zip', { kind: 'chunked' });
      const early = await pair.modgate.ask('/example.com/medium/@v/v1.1.0.zip');
      assert.equal(early.headers['content-length'], undefined);
      const headers = { 'x-modgate-length': 'required' };
      const reply = await pair.modgate.ask(MEDIUM, { headers });
      assert.equal(reply.headers['content-length'], String(reply.body.length));
    } finally {
      await pair.close();
    }
  });
});
