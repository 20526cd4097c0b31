import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { SOURCE, sourceSettings } from '../kit/gateway.ts';
import { Modgate } from '../kit/modgate.ts';
import { until } from '../kit/wait.ts';
import { Liar, type Lie } from './liar.ts';
import { residentBytes } from './process.ts';

const MIB = 1 << 20;
const ROOM = 160;
/** ms until each lie is answered; generous, for a machine that others use too */
const SOON = 90_000;
const MOD = 'module example.com/x\n';
const INFO = '{"Version":"v1.0.0","Time":"2024-01-02T03:04:05Z"}';

type File = 'info' | 'mod' | 'zip' | 'list' | 'latest';
const ALL: readonly File[] = ['info', 'mod', 'zip', 'list', 'latest'];
const TEXTS: readonly File[] = ['info', 'mod', 'list', 'latest'];
const PATHS: Readonly<Record<File, string>> = {
  info: '@v/v1.0.0.info',
  mod: '@v/v1.0.0.mod',
  zip: '@v/v1.0.0.zip',
  list: '@v/list',
  latest: '@latest',
};

type Row = readonly [name: string, lie: Lie, files: readonly File[], code: RegExp, text: RegExp];

const head = (lines: string, status = '200 OK') => `HTTP/1.1 ${status}\r\n${lines}\r\n`;
const whole = (body: string | Buffer, lines = ''): Lie => ({
  bytes: Buffer.concat([Buffer.from(head(`Content-Length: ${body.length}\r\n${lines}`)), Buffer.from(body)]),
});
const redirect = (location: string): Lie => ({
  bytes: head(`Location: ${location}\r\nContent-Length: 0\r\n`, '302 Found'),
});

const BAD = /UPSTREAM_BAD_ANSWER/;
const SLOW = /UPSTREAM_TIMEOUT/;
const STATUS = /UPSTREAM_STATUS/;
const CUT = /UPSTREAM_(?:BAD_ANSWER|UNREACHABLE)/;
const ANY = /./;

const LENGTHS: readonly Row[] = [
  [
    'a length that is too long',
    { bytes: head('Content-Length: 500\r\n') + INFO, end: true },
    ALL,
    CUT,
    /ended|closed/,
  ],
  [
    'two lengths',
    { bytes: head('Content-Length: 50\r\nContent-Length: 51\r\n') + INFO },
    ALL,
    BAD,
    /not HTTP|length of the answer/,
  ],
  [
    'a list of lengths',
    { bytes: head('Content-Length: 50, 50\r\n') + INFO },
    ALL,
    BAD,
    /not HTTP|length of the answer/,
  ],
  [
    'a negative length',
    { bytes: head('Content-Length: -50\r\n') + INFO },
    ALL,
    BAD,
    /not HTTP|length of the answer/,
  ],
  [
    'a length beyond 64 bits',
    { bytes: head('Content-Length: 99999999999999999999\r\n') + INFO },
    ALL,
    BAD,
    /not HTTP|length of the answer/,
  ],
  [
    'a length that is no number',
    { bytes: head('Content-Length: 0x50\r\n') + INFO },
    ALL,
    BAD,
    /not HTTP|length of the answer/,
  ],
  [
    'a length and chunks',
    { bytes: `${head('Content-Length: 5\r\nTransfer-Encoding: chunked\r\n')}5\r\nhello\r\n0\r\n\r\n` },
    ALL,
    BAD,
    /not HTTP|length of the answer/,
  ],
  [
    'a length of 2 GiB for a text',
    { bytes: head('Content-Length: 2147483648\r\n'), forever: 'x'.repeat(65_536) },
    TEXTS,
    BAD,
    /longer than/,
  ],
  [
    'a length of 501 MiB for a zip',
    { bytes: head(`Content-Length: ${501 * MIB}\r\n`), forever: 'x'.repeat(65_536) },
    ['zip'],
    /BAD_ZIP/,
    /500 MiB/,
  ],
];

