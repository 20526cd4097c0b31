/** Attacks that have a name: what is sent, and how the first answer must begin. The source stands in the name. */

export interface Known {
  readonly name: string;
  /** latin1. @param hidden the id of a request that stands where only a confused server looks for one */
  readonly bytes: (hidden: string) => string;
  /** of the first status, or of "closed" */
  readonly first: RegExp;
  /** the message cannot be told apart from what follows: the connection must end with the first answer */
  readonly only: boolean;
}

const GET = 'GET /healthz HTTP/1.1\r\n';
const HOST = 'Host: x\r\n';
const inner = (hidden: string) => `GET /version HTTP/1.1\r\n${HOST}X-Request-Id: ${hidden}\r\n\r\n`;

/** Lines of the header, then what follows it. */
type Row = readonly [name: string, lines: string, body: string | ((hidden: string) => string)];

const chunk = (hidden: string) => {
  const text = inner(hidden);
  return `${text.length.toString(16)}\r\n${text}\r\n0\r\n\r\n`;
};

/** RFC 9112: what must be refused (400), with nothing behind it believed. */
const REFUSED: readonly Row[] = [
  ['CL.TE: both lengths (6.3)', 'Content-Length: 4\r\nTransfer-Encoding: chunked\r\n', chunk],
  [
    'TE.CL: both lengths, the other way round (6.3)',
    'Transfer-Encoding: chunked\r\nContent-Length: 4\r\n',
    chunk,
  ],
  ['two lengths that differ (6.3)', 'Content-Length: 0\r\nContent-Length: 60\r\n', inner],
  ['two equal lengths (6.3)', 'Content-Length: 0\r\nContent-Length: 0\r\n', inner],
  ['a list of lengths (6.3)', 'Content-Length: 0, 60\r\n', inner],
  ['a length with a sign', 'Content-Length: +60\r\n', inner],
  ['a negative length', 'Content-Length: -1\r\n', inner],
  ['a hexadecimal length', 'Content-Length: 0x3c\r\n', inner],
  ['a length with a letter', 'Content-Length: 6 0\r\n', inner],
  ['an empty length', 'Content-Length: \r\n', inner],
  ['a length beyond 64 bits', 'Content-Length: 18446744073709551616\r\n', inner],
  ['TE.TE: chunked is not the last (6.1)', 'Transfer-Encoding: chunked, identity\r\n', chunk],
  ['TE.TE: unknown coding (6.1)', 'Transfer-Encoding: xchunked\r\n', chunk],
  ['TE.TE: identity (CVE-2020-8287)', 'Transfer-Encoding: identity\r\n', chunk],
  ['TE.TE: two fields (CVE-2020-8287)', 'Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n', chunk],
  ['a space before the colon (5.1)', 'Transfer-Encoding : chunked\r\n', chunk],
  ['a tab before the colon (5.1)', 'Content-Length\t: 60\r\n', inner],
  ['obs-fold (5.2, CVE-2022-32215)', 'Transfer-Encoding:\r\n chunked\r\n', chunk],
  ['obs-fold in a length', 'Content-Length:\r\n 60\r\n', inner],
  ['a line of spaces first (2.2)', ' \r\nContent-Length: 60\r\n', inner],
  ['bare LF between fields (CVE-2022-32214)', 'X: y\nContent-Length: 60\r\n', inner],
  ['bare CR in a value (CVE-2023-30589)', 'X: y\rContent-Length: 60\r\n', inner],
  ['NUL in a value', 'X: a\0b\r\n', ''],
  ['NUL in a name', 'X\0: a\r\n', ''],
  ['a name that is no token', 'X(y): a\r\n', ''],
  ['an empty name', ': a\r\n', ''],
  ['a field without a colon', 'X\r\n', ''],
  ['bytes above ASCII in a name', '\xe9: a\r\n', ''],
  ['chunk size beyond 64 bits (7.1)', 'Transfer-Encoding: chunked\r\n', '10000000000000000\r\n'],
  ['chunk size with a sign', 'Transfer-Encoding: chunked\r\n', '+5\r\nhello\r\n0\r\n\r\n'],
  ['chunk size with 0x', 'Transfer-Encoding: chunked\r\n', '0x5\r\nhello\r\n0\r\n\r\n'],
  ['chunk size with a space (CVE-2022-32213)', 'Transfer-Encoding: chunked\r\n', '5 \r\nhello\r\n0\r\n\r\n'],
  [
    'chunk ended by LF alone (TERM.EXT)',
    'Transfer-Encoding: chunked\r\n',
    (h) => `2;\nxx\r\n0\r\n\r\n${inner(h)}`,
  ],
  ['chunk longer than its size', 'Transfer-Encoding: chunked\r\n', (h) => `1\r\nab\r\n0\r\n\r\n${inner(h)}`],
  ['no chunk size', 'Transfer-Encoding: chunked\r\n', '\r\nhello\r\n0\r\n\r\n'],
  [
    'chunk extension without end (CVE-2024-22019)',
    'Transfer-Encoding: chunked\r\n',
    `1;${'a'.repeat(40_000)}\r\nx\r\n0\r\n\r\n`,
  ],
];

