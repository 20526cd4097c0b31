import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterEach, describe, it } from 'node:test';
import type { BytesReply, ContentReply, Reply } from '../gateway/index.ts';
import { type Clock, createLogger, Metrics, systemClock } from '../observe/index.ts';
import { AccessLog } from './access.ts';
import { Handler } from './handler.ts';
import { Handover } from './handover.ts';
import { HotCache } from './hot.ts';
import { Listener } from './listener.ts';
import type { Requests } from './message.ts';
import { Pages } from './pages.ts';
import { TrustedProxies } from './trusted.ts';

const LARGE = 20 << 20;
const LIST = '/example.com/plain/@v/list';
const MOD = '/example.com/plain/@v/v1.0.0.mod';
const ZIP = '/example.com/plain/@v/v1.0.0.zip';
const MODIFIED = Date.UTC(2026, 0, 1);

interface Setting {
  readonly answer: () => Reply;
  readonly patience?: number;
  readonly idle?: number;
  readonly clock?: Clock;
  /** what another worker relays */
  readonly relayed?: boolean;
}

interface Served {
  readonly port: number;
  /** how often the gateway was asked */
  asked: number;
  /** the next line of the access log */
  record(): Promise<string>;
}

let stop: () => Promise<void> = async () => {};

/** A handler on a real socket, before a gateway whose answers are given. */
async function serve(setting: Setting): Promise<Served> {
  const { answer, patience = 60_000, idle, clock = systemClock, relayed = false } = setting;
  const lines: string[] = [];
  let wake = () => {};
  const destination = {
    write: (line: string) => {
      lines.push(line);
      wake();
    },
  };
  const metrics = new Metrics({ process: false });
  const access = new AccessLog(metrics, clock, createLogger({ level: 'info', format: 'json', destination }));
  const pages = new Pages({
    build: { version: '0', commit: '0', date: '' },
    metrics,
    parts: async () => [],
    stopping: () => false,
  });
  const gateway = {
    stored: async () => undefined,
    answer: async () => {
      served.asked++;
      return answer();
    },
    allow: async () => undefined,
  };
  const handler = new Handler({
    gateway,
    pages,
    access,
    clock,
    hot: new HotCache(64 << 20),
    uploads: { take: async () => undefined },
    patience,
    keepAlive: 75_000,
    targets: { prefix: '', longest: 2048 },
    trusted: new TrustedProxies([]),
    handover: new Handover({ type: 'x-sendfile' }, '/data/tree', new TrustedProxies(['127.0.0.1'])),
    secure: false,
  });
  const requests: Requests = relayed
    ? { handle: (req, res) => handler.handleRelayed(req, res), refuse: () => {} }
    : handler;
  const listener = new Listener(requests, idle === undefined ? {} : { idle });
  const url = await listener.listen({ kind: 'tcp', host: '127.0.0.1', port: 0 });
  stop = () => listener.close(0);
  const served: Served = {
    port: Number(new URL(url).port),
    asked: 0,
    record: async () => {
      while (lines.length === 0)
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      return lines.shift() ?? '';
    },
  };
  return served;
}

afterEach(async () => {
  await stop();
  stop = async () => {};
});

/** A stored file of zeros, too large for memory. */
function largeFile(onClose: () => void = () => {}): ContentReply {
  const content: ContentReply['content'] = {
    size: LARGE,
    modified: MODIFIED,
    bytes: async () => Buffer.alloc(LARGE),
    read: async (buffer, position) => Math.min(buffer.fill(0).length, LARGE - position),
    close: async () => onClose(),
  };
  return { kind: 'content', content, cached: 'hit', modified: MODIFIED, fresh: Infinity, trace: undefined };
}

/** @param fresh ms */
function bytesReply(text: string, fresh = Infinity, cached: BytesReply['cached'] = 'hit'): BytesReply {
  return { kind: 'bytes', bytes: Buffer.from(text), cached, modified: MODIFIED, fresh, trace: undefined };
}

async function dial(port: number, request: string): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => {}); // A reset ends the connection as well; 'close' follows.
  await once(socket, 'connect');
  socket.write(request, 'latin1');
  return socket;
}

interface Answer {
  readonly status: number;
  /** names in lower case */
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
}