const CODINGS: readonly Row[] = [
  [
    'a chunk size that is none',
    { bytes: `${head('Transfer-Encoding: chunked\r\n')}zz\r\nhello\r\n` },
    ALL,
    BAD,
    /not HTTP/,
  ],
  [
    'a chunk size beyond 64 bits',
    { bytes: `${head('Transfer-Encoding: chunked\r\n')}fffffffffffffffff\r\n` },
    ALL,
    BAD,
    /not HTTP/,
  ],
  [
    'no last chunk',
    { bytes: `${head('Transfer-Encoding: chunked\r\n')}5\r\nhello\r\n`, end: true },
    ALL,
    CUT,
    /ended|closed|not HTTP/,
  ],
  [
    'a coding that nobody knows',
    { bytes: `${head('Transfer-Encoding: xyz\r\n')}${INFO}`, end: true },
    ALL,
    BAD,
    /encoded as xyz/,
  ],
  [
    'gzip that nobody asked for',
    whole(gzipSync(INFO), 'Content-Encoding: gzip\r\n'),
    ALL,
    BAD,
    /encoded as gzip/,
  ],
  [
    'a bomb of gzip',
    whole(gzipSync(Buffer.alloc(100 * MIB)), 'Content-Encoding: gzip\r\n'),
    ALL,
    BAD,
    /encoded as gzip/,
  ],
  ['br, deflate', whole(INFO, 'Content-Encoding: br, deflate\r\n'), ALL, BAD, /encoded as br, deflate/],
];

const HEADS: readonly Row[] = [
  ['a status line without HTTP', { bytes: 'ICY 200 OK\r\n\r\n', end: true }, ALL, BAD, /not HTTP/],
  [
    'HTTP/2 in the line',
    { bytes: `HTTP/2 200 OK\r\nContent-Length: 5\r\n\r\nhello`, end: true },
    ['info', 'zip'],
    BAD,
    ANY,
  ],
  ['status 99', { bytes: head('', '099 X'), end: true }, ['info', 'zip'], CUT, ANY],
  ['status 999', { bytes: head('Content-Length: 0\r\n', '999 X') }, ALL, STATUS, /999/],
  [
    'status 206 for the whole',
    { bytes: `${head('Content-Length: 5\r\nContent-Range: bytes 0-4/9\r\n', '206 Partial')}hello` },
    ALL,
    STATUS,
    /206/,
  ],
  ['status 304 for no condition', { bytes: head('', '304 Not Modified') }, ALL, STATUS, /304/],
  ['status 204', { bytes: head('', '204 No Content') }, ALL, STATUS, /204/],
  [
    'status 101',
    { bytes: head('Upgrade: x\r\nConnection: Upgrade\r\n', '101 Switching'), end: true },
    ['info', 'zip'],
    CUT,
    ANY,
  ],
  [
    'bytes before the status line',
    { bytes: `xx${head('Content-Length: 0\r\n')}`, end: true },
    ALL,
    BAD,
    /not HTTP/,
  ],
  ['NUL in a header', { bytes: head('X: a\0b\r\nContent-Length: 0\r\n') }, ALL, BAD, /not HTTP/],
  ['a header without a colon', { bytes: head('hello\r\nContent-Length: 0\r\n') }, ALL, BAD, /not HTTP/],
  [
    'a header without end',
    { bytes: 'HTTP/1.1 200 OK\r\nX: ', forever: 'x'.repeat(4096) },
    ALL,
    BAD,
    /headers .* too long/,
  ],
  [
    'headers without end',
    { bytes: 'HTTP/1.1 200 OK\r\n', forever: 'X: yyyyyyyyyyyyyyyy\r\n'.repeat(100) },
    ALL,
    BAD,
    /headers .* too long/,
  ],
  [
    '1xx answers without end',
    { bytes: '', forever: head('', '100 Continue') },
    ALL,
    /UPSTREAM_(?:TIMEOUT|BAD_ANSWER|UNREACHABLE)/,
    ANY,
  ],
  [
    'early hints without end',
    { bytes: '', forever: head('Link: </x>\r\n', '103 Early Hints') },
    ALL,
    /UPSTREAM_(?:TIMEOUT|BAD_ANSWER|UNREACHABLE)/,
    ANY,
  ],
  [
    'a header byte by byte',
    { bytes: 'HTTP/1.1 200 OK\r\nX: ', forever: 'x', every: 50 },
    ALL,
    SLOW,
    /first byte/,
  ],
];

