/** Hostile requests without end, made by chance: the same seed makes the same ones. */
import type { Random } from '../kit/random.ts';

/** latin1: each character is one byte on the wire */
export interface Attack {
  readonly what: string;
  readonly bytes: string;
  /** ids of requests whose answers have no body */
  readonly heads: ReadonlySet<string>;
}

const utf8 = (text: string) => Buffer.from(text).toString('latin1');

const words = (text: string) => text.split(' ');

/** Pieces of paths: of the protocol, and of what leads out of it. */
const PIECES = [
  ...words('example.com plain Upper !upper !!u @v @latest list v1.0.0.info v1.0.0.zip v1.0.0.mod main.info'),
  ...words('sumdb sum.modgate.test lookup tile latest supported cached-only healthz metrics canary.txt'),
  ...words(
    'modgate.yaml tree tmp etc passwd .. . ... ....// .%2e %2e%2e %2E%2e %252e%252e %%32%65 ..; ..%00',
  ),
  ...words('%2f %5c \\ ..\\ %c0%ae%c0%ae %c0%af %e0%80%af %f0%80%80%af %c1%9c %u002e %uff0e \xc0\xae %00'),
  ...words('%0d%0a %0a %09 %20 %7f %80 %ff % %z %zz %2 \xff \xed\xa0\x80 %e2%80%a8 %e2%80%ae %ef%bc%8f'),
  ...words('/ ~ ~root ;a=b : C: con aux.info ? ?x=1 # #/.. * + `id` | <a> " \' { [ ] ^ \t file: http: - --'),
  ...words('http://other.example //other.example v2.0.0+incompatible.info v1.0.0-0.x.zip .info .zip v1.0.0.'),
  ...words('v1.0.0.INFO v999999999999999999999.0.0.info __proto__ toString $\x7bjndi:x}'),
  ...words(utf8('／ ∕ ‥ \u202e é \u2028')),
  '',
  'a'.repeat(300),
  'a'.repeat(5000),
  '%41'.repeat(200),
];
/** No HEAD: where its id is garbled, nobody could tell that the answer has no body; `legal` makes some. */
const METHODS = [
  ...words('GET GET GET GET POST PUT DELETE PATCH OPTIONS TRACE CONNECT PROPFIND PURGE PRI get G\0T'),
  ...words('GET\t GETS SOURCE M-SEARCH QUERY'),
  '',
  'A'.repeat(200),
];
const VERSIONS = [
  ...words(
    'HTTP/1.1 HTTP/1.1 HTTP/1.1 HTTP/1.1 HTTP/1.1 HTTP/1.1 HTTP/1.0 HTTP/0.9 HTTP/1.2 HTTP/2.0 HTTP/3',
  ),
  ...words('http/1.1 HTTP/11 HTTP/1 HTTP/01.1 HTTP/1.1.1 FTP/1.1'),
  'HTTP/1.1 ',
  '',
];
const NAMES = [
  ...words(
    'Host Connection Content-Length Transfer-Encoding Range If-Range If-None-Match Expect Accept-Encoding',
  ),
  ...words(
    'If-Modified-Since X-Request-Id X-Forwarded-For Forwarded Upgrade TE Trailer Keep-Alive Cookie Via',
  ),
  ...words(
    'Disable-Module-Fetch Max-Forwards Origin X\0Y X: X\t \xe9 __proto__ constructor (x) HTTP2-Settings',
  ),
  '',
  ' X',
  'X Y',
  'x'.repeat(3000),
];
const VALUES = [
  ...words(
    'x close keep-alive h2c websocket chunked identity gzip;q=0 gzip;q=NaN 0 1 5 -1 +5 0x10 1e3 100-continue',
  ),
  ...words(
    '200-ok true trailers 127.0.0.1 ../../canary.txt " * W/"x" \x01 a\0b a\rb a\nb \xff\xfe bytes=0- bytes=0-0',
  ),
  ...words(
    'bytes=-1 bytes=5-1 bytes=a-b bytes=99999999999999999999- bytes=-- 99999999999999999999 $\x7bjndi:x}',
  ),
  '',
  ' ',
  'upgrade, http2-settings',
  'gzip, chunked',
  '5, 5',
  'Thu, 99 Foo 99999',
  'a\r\n b',
  utf8('日本'),
  'for="[::1]:99999";by=_x',
  `for=${'"'.repeat(99)}`,
  'gzip, '.repeat(500),
  'bytes=0-,'.repeat(300),
  '"a", '.repeat(1000),
  'x'.repeat(4000),
];
const ENDS = ['\r\n', '\r\n', '\r\n', '\r\n', '\r\n', '\r\n', '\n', '\r', '\r\r\n', '\n\r', '\r\n ', ''];
const CHUNKS = '5\r\nhello\r\n0\r\n\r\n';
const BODIES = [
  '',
  '',
  '',
  '',
  'hello',
  '0\r\n\r\n',
  CHUNKS,
  '5;x=y\r\nhello\r\n0\r\nTrailer: x\r\n\r\n',
  '5\nhello\n0\n\n',
  'FFFFFFFFFFFFFFFFFF\r\n',
  '-1\r\n',
  `0x${CHUNKS}`,
  '5 \r\nhello\r\n0\r\n\r\n',
  '5;\n\r\nhello',
];

