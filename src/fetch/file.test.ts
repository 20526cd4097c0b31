import assert from 'node:assert/strict';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import { ModgateError } from '../errors/index.ts';
import { parseModulePath, parseVersion } from '../module/index.ts';
import { UpstreamClient } from '../net/index.ts';
import { createLogger, Metrics } from '../observe/index.ts';
import { readSmall } from './file.ts';
import { ProxySource, SumdbOrigin } from './proxy-source.ts';

type Act = (response: ServerResponse, body: string) => void;

const whole: Act = (response, body) => response.end(body);
const short: Act = (response, body) => {
  response.writeHead(200, { 'content-length': body.length });
  response.write(body.slice(1), () => response.socket?.end());
};
const broken: Act = (response, body) => {
  response.writeHead(200);
  response.write(body.slice(1), () => response.socket?.end());
};
const stopped: Act = (response, body) => {
  response.writeHead(200, { 'content-length': body.length });
  response.write(body.slice(1));
};
const failed: Act = (response) => response.writeHead(500).end();

interface Bench {
  readonly proxy: ProxySource;
  readonly sumdb: SumdbOrigin;
  readonly count: () => number;
}

/** Sources over a server that does one act a request, the last one again and again. */
async function bench(t: TestContext, body: string, acts: readonly Act[]): Promise<Bench> {
  let count = 0;
  const server = createServer((_, response) => {
    const act = acts[Math.min(count, acts.length - 1)];
    count += 1;
    act?.(response, body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  // A server on TCP has an AddressInfo, not a path.
  const base = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
  const client = new UpstreamClient(
    {
      name: 'corp',
      headers: {},
      auth: { kind: 'none' },
      tls: {
        ca: undefined,
        cert: undefined,
        key: undefined,
        pins: [],
        minVersion: 'TLSv1.2',
        insecure: false,
      },
      http2: false,
      proxy: 'none',
      timeouts: { connect: 10_000, firstByte: 10_000, idle: 100, total: 30_000 },
      concurrency: 1,
      queue: 0,
      retry: { attempts: 1, base: 1, cap: 1, budget: 1 },
      breaker: { failures: 1000, open: 1000 },
    },
    {
      logger: createLogger({ level: 'error', format: 'json', destination: { write: () => {} } }),
      metrics: new Metrics({ process: false }),
      env: {},
    },
  );
  t.after(() => client.close());
  return {
    proxy: new ProxySource('corp', base, client, 1 << 10),
    sumdb: new SumdbOrigin('corp', base, client, 1 << 10),
    count: () => count,
  };
}

const path = parseModulePath('corp.example/lib');
const m = { path, version: parseVersion(path, 'v1.0.0') };
const never = () => new AbortController().signal;

const INFO = '{"Version":"v1.0.0"}';

/** name, body, question, its answer */
const QUESTIONS: readonly [string, string, (b: Bench, signal: AbortSignal) => Promise<unknown>, unknown][] = [
  ['list', 'v1.0.0\n', async ({ proxy }, s) => (await proxy.list(path, s)).value, ['v1.0.0']],
  ['query', INFO, async ({ proxy }, s) => (await proxy.query(path, 'latest', s)).value.version, 'v1.0.0'],
  [
    'sumdb',
    'tree',
    async ({ proxy }, s) => (await proxy.sumdb('s.example', 'latest', s)).value.toString(),
    'tree',
  ],
  [
    'origin',
    'tree',
    async ({ sumdb }, s) => (await sumdb.sumdb('s.example', 'latest', s)).value.toString(),
    'tree',
  ],
  [
    'small file',
    INFO,
    async ({ proxy }, s) => (await readSmall(proxy, m, 'info', 100, s)).value.toString(),
    INFO,
  ],
];

/** name, acts, requests that arrive, code of the fault */
const ROWS: readonly [string, readonly Act[], number, string | undefined][] = [
  ['whole', [whole], 1, undefined],
  ['short, whole', [short, whole], 2, undefined],
  ['broken, whole', [broken, whole], 2, undefined],
  ['short twice', [short, short, whole], 2, 'UPSTREAM_BAD_ANSWER'],
  ['broken twice', [broken, broken, whole], 2, 'UPSTREAM_UNREACHABLE'],
  ['short, then a fault', [short, failed, whole], 2, 'UPSTREAM_STATUS'],
  ['a fault before the body', [failed, whole], 1, 'UPSTREAM_STATUS'],
  ['stopped', [stopped, whole], 1, 'UPSTREAM_TIMEOUT'],
];

test('a body that comes cut is asked for once more', async (t) => {
  for (const [question, body, ask, expected] of QUESTIONS) {
    for (const [name, acts, requests, code] of ROWS) {
      await t.test(`${question}: ${name}`, async (t) => {
        const made = await bench(t, body, acts);
        if (code === undefined) assert.deepEqual(await ask(made, never()), expected);
        else await assert.rejects(ask(made, never()), { code });
        assert.equal(made.count(), requests);
      });
    }
  }
});

test('a small file that is too long is not asked for again', async (t) => {
  const made = await bench(t, INFO, [whole]);
  await assert.rejects(readSmall(made.proxy, m, 'info', 10, never()), { code: 'UPSTREAM_BAD_ANSWER' });
  assert.equal(made.count(), 1);
});

test('nobody asks again for a caller that left', async (t) => {
  const caller = new AbortController();
  const reason = new ModgateError('UPSTREAM_UNREACHABLE', 'as if cut');
  const made = await bench(t, INFO, [
    (response, body) => {
      stopped(response, body);
      setImmediate(() => caller.abort(reason));
    },
    whole,
  ]);
  await assert.rejects(readSmall(made.proxy, m, 'info', 100, caller.signal), reason);
  assert.equal(made.count(), 1);
});