const BODIES: readonly Row[] = [
  ['a text without end', { bytes: head(''), forever: 'v1.0.0\n'.repeat(10_000) }, TEXTS, BAD, /longer than/],
  [
    'a text in chunks without end',
    { bytes: head('Transfer-Encoding: chunked\r\n'), forever: `1000\r\n${'v'.repeat(4096)}\r\n` },
    TEXTS,
    BAD,
    /longer than/,
  ],
  ['a zip without end', { bytes: head(''), forever: Buffer.alloc(MIB, 'PK') }, ['zip'], /BAD_ZIP/, /500 MiB/],
  ['a body byte by byte', { bytes: head(''), forever: 'x', every: 50 }, ALL, SLOW, /not done within/],
  ['a web page', whole('<!doctype html><title>Sign in</title>'), TEXTS, BAD, /web page/],
  ['a web page for a zip', whole('<!doctype html><title>Sign in</title>'), ['zip'], /BAD_ZIP/, /not a zip/],
  ['nothing', whole(''), ['info', 'mod', 'latest'], BAD, ANY],
];

const INFOS: readonly Row[] = (
  [
    ['another version', '{"Version":"v1.0.1"}'],
    ['the version twice', '{"Version":"v1.0.0","Version":"v1.0.1"}'],
    ['no version', '{"Time":"2024-01-02T03:04:05Z"}'],
    ['a version of another type', '{"Version":100}'],
    ['a version in a list', '{"Version":["v1.0.0"]}'],
    ['a version from a prototype', '{"__proto__":{"Version":"v1.0.0"}}'],
    ['a list', '["v1.0.0"]'],
    ['null', 'null'],
    ['a number', '1e999'],
    ['half of it', INFO.slice(0, 12)],
    ['more behind it', `${INFO}${INFO}`],
    ['a byte order mark', `\ufeff${INFO}`],
    ['deep lists', '['.repeat(100_000)],
    ['deep objects', '{"a":'.repeat(100_000)],
    ['2 MiB', `{"Version":"v1.0.0","x":"${'x'.repeat(2 * MIB)}"}`],
    ['UTF-16', Buffer.from(INFO, 'utf16le')],
    ['a version that leads out', '{"Version":"../../../../etc/passwd"}'],
    ['a version with a newline', '{"Version":"v1.0.0\\n"}'],
  ] as const
).map(([name, body]) => [
  `.info: ${name}`,
  whole(body),
  // A newer version is what @latest may name.
  String(body).includes('v1.0.1') ? ['info'] : ['info', 'latest'],
  BAD,
  ANY,
]);

const MODS: readonly Row[] = (
  [
    ['no module line', 'go 1.20\n'],
    ['a zero byte', `${MOD}\0`],
    ['17 MiB', MOD + '// x\n'.repeat((17 * MIB) / 5)],
    ['bytes', Buffer.alloc(5000, 0xfe)],
    ['JSON', INFO],
  ] as const
).map(([name, body]) => [`.mod: ${name}`, whole(body), ['mod'], BAD, ANY]);

const REDIRECTS: readonly Row[] = (
  [
    ['file:', 'file:///etc/passwd', /another scheme/],
    ['ftp:', 'ftp://127.0.0.1/x', /another scheme/],
    ['data:', 'data:text/plain,module%20x', /another scheme/],
    ['javascript:', 'javascript:alert(1)', /another scheme/],
    ['unix:', 'unix:///var/run/docker.sock', /another scheme/],
    ['nowhere', 'http://[', /usable Location/],
    ['link-local metadata', 'http://169.254.169.254/latest/meta-data/iam/', /may not lead there/],
    ['the same in decimal', 'http://2852039166/', /169\.254\.169\.254.*may not lead there/],
    ['the same in octal', 'http://0251.0376.0251.0376/', /169\.254\.169\.254.*may not lead there/],
    ['the same, mapped', 'http://[::ffff:169.254.169.254]/', /may not lead there/],
    ['IPv6 link-local', 'http://[fe80::1]/', /may not lead there/],
    ['0.0.0.0', 'http://0.0.0.0:1/', /may not lead there/],
  ] as const
).map(([name, location, text]) => [`a redirect to ${name}`, redirect(location), ALL, BAD, text]);