const refused: readonly Known[] = REFUSED.map(([name, lines, body]) => ({
  name,
  bytes: (hidden) => `${GET}${HOST}${lines}\r\n${typeof body === 'string' ? body : body(hidden)}`,
  // Where the header is whole the answer may come before the fault of the body is seen.
  first: /^(?:400|413|200)$/,
  only: true,
}));

/** Messages that are odd as a whole. */
const MESSAGES: readonly (readonly [name: string, bytes: string, first: RegExp, only: boolean])[] = [
  ['HTTP/0.9', 'GET /healthz\r\n', /400/, true],
  ['HTTP/1.2', `GET /healthz HTTP/1.2\r\n${HOST}\r\n`, /200|400/, false],
  ['HTTP/2.0 in the line', `GET /healthz HTTP/2.0\r\n${HOST}\r\n`, /200|400|505/, false],
  ['the preface of HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', /400/, true],
  ['HTTP/1.0 without Host', 'GET /healthz HTTP/1.0\r\n\r\n', /200/, true],
  ['a TLS hello', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', /400/, true],
  ['an SSH greeting', 'SSH-2.0-OpenSSH_9.6\r\n', /400/, true],
  ['SMTP', 'EHLO x\r\n', /400/, true],
  ['no Host (3.2)', `${GET}\r\n`, /400/, true],
  ['two Hosts (3.2)', `${GET}Host: a\r\nHost: b\r\n\r\n`, /400/, false],
  ['bare LF everywhere', `GET /healthz HTTP/1.1\n${HOST.replace('\r', '')}\n`, /400/, true],
  ['CR alone everywhere', 'GET /healthz HTTP/1.1\rHost: x\r\r', /400/, true],
  ['a space before the method', ` ${GET}${HOST}\r\n`, /400/, true],
  ['empty lines before the line (2.2)', `\r\n\r\n${GET}${HOST}\r\n`, /200/, false],
  ['CONNECT', 'CONNECT other.example:443 HTTP/1.1\r\nHost: x\r\n\r\n', /405/, true],
  ['TRACE', `TRACE /healthz HTTP/1.1\r\n${HOST}\r\n`, /405/, false],
  ['OPTIONS *', `OPTIONS * HTTP/1.1\r\n${HOST}\r\n`, /405/, false],
  ['GET *', `GET * HTTP/1.1\r\n${HOST}\r\n`, /404/, false],
  ['authority form', `GET other.example:80 HTTP/1.1\r\n${HOST}\r\n`, /400|404/, false],
  ['absolute form with credentials', `GET http://u:p@x/healthz HTTP/1.1\r\n${HOST}\r\n`, /404/, false],
  ['absolute form of a file', `GET file:///etc/passwd HTTP/1.1\r\n${HOST}\r\n`, /404/, false],
  ['absolute form, legal', `GET http://other.example/healthz HTTP/1.1\r\n${HOST}\r\n`, /200/, false],
  [
    'a HEAD with a body',
    `HEAD /healthz HTTP/1.1\r\n${HOST}X-Request-Id: head\r\nContent-Length: 5\r\n\r\nhello`,
    /200/,
    false,
  ],
  ['a GET with a body', `${GET}${HOST}Content-Length: 5\r\n\r\nhello`, /200/, false],
  [
    'a GET with chunks',
    `${GET}${HOST}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n`,
    /200/,
    false,
  ],
  ['a POST with a body', `POST /x HTTP/1.1\r\n${HOST}Content-Length: 5\r\n\r\nhello`, /405/, false],
  [
    'h2c upgrade smuggling',
    `${GET}${HOST}Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n\r\n`,
    /200/,
    false,
  ],
  [
    'WebSocket upgrade',
    `${GET}${HOST}Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\n\r\n`,
    /200/,
    false,
  ],
  ['Expect: 100-continue', `${GET}${HOST}Expect: 100-continue\r\nContent-Length: 2\r\n\r\nhi`, /200/, false],
  ['Expect: something else', `${GET}${HOST}Expect: 200-ok\r\n\r\n`, /417/, false],
  ['a header of 64 KiB', `${GET}${HOST}X: ${'x'.repeat(65_536)}\r\n\r\n`, /431/, true],
  ['5,000 fields', `${GET}${HOST}${'X: y\r\n'.repeat(5000)}\r\n`, /200|431/, false],
  ['a URL of 20 kB', `GET /${'a'.repeat(20_000)} HTTP/1.1\r\n${HOST}\r\n`, /404|414|431/, true],
  ['a URL of 3 kB', `GET /${'a'.repeat(3000)}/@v/list HTTP/1.1\r\n${HOST}\r\n`, /404|414/, false],
  [
    'many ranges (CVE-2011-3192)',
    `GET /example.com/plain/@v/v1.0.0.zip HTTP/1.1\r\n${HOST}Range: bytes=${'0-,'.repeat(2000)}\r\n\r\n`,
    /200|206|416/,
    false,
  ],
  [
    'a range beyond 64 bits',
    `GET /example.com/plain/@v/v1.0.0.zip HTTP/1.1\r\n${HOST}Range: bytes=0-18446744073709551615\r\n\r\n`,
    /200|206/,
    false,
  ],
  [
    'a range that overflows (CVE-2015-1635)',
    `GET /example.com/plain/@v/v1.0.0.zip HTTP/1.1\r\n${HOST}Range: bytes=18-18446744073709551615\r\n\r\n`,
    /200|206/,
    false,
  ],
  ['an id that would end a header', `${GET}${HOST}X-Request-Id: a%0d%0aSet-Cookie: x\r\n\r\n`, /200/, false],
  [
    'httpoxy (CVE-2016-5385)',
    `GET /example.com/none/@v/list HTTP/1.1\r\n${HOST}Proxy: http://127.0.0.1:1\r\n\r\n`,
    /404/,
    false,
  ],
  [
    'Log4Shell (CVE-2021-44228)',
    `${GET}${HOST}User-Agent: \${jndi:ldap://127.0.0.1/a}\r\n\r\n`,
    /200/,
    false,
  ],
];

const messages: readonly Known[] = MESSAGES.map(([name, bytes, first, only]) => ({
  name,
  bytes: () => bytes,
  first,
  only,
}));

/** Ways out of the tree; each is 404, and none is asked of the upstream in another spelling. */
const PATHS = [
  '/../../../../etc/passwd',
  '/..%2f..%2f..%2fetc/passwd',
  '/%2e%2e/%2e%2e/etc/passwd',
  '/.%2e/.%2e/etc/passwd', // CVE-2021-41773
  '/%%32%65%%32%65/etc/passwd', // CVE-2021-42013
  '/%252e%252e/canary.txt',
  '/..%c0%af../etc/passwd', // CVE-2000-0884
  '/..%e0%80%af../etc/passwd',
  '/%c0%ae%c0%ae/etc/passwd',
  '/..%5c..%5ccanary.txt',
  '/..\\..\\canary.txt',
  '/..;/canary.txt', // CVE-2018-1271, CVE-2020-5902
  '/canary.txt',
  '/tmp/canary.txt',
  '//etc/passwd',
  '///canary.txt',
  '/./canary.txt',
  '/~root/.ssh/id_rsa',
  '/.git/config',
  '/.env',
  '/modgate.yaml',
  '/@fs/etc/passwd', // CVE-2025-30208
  '/example.com/plain/@v/../../../../canary.txt',
  '/example.com/plain/@v/..%2f..%2f..%2f..%2fcanary.txt',
  '/example.com/plain/@v/v1.0.0.zip/../../../canary.txt',
  '/example.com/plain/@v/v1.0.0.zip%00.info',
  '/example.com/plain/@v/%2e%2e.info',
  '/example.com/plain/@v/.named',
  '/example.com/plain/@v/v1.0.0.ziphash',
  '/example.com/plain/@v/v1.0.0.zip~',
  '/example.com/plain/@v/V1.0.0.info',
  '/example.com/Plain/@v/list',
  '/example.com/!!plain/@v/list',
  '/example.com/plain/@v/list/',
  '/example.com/plain/@v/list?x=1',
  '/example.com/plain/@v/list%3fx',
  '/example.com/plain/@v/list%23',
  '/example.com/plain%2f@v/list',
  '/example.com/plain/%40v/%6cist%00',
  '/example.com/plain/@v/list;a=b',
  '/example.com/con/@v/list',
  '/example.com/pla\xc3\xadn/@v/list',
  '/example.com/%e2%80%aeplain/@v/list',
  '/example.com/%ef%bd%90lain/@v/list',
  '/example.com/\xff/@v/list',
  '/sumdb/../../canary.txt',
  '/sumdb/sum.modgate.test/../../../canary.txt',
  '/sumdb/sum.modgate.test/tile/../../../../canary.txt',
  '/sumdb/sum.modgate.test/lookup/..%2f..%2fx@v1.0.0',
  '/sumdb/other.example/latest',
  '/sumdb/127.0.0.1/latest',
  '/cached-only/../canary.txt',
  '/cached-only/cached-only/example.com/plain/@v/list',
  '/api/v1/modules',
  '/metrics/../canary.txt',
  '/healthz/x',
  '/healthz%00',
] as const;

const paths: readonly Known[] = PATHS.map((path) => ({
  name: `GET ${path}`,
  bytes: () => `GET ${path} HTTP/1.1\r\n${HOST}\r\n`,
  first: /^(?:404|400)$/,
  only: false,
}));

export const KNOWN: readonly Known[] = [...refused, ...messages, ...paths];
