import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';
import { BAD_ANSWERS, FAULT_CASES, type FaultCase } from '../kit/fault-table.ts';
import { HASTY, type Pair, pairFor, SOURCE, startPair } from '../kit/gateway.ts';
import { Go, WENT_DIRECT, withoutGo } from '../kit/go.ts';
import type { Reply } from '../kit/http.ts';
import { Upstream } from '../kit/upstream.ts';

/** What the go command shows of a text: plain, at most 8 lines and 648 bytes, no blank line. */
function assertShown(reply: Reply): void {
  assert.match(reply.headers['content-type'] ?? '', /^text\/plain; charset=utf-8$/i);
  const lines = reply.text.trimEnd().split('\n');
  assert.ok(lines.length <= 8 && reply.body.length <= 648, reply.text);
  assert.ok(!lines.includes(''), 'the go command stops at a blank line');
}

interface Pairs {
  /** with long time limits, for all faults but hangs */
  readonly patient: Pair;
  readonly hasty: Pair;
}

/** Nothing is remembered, so that each case asks anew. */
async function startPairs(): Promise<Pairs> {
  const config = { cache: { fresh: '0s', negative: '0s', stale: '0s' } };
  const retry = { attempts: 1 };
  const patient = await startPair({ source: { retry }, config });
  return { patient, hasty: await startPair({ source: { retry, timeouts: HASTY }, config }) };
}

async function closePairs({ patient, hasty }: Pairs): Promise<void> {
  await patient.close();
  await hasty.close();
}

async function breakSource(pairs: Pairs, { fault }: FaultCase): Promise<Pair> {
  const hangs = fault !== 'refuse' && fault.kind.startsWith('hang');
  const pair = hangs ? pairs.hasty : pairs.patient;
  if (fault === 'refuse') await pair.upstream.refuse();
  else pair.upstream.fault(/./, fault);
  return pair;
}

describe('a broken source', () => {
  let pairs: Pairs;
  let pair: Pair;
  before(async () => {
    pairs = await startPairs();
    pair = pairs.patient;
  });
  after(() => closePairs(pairs));
  afterEach(async () => {
    pairs.hasty.upstream.heal();
    pair.upstream.heal();
    await pair.upstream.refuse();
    await pair.upstream.accept();
  });

  // Another version for each file, since what is stored would be a hit.
  const FILES = ['@v/list', '@latest', '@v/main.info', '@v/v1.0.0.info', '@v/v1.1.0.mod'];
  for (const one of FAULT_CASES) {
    test(`${one.name} → ${one.status} ${one.code}`, async () => {
      const { modgate } = await breakSource(pairs, one);
      for (const file of FILES) {
        const reply = await modgate.ask(`/example.com/plain/${file}`);
        assert.equal(reply.status, one.status, `${file}: ${reply.text}`);
        assert.match(reply.text, new RegExp(`\\b${one.code}\\b`), file);
        assert.match(reply.text, new RegExp(SOURCE), `${file}: the text names the source`);
        assert.match(reply.text, one.text, `${file}: the text says how`);
        if (one.header !== undefined) assert.match(reply.headers[one.header[0]] ?? '', one.header[1], file);
        assertShown(reply);
        assert.match(reply.headers['cache-control'] ?? '', /no-store/, 'an outage is not cached');
      }
    });
  }

  // Those that a zip shows in its headers; a fault in its body is the business of zip-faults.test.ts.
  const inHeaders = FAULT_CASES.filter(
    (one) => one.fault === 'refuse' || !('after' in one.fault || 'delta' in one.fault),
  );
  for (const one of inHeaders) {
    test(`a zip: ${one.name} → ${one.status}`, async () => {
      const { modgate } = await breakSource(pairs, one);
      const reply = await modgate.ask('/example.com/plain/@v/v1.0.0.zip');
      assert.equal(reply.status, one.status, reply.text);
      assert.match(reply.text, new RegExp(SOURCE));
      assertShown(reply);
    });
  }

  for (const { name, file, fault } of BAD_ANSWERS) {
    test(`${name} → 502`, async () => {
      pair.upstream.fault(file, fault);
      const reply = await pair.modgate.ask(`/example.com/plain/${file}`);
      assert.equal(reply.status, 502, reply.text);
      assert.match(reply.text, /UPSTREAM_BAD_ANSWER/);
      assert.match(reply.text, new RegExp(SOURCE));
      assertShown(reply);
      assert.deepEqual(
        pair.modgate.files('tree').filter((stored) => stored.endsWith(`plain/${file}`)),
        [],
      );
    });
  }

  for (const status of [404, 410]) {
    test(`status ${status} is absence`, async () => {
      pair.upstream.fault(/./, { kind: 'status', status });
      for (const file of [...FILES, '@v/v1.0.0.zip']) {
        const reply = await pair.modgate.ask(`/example.com/mod/${file}`);
        assert.equal(reply.status, 404, file);
        assertShown(reply);
      }
    });
  }

  test('a redirect to another place is followed', async () => {
    const other = await Upstream.start();
    try {
      pair.upstream.fault('/example.com/mod/@v/v1.0.0.zip', {
        kind: 'redirect',
        location: `${other.url}/example.com/mod/@v/v1.0.0.zip`,
      });
      const reply = await pair.modgate.ask('/example.com/mod/@v/v1.0.0.zip');
      assert.equal(reply.status, 200, reply.text);
    } finally {
      await other.close();
    }
  });

  test('an answer without a length is taken', async () => {
    pair.upstream.fault('v2.0.0', { kind: 'chunked' });
    for (const kind of ['info', 'mod', 'zip']) {
      const reply = await pair.modgate.ask(`/example.com/mod/v2/@v/v2.0.0.${kind}`);
      assert.equal(reply.status, 200, reply.text);
    }
  });
});

