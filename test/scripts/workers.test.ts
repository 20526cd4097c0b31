import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { after, before, describe, test } from 'node:test';
import { type Pair, pairFor, startPair } from '../kit/gateway.ts';
import { Go, withoutGo } from '../kit/go.ts';
import { open, readAll } from '../kit/http.ts';
import { APP_OUTPUT } from '../kit/modules.ts';
import { bounded, until } from '../kit/wait.ts';
import { crowd, type Line, metric, strangerTo, WORKERS } from '../kit/workers.ts';

const BIG = '/example.com/big/@v/v1.0.0.zip';

describe('50 clients of three workers, one thing that nobody has asked for', () => {
  let pair: Pair;
  before(async () => {
    pair = await startPair(crowd);
  });
  after(() => pair.close());
  for (const file of [
    '@v/list',
    '@latest',
    '@v/master.info',
    '@v/v1.0.0.info',
    '@v/v1.0.0.mod',
    '@v/v1.0.0.zip',
    'lookup',
  ]) {
    test(`${file}: one request to the upstream`, async () => {
      const { modgate, upstream } = pair;
      const url =
        file === 'lookup'
          ? `/sumdb/${upstream.sumdb.name}/lookup/example.com/plain@v1.0.0`
          : `/example.com/plain/${file}`;
      upstream.fault(url, { kind: 'hang' });
      const seen = upstream.next(url);
      const asked = Array.from({ length: 50 }, () => open(modgate.url, url).then(readAll));
      await seen;
      await until(async () => {
        const page = (await modgate.ask('/metrics')).text;
        return metric(page, 'modgate_http_connections') >= 50 ? true : undefined;
      }, '50 connections');
      upstream.heal();
      const bodies = await Promise.all(asked);
      assert.equal(new Set(bodies.map((body) => body.toString('base64'))).size, 1);
      assert.ok((bodies[0]?.length ?? 0) > 0);
      assert.equal(upstream.count(url), 1);
    });
  }

  test('more than one worker had clients, and each request has one record', async () => {
    const { modgate } = pair;
    const records = () => modgate.logs.filter((line) => line.url === '/example.com/plain/@v/v1.0.0.zip');
    await until(() => (records().length >= 50 ? true : undefined), '50 records');
    assert.equal(records().length, 50);
    // The kernel may give one burst to one process, but not burst after burst.
    await until(async () => {
      const burst = Array.from({ length: 20 }, () => open(modgate.url, '/example.com/plain/@v/list'));
      await Promise.all(burst.map((asked) => asked.then(readAll)));
      return new Set(modgate.logs.map((line) => line.worker)).size > 1 ? true : undefined;
    }, 'clients of a second worker');
  });
});

describe('what a relayed answer is', () => {
  let pair: Pair;
  let line: Line;
  before(async () => {
    pair = await startPair(crowd);
    line = await strangerTo(pair.modgate, 'example.com/plain');
  });
  after(async () => {
    line.close();
    await pair.close();
  });
  const get = (url: string, headers: Record<string, string> = {}) => line.ask(url, { headers });

  test('a miss has the headers, the id and the record of one that was fetched here', async () => {
    const reply = await get('/example.com/plain/@v/v1.1.0.mod', { 'x-request-id': 'relayed-1' });
    assert.equal(reply.status, 200);
    assert.equal(reply.headers['x-cache'], 'miss');
    assert.equal(reply.headers['x-request-id'], 'relayed-1');
    assert.equal(reply.headers['modgate-record'], undefined);
    assert.match(reply.headers['cache-control'] ?? '', /immutable/);
    const record = await pair.modgate.log((one) => one.request === 'relayed-1', 'the record');
    assert.equal(record.cache, 'miss');
    assert.equal(record.client, '127.0.0.1');
    assert.equal(record.bytes, reply.body.length);
    assert.equal(record.source, 'corp-upstream');
    assert.match(JSON.stringify(record.links), /firstByte/);
  });

  test('a range of what is not stored yet, and HEAD', async () => {
    const range = await get('/example.com/plain/@v/v1.1.0.zip', { range: 'bytes=0-3' });
    assert.deepEqual([range.status, range.body.toString('latin1')], [206, 'PK\u0003\u0004']);
    assert.match(range.headers['content-range'] ?? '', /^bytes 0-3\/\d+$/);
  });

  test('absence is 404 with its text, and is remembered by one', async () => {
    const url = '/example.com/plain/@v/v9.9.9.info';
    const [first, second] = [await get(url, { 'x-request-id': 'absent-1' }), await get(url)];
    assert.deepEqual([first.status, second.status], [404, 404]);
    assert.match(second.text, /NOT_FOUND/);
    assert.equal(pair.upstream.count(url), 1);
    const record = await pair.modgate.log((one) => one.request === 'absent-1', 'the record');
    assert.equal(record.code, 'NOT_FOUND');
  });

  test('a refused module is counted by the worker that has the client, once', async () => {
    const before = metric((await get('/metrics')).text, 'modgate_http_requests_total');
    await get('/example.com/plain/@v/v1.1.0.mod');
    await get('/example.com/plain/@v/v1.1.0.mod');
    const after = metric((await get('/metrics')).text, 'modgate_http_requests_total');
    assert.equal(after - before, 3, 'two files and a page');
  });
});

