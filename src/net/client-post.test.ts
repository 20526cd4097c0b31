/** A small POST: what it shares with a GET, and what it never does. */
import assert from 'node:assert/strict';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import { readBody } from './body.ts';
import { bench, faultFrom, never } from './fakes.test.kit.ts';

interface Seen {
  readonly method: string;
  readonly body: string;
  readonly type: string | undefined;
}

async function serve(t: TestContext, answer: (response: ServerResponse, url: string) => void) {
  const seen: Seen[] = [];
  const handle = async (request: IncomingMessage, response: ServerResponse) => {
    const pieces: Buffer[] = [];
    for await (const piece of request) pieces.push(piece);
    const { method = '', headers, url = '' } = request;
    seen.push({ method, body: Buffer.concat(pieces).toString(), type: headers['content-type'] });
    answer(response, url);
  };
  const server = createServer((request, response) => void handle(request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  // A TCP server's address is an object; only a pipe's is a string.
  const { port } = server.address() as AddressInfo;
  return { seen, url: new URL(`http://127.0.0.1:${port}/x`) };
}

const POST = {
  signal: never(),
  headers: { 'Content-Type': 'application/json' },
  body: Buffer.from('{"a":1}'),
};
const RETRIES = { retry: { attempts: 4, base: 1, cap: 2, budget: 1000 } };

test('the body goes out once, and 201 is an answer', async (t) => {
  const { seen, url } = await serve(t, (response) => response.writeHead(201).end('made'));
  const { client } = bench(t);
  const answer = await client.post(url, POST);
  assert.equal(answer.status, 201);
  assert.equal(String(await readBody(answer, 100)), 'made');
  assert.deepEqual(seen, [{ method: 'POST', body: '{"a":1}', type: 'application/json' }]);
});

test('201 is no answer to a GET', async (t) => {
  const { url } = await serve(t, (response) => response.writeHead(201).end());
  const fault = await faultFrom(bench(t).client.get(url, { signal: never() }));
  assert.equal(fault.code, 'UPSTREAM_STATUS');
});

const FAILURES: [what: string, answer: (response: ServerResponse) => void, code: string][] = [
  [
    'a status that a GET would be tried again for',
    (response) => response.writeHead(503).end(),
    'UPSTREAM_STATUS',
  ],
  ['a broken connection', (response) => response.destroy(), 'UPSTREAM_UNREACHABLE'],
  ['a redirect', (response) => response.writeHead(307, { location: '/y' }).end(), 'UPSTREAM_STATUS'],
  ['a refusal', (response) => response.writeHead(401).end(), 'UPSTREAM_DENIED'],
];

for (const [what, answer, code] of FAILURES) {
  test(`tried once only: ${what}`, async (t) => {
    const { seen, url } = await serve(t, answer);
    const { client } = bench(t, RETRIES);
    const fault = await faultFrom(client.post(url, POST));
    assert.deepEqual([fault.code, seen.length], [code, 1]);
  });
}
