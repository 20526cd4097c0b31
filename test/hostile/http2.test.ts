import assert from 'node:assert/strict';
import { once } from 'node:events';
import fs from 'node:fs';
import http2 from 'node:http2';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { type Authority, authority } from '../../src/net/certificates.test.kit.ts';
import { type Pair, startPair } from '../kit/gateway.ts';
import { bounded, until } from '../kit/wait.ts';
import { END_HEADERS, END_STREAM, field, frame, get, PREFACE, request, TYPE, Wire, word } from './frames.ts';
import { openDescriptors, residentBytes } from './process.ts';

const MOD = '/example.com/plain/@v/v1.0.0.mod';
const BIG = '/example.com/big/@v/v1.0.0.zip';
const MIB = 1 << 20;
/** MiB that an attack may cost; one connection's buffers, and what the collector has not taken yet */
const ROOM = 160;
/** ms */
const QUICK = 5000;
const POST = Buffer.concat([
  field(':method', 'POST'),
  field(':scheme', 'https'),
  field(':authority', 'x'),
  field(':path', MOD),
]);

describe('hostile HTTP/2', () => {
  let pair: Pair;
  let ca: Authority;
  let folder: string;
  before(async () => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'modgate-h2-'));
    ca = await authority();
    const { cert, key } = await ca.issue({ host: '127.0.0.1' });
    const tls = { cert: path.join(folder, 'server.pem'), key: path.join(folder, 'server.key') };
    fs.writeFileSync(tls.cert, cert);
    fs.writeFileSync(tls.key, key);
    // After a GOAWAY of its own, Node reads on and answers nothing; it is the idle time that ends the connection.
    const config = { tls, limits: { idle: '2s' }, log: { level: 'info', access: false } };
    pair = await startPair({ config });
    for (const url of [MOD, BIG]) assert.equal(await honest(url), 200);
  });
  after(async () => {
    await pair.close();
    fs.rmSync(folder, { recursive: true, force: true });
  });

  /** The status of a right request on a connection of its own. */
  async function honest(url: string): Promise<number> {
    const session = http2.connect(pair.modgate.url, { ca: ca.cert });
    try {
      const stream = session.request({ ':path': url });
      const [headers] = await bounded(once(stream, 'response'), url);
      stream.resume();
      await bounded(once(stream, 'end'), url, 60_000);
      return Number(headers[':status']);
    } finally {
      session.destroy();
    }
  }

  const open = (settings?: Buffer) => Wire.open(pair.modgate.url, ca.cert, settings);
  const setting = (id: number, value: number) =>
    Buffer.concat([Buffer.from([id >> 8, id & 255]), word(value)]);

  interface Flood {
    readonly name: string;
    readonly bytes: (n: number) => Buffer;
    readonly times: number;
    readonly first?: Buffer;
    /** the client reads nothing of what is answered */
    readonly deaf?: boolean;
    /** it must be the server who ends it */
    readonly ends?: boolean;
  }

  const FLOODS: readonly Flood[] = [
    {
      name: 'rapid reset of hits (CVE-2023-44487)',
      bytes: (n) => Buffer.concat([request(2 * n + 1, get(MOD)), frame(TYPE.rst, 0, 2 * n + 1, word(8))]),
      times: 30_000,
      ends: true,
    },
    {
      name: 'rapid reset of misses',
      bytes: (n) =>
        Buffer.concat([
          request(2 * n + 1, get(`/example.com/cold/r${n}/@v/v1.0.0.zip`)),
          frame(TYPE.rst, 0, 2 * n + 1, word(8)),
        ]),
      times: 30_000,
      ends: true,
    },
    {
      name: 'reset by the server itself: windows of 0 (MadeYouReset, CVE-2025-8671)',
      bytes: (n) => Buffer.concat([request(2 * n + 1, get(MOD)), frame(TYPE.window, 0, 2 * n + 1, word(0))]),
      times: 30_000,
    },
    {
      name: 'CONTINUATION without end (CVE-2024-27983)',
      first: request(1, get(MOD), END_STREAM),
      bytes: () => frame(TYPE.continuation, 0, 1, field('x', 'y'.repeat(100))),
      times: 100_000,
      ends: true,
    },
    {
      name: 'empty CONTINUATION without end',
      first: request(1, get(MOD), END_STREAM),
      bytes: () => frame(TYPE.continuation, 0, 1),
      times: 100_000,
      ends: true,
    },
    {
      name: 'SETTINGS whose answers nobody reads (CVE-2019-9515)',
      bytes: () => frame(TYPE.settings, 0, 0, setting(4, 65_535)),
      times: 200_000,
      deaf: true,
    },
    {
      name: 'PINGs whose answers nobody reads (CVE-2019-9512)',
      bytes: () => frame(TYPE.ping, 0, 0, Buffer.alloc(8)),
      times: 200_000,
      deaf: true,
    },
    {
      name: 'empty DATA without end (CVE-2019-9518)',
      first: request(1, POST, END_HEADERS),
      bytes: () => frame(TYPE.data, 0, 1),
      times: 200_000,
    },
    {
      name: 'PRIORITY in circles (CVE-2019-9513)',
      first: Buffer.concat([request(1, get(BIG)), request(3, get(BIG))]),
      bytes: (n) =>
        frame(TYPE.priority, 0, n % 2 ? 1 : 3, Buffer.concat([word(n % 2 ? 3 : 1), Buffer.from([n & 255])])),
      times: 100_000,
    },
    {
      name: 'header lists that say the same 4 kB again and again (CVE-2016-6581)',
      // The first field goes to the table (RFC 7541, 6.2.1); 0xbe is that field again.
      first: request(
        1,
        Buffer.concat([get(MOD), Buffer.from([0x40, 1, 0x78, 0x7f, 0xa1, 0x1e]), Buffer.alloc(4000, 'y')]),
      ),
      bytes: (n) => request(2 * n + 3, Buffer.concat([get(MOD), Buffer.alloc(8000, 0xbe)])),
      times: 3000,
    },
    {
      name: 'windows that move by one byte (CVE-2019-9511)',
      first: Buffer.concat([frame(TYPE.settings, 0, 0, setting(4, 1)), request(1, get(BIG))]),
      bytes: () => frame(TYPE.window, 0, 1, word(1)),
      times: 50_000,
    },
    {
      name: 'frames of types that nobody knows',
      bytes: (n) => frame(0x20 + (n % 200), n & 255, 0, Buffer.alloc(64)),
      times: 100_000,
    },
    {
      name: '20,000 streams that are never finished',
      bytes: (n) => request(2 * n + 1, POST, END_HEADERS),
      times: 20_000,
    },
  ];

  for (const { name, first, bytes, times, deaf, ends } of FLOODS) {
    test(name, async () => {
      const { modgate } = pair;
      const memory = residentBytes(modgate.pid);
      const wire = await open();
      if (deaf === true) wire.socket.pause();
      if (first !== undefined) wire.socket.write(first);
      const flooding = wire.flood(bytes, times);
      const start = performance.now();
      assert.equal(await honest(MOD), 200);
      assert.ok(performance.now() - start < QUICK, `a hit took ${performance.now() - start} ms`);
      await flooding;
      if (ends === true) await wire.ended();
      const grown = (residentBytes(modgate.pid) - memory) / MIB;
      assert.ok(grown < ROOM, `${grown} MiB`);
      wire.leave();
      assert.equal(await honest(MOD), 200);
    });
  }

  test('as many zips of 64 MiB as connections may carry, behind closed windows: little memory, quick hits, all freed', async () => {
    const { modgate } = pair;
    const [memory, before] = [residentBytes(modgate.pid), openDescriptors(modgate.pid)];
    const wires = await Promise.all(Array.from({ length: 10 }, () => open(setting(4, 0))));
    for (const wire of wires)
      wire.socket.write(Buffer.concat(Array.from({ length: 100 }, (_, n) => request(2 * n + 1, get(BIG)))));
    // Each stream is answered by its headers, and can send no byte of its body.
    const answered = (wire: Wire) => wire.frames.filter(({ type }) => type === TYPE.headers).length;
    await until(
      () => (wires.every((wire) => answered(wire) === 100) ? true : undefined),
      'the headers',
      60_000,
    );
    const start = performance.now();
    assert.equal(await honest(MOD), 200);
    assert.ok(performance.now() - start < QUICK);
    const grown = (residentBytes(modgate.pid) - memory) / MIB;
    assert.ok(grown < 260, `${grown} MiB for 1,000 streams`);
    for (const wire of wires) wire.leave();
    await until(
      () => (openDescriptors(modgate.pid) <= before + 5 ? true : undefined),
      'the descriptors',
      60_000,
    );
  });

  const WRONG: readonly (readonly [name: string, bytes: Buffer])[] = [
    ['a preface that is none', PREFACE.subarray(0, 20)],
    ['bytes that are no frame', Buffer.alloc(4096, 0xff)],
    ['a frame of 16 MiB', Buffer.from([0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 1])],
    ['HEADERS on stream 0', request(0, get(MOD))],
    ['HEADERS on an even stream', request(2, get(MOD))],
    ['a stream number that goes back', Buffer.concat([request(5, get(MOD)), request(3, get(MOD))])],
    ['DATA on a stream that is idle', frame(TYPE.data, 0, 1, Buffer.alloc(10))],
    ['RST_STREAM of a stream that is idle', frame(TYPE.rst, 0, 1, word(8))],
    [
      'a window beyond 2^31',
      Buffer.concat([frame(TYPE.window, 0, 0, word(0x7fffffff)), frame(TYPE.window, 0, 0, word(0x7fffffff))]),
    ],
    ['a window that moves by 0', frame(TYPE.window, 0, 0, word(0))],
    ['SETTINGS of 5 bytes', frame(TYPE.settings, 0, 0, Buffer.alloc(5))],
    [
      'a frame between HEADERS and CONTINUATION',
      Buffer.concat([request(1, get(MOD), END_STREAM), frame(TYPE.ping, 0, 0, Buffer.alloc(8))]),
    ],
    ['an index that no table has', request(1, Buffer.from([0xff, 0xff, 0xff, 0xff, 0x0f]))],
    [
      'a table size beyond the setting',
      request(1, Buffer.concat([Buffer.from([0x3f, 0xe1, 0xff, 0xff, 0x07]), get(MOD)])),
    ],
    [
      'padding longer than its frame',
      frame(TYPE.headers, END_HEADERS | END_STREAM | 0x8, 1, Buffer.concat([Buffer.from([0xff]), get(MOD)])),
    ],
  ];
  for (const [name, bytes] of WRONG) {
    test(`a fault of the connection: ${name}`, async () => {
      const wire = await open();
      wire.socket.write(bytes);
      // Half a preface or frame is waited for: the other side's end is its end.
      wire.socket.end();
      await wire.ended();
      assert.equal(await honest(MOD), 200);
    });
  }

  const FIELDS: readonly (readonly [name: string, block: Buffer, alive?: boolean])[] = [
    ['a path twice', get(MOD, field(':path', '/healthz'))],
    [
      'no path',
      Buffer.concat([field(':method', 'GET'), field(':scheme', 'https'), field(':authority', 'x')]),
    ],
    ['an empty path', get('')],
    ['a path with a line end', get('/x\r\nX: y')],
    ['a path with a space (request splitting)', get('/healthz HTTP/1.1')],
    ['a name in capitals', get(MOD, field('X-Y', 'z'))],
    ['a name with a line end', get(MOD, field('x\r\ny', 'z'))],
    ['a value with a line end', get(MOD, field('x', 'y\r\nz: a'))],
    ['a value with NUL', get(MOD, field('x', 'a\0b'))],
    ['connection', get(MOD, field('connection', 'close'))],
    ['transfer-encoding (H2.TE)', get(MOD, field('transfer-encoding', 'chunked'))],
    ['a length with no body (H2.CL)', get(MOD, field('content-length', '10'))],
    ['two hosts', get(MOD, field('host', 'a'), field('host', 'b'))],
    [
      'a pseudo header behind a header',
      Buffer.concat([field(':method', 'GET'), field('x', 'y'), field(':path', MOD)]),
    ],
    ['a pseudo header that is none', get(MOD, field(':x', 'y'))],
    ['CONNECT', Buffer.concat([field(':method', 'CONNECT'), field(':authority', 'x:1')])],
    ['climbing', get('/../../etc/passwd')],
  ];
  for (const [n, [name, block]] of FIELDS.entries()) {
    test(`a fault of one request: ${name}`, async () => {
      const wire = await open();
      wire.socket.write(Buffer.concat([request(1, block), request(3, get('/healthz'))]));
      // Either the connection ends, or its next request has its own answer.
      const done = () =>
        wire.closed || wire.frames.some(({ type, stream }) => type === TYPE.data && stream === 3);
      await until(() => (done() ? true : undefined), `row ${n} to be answered`);
      wire.leave();
    });
  }

  test('it lives, and nothing of it was an error of its own', async () => {
    assert.equal(await honest(BIG), 200);
    assert.deepEqual(
      pair.modgate.logs.filter((line) => line.level === 'error'),
      [],
    );
  });
});
