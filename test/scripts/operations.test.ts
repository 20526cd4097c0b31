import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { type Pair, pairFor, SOURCE, startPair } from '../kit/gateway.ts';
import type { LogLine } from '../kit/modgate.ts';

const MODULE = 'example.com/plain';

describe('seen from outside', () => {
  let pair: Pair;
  before(async () => {
    pair = await startPair();
  });
  after(() => pair.close());
  const get = (url: string, headers: Record<string, string> = {}) => pair.modgate.ask(url, { headers });
  const accessLine = (id: string) =>
    pair.modgate.log((line) => line.msg === 'request' && line.request === id, `the request ${id}`);

  test('/healthz', async () => {
    const reply = await get('/healthz');
    assert.equal(reply.status, 200);
    assert.equal(reply.headers['content-type'], 'text/plain; charset=utf-8');
  });

  test('/readyz says that hits can be served, and the state of each source', async () => {
    const reply = await get('/readyz');
    assert.equal(reply.status, 200, reply.text);
    const body: unknown = JSON.parse(reply.text);
    assert.match(JSON.stringify(body), new RegExp(SOURCE));
    assert.match(reply.text, /"status": "ready"/);
  });

  test('/version', async () => {
    const reply = await get('/version');
    assert.match(reply.text, /"version": "\d+\.\d+\.\d+/);
    assert.match(reply.text, /"commit": "(unknown|[0-9a-f]{7,12}(-dirty)?)"/);
    const metrics = await get('/metrics');
    assert.match(metrics.text, /^modgate_build_info\{version="[\d.]+",commit="[^"]+",node="v[^"]+"\} 1$/m);
  });

  test('/ is a short text', async () => {
    const reply = await get('/');
    assert.equal(reply.status, 200);
    assert.match(reply.text, /modgate/);
  });

  test('a request id is taken over, answered and logged with the facts of the request', async () => {
    const reply = await get(`/${MODULE}/@v/v1.0.0.info`, { 'x-request-id': 'from-the-caller-1' });
    assert.equal(reply.headers['x-request-id'], 'from-the-caller-1');
    const line = await accessLine('from-the-caller-1');
    const expected: LogLine = {
      level: 'info',
      route: 'info',
      module: MODULE,
      status: 200,
      cache: 'miss',
      method: 'GET',
      source: SOURCE,
    };
    for (const [field, value] of Object.entries(expected))
      assert.equal(line[field], value, `${field} in ${JSON.stringify(line)}`);
    assert.match(String(line.client), /127\.0\.0\.1/);
    assert.match(String(line.time), /^\d{4}-\d\d-\d\dT.*Z$/);
    assert.match(JSON.stringify(line.links), /"firstByte":\d/);
  });

  test('a request id is made where there is none, and where the given one is not fit', async () => {
    const made = await get('/healthz');
    assert.match(made.headers['x-request-id'] ?? '', /^\S{8,}$/);
    const strange = await get('/healthz', { 'x-request-id': 'a b"c' });
    assert.notEqual(strange.headers['x-request-id'], 'a b"c');
    assert.notEqual(strange.headers['x-request-id'], made.headers['x-request-id']);
  });

  test('a failure is logged with its code', async () => {
    const heal = pair.upstream.fault('v1.2.0.mod', { kind: 'status', status: 500 });
    await get(`/${MODULE}/@v/v1.2.0.mod`, { 'x-request-id': 'failing-1' });
    heal();
    const line = await accessLine('failing-1');
    assert.equal(line.code, 'UPSTREAM_STATUS');
    assert.equal(line.status, 502);
  });

  test('/metrics has the families, and no module name in a label', async () => {
    await get(`/${MODULE}/@v/list`);
    await get(`/${MODULE}/@v/list`);
    await get(`/${MODULE}/@v/v1.0.0.zip`);
    const reply = await get('/metrics');
    assert.match(reply.headers['content-type'] ?? '', /^text\/plain; version=0\.0\.4/);
    const families = new Set([...reply.text.matchAll(/^# TYPE (\S+)/gm)].map((match) => match[1]));
    for (const name of [
      'goproxy_cache_hit_ratio',
      'goproxy_module_fetch_duration_seconds',
      'goproxy_blocked_requests_total',
      'process_cpu_seconds_total',
      'process_resident_memory_bytes',
      'nodejs_eventloop_lag_seconds',
    ])
      assert.ok(families.has(name), `${name} is missing`);
    for (const part of ['http', 'upstream', 'breaker', 'store']) {
      assert.ok(
        [...families].some((name) => name?.startsWith('modgate_') && name.includes(part)),
        `no family about ${part}`,
      );
    }
    for (const word of ['example.com', 'plain', 'v1.0.0', '@v']) {
      const leaks = reply.text.split('\n').filter((line) => !line.startsWith('#') && line.includes(word));
      assert.deepEqual(leaks, [], `"${word}" in a label`);
    }
    const ratio = Number(/^goproxy_cache_hit_ratio (\S+)/m.exec(reply.text)?.[1]);
    assert.ok(ratio > 0 && ratio < 1, `ratio ${ratio}`);
  });

  test('every line on stderr is JSON', () => {
    const lines = pair.modgate.stderr.split('\n').filter((line) => line !== '');
    assert.ok(lines.length > 3);
    for (const line of lines) assert.ok(line.startsWith('{'), line);
  });

  test('stdout has the line to paste', () => {
    assert.ok(pair.modgate.stdout.includes(`go env -w GOPROXY=${pair.modgate.url}`), pair.modgate.stdout);
  });
});

test('/readyz names a source that is left alone', async (t) => {
  const { modgate, upstream } = await pairFor(t, {
    source: { retry: { attempts: 1 }, breaker: { failures: 1, open: '60s' } },
  });
  upstream.fault(/./, { kind: 'status', status: 500 });
  await modgate.ask(`/${MODULE}/@v/list`);
  const reply = await modgate.ask('/readyz');
  assert.equal(reply.status, 200, 'hits can still be served');
  assert.match(reply.text, /degraded/);
  assert.match(reply.text, new RegExp(SOURCE));
});

test('secrets of the configuration are sent to the source, and appear nowhere else', async (t) => {
  const { modgate, upstream } = await pairFor(t, {
    source: { auth: { bearer: { token: { env: 'CORP_TOKEN' } } }, headers: { 'x-team': 'build' } },
    env: { CORP_TOKEN: 's3cret-token-value', MODGATE_LOG_LEVEL: 'trace' },
  });
  upstream.fault(/./, { kind: 'status', status: 403 });
  const reply = await modgate.ask(`/${MODULE}/@v/list`);
  assert.equal(upstream.requests[0]?.headers.authorization, 'Bearer s3cret-token-value');
  assert.equal(upstream.requests[0]?.headers['x-team'], 'build');
  assert.doesNotMatch(reply.text, /s3cret/);
  await modgate.stop();
  assert.doesNotMatch(modgate.stderr + modgate.stdout, /s3cret/);
});
