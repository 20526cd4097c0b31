import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import type { Code } from '../errors/index.ts';
import { readBody } from './body.ts';
import { answering, bench, closedPort, faultFrom, http, never, raw, turn } from './fakes.test.kit.ts';
import { sleep } from './retry.ts';

test('200: bytes, headers, length, links', async (t) => {
  const upstream = await http(t, (request, response) => {
    response.setHeader('set-cookie', 'a=b');
    response.setHeader('x-list', ['1', '2']);
    response.setHeader('content-length', 5);
    assert.equal(request.headers['accept-encoding'], 'identity');
    assert.equal(request.headers['user-agent'], 'modgate');
    response.end(request.url === '/m/@v/list' ? 'hello' : 'other');
  });
  const { client, metrics } = bench(t);
  const answer = await client.get(new URL('/m/@v/list', upstream.url), { signal: never() });
  assert.equal(client.inFlight, 1);
  assert.equal(answer.status, 200);
  assert.equal(answer.length, 5);
  assert.equal(answer.headers['x-list'], '1, 2');
  assert.equal('set-cookie' in answer.headers, false);
  assert.equal(answer.url, `http://127.0.0.1:${upstream.port}/m/@v/list`);
  assert.equal((await readBody(answer, 5)).toString(), 'hello');
  assert.equal(client.inFlight, 0);
  assert.deepEqual(Object.keys(answer.links).sort(), ['body', 'connect', 'firstByte']);
  await turn();
  const second = await client.get(upstream.url, { signal: never() });
  assert.equal((await readBody(second, 5)).toString(), 'other');
  assert.deepEqual(Object.keys(second.links).sort(), ['body', 'firstByte'], 'a kept connection has no dial');
  const text = await metrics.expose();
  assert.match(text, /modgate_upstream_requests_total\{source="corp",outcome="ok"\} 2/);
  assert.match(text, /modgate_upstream_in_flight\{source="corp"\} 0/);
  assert.match(text, /modgate_upstream_breaker_state\{source="corp"\} 0/);
  assert.match(text, /modgate_upstream_link_seconds_count\{source="corp",link="connect"\} 1/);
  assert.match(text, /modgate_upstream_link_seconds_count\{source="corp",link="body"\} 2/);
});

test('a name has a dns link', async (t) => {
  const upstream = await http(t, (_, response) => response.end());
  const { client } = bench(t);
  const answer = await client.get(new URL(`http://localhost:${upstream.port}/`), { signal: never() });
  await readBody(answer, 0);
  assert.equal(typeof answer.links.dns, 'number');
});

test('304 passes where it was asked for', async (t) => {
  const upstream = await http(t, (_, response) => response.writeHead(304, { etag: '"x"' }).end());
  const { client } = bench(t);
  const answer = await client.get(upstream.url, { signal: never(), headers: { 'If-None-Match': '"x"' } });
  assert.equal(answer.status, 304);
  assert.equal(answer.headers.etag, '"x"');
  assert.equal(client.inFlight, 0);
  assert.equal((await readBody(answer, 0)).length, 0);
  assert.equal((await faultFrom(client.get(upstream.url, { signal: never() }))).code, 'UPSTREAM_STATUS');
});

interface StatusRow {
  readonly status: number;
  readonly headers?: Record<string, string>;
  readonly text?: string;
  readonly code: Code;
  readonly message: RegExp;
  readonly retryAfter?: number;
}

const PLAIN = { 'content-type': 'text/plain; charset=utf-8' };