describe('lying upstreams', () => {
  let liar: Liar;
  let modgate: Modgate;
  before(async () => {
    liar = await Liar.start();
    const timeouts = { connect: '2s', first_byte: '1s', idle: '1s', total: '2s' };
    const patient = { connect: '10s', first_byte: '10s', idle: '10s', total: '60s' };
    const settings = { ...sourceSettings(liar.url), retry: { attempts: 1 } };
    modgate = await Modgate.start({
      config: {
        chain: SOURCE,
        // Two sources at one place: one for lies that end only by a time limit.
        sources: { [SOURCE]: { ...settings, timeouts: patient }, hasty: { ...settings, timeouts } },
        routes: [{ match: 'example.com/hasty', chain: 'hasty' }],
        sumdb: [],
        cache: { negative: '30s', fresh: '0s', stale: '0s' },
        limits: { metadata: '1MiB' },
      },
    });
  });
  after(async () => {
    await modgate.remove();
    await liar.close();
  });

  const rows = [...LENGTHS, ...CODINGS, ...HEADS, ...BODIES, ...INFOS, ...MODS, ...REDIRECTS];
  for (const [n, [name, lie, files, code, text]] of rows.entries()) {
    test(name, async () => {
      const timed = lie.forever !== undefined && code !== BAD && !code.test('BAD_ZIP');
      const [m, source] = timed ? [`example.com/hasty/m${n}`, 'hasty'] : [`example.com/lie/m${n}`, SOURCE];
      const memory = residentBytes(modgate.pid);
      liar.lies.set(`/${m}/`, lie);
      for (const file of files) {
        const url = `/${m}/${PATHS[file]}`;
        const reply = await settled(url);
        assert.ok([502, 504].includes(reply.status), `${file}: ${reply.status} ${reply.text.slice(0, 200)}`);
        assert.match(reply.text, code, file);
        assert.match(reply.text, text, file);
        assert.match(reply.text, new RegExp(`source "${source}"`), file);
        assert.ok(reply.body.length <= 648 && reply.text.trimEnd().split('\n').length <= 8, reply.text);
      }
      const grown = (residentBytes(modgate.pid) - memory) / MIB;
      assert.ok(grown < ROOM, `${grown} MiB`);
      assert.deepEqual(
        modgate.files('tree').filter((file) => file.includes(`${m}/`)),
        [],
      );
      await until(() => (modgate.files('tmp').length === 0 ? true : undefined), 'tmp to be empty');
      const truth = await modgate.ask('/example.com/plain/@v/list');
      assert.equal(truth.text, 'v1.0.0\nv1.1.0\nv1.2.0\nv1.3.0-rc.1\n', 'the next answer is the right one');
    });
  }

  /** A zip may break off before the reason can be read, which the next try then tells. */
  async function settled(url: string) {
    const first = await modgate.ask(url, { limit: SOON }).catch(() => undefined);
    return first ?? (await modgate.ask(url, { limit: SOON }));
  }

  test('an answer behind an answer is nobody’s', async () => {
    const second = head(`Content-Length: ${MOD.length}\r\n`) + MOD.replace('/x', '/smuggled');
    liar.lies.set('/example.com/split/@v/v1.0.0.mod', {
      bytes: `${head(`Content-Length: ${MOD.length}\r\n`)}${MOD}${second}`,
    });
    for (let n = 0; n < 5; n++) {
      const first = await modgate.ask('/example.com/split/@v/v1.0.0.mod');
      assert.deepEqual([first.status, first.text], [200, MOD]);
      const next = await modgate.ask(`/example.com/cold/split${n}/@v/v1.0.0.mod`);
      assert.deepEqual([next.status, next.text], [200, `module example.com/cold/split${n}\n`]);
    }
  });

  test('it lives, and nothing of it was an error of its own', () => {
    assert.deepEqual(
      modgate.logs.filter((line) => line.level === 'error'),
      [],
    );
  });
});