/** The answers to requests that are sent at once, each with a Content-Length, and nothing behind them. */
async function ask(port: number, request: string, count = 1): Promise<Answer[]> {
  const socket = await dial(port, request);
  socket.setEncoding('latin1');
  const answers: Answer[] = [];
  let text = '';
  socket.on('data', (piece: string) => {
    text += piece;
  });
  while (answers.length < count) {
    const head = /^HTTP\/1\.1 (\d{3}) [^\r\n]*\r\n((?:[^\r\n:]+: [^\r\n]*\r\n)*)\r\n/.exec(text);
    const headers = new Map(
      (head?.[2] ?? '')
        .split('\r\n')
        .filter((line) => line !== '')
        .map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 2)]),
    );
    const start = head?.[0].length ?? 0;
    const end = start + (head?.[1] === '304' ? 0 : Number(headers.get('content-length')));
    if (head === null || text.length < end) {
      assert.ok(!socket.closed && !text.includes('\r\n\r\nHTTP'), `not well-formed: ${text.slice(0, 500)}`);
      await Promise.race([once(socket, 'data'), once(socket, 'close')]);
      continue;
    }
    answers.push({ status: Number(head[1]), headers, body: text.slice(start, end) });
    text = text.slice(end);
  }
  assert.equal(text, '');
  socket.destroy();
  return answers;
}

const get = (path: string, headers = '', version = '1.1') =>
  `GET ${path} HTTP/${version}\r\nHost: h\r\n${headers}\r\n`;

async function askOne(port: number, path: string, headers = '', version = '1.1'): Promise<Answer> {
  const [answer] = await ask(port, get(path, headers, version));
  return answer ?? assert.fail('no answer');
}

describe('a large stored file', () => {
  it('goes to a slow reader whole, though it takes longer than the patience', async () => {
    const patience = 300;
    const { port } = await serve({ answer: () => largeFile(), patience });
    const socket = await dial(port, get(ZIP, 'Connection: close\r\n'));
    await once(socket, 'readable');
    // The reader's slowness is what is tested; there is no event to wait for.
    await new Promise((resolve) => setTimeout(resolve, 2 * patience));
    let size = 0;
    for await (const piece of socket) size += piece.length;
    assert.ok(size > LARGE, `${size}`);
  });

  it('is not followed by an answer to what is no HTTP', async () => {
    const { port } = await serve({ answer: () => largeFile() });
    const socket = await dial(port, get(ZIP));
    let heads = 0;
    let tail = '';
    socket.once('data', () => socket.write('no HTTP\r\n\r\n'));
    socket.on('data', (piece: Buffer) => {
      const text = tail + piece.toString('latin1');
      heads += text.split('HTTP/1.1').length - 1;
      tail = text.slice(-7);
    });
    await once(socket, 'close');
    assert.equal(heads, 1);
  });

  it('is let go of when its reader stops, and the record still knows the reader', {
    timeout: 10_000,
  }, async () => {
    let closed = () => {};
    const closing = new Promise<void>((resolve) => {
      closed = resolve;
    });
    const served = await serve({ answer: () => largeFile(closed), idle: 100 });
    const socket = await dial(served.port, get(ZIP));
    socket.pause();
    const record = JSON.parse(await served.record());
    await closing;
    socket.destroy();
    assert.equal(record.code, 'CANCELED');
    assert.match(record.client, /127\.0\.0\.1$/);
  });
});

it('what is no HTTP gets 400 on a new connection', async () => {
  const { port } = await serve({ answer: () => largeFile() });
  const [answer] = await ask(port, 'no HTTP\r\n\r\n');
  assert.equal(answer?.status, 400);
});

it('a target in absolute form is the same URL', async () => {
  const served = await serve({ answer: () => bytesReply('module example.com/plain\n') });
  await askOne(served.port, MOD);
  const answer = await askOne(served.port, `http://proxy.example:3000${MOD}`);
  assert.equal(answer.body, 'module example.com/plain\n');
  assert.equal(served.asked, 1);
});

describe('an answer that may change', () => {
  it('is never said to be fresh for longer than it is', async () => {
    const fresh = 60_000;
    let time = MODIFIED;
    const clock = { now: () => time, monotonic: () => time };
    const answer = () => bytesReply('v1.0.0\n', MODIFIED + fresh - time, time === MODIFIED ? 'miss' : 'hit');
    const served = await serve({ answer, clock });
    const seen: number[] = [];
    for (; time < MODIFIED + fresh; time += 1000) {
      const { headers } = await askOne(served.port, LIST);
      const maxAge = Number(/max-age=(\d+)$/.exec(headers.get('cache-control') ?? '')?.[1]);
      const left = (MODIFIED + fresh - time) / 1000;
      assert.ok(maxAge <= left && maxAge >= left - 20, `max-age=${maxAge} with ${left} s left`);
      seen.push(maxAge);
    }
    assert.equal(seen[0], 60);
    assert.equal(served.asked, 6, 'most are answered from memory');
  });
});

