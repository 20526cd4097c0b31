import assert from 'node:assert/strict';
import { once } from 'node:events';
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { describe, test } from 'node:test';
import { systemCode } from '../../src/errors/index.ts';
import { pairFor, startPair } from '../kit/gateway.ts';
import { readAll } from '../kit/http.ts';
import { bounded, until } from '../kit/wait.ts';
import {
  crowd,
  gone,
  isAlive,
  lineTo,
  metric,
  ownerOf,
  pidsOf,
  strangerTo,
  WORKERS,
} from '../kit/workers.ts';

const BIG = '/example.com/big/@v/v1.0.0.zip';
const BIG_OWNER = ownerOf('example.com/big');

describe('a worker that is killed', () => {
  test('in the middle of what it fetches for another: its callers are cut off, the next ones served', async (t) => {
    const pair = await pairFor(t, crowd);
    const { modgate, upstream } = pair;
    const line = await strangerTo(pair.modgate, 'example.com/big');
    t.after(() => line.close());
    upstream.fault(BIG, { kind: 'hang-body', after: 4 << 20 }, 1);
    const arrived = upstream.next(BIG);
    const response = await line.open(BIG);
    const seen = await arrived;
    await once(response, 'readable');
    const pid = pidsOf(modgate).get(BIG_OWNER) ?? 0;
    process.kill(pid, 'SIGKILL');
    await assert.rejects(readAll(response), 'a part must not look like the whole');
    await seen.over;
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
    const line = await strangerTo(pair.modgate, 'example.com/plain');
    t.after(() => line.close());
    upstream.fault(url, { kind: 'hang' }, 1);
    const arrived = upstream.next(url);
    const asked = line.ask(url);
    await arrived;
    process.kill(pidsOf(modgate).get(ownerOf('example.com/plain')) ?? 0, 'SIGKILL');
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

/** The connection itself may have been in the hands of the one that was killed: then it is broken, and never silent. */
async function retried<T>(job: () => Promise<T>): Promise<T> {
  return job().catch((error: unknown) => {
    if (systemCode(error) === 'ECONNRESET') return job();
    throw error;
  });
}

describe('how they end', () => {
  test('SIGTERM: running answers end, and no process and no socket is left', async (t) => {
    const pair = await pairFor(t, crowd);
    const { modgate, upstream } = pair;
    const line = await strangerTo(pair.modgate, 'example.com/big');
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

  test('SIGTERM while a worker starts: nobody waits for it', async (t) => {
    // Until one that does not hear it would be killed; longer than the test waits.
    const { modgate } = await pairFor(t, { config: { workers: WORKERS, shutdown: '60s' } });
    const before = [...pidsOf(modgate).values()];
    process.kill(before[0] ?? 0, 'SIGKILL');
    const started = await until(
      () => childrenOf(modgate.pid).find((pid) => !before.includes(pid)),
      'its successor',
    );
    assert.equal(await modgate.stop(), 0);
    await gone([...before, started]);
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
  const url = '/example.com/plain/@v/v1.0.0.info';
  for (let n = 0; n < 6; n++) assert.match(await askSocket(socket, url), /"v1\.0\.0"/);
  await modgate.kill9();
  assert.ok(fs.existsSync(socket));
  await modgate.restart();
  for (let n = 0; n < 6; n++) assert.match(await askSocket(socket, url), /"v1\.0\.0"/);
});

function childrenOf(pid: number): number[] {
  const text = fs.readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8');
  return text.split(' ').filter(Boolean).map(Number);
}

async function askSocket(socketPath: string, url: string): Promise<string> {
  const response = new Promise<http.IncomingMessage>((resolve, reject) => {
    http.get({ socketPath, path: url, agent: false }, resolve).on('error', reject);
  });
  return (await readAll(await bounded(response, 'an answer by the socket'))).toString();
}

test('an address that is taken: one text, exit 2, no process left', async (t) => {
  const { modgate } = await pairFor(t);
  await assert.rejects(
    startPair({ config: { workers: WORKERS, listen: new URL(modgate.url).host } }).then((pair) =>
      pair.close(),
    ),
    /modgate ended with 2 .*cannot listen on .*another program listens there/s,
  );
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