/** The request whose answer tells whether the connection still knows where a request begins. */
export function sentinel(id: string): string {
  return `GET /healthz HTTP/1.1\r\nHost: x\r\nX-Request-Id: ${id}\r\nConnection: close\r\n\r\n`;
}

/** One, or two in a row. @param id of this attack, a plain word */
export function attack(random: Random, id: string): Attack {
  const heads = new Set<string>();
  const kind = random.pick(['path', 'path', 'path', 'header', 'framing', 'line', 'noise', 'pair']);
  const make = MAKERS[kind];
  return { what: kind, bytes: make(random, id, heads), heads };
}

type Maker = (random: Random, id: string, heads: Set<string>) => string;

const MAKERS: Readonly<Record<'path' | 'header' | 'framing' | 'line' | 'noise' | 'pair', Maker>> = {
  path: (random, id, heads) => legal(random, path(random), [], id, heads),
  header: (random, id, heads) => {
    const lines = many(random, 6, () => `${random.pick(NAMES)}${separator(random)}${random.pick(VALUES)}`);
    return legal(random, '/example.com/plain/@v/v1.0.0.mod', lines, id, heads);
  },
  framing: (random, id, heads) => {
    const lines = many(random, 3, () => {
      const name = random.pick([
        'Content-Length',
        'Transfer-Encoding',
        'Transfer-Encoding\t',
        'content-length ',
      ]);
      return `${name}${separator(random)}${random.pick(VALUES)}`;
    });
    const hidden = `GET /healthz HTTP/1.1\r\nHost: x\r\nX-Request-Id: hidden-${id}\r\n\r\n`;
    const body = random.chance(0.5)
      ? random.pick(BODIES)
      : `${hidden.length.toString(16)}\r\n${hidden}\r\n0\r\n\r\n`;
    return legal(random, '/healthz', lines, id, heads) + body;
  },
  line: (random, id) => {
    const space = () => random.pick([' ', ' ', ' ', '  ', '\t', '', '\x0b', '\xa0']);
    const line = `${random.pick(METHODS)}${space()}${target(random)}${space()}${random.pick(VERSIONS)}`;
    const end = random.pick(ENDS);
    return `${line}${end}Host: x${random.pick(ENDS)}X-Request-Id: line-${id}${end}${random.pick(ENDS)}`;
  },
  noise: (random) => many(random, 400, () => String.fromCharCode(random.below(256))).join(''),
  pair: (random, id, heads) =>
    legal(random, path(random), [], `a-${id}`, heads) + legal(random, target(random), [], `b-${id}`, heads),
};

function legal(random: Random, at: string, lines: readonly string[], id: string, heads: Set<string>): string {
  // With further lines the id may be another, and the answer could not be told to have no body.
  const method = lines.length === 0 && random.chance(0.1) ? 'HEAD' : 'GET';
  if (method === 'HEAD') heads.add(id);
  return `${method} ${at} HTTP/1.1\r\nHost: x\r\nX-Request-Id: ${id}\r\n${lines.map((line) => `${line}\r\n`).join('')}\r\n`;
}

function path(random: Random): string {
  return `/${many(random, 7, () => random.pick(PIECES)).join(random.pick(['/', '/', '/', '', '%2f', '\\']))}`;
}

function target(random: Random): string {
  const form = random.pick(['origin', 'origin', 'absolute', 'authority', 'asterisk', 'odd']);
  switch (form) {
    case 'origin':
      return path(random);
    case 'absolute':
      return `${random.pick(['http://', 'HTTPS://', 'file://', 'ftp://', 'http:/'])}${random.pick(['x', 'u:p@x', '[::1]', ''])}${path(random)}`;
    case 'authority':
      return 'other.example:443';
    case 'asterisk':
      return '*';
    case 'odd':
      return random.pick(PIECES);
  }
}

function separator(random: Random): string {
  return random.pick([': ', ': ', ': ', ':', ' : ', ':\t', ' ', ':\x0b', '\t: ']);
}

function many<T>(random: Random, most: number, make: () => T): T[] {
  return Array.from({ length: 1 + random.below(most) }, make);
}