const STATUSES: readonly StatusRow[] = [
  {
    status: 404,
    headers: PLAIN,
    text: 'not found: no such\nsecond\nthird',
    code: 'NOT_FOUND',
    message: /404 Not Found \(http.*\)\nit says: not found: no such\nit says: second$/,
  },
  { status: 410, headers: PLAIN, text: '', code: 'NOT_FOUND', message: /410 Gone \([^\n]*\)$/ },
  {
    status: 404,
    headers: { 'content-type': 'text/html' },
    text: '<p>no',
    code: 'NOT_FOUND',
    message: /Not Found \([^\n]*\)$/,
  },
  {
    status: 404,
    headers: PLAIN,
    text: '\u001b[31mred\u0007\r\n\r\n',
    code: 'NOT_FOUND',
    message: /it says: \[31mred$/,
  },
  { status: 404, headers: PLAIN, text: 'x'.repeat(1 << 20), code: 'NOT_FOUND', message: /it says: x{200}$/ },
  { status: 401, code: 'UPSTREAM_DENIED', message: /401 Unauthorized \(credentials sent: none\)/ },
  {
    status: 403,
    headers: PLAIN,
    text: 'no entry',
    code: 'UPSTREAM_DENIED',
    message: /403 Forbidden.*\nit says: no entry$/,
  },
  { status: 407, code: 'UPSTREAM_DENIED', message: /407/ },
  {
    status: 429,
    headers: { 'retry-after': '7' },
    code: 'UPSTREAM_RATE_LIMITED',
    message: /429 Too Many/,
    retryAfter: 7,
  },
  { status: 429, code: 'UPSTREAM_RATE_LIMITED', message: /429 Too Many/ },
  {
    status: 500,
    headers: PLAIN,
    text: 'boom',
    code: 'UPSTREAM_STATUS',
    message: /500 Internal.*\nit says: boom$/,
  },
  {
    status: 503,
    headers: { 'retry-after': '9' },
    code: 'UPSTREAM_STATUS',
    message: /503 Service/,
    retryAfter: 9,
  },
  { status: 204, code: 'UPSTREAM_STATUS', message: /204 No Content/ },
  { status: 206, code: 'UPSTREAM_STATUS', message: /206 Partial/ },
  { status: 300, code: 'UPSTREAM_STATUS', message: /300 Multiple/ },
  { status: 418, code: 'UPSTREAM_STATUS', message: /418/ },
  { status: 599, code: 'UPSTREAM_STATUS', message: /answered 599 \(/ },
];

test('statuses', async (t) => {
  for (const row of STATUSES) {
    await t.test(`${row.status} ${row.code} ${row.text?.slice(0, 20) ?? ''}`, async (t) => {
      const upstream = await http(t, (_, response) =>
        response.writeHead(row.status, row.headers).end(row.text),
      );
      const { client, metrics } = bench(t);
      const url = new URL(`http://ann:s3cret@127.0.0.1:${upstream.port}/m?token=s3cret`);
      const error = await faultFrom(client.get(row.status === 401 ? upstream.url : url, { signal: never() }));
      assert.equal(error.code, row.code);
      assert.match(error.message, /^source "corp": /);
      assert.match(error.message, row.message);
      assert.match(error.message, /http:\/\/127\.0\.0\.1:/);
      assert.doesNotMatch(error.message, /s3cret/);
      assert.equal(error.retryAfter, row.retryAfter);
      assert.equal(error.source, 'corp');
      assert.equal(client.inFlight, 0);
      const outcome = `outcome="${row.code.toLowerCase()}"} 1`;
      assert.ok((await metrics.expose()).includes(outcome));
    });
  }
});

test('a 404 keeps its connection', async (t) => {
  const upstream = await http(t, (_, response) => response.writeHead(404, PLAIN).end('no'));
  const { client } = bench(t);
  for (let i = 0; i < 3; i += 1) {
    await faultFrom(client.get(upstream.url, { signal: never() }));
    await turn();
  }
  assert.equal(upstream.sockets.size, 1);
});

const CUT = 'HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhello';
const CHUNKED = 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n';
const OPEN_END = 'HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nhello';

test('answers that are broken before their body', async (t) => {
  const rows: readonly [string, string, Code, RegExp][] = [
    ['garbage', 'SSH-2.0-x\r\n\r\n', 'UPSTREAM_BAD_ANSWER', /not HTTP/],
    ['bad header', 'HTTP/1.1 200 OK\r\nno colon\r\n\r\n', 'UPSTREAM_BAD_ANSWER', /not HTTP/],
    [
      'two lengths',
      'HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n',
      'UPSTREAM_BAD_ANSWER',
      /announced/,
    ],
    [
      'long headers',
      `HTTP/1.1 200 OK\r\nx: ${'y'.repeat(70_000)}\r\n\r\n`,
      'UPSTREAM_BAD_ANSWER',
      /too long/,
    ],
    [
      'gzip',
      'HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 1\r\n\r\nx',
      'UPSTREAM_BAD_ANSWER',
      /encoded as gzip/,
    ],
    ['no Location', 'HTTP/1.1 302 Found\r\ncontent-length: 0\r\n\r\n', 'UPSTREAM_BAD_ANSWER', /Location/],
    [
      'switching',
      'HTTP/1.1 101 Switching\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n',
      'UPSTREAM_UNREACHABLE',
      /closed/,
    ],
  ];
  for (const [name, bytes, code, message] of rows) {
    await t.test(name, async (t) => {
      const upstream = await answering(t, bytes);
      const { client } = bench(t);
      const error = await faultFrom(client.get(upstream.url, { signal: never() }));
      assert.equal(error.code, code, error.message);
      assert.match(error.message, message);
      assert.equal(client.inFlight, 0);
    });
  }
});

test('bodies', async (t) => {
  const rows: readonly [string, string, 'end' | 'reset' | 'hold', Code | 'hello', RegExp?][] = [
    ['whole', CUT.replace('10', '5'), 'hold', 'hello'],
    ['until the end of the connection', OPEN_END, 'end', 'hello'],
    ['short, ended', CUT, 'end', 'UPSTREAM_BAD_ANSWER', /after 5 of 10 bytes/],
    ['short, reset', CUT, 'reset', 'UPSTREAM_UNREACHABLE', /reset in the middle/],
    [
      'short, ended, to be closed',
      CUT.replace('OK', 'OK\r\nconnection: close'),
      'end',
      'UPSTREAM_BAD_ANSWER',
      /after 5 of 10/,
    ],
    [
      'short, reset, to be closed',
      CUT.replace('OK', 'OK\r\nconnection: close'),
      'reset',
      'UPSTREAM_UNREACHABLE',
      /reset/,
    ],
    ['chunked, ended', CHUNKED, 'end', 'UPSTREAM_UNREACHABLE', /closed in the middle/],
    ['chunked, reset', CHUNKED, 'reset', 'UPSTREAM_UNREACHABLE', /reset in the middle/],
    ['no length, reset', OPEN_END, 'reset', 'UPSTREAM_UNREACHABLE', /reset in the middle/],
    ['bad chunk', `${CHUNKED}zz\r\n`, 'hold', 'UPSTREAM_BAD_ANSWER', /not HTTP/],
    ['stops', CUT, 'hold', 'UPSTREAM_TIMEOUT', /no byte within 60 ms/],
    ['more than its length', CUT.replace('10', '5').replace('hello', 'hello, and more'), 'hold', 'hello'],
  ];
  for (const [name, bytes, then, expected, message] of rows) {
    await t.test(name, async (t) => {
      // A reset must come after the reader has got the piece, else the system drops it.
      const upstream = await raw(t, (socket) => {
        socket.once('data', () => socket.write(bytes));
        if (then === 'end') socket.once('data', () => socket.end());
      });
      const { client } = bench(t, name === 'stops' ? { timeouts: { idle: 60 } } : {});
      const answer = await client.get(upstream.url, { signal: never() });
      if (then === 'reset') {
        await once(answer.body, 'readable');
        for (const socket of upstream.sockets) socket.resetAndDestroy();
      }
      if (expected === 'hello') {
        assert.equal((await readBody(answer, 10)).toString(), 'hello');
      } else {
        const error = await faultFrom(readBody(answer, 10));
        assert.equal(error.code, expected, error.message);
        assert.match(error.message, /^source "corp": /);
        if (message !== undefined) assert.match(error.message, message);
      }
      assert.equal(client.inFlight, 0);
    });
  }
});

test('readBody and its limit', async (t) => {
  const upstream = await http(t, (request, response) => {
    if (request.url === '/known') response.setHeader('content-length', 11);
    response.end('hello world');
  });
  const { client } = bench(t);
  for (const path of ['/known', '/chunked']) {
    const answer = await client.get(new URL(path, upstream.url), { signal: never() });
    const error = await faultFrom(readBody(answer, 10));
    assert.equal(error.code, 'UPSTREAM_BAD_ANSWER');
    assert.match(error.message, /longer than the 10 bytes/);
    assert.equal(client.inFlight, 0);
    const again = await client.get(new URL(path, upstream.url), { signal: never() });
    assert.equal((await readBody(again, 11)).length, 11);
  }
});

test('a big body arrives whole through back-pressure', async (t) => {
  const piece = Buffer.alloc(100_000, 'x');
  const upstream = await http(t, (_, response) => {
    let left = 60;
    const more = () => {
      while (left > 0) {
        left -= 1;
        if (!response.write(piece)) {
          response.once('drain', more);
          return;
        }
      }
      response.end();
    };
    more();
  });
  const { client } = bench(t, { timeouts: { idle: 1000 } });
  const answer = await client.get(upstream.url, { signal: never() });
  let size = 0;
  let paused = false;
  for await (const chunk of answer.body) {
    size += chunk.length;
    if (paused || size < 1_000_000) continue;
    paused = true;
    // Longer than the idle limit, which is the upstream's and not the reader's.
    await sleep(1300, never());
  }
  assert.equal(size, 6_000_000);
  assert.equal(client.inFlight, 0);
});

test('nobody there', async (t) => {
  const port = await closedPort();
  const { client } = bench(t);
  const error = await faultFrom(client.get(new URL(`http://127.0.0.1:${port}/x`), { signal: never() }));
  assert.equal(error.code, 'UPSTREAM_UNREACHABLE');
  assert.equal(error.message, `source "corp": connection refused (http://127.0.0.1:${port}/x)`);
  assert.match(error.next ?? '', /check that the upstream is up/);
});

test('no such host', async (t) => {
  const { client } = bench(t);
  // RFC 6761: "invalid" never resolves; a machine without DNS says EAI_AGAIN.
  const error = await faultFrom(client.get(new URL('http://modgate.invalid/'), { signal: never() }));
  assert.equal(error.code, 'UPSTREAM_UNREACHABLE');
  assert.match(error.message, /no such host "modgate\.invalid"/);
});
