import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, test } from 'node:test';
import { pairFor } from '../kit/gateway.ts';
import { open, readAll } from '../kit/http.ts';
import { bounded, until } from '../kit/wait.ts';

const MEDIUM = '/example.com/medium/@v/v1.0.0.zip';

describe('however many ask at once, the upstream is asked once', () => {
  for (const file of [
    '@v/list',
    '@latest',
    '@v/master.info',
    '@v/v1.0.0.info',
    '@v/v1.0.0.mod',
    '@v/v1.0.0.zip',
  ]) {
    test(file, async (t) => {
      const { modgate, upstream } = await pairFor(t);
      const url = `/example.com/plain/${file}`;
      upstream.fault(url, { kind: 'hang' });
      const seen = upstream.next(url);
      const asked = Array.from({ length: 30 }, () => modgate.ask(url));
      await seen;
      // A hit of another file proves that the requests above have been read before the upstream answers.
      assert.equal((await modgate.ask('/healthz')).status, 200);
      upstream.heal();
      const replies = await Promise.all(asked);
      assert.deepEqual([...new Set(replies.map((reply) => reply.status))], [200]);
      assert.equal(new Set(replies.map((reply) => reply.body.toString('base64'))).size, 1);
      assert.equal(upstream.count(url), 1);
    });
  }
});

describe('clients that leave', () => {
  for (const where of ['hang', 'hang-body'] as const) {
    test(`one of two at ${where}: the fetch goes on for the other`, async (t) => {
      const { modgate, upstream } = await pairFor(t, {
        source: { timeouts: { first_byte: '30s', idle: '30s' } },
      });
      upstream.fault(MEDIUM, { kind: where, after: 1 << 20 });
      const arrived = upstream.next(MEDIUM);
      const leave = new AbortController();
      const leaving = modgate.ask(MEDIUM, { signal: leave.signal });
      await arrived;
      const staying = modgate.ask(MEDIUM);
      assert.equal((await modgate.ask('/healthz')).status, 200);
      leave.abort();
      await assert.rejects(leaving);
      upstream.release();
      assert.equal((await staying).status, 200);
      assert.equal(upstream.count(MEDIUM), 1);
    });

    test(`the last one at ${where}: the fetch ends`, async (t) => {
      const { modgate, upstream } = await pairFor(t, {
        source: { timeouts: { first_byte: '30s', idle: '30s' } },
      });
      upstream.fault(MEDIUM, { kind: where, after: 1 << 20 });
      const arrived = upstream.next(MEDIUM);
      const leave = new AbortController();
      const leaving = modgate.ask(MEDIUM, { signal: leave.signal });
      const seen = await arrived;
      leave.abort();
      await assert.rejects(leaving);
      assert.equal(await bounded(seen.over, 'the end of the upstream request'), 'left');
      upstream.heal();
      assert.equal((await modgate.ask(MEDIUM)).status, 200, 'and the next one works');
    });
  }
});

test('a slow reader does not slow the others', async (t) => {
  const { modgate } = await pairFor(t);
  const url = '/example.com/big/@v/v1.0.0.zip';
  const slow = await open(modgate.url, url);
  // It takes one piece and then no more: TCP's windows fill, and stay full.
  await once(slow, 'readable');
  slow.read(1);
  const fast = await modgate.ask(url, { limit: 60_000 });
  assert.equal(fast.status, 200);
  assert.ok(!slow.readableEnded, 'the slow one is still there');
  const rest = await bounded(readAll(slow), 'the rest of the slow one', 60_000);
  assert.equal(rest.length + 1, fast.body.length);
});

test('the first byte of a large cold zip arrives while the upstream still sends', async (t) => {
  const { modgate, upstream } = await pairFor(t, { source: { timeouts: { idle: '30s' } } });
  const url = '/example.com/big/@v/v1.0.0.zip';
  upstream.fault(url, { kind: 'hang-body', after: 4 << 20 });
  const response = await open(modgate.url, url);
  assert.equal(response.statusCode, 200);
  let got = 0;
  for await (const piece of response) {
    got += piece.length;
    if (got < 1 << 20) continue;
    break;
  }
  assert.equal(upstream.seen(url).length, 1, 'and the upstream waits in mid-body');
});

test('100 hung fetches, and a cached .mod is answered meanwhile', async (t) => {
  const { modgate, upstream } = await pairFor(t, {
    source: { timeouts: { first_byte: '60s' }, concurrency: 200 },
  });
  const url = '/example.com/plain/@v/v1.0.0.mod';
  assert.equal((await modgate.ask(url)).status, 200);
  upstream.fault('/hung', { kind: 'hang' });
  const hung = Array.from({ length: 100 }, (_, n) =>
    modgate.ask(`/example.com/hung${n}/@v/v1.0.0.zip`, { limit: 60_000 }),
  );
  const ended = Promise.allSettled(hung);
  await until(() => (upstream.count('/hung') === 100 ? true : undefined), '100 requests at the upstream');
  for (let n = 0; n < 20; n++) {
    const reply = await modgate.ask(url, { limit: 2000 });
    assert.equal(reply.status, 200);
    assert.equal(reply.headers['x-cache'], 'hit');
  }
  upstream.heal();
  await ended;
});

test('a source takes no more requests than its limit; what waits beyond the queue is 503', async (t) => {
  const { modgate, upstream } = await pairFor(t, {
    source: { timeouts: { first_byte: '60s' }, concurrency: 2, queue: 1, retry: { attempts: 1 } },
  });
  upstream.fault('/hung', { kind: 'hang' });
  const asked = Array.from({ length: 4 }, (_, n) =>
    modgate.ask(`/example.com/hung${n}/@v/v1.0.0.mod`, { limit: 60_000 }),
  );
  const refused = await bounded(Promise.race(asked), 'the one that is refused');
  assert.equal(refused.status, 503, refused.text);
  assert.match(refused.text, /OVERLOADED/);
  assert.ok(Number(refused.headers['retry-after']) >= 1);
  // The two that were let through may still be on their way.
  await until(() => (upstream.count('/hung') >= 2 ? true : undefined), 'two requests at the upstream');
  assert.equal(upstream.count('/hung'), 2);
  upstream.heal();
  await Promise.all(asked);
});
