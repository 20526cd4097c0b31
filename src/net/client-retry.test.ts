import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { type TestContext, test } from 'node:test';
import { readBody } from './body.ts';
import { bench, closedPort, type Fake, faultFrom, http, never, turn } from './fakes.test.kit.ts';

const RETRY = { attempts: 3, base: 2, cap: 4, budget: 1000 };

type Act = (response: ServerResponse) => void;

const status =
  (code: number, headers: Record<string, string> = {}): Act =>
  (response) =>
    response.writeHead(code, headers).end('x');
const reset: Act = (response) => response.socket?.resetAndDestroy();
const ok = status(200);

/** Answers request after request as told, the last act again and again; counts them. */
async function acting(t: TestContext, acts: readonly Act[]): Promise<Fake & { count(): number }> {
  let count = 0;
  const upstream = await http(t, (_, response) => {
    const act = acts[Math.min(count, acts.length - 1)];
    count += 1;
    act?.(response);
  });
  return { ...upstream, count: () => count };
}

/** acts, requests that arrive, outcome */
const ROWS: readonly [string, readonly Act[], number, RegExp | 'ok'][] = [
  ['500 then 200', [status(500), ok], 2, 'ok'],
  ['502, 503, 200', [status(502), status(503), ok], 3, 'ok'],
  ['504 and 408', [status(504), status(408), ok], 3, 'ok'],
  ['503 to the end', [status(503)], 3, /answered 503 Service Unavailable, 3 tries \(http/],
  ['reset then 200', [reset, ok], 2, 'ok'],
  ['reset to the end', [reset], 3, /connection (reset|closed) before the answer, 3 tries/],
  ['404 is final', [status(404), ok], 1, /404 Not Found \(/],
  ['410 is final', [status(410), ok], 1, /410/],
  ['401 is final', [status(401), ok], 1, /401/],
  ['501 is not tried again', [status(501), ok], 1, /501/],
  ['429 without a time', [status(429), ok], 1, /429/],
  ['429 with a time', [status(429, { 'retry-after': '0' }), ok], 2, 'ok'],
  ['429 with too long a time', [status(429, { 'retry-after': '2' }), ok], 1, /429/],
  ['503 with too long a time', [status(503, { 'retry-after': '2' }), ok], 1, /503/],
  ['a bad answer', [status(200, { 'content-encoding': 'br' }), ok], 1, /encoded as br/],
];

test('which faults are tried again', async (t) => {
  for (const [name, acts, requests, expected] of ROWS) {
    await t.test(name, async (t) => {
      const upstream = await acting(t, acts);
      const { client, metrics } = bench(t, { retry: RETRY });
      const pending = client.get(upstream.url, { signal: never() });
      if (expected === 'ok') await readBody(await pending, 10);
      else assert.match((await faultFrom(pending)).message, expected);
      assert.equal(upstream.count(), requests);
      assert.equal(client.inFlight, 0);
      const text = await metrics.expose();
      assert.match(text, new RegExp(`modgate_upstream_retries_total\\{source="corp"\\} ${requests - 1}\\n`));
    });
  }
});

test('refused connections are tried again', async (t) => {
  const { client, log } = bench(t, { retry: RETRY });
  const port = await closedPort();
  const url = new URL(`http://ann:s3cret@127.0.0.1:${port}/`);
  const error = await faultFrom(client.get(url, { signal: never() }));
  assert.match(error.message, /connection refused, 3 tries/);
  assert.match(log(), /trying again/);
  assert.doesNotMatch(log(), /s3cret/);
});

test('an abort ends the waiting at once', async (t) => {
  const upstream = await acting(t, [status(503, { 'retry-after': '1000' })]);
  const caller = new AbortController();
  const { client } = bench(
    t,
    { retry: { attempts: 3, base: 1 << 30, cap: 1 << 30, budget: 1 << 30 } },
    // Drawn when the waiting begins, so the abort comes in its midst.
    {
      random: () => {
        setImmediate(() => caller.abort());
        return 0.5;
      },
    },
  );
  assert.equal((await faultFrom(client.get(upstream.url, { signal: caller.signal }))).code, 'CANCELED');
  assert.equal(client.inFlight, 0);
});

test('the total time ends the waiting too', async (t) => {
  const upstream = await acting(t, [status(503)]);
  const { client } = bench(
    t,
    { timeouts: { total: 80 }, retry: { attempts: 3, base: 1 << 30, cap: 1 << 30, budget: 1 << 30 } },
    { random: () => 0.5 },
  );
  assert.match(
    (await faultFrom(client.get(upstream.url, { signal: never() }))).message,
    /not done within 80 ms/,
  );
});

test('a kept connection that turns out dead is replaced at once, beside the tries', async (t) => {
  const upstream = await acting(t, [ok, reset, ok]);
  const { client, metrics } = bench(t, {
    retry: { ...RETRY, attempts: 1 },
    breaker: { failures: 1, open: 1000 },
  });
  await readBody(await client.get(upstream.url, { signal: never() }), 10);
  await turn();
  await readBody(await client.get(upstream.url, { signal: never() }), 10);
  assert.equal(upstream.count(), 3);
  assert.equal(client.state, 'closed');
  assert.match(await metrics.expose(), /modgate_upstream_retries_total\{source="corp"\} 1/);
});

test('a body that breaks is not fetched again', async (t) => {
  const upstream = await acting(t, [
    (response) => {
      response.writeHead(200, { 'content-length': 9 });
      response.write('x', () => response.socket?.end());
    },
  ]);
  const { client } = bench(t, { retry: RETRY });
  const answer = await client.get(upstream.url, { signal: never() });
  assert.equal((await faultFrom(readBody(answer, 10))).code, 'UPSTREAM_BAD_ANSWER');
  assert.equal(upstream.count(), 1);
});

test('the breaker', async (t) => {
  let now = 0;
  const clock = { now: () => Date.now(), monotonic: () => now };
  const breaker = { failures: 2, open: 5000 };
  await t.test('opens, refuses at once, probes, closes', async (t) => {
    const upstream = await acting(t, [status(500), status(502), status(503), ok]);
    const { client, metrics, log } = bench(t, { breaker }, { clock });
    let n = 0;
    const get = () => client.get(new URL(`/m${n++}/@v/list`, upstream.url), { signal: never() });
    await faultFrom(get());
    assert.equal(client.state, 'closed');
    await faultFrom(get());
    assert.equal(client.state, 'open');
    const refused = await faultFrom(get());
    assert.equal(refused.code, 'UPSTREAM_SUSPENDED');
    assert.equal(refused.retryAfter, 5);
    assert.match(refused.message, /^source "corp": not asked, .* the upstream answered 502 Bad Gateway/);
    assert.equal(upstream.count(), 2);
    assert.match(await metrics.expose(), /breaker_state\{source="corp"\} 2/);
    now += 5000;
    assert.equal(client.state, 'half-open');
    assert.match(await metrics.expose(), /breaker_state\{source="corp"\} 1/);
    assert.match((await faultFrom(get())).message, /503/);
    assert.equal(client.state, 'open');
    now += 5000;
    await readBody(await get(), 10);
    assert.equal(client.state, 'closed');
    assert.match(log(), /source suspended/);
    assert.match(log(), /source answers again/);
  });
  await t.test('one probe at a time', async (t) => {
    const upstream = await acting(t, [
      status(500),
      status(500),
      (response) => void setImmediate(() => ok(response)),
    ]);
    const { client } = bench(t, { breaker }, { clock });
    let n = 0;
    const get = () => client.get(new URL(`/m${n++}/@v/list`, upstream.url), { signal: never() });
    await faultFrom(get());
    await faultFrom(get());
    now += 5000;
    const probe = get();
    assert.equal((await faultFrom(get())).code, 'UPSTREAM_SUSPENDED');
    await readBody(await probe, 10);
    assert.equal(upstream.count(), 3);
  });
  await t.test(
    'one sick module is tried as often as it may be, and does not suspend the source',
    async (t) => {
      const upstream = await acting(t, [status(503)]);
      const { client } = bench(t, { breaker, retry: { ...RETRY, attempts: 3 } }, { clock });
      for (const file of ['list', 'v1.0.0.info', 'v1.0.0.mod']) {
        const fault = await faultFrom(
          client.get(new URL(`/m/@v/${file}`, upstream.url), { signal: never() }),
        );
        assert.match(fault.message, /503 .*, 3 tries/);
      }
      assert.equal(client.state, 'closed');
    },
  );
  await t.test('a source that resets ends the tries when it is suspended', async (t) => {
    const upstream = await acting(t, [(response) => void response.socket?.resetAndDestroy()]);
    const { client } = bench(t, { breaker, retry: { ...RETRY, attempts: 9 } }, { clock });
    await faultFrom(client.get(upstream.url, { signal: never() }));
    assert.equal(client.state, 'open');
    assert.equal(upstream.count(), 2);
  });
  await t.test('absence, denial and rate limits are no failures', async (t) => {
    const upstream = await acting(t, [status(404), status(403), status(429), status(401), status(410)]);
    const { client } = bench(t, { breaker: { failures: 1, open: 5000 } }, { clock });
    for (let i = 0; i < 5; i += 1) await faultFrom(client.get(upstream.url, { signal: never() }));
    assert.equal(client.state, 'closed');
  });
  await t.test('a time limit is one', async (t) => {
    const upstream = await acting(t, [() => {}]);
    const { client } = bench(
      t,
      { breaker: { failures: 1, open: 5000 }, timeouts: { firstByte: 20 } },
      { clock },
    );
    await faultFrom(client.get(upstream.url, { signal: never() }));
    assert.equal(client.state, 'open');
  });
});

const half: Act = (response) => {
  response.writeHead(200, { 'content-length': 9 });
  response.write('x');
};
const short: Act = (response) => {
  response.writeHead(200, { 'content-length': 9 });
  response.write('x', () => response.socket?.end());
};
const cut: Act = (response) => {
  response.writeHead(200);
  response.write('x', () => response.socket?.end());
};

test('the breaker and the end of the body', async (t) => {
  let now = 0;
  const clock = { now: () => Date.now(), monotonic: () => now };
  const breaker = { failures: 3, open: 5000 };
  for (const [name, act] of [
    ['short', short],
    ['cut', cut],
    ['stopped', half],
  ] as const) {
    await t.test(`three bodies ${name} suspend the source`, async (t) => {
      const upstream = await acting(t, [act]);
      const { client } = bench(t, { breaker, timeouts: { idle: 60 } }, { clock });
      const get = () => client.get(upstream.url, { signal: never() });
      for (let i = 0; i < 3; i += 1) {
        assert.equal(client.state, 'closed');
        await faultFrom(readBody(await get(), 10));
      }
      assert.equal((await faultFrom(get())).code, 'UPSTREAM_SUSPENDED');
      assert.equal(upstream.count(), 3);
    });
  }
  await t.test('a whole body between them starts the count anew', async (t) => {
    const upstream = await acting(t, [short, short, ok, short, short]);
    const { client } = bench(t, { breaker }, { clock });
    for (let i = 0; i < 5; i += 1) {
      const read = readBody(await client.get(upstream.url, { signal: never() }), 10);
      await (i === 2 ? read : faultFrom(read));
    }
    assert.equal(client.state, 'closed');
  });
  await t.test('who leaves says nothing', async (t) => {
    const upstream = await acting(t, [half]);
    const { client } = bench(t, { breaker: { failures: 1, open: 5000 } }, { clock });
    const caller = new AbortController();
    const aborted = await client.get(upstream.url, { signal: caller.signal });
    caller.abort();
    await faultFrom(readBody(aborted, 10));
    (await client.get(upstream.url, { signal: never() })).body.destroy();
    assert.equal(client.state, 'closed');
  });
  await t.test('nor does a reader that holds the upstream back', async (t) => {
    const upstream = await acting(t, [(response) => response.end(Buffer.alloc(16 << 20))]);
    const { client } = bench(
      t,
      { breaker: { failures: 1, open: 5000 }, timeouts: { total: 300 } },
      { clock },
    );
    const { body } = await client.get(upstream.url, { signal: never() });
    await new Promise((resolve) => body.once('close', resolve));
    assert.equal(client.state, 'closed');
  });
  await t.test('the probe ends with its body, however', async (t) => {
    const upstream = await acting(t, [short, half, half, short, ok]);
    const { client } = bench(t, { breaker: { failures: 1, open: 5000 } }, { clock });
    const get = () => client.get(upstream.url, { signal: never() });
    await faultFrom(readBody(await get(), 10));
    now += 5000;
    const probe = await get();
    assert.equal((await faultFrom(get())).code, 'UPSTREAM_SUSPENDED');
    probe.body.destroy();
    assert.equal(client.state, 'half-open');
    const caller = new AbortController();
    const second = await client.get(upstream.url, { signal: caller.signal });
    caller.abort();
    assert.equal(second.body.destroyed, true);
    assert.equal(client.state, 'half-open');
    await faultFrom(readBody(await get(), 10));
    assert.equal(client.state, 'open');
    now += 5000;
    await readBody(await get(), 10);
    assert.equal(client.state, 'closed');
    assert.equal(upstream.count(), 5);
  });
});
