import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { type Pair, pairFor, SOURCE, startPair } from '../kit/gateway.ts';
import { Go, withoutGo } from '../kit/go.ts';
import { APP_OUTPUT } from '../kit/modules.ts';
import { until } from '../kit/wait.ts';

const STORE_ONLY = { 'disable-module-fetch': 'true' };

describe('the upstream is dead', () => {
  let pair: Pair;
  before(async () => {
    pair = await startPair({ config: { cache: { fresh: '0s' } } });
    const { modgate, upstream } = pair;
    for (const url of [
      '/example.com/plain/@v/list',
      '/example.com/plain/@latest',
      '/example.com/plain/@v/master.info',
      '/example.com/plain/@v/v1.0.0.info',
      '/example.com/plain/@v/v1.0.0.mod',
      '/example.com/plain/@v/v1.0.0.zip',
    ])
      assert.equal((await modgate.ask(url)).status, 200, url);
    await upstream.refuse();
  });
  after(() => pair.close());

  const STALE = [
    '/example.com/plain/@v/list',
    '/example.com/plain/@latest',
    '/example.com/plain/@v/master.info',
  ];
  for (const url of STALE) {
    test(`${url} is served stale, with its age`, async () => {
      const reply = await pair.modgate.ask(url);
      assert.equal(reply.status, 200);
      assert.equal(reply.headers['x-cache'], 'stale');
      assert.match(reply.headers.age ?? '', /^\d+$/);
    });
  }

  for (const url of [
    '/example.com/plain/@v/v1.0.0.info',
    '/example.com/plain/@v/v1.0.0.mod',
    '/example.com/plain/@v/v1.0.0.zip',
  ]) {
    test(`${url} is a hit`, async () => {
      const reply = await pair.modgate.ask(url);
      assert.equal(reply.status, 200);
      assert.equal(reply.headers['x-cache'], 'hit');
      assert.equal(reply.headers['x-go-proxy-cache-hit'], 'true');
    });
  }

  test('what was never fetched is 502 and names the source, not 404', async () => {
    for (const url of [
      '/example.com/mod/@v/list',
      '/example.com/mod/@latest',
      '/example.com/mod/@v/v1.0.0.zip',
      '/example.com/mod/@v/main.info',
    ]) {
      const reply = await pair.modgate.ask(url);
      assert.equal(reply.status, 502, url);
      assert.match(reply.text, new RegExp(SOURCE), url);
    }
  });

  test('from the store alone: a hit, and 404 for what is not there', async () => {
    for (const [prefix, headers] of [
      ['', STORE_ONLY],
      ['/cached-only', {}],
    ] as const) {
      const list = await pair.modgate.ask(`${prefix}/example.com/plain/@v/list`, { headers });
      assert.equal(list.status, 200);
      assert.match(list.text, /v1\.2\.0\n/);
      assert.equal(
        (await pair.modgate.ask(`${prefix}/example.com/plain/@v/v1.0.0.zip`, { headers })).status,
        200,
      );
      const absent = await pair.modgate.ask(`${prefix}/example.com/plain/@v/v1.1.0.zip`, { headers });
      assert.equal(absent.status, 404);
      assert.match(absent.text, /NOT_CACHED/);
    }
  });
});

describe('from the store alone, while the upstream lives', () => {
  test('nothing is asked of it', async (t) => {
    const { modgate, upstream } = await pairFor(t);
    for (const file of ['list', 'v1.0.0.info', 'v1.0.0.mod', 'v1.0.0.zip', 'master.info']) {
      assert.equal((await modgate.ask(`/example.com/plain/@v/${file}`, { headers: STORE_ONLY })).status, 404);
      assert.equal((await modgate.ask(`/cached-only/example.com/plain/@v/${file}`)).status, 404);
    }
    assert.equal((await modgate.ask(`/cached-only/example.com/plain/@latest`)).status, 404);
    assert.equal(
      (await modgate.ask(`/cached-only/sumdb/${upstream.sumdb.name}/lookup/example.com/plain@v1.0.0`)).status,
      404,
    );
    assert.equal(upstream.count(), 0);
  });
});

test('a list that is stale is refreshed behind the answer, by one request', async (t) => {
  const { modgate, upstream } = await pairFor(t, { config: { cache: { fresh: '100ms' } } });
  const url = '/example.com/plain/@v/list';
  const body = { type: 'text/plain', body: Buffer.from('v1.0.0\n') };
  upstream.answers.set(url, body);
  assert.equal((await modgate.ask(url)).text, 'v1.0.0\n');
  upstream.answers.set(url, { ...body, body: Buffer.from('v1.0.0\nv1.9.0\n') });
  upstream.fault('/@v/list', { kind: 'hang' });
  const stale = await until(async () => {
    const reply = await modgate.ask(url);
    return reply.headers['x-cache'] === 'stale' ? reply : undefined;
  }, 'a stale answer');
  assert.equal(stale.text, 'v1.0.0\n');
  await Promise.all(Array.from({ length: 20 }, () => modgate.ask(url)));
  upstream.heal();
  await until(
    async () => ((await modgate.ask(url)).text.includes('v1.9.0') ? true : undefined),
    'the new list',
  );
  // The first fetch, the refresh that hung, and at most some more after the freshness was over again.
  assert.equal(upstream.seen('/@v/list')[1]?.path, url);
});

test('absence is remembered, for as long as it is told', async (t) => {
  const { modgate, upstream } = await pairFor(t, { config: { cache: { negative: '60s' } } });
  for (let n = 0; n < 3; n++) {
    for (const file of [
      '@v/list',
      '@latest',
      '@v/v1.0.0.info',
      '@v/v1.0.0.mod',
      '@v/v1.0.0.zip',
      '@v/main.info',
    ]) {
      assert.equal((await modgate.ask(`/example.com/absent/${file}`)).status, 404, file);
    }
  }
  assert.equal(upstream.count('/example.com/absent/'), 6);
});

test('a stored version never becomes absent from the list', async (t) => {
  const { modgate, upstream } = await pairFor(t, {
    config: { cache: { fresh: '0s', negative: '0s', stale: '0s' } },
  });
  assert.equal((await modgate.ask('/example.com/plain/@v/v1.0.0.zip')).status, 200);
  const url = '/example.com/plain/@v/list';
  upstream.answers.set(url, { type: 'text/plain', body: Buffer.from('v1.2.0\n') });
  assert.equal((await modgate.ask(url)).text, 'v1.0.0\nv1.2.0\n');
  upstream.fault('/@v/list', { kind: 'status', status: 404 });
  assert.equal((await modgate.ask(url)).text, 'v1.0.0\n');
});

describe('go and the dead upstream', { skip: withoutGo }, () => {
  test('a warm build works, from the gateway and from /cached-only', async (t) => {
    const { modgate, upstream } = await pairFor(t);
    const build = async (proxy: string) => {
      const go = new Go();
      try {
        const cwd = go.project(['example.com/app v1.0.0']);
        const run = await go.run(['run', '-mod=mod', 'example.com/app'], {
          proxy,
          cwd,
          sumdb: upstream.sumdb.verifier,
        });
        assert.equal(run.stdout, APP_OUTPUT, run.stderr);
      } finally {
        go.remove();
      }
    };
    await build(modgate.url);
    await upstream.refuse();
    await build(modgate.url);
    await build(`${modgate.url}/cached-only`);
  });
});
