/** Modules are published through the fronts that `modgate config` sets up, and nothing else gets in by that way. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, test } from 'node:test';
import { Front, type Program, without } from '../kit/front.ts';
import { SENDFILE } from '../kit/front-tests.ts';
import { libZip, MODULE, publishingPair, put, uploadPath } from '../kit/publish.ts';

/** characters of a file that no compression makes small: many pieces of a body */
const BULK = 12 << 20;

const CASES: readonly [program: Program, mode: string, prefix: string][] = [
  ['nginx', 'proxy', ''],
  ['nginx', 'accel', '/goproxy'],
  ['nginx', 'try-files', ''],
  ['caddy', 'proxy', '/goproxy'],
  ['caddy', 'accel', ''],
  ['apache', 'proxy', ''],
  ['apache', 'accel', '/goproxy'],
];

for (const [program, mode, prefix] of CASES)
  describe(`${program}, ${mode}${prefix === '' ? '' : ', below a prefix'}`, {
    skip: without(program),
  }, () => {
    test('passes an upload on, and refuses what is none', async (t) => {
      const sendfile = SENDFILE[program] ?? {};
      const config = { trusted_proxies: '127.0.0.1', sendfile, prefix };
      const { modgate } = await publishingPair(t, { config });
      const flags = ['--mode', mode];
      const front = await Front.start(t, modgate, { program, flags, variant: 'plain' });
      const host = new URL(front.url()).host;
      const base = `http://127.0.0.1:${front.port}`;
      const send = (path: string, body: Buffer, options: Parameters<typeof put>[3] = {}) =>
        put(base, path, body, { ...options, prefix, headers: { host, ...options.headers }, limit: 60_000 });

      const zip = libZip('v1.0.0', { 'bulk.txt': randomBytes(BULK / 2).toString('hex') });
      const first = await send(uploadPath('v1.0.0'), zip);
      assert.equal(first.status, 201, first.text);
      const again = await send(uploadPath('v1.0.0'), zip, { headers: { expect: '100-continue' } });
      assert.equal(again.status, 200, again.text);
      const stored = await front.ask(`${prefix}/${MODULE}/@v/v1.0.0.zip`, { headers: { host } });
      assert.deepEqual(stored.body, zip);
      assert.equal(modgate.logs.find(({ route }) => route === 'publish')?.client, '127.0.0.1');

      const small = libZip('v1.1.0');
      const other = await send(uploadPath('v1.0.0'), libZip('v1.0.0'));
      assert.equal(other.status, 409, other.text);
      assert.match(other.text, /code: ALREADY_PUBLISHED/);
      assert.equal((await send(uploadPath('v1.1.0'), small, { token: 'wrong' })).status, 401);
      assert.equal((await send(uploadPath('v1.1.0'), small, { method: 'POST' })).status, 405);
      assert.equal((await send(`/${MODULE}/@v/v1.1.0.zip`, Buffer.alloc(0))).status, 405);
      assert.equal(
        (await front.ask(`${prefix}/${MODULE}/@v/v1.1.0.info`, { headers: { host } })).status,
        404,
      );
    });

    test('refuses uploads where nothing is published', async (t) => {
      const sendfile = SENDFILE[program] ?? {};
      const config = { trusted_proxies: '127.0.0.1', publish: {}, sendfile, prefix };
      const { modgate } = await publishingPair(t, { config });
      const front = await Front.start(t, modgate, { program, flags: ['--mode', mode], variant: 'plain' });
      const headers = { host: new URL(front.url()).host };
      const base = `http://127.0.0.1:${front.port}`;
      const answer = await put(base, uploadPath('v1.0.0'), Buffer.alloc(0), { prefix, headers });
      assert.equal(answer.status, 405, answer.text);
      assert.doesNotMatch(answer.text, /modgate:/);
    });
  });
