import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { ModgateError } from '../errors/index.ts';
import { readBody } from './body.ts';
import { answering, bench, faultFrom, http, never, raw } from './fakes.test.kit.ts';

const CUT = 'HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhello';

test('time limits', async (t) => {
  const silent = await raw(t, (socket) => void socket.resume());
  await t.test('first byte', async (t) => {
    const { client } = bench(t, { timeouts: { firstByte: 50 } });
    const error = await faultFrom(client.get(silent.url, { signal: never() }));
    assert.equal(error.code, 'UPSTREAM_TIMEOUT');
    assert.match(error.message, /no first byte within 50 ms/);
  });
  await t.test('connect, in the TLS handshake', async (t) => {
    const { client } = bench(t, { timeouts: { connect: 50 } });
    const error = await faultFrom(
      client.get(new URL(`https://127.0.0.1:${silent.port}`), { signal: never() }),
    );
    assert.equal(error.code, 'UPSTREAM_TIMEOUT');
    assert.match(error.message, /no connection within 50 ms/);
  });
  await t.test('total, before the answer', async (t) => {
    const { client } = bench(t, { timeouts: { total: 50 } });
    const error = await faultFrom(client.get(silent.url, { signal: never() }));
    assert.equal(error.code, 'UPSTREAM_TIMEOUT');
    assert.match(error.message, /not done within 50 ms/);
  });
  await t.test('total, in a body that trickles', async (t) => {
    const upstream = await http(t, (_, response) => {
      const timer = setInterval(() => response.write('x'), 5);
      response.on('close', () => clearInterval(timer));
    });
    const { client } = bench(t, { timeouts: { total: 300 } });
    const whole = client.get(upstream.url, { signal: never() }).then((answer) => readBody(answer, 1 << 20));
    const error = await faultFrom(whole);
    assert.equal(error.code, 'UPSTREAM_TIMEOUT');
    assert.match(error.message, /not done within 300 ms/);
    assert.equal(client.inFlight, 0);
  });
  await t.test('total gives a place back that a reader forgot', async (t) => {
    const upstream = await http(t, (_, response) => response.end('x'));
    const { client } = bench(t, { concurrency: 1, timeouts: { total: 1000 } });
    const forgotten = await client.get(upstream.url, { signal: never() });
    assert.equal(client.inFlight, 1);
    const next = await client.get(upstream.url, { signal: never() });
    assert.equal(forgotten.body.destroyed, true);
    await readBody(next, 1);
    assert.equal(client.inFlight, 0);
  });
});

test('abort', async (t) => {
  const silent = await raw(t, (socket) => void socket.resume());
  await t.test('before', async (t) => {
    const { client } = bench(t);
    assert.equal((await faultFrom(client.get(silent.url, { signal: AbortSignal.abort() }))).code, 'CANCELED');
  });
  await t.test('while it waits for the answer', async (t) => {
    const { client } = bench(t, { breaker: { failures: 1, open: 1000 } });
    const caller = new AbortController();
    const pending = faultFrom(client.get(silent.url, { signal: caller.signal }));
    caller.abort();
    assert.equal((await pending).code, 'CANCELED');
    assert.equal(client.inFlight, 0);
    assert.equal(client.state, 'closed');
  });
  await t.test('with a coded reason', async (t) => {
    const { client } = bench(t, { breaker: { failures: 1, open: 1000 } });
    const caller = new AbortController();
    const pending = faultFrom(client.get(silent.url, { signal: caller.signal }));
    const reason = new ModgateError('UPSTREAM_TIMEOUT', 'patience');
    caller.abort(reason);
    assert.equal(await pending, reason);
    assert.equal(client.state, 'closed');
  });
  await t.test('in the body', async (t) => {
    const upstream = await answering(t, CUT);
    const { client } = bench(t);
    const caller = new AbortController();
    const answer = await client.get(upstream.url, { signal: caller.signal });
    const pending = faultFrom(readBody(answer, 10));
    caller.abort();
    assert.equal((await pending).code, 'CANCELED');
    assert.equal(client.inFlight, 0);
  });
  await t.test('after the end it does nothing', async (t) => {
    const upstream = await answering(t, CUT.replace('10', '5'));
    const { client } = bench(t);
    const caller = new AbortController();
    const answer = await client.get(upstream.url, { signal: caller.signal });
    assert.equal((await readBody(answer, 10)).length, 5);
    caller.abort();
    assert.equal(client.inFlight, 0);
  });
});