test('a client that leaves: the fetch of the other worker ends', async (t) => {
  const pair = await pairFor(t, crowd);
  const line = await strangerTo(pair.modgate, 'example.com/medium');
  t.after(() => line.close());
  for (const kind of ['hang', 'hang-body'] as const) {
    const url = '/example.com/medium/@v/v1.0.0.zip';
    pair.upstream.fault(url, { kind, after: 1 << 20 });
    const arrived = pair.upstream.next(url);
    const leave = new AbortController();
    const leaving = line.open(url, leave.signal).then(readAll);
    const seen = await arrived;
    leave.abort();
    await assert.rejects(leaving);
    assert.equal(await bounded(seen.over, 'the end of the upstream request'), 'left');
    pair.upstream.heal();
  }
});

test('the first bytes of a zip come while its owner still fetches', async (t) => {
  const pair = await pairFor(t, crowd);
  const line = await strangerTo(pair.modgate, 'example.com/big');
  t.after(() => line.close());
  pair.upstream.fault(BIG, { kind: 'hang-body', after: 4 << 20 });
  const response = await line.open(BIG);
  let got = 0;
  for await (const piece of response) {
    got += piece.length;
    if (got >= 1 << 20) break;
  }
  assert.ok(got >= 1 << 20);
});

test('an old list is answered at once by every worker, and asked for again once', async (t) => {
  const pair = await pairFor(t, { ...crowd, config: { workers: WORKERS, cache: { fresh: '50ms' } } });
  const { modgate, upstream } = pair;
  const url = '/example.com/plain/@v/list';
  assert.equal((await modgate.ask(url)).status, 200);
  upstream.fault(url, { kind: 'hang' });
  const seen = upstream.next(url);
  await until(
    async () => ((await modgate.ask(url)).headers['x-cache'] === 'stale' ? true : undefined),
    'a stale answer',
  );
  await seen;
  const replies = await Promise.all(Array.from({ length: 30 }, () => modgate.ask(url)));
  assert.deepEqual([...new Set(replies.map((reply) => reply.headers['x-cache']))], ['stale']);
  assert.equal(upstream.count(url), 2);
});

test('one page of metrics: sums, labels of the processes, and promtool finds no fault', async (t) => {
  const { modgate } = await pairFor(t, crowd);
  for (let n = 0; n < 30; n++) await modgate.ask('/example.com/plain/@v/v1.0.0.info');
  await until(async () => {
    const page = (await modgate.ask('/metrics')).text;
    const line = /^modgate_http_requests_total\{route="info",status="200",cache="hit"\} (\d+)$/m.exec(page);
    return line?.[1] === '29' ? true : undefined;
  }, '29 hits');
  const page = (await modgate.ask('/metrics')).text;
  assert.match(page, /^modgate_http_requests_total\{route="info",status="200",cache="miss"\} 1$/m);
  assert.match(page, /^modgate_store_writable 1$/m);
  for (const worker of ['supervisor', '0', '1', '2'])
    assert.match(page, new RegExp(`^process_resident_memory_bytes\\{worker="${worker}"\\} \\d+$`, 'm'));
  const ratio = Number(/^goproxy_cache_hit_ratio (\S+)/m.exec(page)?.[1]);
  assert.ok(Math.abs(ratio - 29 / 30) < 1e-9, `ratio ${ratio}`);
  const run = spawnSync('promtool', ['check', 'metrics'], { input: page, encoding: 'utf8' });
  assert.equal(run.status, 0, run.stdout + run.stderr);
});

test('the gauges of the store, which is one, are not multiplied', async (t) => {
  const cap = 1 << 30;
  const { modgate } = await pairFor(t, { config: { workers: WORKERS, store: { cap } } });
  assert.equal((await modgate.ask('/example.com/plain/@v/v1.0.0.info')).status, 200);
  const page = await until(async () => {
    const { text } = await modgate.ask('/metrics');
    return metric(text, 'modgate_store_versions') > 0 ? text : undefined;
  }, 'the version in the catalogue');
  assert.equal(metric(page, 'modgate_store_versions'), 1);
  assert.equal(metric(page, 'modgate_store_bytes'), 4096);
  assert.equal(metric(page, 'modgate_store_cap_bytes'), cap);
});

test('/readyz of each worker names the source that another one leaves alone', async (t) => {
  const { modgate, upstream } = await pairFor(t, {
    config: { workers: WORKERS },
    source: { retry: { attempts: 1 }, breaker: { failures: 1, open: '60s' } },
  });
  upstream.fault(/./, { kind: 'status', status: 500 });
  await modgate.ask('/example.com/plain/@v/list');
  for (let n = 0; n < 2 * WORKERS; n++)
    assert.match((await modgate.ask('/readyz')).text, /degraded.*suspended/s);
});

describe('the real go command builds through three workers', { skip: withoutGo }, () => {
  test('cold, then warm without another upstream request for a file', async (t) => {
    const { modgate, upstream } = await pairFor(t, crowd);
    const options = { proxy: modgate.url, sumdb: upstream.sumdb.verifier };
    for (const turn of ['cold', 'warm']) {
      upstream.forget();
      const go = new Go();
      t.after(async () => go.remove());
      const cwd = go.project(['example.com/app v1.0.0']);
      const run = await go.run(['run', '-mod=mod', 'example.com/app'], { ...options, cwd });
      assert.equal(run.stdout, APP_OUTPUT, run.stderr);
      const files = upstream.seen(/\.(mod|zip)$|@v\/v[^/]*\.info$|lookup|tile/).map((r) => r.path);
      assert.equal(new Set(files).size, files.length, `${turn}: something was asked for twice`);
      if (turn === 'warm') assert.deepEqual(files, []);
    }
  });
});