describe('gzip', () => {
  it('has an ETag of its own, and 304 tells the one that matched', async () => {
    const { port } = await serve({ answer: () => bytesReply('// a comment\n'.repeat(200)) });
    const zipped = 'Accept-Encoding: gzip\r\n';
    const plain = (await askOne(port, MOD)).headers.get('etag') ?? '';
    const gzip = (await askOne(port, MOD, zipped)).headers.get('etag') ?? '';
    assert.equal(gzip, plain.replace(/"$/, '-gz"'));
    const cases: [sent: string, headers: string, told: string][] = [
      [plain, '', plain],
      [plain, zipped, plain],
      [gzip, '', gzip],
      [gzip, zipped, gzip],
      [`${plain}, ${gzip}`, zipped, gzip],
      ['*', zipped, gzip],
    ];
    for (const [sent, headers, told] of cases) {
      const answer = await askOne(port, MOD, `${headers}If-None-Match: ${sent}\r\n`);
      assert.deepEqual([answer.status, answer.headers.get('etag')], [304, told], `${sent} ${headers}`);
    }
  });

  for (const [size, encoding] of [
    [256 << 10, 'gzip'],
    [(256 << 10) + 1, undefined],
  ] as const) {
    it(`${encoding ?? 'none'} for a text of ${size} bytes`, async () => {
      const { port } = await serve({ answer: () => bytesReply('x'.repeat(size)) });
      const { headers } = await askOne(port, MOD, 'Accept-Encoding: gzip\r\n');
      assert.equal(headers.get('content-encoding'), encoding);
    });
  }
});

describe('a hit', () => {
  const BODY = 'module example.com/plain // für\n'.repeat(3);
  const ID = 'X-Request-Id: one-id\r\n';
  /** Takes a hit the long way: a condition that does not hold. */
  const LONG_WAY = `${ID}If-None-Match: "another"\r\n`;
  const hit = async () => {
    const served = await serve({ answer: () => bytesReply(BODY) });
    await askOne(served.port, MOD);
    return served;
  };
  const sorted = ({ headers }: Answer) =>
    [...headers]
      .map(([name, value]) => (name === 'date' ? `date ${value.length}` : `${name}: ${value}`))
      .sort();
  const check = (answer: Answer | undefined) => {
    assert.equal(answer?.status, 200);
    assert.equal(Buffer.from(answer.body, 'latin1').toString(), BODY);
  };

  const ways: [name: string, headers: string, version: string, connection: string][] = [
    ['on a kept connection', '', '1.1', 'keep-alive'],
    ['with Connection: close', 'Connection: close\r\n', '1.1', 'close'],
    ['with HTTP/1.0', '', '1.0', 'close'],
    ['with HTTP/1.0 and keep-alive', 'Connection: keep-alive\r\n', '1.0', 'keep-alive'],
  ];
  for (const [name, headers, version, connection] of ways) {
    it(`${name} has the same headers either way`, async () => {
      const served = await hit();
      const { port } = served;
      const short = await askOne(port, MOD, `${ID}${headers}`, version);
      const long = await askOne(port, MOD, `${LONG_WAY}${headers}`, version);
      check(short);
      check(long);
      assert.deepEqual(sorted(short), sorted(long));
      assert.equal(short.headers.get('connection'), connection);
      assert.equal(served.asked, 1);
    });
  }

  it('takes the short way on a kept connection of this Node', async () => {
    const { port } = await hit();
    // Only the short way writes the id behind the headers that are the same each time.
    const [first] = (await askOne(port, MOD, ID)).headers.keys();
    assert.equal(first, 'content-type');
  });

  it('in a row of requests sent at once', async () => {
    const { port } = await hit();
    const row = [ID, LONG_WAY, ID, `${ID}Connection: close\r\n`].map((headers) => get(MOD, headers)).join('');
    const answers = await ask(port, row, 4);
    answers.forEach(check);
    const [first, ...rest] = answers.slice(0, 3).map(sorted);
    for (const other of rest) assert.deepEqual(other, first);
  });
});

it('CONNECT gets an answer, and no tunnel', async () => {
  const { port } = await serve({ answer: () => largeFile() });
  const [answer] = await ask(port, 'CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\n\r\n');
  assert.equal(answer?.status, 405);
  assert.equal(answer.headers.get('allow'), 'GET, HEAD');
  assert.match(answer.body, /^modgate: the method CONNECT/);
});

it('HEAD pays no heed to Range, which is defined for GET alone', async () => {
  const { port } = await serve({ answer: () => largeFile() });
  const socket = await dial(
    port,
    `HEAD ${ZIP} HTTP/1.1\r\nHost: h\r\nRange: bytes=0-0\r\nConnection: close\r\n\r\n`,
  );
  let text = '';
  for await (const piece of socket) text += String(piece);
  assert.match(text, /^HTTP\/1\.1 200 /);
  assert.match(text, new RegExp(`content-length: ${LARGE}\r\n`, 'i'));
});

describe('the access record holds no user info', () => {
  const ROWS: [method: string, target: string, url: string][] = [
    ['GET', `http://user:hunter2@x${ZIP}`, `x${ZIP}`],
    ['GET', `http://user:hun?ter2@x${ZIP}`, `x${ZIP}`],
    ['GET', `http://user:hun@ter2@x${ZIP}`, `x${ZIP}`],
    ['GET', `http://x${ZIP}`, ZIP],
    ['GET', ZIP, ZIP],
  ];
  for (const [method, target, url] of ROWS)
    it(`${method} ${target}`, async () => {
      const served = await serve({ answer: () => largeFile() });
      const socket = await dial(
        served.port,
        `${method} ${target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`,
      );
      socket.resume();
      const line = await served.record();
      socket.destroy();
      assert.equal(/"url":"([^"]*)"/.exec(line)?.[1], url, line);
      assert.doesNotMatch(line, /hun|ter2/);
    });
});

describe('CONNECT from a caller that means harm', () => {
  const CONNECT = 'CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\n\r\n';

  it('and resets the connection ends nothing but the connection', async () => {
    const { port } = await serve({ answer: () => largeFile() });
    for (let i = 0; i < 300; i++) {
      const socket = await dial(port, CONNECT);
      socket.resetAndDestroy();
    }
    assert.equal((await ask(port, CONNECT))[0]?.status, 405);
  });

  it('and never ends its side holds no connection', { timeout: 10_000 }, async () => {
    const { port } = await serve({ answer: () => largeFile() });
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    await once(socket, 'connect');
    socket.write(CONNECT);
    socket.resume();
    await once(socket, 'end');
    // Whoever writes to a connection that is gone hears so.
    socket.on('error', () => {});
    const closed = new Promise((resolve) => socket.once('close', resolve));
    const poke = setInterval(() => socket.write('x'), 10);
    await closed;
    clearInterval(poke);
  });

  it('and sends it behind another request puts nothing into that answer', async () => {
    const { port } = await serve({ answer: () => largeFile() });
    for (const wait of [false, true]) {
      const socket = await dial(port, wait ? get(ZIP) : get(ZIP) + CONNECT);
      let text = '';
      socket.on('data', (piece: Buffer) => {
        if (wait && text === '') socket.write(CONNECT);
        text += piece.toString('latin1');
      });
      await once(socket, 'close');
      assert.doesNotMatch(text, /405|CONNECT/);
    }
  });
});

describe('a file that a proxy in front could send', () => {
  const through = get(ZIP).replace('\r\n\r\n', '\r\nX-Forwarded-For: 192.0.2.1\r\n\r\n');

  for (const relayed of [false, true])
    it(relayed ? 'is sent to the worker that has the caller' : 'is named to the proxy', async () => {
      const reply = largeFile();
      const answer = () => ({ ...reply, content: { ...reply.content, file: '/data/tree/x.zip' } });
      const { port } = await serve({ answer, relayed });
      const socket = await dial(port, through);
      const [piece]: Buffer[] = await once(socket, 'data');
      socket.destroy();
      const text = String(piece);
      if (relayed) assert.doesNotMatch(text, /x-sendfile/i);
      else assert.match(text, /X-Sendfile: \/data\/tree\/x\.zip\r\n/);
      assert.match(text, new RegExp(`Content-Length: ${relayed ? LARGE : 0}\r\n`));
    });
});