/** An upstream whose answers wait until they are let go. */
async function gated(t: TestContext) {
  const waiting: (() => void)[] = [];
  const arrived: (() => void)[] = [];
  const upstream = await http(t, (_, response) => {
    waiting.push(() => response.end('x'));
    arrived.shift()?.();
  });
  const arrival = () => new Promise<void>((resolve) => void arrived.push(resolve));
  return { ...upstream, waiting, arrival };
}

test('concurrency, queue, overload', async (t) => {
  const upstream = await gated(t);
  const { client } = bench(t, { concurrency: 1, queue: 1 });
  const arrival = upstream.arrival();
  const first = client.get(upstream.url, { signal: never() });
  const second = client.get(upstream.url, { signal: never() });
  const refused = await faultFrom(client.get(upstream.url, { signal: never() }));
  assert.equal(refused.code, 'OVERLOADED');
  assert.ok((refused.retryAfter ?? 0) > 0);
  assert.match(refused.message, /^source "corp": 1 requests are under way and 1 wait/);
  await arrival;
  assert.equal(upstream.waiting.length, 1);
  const next = upstream.arrival();
  upstream.waiting.shift()?.();
  await readBody(await first, 1);
  await next;
  upstream.waiting.shift()?.();
  const answer = await second;
  assert.equal(client.inFlight, 1);
  answer.body.destroy();
  assert.equal(client.inFlight, 0);
});

test('a place is given back however a request ends', async (t) => {
  const upstream = await http(t, (request, response) => {
    if (request.url === '/404') response.writeHead(404).end();
    else if (request.url === '/reset') request.socket.resetAndDestroy();
    else if (request.url === '/loop') response.writeHead(302, { location: '/loop' }).end();
    else if (request.url === '/half') response.writeHead(200, { 'content-length': 9 }).write('x');
    else response.end('x');
  });
  const { client } = bench(t, { concurrency: 2, queue: 0, timeouts: { idle: 150 } });
  for (let round = 0; round < 3; round += 1) {
    for (const path of ['/404', '/reset', '/loop']) {
      await faultFrom(client.get(new URL(path, upstream.url), { signal: never() }));
    }
    await faultFrom(readBody(await client.get(new URL('/half', upstream.url), { signal: never() }), 9));
    await readBody(await client.get(upstream.url, { signal: never() }), 9);
    const { body } = await client.get(upstream.url, { signal: never() });
    body.destroy(new Error('the reader failed'));
    assert.equal(client.inFlight, 0);
  }
});

test('one who waits may leave the queue', async (t) => {
  const upstream = await gated(t);
  const { client } = bench(t, { concurrency: 1, queue: 1 });
  const arrival = upstream.arrival();
  const first = client.get(upstream.url, { signal: never() });
  const caller = new AbortController();
  const left = faultFrom(client.get(upstream.url, { signal: caller.signal }));
  caller.abort();
  assert.equal((await left).code, 'CANCELED');
  const third = client.get(upstream.url, { signal: never() });
  await arrival;
  const next = upstream.arrival();
  upstream.waiting.shift()?.();
  await readBody(await first, 1);
  await next;
  upstream.waiting.shift()?.();
  await readBody(await third, 1);
  assert.equal(upstream.waiting.length, 0);
});

test('close ends what is under way', async (t) => {
  const silent = await raw(t, (socket) => void socket.resume());
  const { client } = bench(t, { concurrency: 1 });
  const running = faultFrom(client.get(silent.url, { signal: never() }));
  const waiting = faultFrom(client.get(silent.url, { signal: never() }));
  await client.close();
  assert.equal((await running).code, 'SHUTTING_DOWN');
  assert.equal((await waiting).code, 'SHUTTING_DOWN');
  assert.equal((await faultFrom(client.get(silent.url, { signal: never() }))).code, 'SHUTTING_DOWN');
  assert.equal(client.inFlight, 0);
});