test('a fault that passes is tried again', async (t) => {
  const { modgate, upstream } = await pairFor(t, {
    source: { retry: { attempts: 3, base: '5ms', cap: '10ms', budget: '1s' } },
  });
  upstream.fault('v1.0.0.info', { kind: 'status', status: 503 }, 2);
  assert.equal((await modgate.ask('/example.com/plain/@v/v1.0.0.info')).status, 200);
  assert.equal(upstream.count('v1.0.0.info'), 3);
});

test('the breaker leaves a failing source alone, and tries it again', async (t) => {
  const { modgate, upstream } = await pairFor(t, {
    source: { retry: { attempts: 1 }, breaker: { failures: 2, open: '300ms' } },
  });
  upstream.fault(/./, { kind: 'status', status: 500 });
  for (const file of ['plain/@v/v1.0.0.mod', 'plain/@v/v1.1.0.mod'])
    await modgate.ask(`/example.com/${file}`);
  const still = await modgate.ask('/example.com/mod/v2/@v/v2.0.0.mod');
  assert.equal(still.status, 502, 'one sick module is no sick source');
  const suspended = await modgate.ask('/example.com/plain/@v/v1.2.0.mod');
  assert.equal(suspended.status, 503, suspended.text);
  assert.match(suspended.text, /UPSTREAM_SUSPENDED/);
  assert.ok(Number(suspended.headers['retry-after']) >= 1);
  assert.equal(upstream.count(), 3);
  upstream.heal();
  let status = 503;
  for (const end = Date.now() + 10_000; status !== 200 && Date.now() < end; ) {
    status = (await modgate.ask('/example.com/plain/@v/v1.2.0.mod')).status;
  }
  assert.equal(status, 200);
});

test('a route passes a refusal of credentials on where it says so', async (t) => {
  const { modgate, upstream } = await pairFor(t, {
    config: { routes: [{ match: 'example.com/mod', chain: SOURCE, denied: 'pass' }] },
  });
  upstream.fault(/./, { kind: 'status', status: 401 });
  const passed = await modgate.ask('/example.com/mod/@v/list');
  assert.equal(passed.status, 403, passed.text);
  assert.match(passed.text, new RegExp(SOURCE));
  assert.equal((await modgate.ask('/example.com/plain/@v/list')).status, 502);
});

describe('GOPROXY=modgate,direct stops', { skip: withoutGo }, () => {
  let pairs: Pairs;
  let go: Go;
  before(async () => {
    go = new Go();
    pairs = await startPairs();
  });
  after(async () => {
    go.remove();
    await closePairs(pairs);
  });

  test('the check itself: absence does go direct', async () => {
    const run = await go.run(['mod', 'download', 'example.com/absent@v1.0.0'], {
      proxy: `${pairs.patient.modgate.url},direct`,
    });
    assert.equal(run.code, 1);
    assert.match(run.stderr, WENT_DIRECT);
  });

  for (const one of FAULT_CASES) {
    test(`at: ${one.name}`, async () => {
      const pair = await breakSource(pairs, one);
      try {
        const run = await go.run(['list', '-m', 'example.com/plain@latest'], {
          proxy: `${pair.modgate.url},direct`,
        });
        assert.equal(run.code, 1);
        assert.doesNotMatch(run.stderr, WENT_DIRECT);
        assert.match(run.stderr, /modgate: /);
        assert.match(run.stderr, new RegExp(SOURCE), 'the text names the source');
        assert.match(run.stderr, new RegExp(one.code));
      } finally {
        pair.upstream.heal();
        if (one.fault === 'refuse') await pair.upstream.accept();
      }
    });
  }
});
