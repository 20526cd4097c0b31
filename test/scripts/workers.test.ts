import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { type Pair, pairFor, startPair } from '../kit/gateway.ts';
import { Go, withoutGo } from '../kit/go.ts';
import { open, readAll } from '../kit/http.ts';
import { APP_OUTPUT } from '../kit/modules.ts';
import { bounded, until } from '../kit/wait.ts';
import { gone, isAlive, type Line, lineTo, ownerOf, pidsOf } from '../kit/workers.ts';

const WORKERS = 3;
const BIG = '/example.com/big/@v/v1.0.0.zip';
const BIG_OWNER = ownerOf('example.com/big', WORKERS);
const crowd = { config: { workers: WORKERS }, source: { concurrency: 30 } };

/** A connection to a worker that asks no source for modules of this path. */
function strangerTo({ modgate }: Pair, subject: string): Promise<Line> {
  return lineTo(modgate, (worker) => worker !== ownerOf(subject, WORKERS));
}

function metric(page: string, name: string): number {
  const found = page.split('\n').filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `));
  return found.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
}

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
    assert.ok(new Set(records().map((line) => line.worker)).size > 1, 'one worker had all');
  });
});

describe('what a relayed answer is', () => {
  let pair: Pair;
  let line: Line;
  before(async () => {
    pair = await startPair(crowd);
    line = await strangerTo(pair, 'example.com/plain');
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
  const line = await strangerTo(pair, 'example.com/medium');
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
  const line = await strangerTo(pair, 'example.com/big');
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

describe('a worker that is killed', () => {
  test('in the middle of what it fetches for another: its callers are cut off, the next ones served', async (t) => {
    const pair = await pairFor(t, crowd);
    const { modgate, upstream } = pair;
    const line = await strangerTo(pair, 'example.com/big');
    t.after(() => line.close());
    upstream.fault(BIG, { kind: 'hang-body', after: 4 << 20 }, 1);
    const cut = line.open(BIG).then(readAll);
    cut.catch(() => undefined);
    const [seen] = await Promise.all([upstream.next(BIG)]);
    const pid = pidsOf(modgate).get(BIG_OWNER) ?? 0;
    process.kill(pid, 'SIGKILL');
    await seen.over;
    await assert.rejects(cut, 'a part must not look like the whole');
    upstream.release();
    const again = await modgate.ask(BIG, { limit: 60_000 });
    assert.equal(again.status, 200);
    await until(() => (pidsOf(modgate).get(BIG_OWNER) !== pid ? true : undefined), 'its successor');
    const page = (await modgate.ask('/metrics')).text;
    assert.equal(metric(page, 'modgate_worker_restarts_total'), 1);
    assert.equal((await line.ask('/example.com/big/@v/v1.0.0.mod')).status, 200);
  });

  test('before its first byte: the worker with the caller fetches by itself, and nobody notices', async (t) => {
    const pair = await pairFor(t, crowd);
    const { modgate, upstream } = pair;
    const url = '/example.com/plain/@v/v1.0.0.zip';
    const line = await strangerTo(pair, 'example.com/plain');
    t.after(() => line.close());
    upstream.fault(url, { kind: 'hang' }, 1);
    const arrived = upstream.next(url);
    const asked = line.ask(url);
    await arrived;
    process.kill(pidsOf(modgate).get(ownerOf('example.com/plain', WORKERS)) ?? 0, 'SIGKILL');
    assert.equal((await asked).status, 200);
  });

  test('while nothing runs: every request meanwhile is answered, and no count goes back', async (t) => {
    const { modgate } = await pairFor(t, crowd);
    const url = '/example.com/plain/@v/v1.0.0.info';
    for (let n = 0; n < 20; n++) await modgate.ask(url);
    const before = metric((await modgate.ask('/metrics')).text, 'modgate_http_requests_total');
    for (const [index, pid] of pidsOf(modgate)) {
      process.kill(pid, 'SIGKILL');
      // Wherever the connection lands, and whoever owns the module.
      for (const name of ['a', 'b', 'c', 'd', 'e', 'f'])
        assert.equal(
          (await retried(() => modgate.ask(`/example.com/cold/${name}${index}/@v/v1.0.0.info`))).status,
          200,
        );
      await until(() => (pidsOf(modgate).get(index) !== pid ? true : undefined), 'its successor');
    }
    const page = (await modgate.ask('/metrics')).text;
    assert.ok(metric(page, 'modgate_http_requests_total') > before);
    assert.equal(metric(page, 'modgate_workers'), WORKERS);
    assert.equal(metric(page, 'modgate_worker_restarts_total'), WORKERS);
  });
});

/** The connection itself may have been in the hands of the one that was killed. */
async function retried<T>(job: () => Promise<T>): Promise<T> {
  return job().catch(job);
}

test('one page of metrics: sums, labels of the processes, and promtool finds no fault', async (t) => {
  const { modgate } = await pairFor(t, crowd);
  for (let n = 0; n < 30; n++) await modgate.ask('/example.com/plain/@v/v1.0.0.info');
  await until(async () => {
    const page = (await modgate.ask('/metrics')).text;
    const line = /^modgate_http_requests_total\{route="info",status="200",cache="hit"\} (\d+)$/m.exec(page);
    return line?.[1] === '29' ? true : undefined;
  }, '29 hits');
  const page = (await modgate.ask('/metrics')).text;
  assert.equal(metric(page, 'modgate_http_requests_total{route="info",status="200",cache="miss"}'), 0);
  assert.match(page, /^modgate_http_requests_total\{route="info",status="200",cache="miss"\} 1$/m);
  assert.match(page, /^modgate_store_writable 1$/m);
  for (const worker of ['supervisor', '0', '1', '2'])
    assert.match(page, new RegExp(`^process_resident_memory_bytes\\{worker="${worker}"\\} \\d+$`, 'm'));
  const ratio = Number(/^goproxy_cache_hit_ratio (\S+)/m.exec(page)?.[1]);
  assert.ok(Math.abs(ratio - 29 / 30) < 1e-9, `ratio ${ratio}`);
  const run = spawnSync('promtool', ['check', 'metrics'], { input: page, encoding: 'utf8' });
  assert.equal(run.status, 0, run.stdout + run.stderr);
});

describe('how they end', () => {
  test('SIGTERM: running answers end, and no process and no socket is left', async (t) => {
    const pair = await pairFor(t, crowd);
    const { modgate, upstream } = pair;
    const line = await strangerTo(pair, 'example.com/big');
    upstream.fault(BIG, { kind: 'hang-body', after: 4 << 20 });
    const arrived = upstream.next(BIG);
    const running = line.open(BIG).then(readAll);
    await arrived;
    const pids = [...pidsOf(modgate).values()];
    const stopped = modgate.stop();
    await modgate.log((one) => one.msg === 'stopping', 'stopping');
    upstream.heal();
    assert.ok((await running).length > 4 << 20);
    line.close();
    assert.equal(await stopped, 0);
    await gone(pids);
  });

  test('a second signal ends them at once', async (t) => {
    const pair = await pairFor(t, { ...crowd, config: { workers: WORKERS, shutdown: '60s' } });
    const { modgate, upstream } = pair;
    upstream.fault(BIG, { kind: 'hang-body', after: 4 << 20 });
    const arrived = upstream.next(BIG);
    const cut = modgate.ask(BIG, { limit: 60_000 });
    cut.catch(() => undefined);
    await arrived;
    const pids = [...pidsOf(modgate).values()];
    modgate.signal('SIGTERM');
    await modgate.log((one) => one.msg === 'stopping', 'stopping');
    modgate.signal('SIGTERM');
    assert.equal(await modgate.exited(), 143);
    await gone(pids);
    await assert.rejects(cut);
  });

  test('the first process killed: the others end, and their sockets are gone', async (t) => {
    const tmp = fs.mkdtempSync('/tmp/modgate-t-');
    t.after(() => fs.rmSync(tmp, { recursive: true, force: true }));
    const { modgate } = await pairFor(t, { ...crowd, env: { TMPDIR: tmp } });
    const pids = [...pidsOf(modgate).values()];
    assert.equal(pids.filter(isAlive).length, WORKERS);
    const [folder = ''] = fs.readdirSync(tmp);
    assert.equal(fs.statSync(path.join(tmp, folder)).mode & 0o777, 0o700);
    await modgate.kill9();
    await gone(pids);
    await until(() => (fs.readdirSync(tmp).length === 0 ? true : undefined), 'the end of the sockets');
  });
});

test('on a unix socket, also where a killed one has left its own', async (t) => {
  const folder = fs.mkdtempSync('/tmp/modgate-s-');
  t.after(() => fs.rmSync(folder, { recursive: true, force: true }));
  const socket = path.join(folder, 's.sock');
  const { modgate } = await pairFor(t, { ...crowd, config: { workers: WORKERS, listen: `unix:${socket}` } });
  const ask = () =>
    spawnSync('curl', ['-sS', '--unix-socket', socket, 'http://modgate/example.com/plain/@v/v1.0.0.info'], {
      encoding: 'utf8',
    });
  assert.match(ask().stdout, /"v1\.0\.0"/);
  await modgate.kill9();
  assert.ok(fs.existsSync(socket));
  await modgate.restart();
  for (let n = 0; n < 6; n++) assert.match(ask().stdout, /"v1\.0\.0"/);
});

test('an address that is taken: one text, exit 2, no process left', async (t) => {
  const { modgate } = await pairFor(t);
  await assert.rejects(
    startPair({ config: { workers: WORKERS, listen: new URL(modgate.url).host } }).then((pair) =>
      pair.close(),
    ),
    /modgate ended with 2 .*cannot listen on .*another program listens there/s,
  );
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

test('lines of several processes do not run into each other', async (t) => {
  const { modgate } = await pairFor(t, crowd);
  const url = '/example.com/plain/@v/v1.0.0.info';
  await Promise.all(
    Array.from({ length: 6 }, async () => {
      const line = await lineTo(modgate, () => true);
      for (let n = 0; n < 300; n++) await line.ask(url);
      line.close();
    }),
  );
  await modgate.stop();
  const lines = modgate.stderr.split('\n').filter((line) => line !== '');
  assert.ok(lines.length > 1800);
  for (const line of lines) assert.doesNotThrow(() => JSON.parse(line), line);
});
