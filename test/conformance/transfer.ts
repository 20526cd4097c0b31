/** HTTP around the files: ranges, conditions, caching, compression. */
import { fixture } from '../kit/modules.ts';
import type { Expect, Row } from './row.ts';

const ZIP = '/example.com/plain/@v/v1.0.0.zip';
const MEDIUM = '/example.com/medium/@v/v1.0.0.zip';
const MOD = '/example.com/plain/@v/v1.0.0.mod';
const INFO = '/example.com/plain/@v/v1.0.0.info';
const LIST = '/example.com/plain/@v/list';
const LATEST = '/example.com/plain/@latest';
const QUERY = '/example.com/plain/@v/master.info';
const LONG = '/example.com/long/@v/list';
const LONG_MOD = '/example.com/long/@v/v1.0.0.mod';
const COLD = '/example.com/cold/{nonce}';

const known = fixture();
const size = (path: string) => known.answer(path)?.body.length ?? 0;
const zipSize = size(ZIP);

const part = (from: number, to: number, of = ZIP): Expect => ({
  status: 206,
  headers: { 'content-range': `bytes ${from}-${to - 1}/${size(of)}`, 'content-length': String(to - from) },
  body: { from, to },
});
const whole: Expect = {
  status: 200,
  headers: { 'content-length': String(zipSize), 'content-range': undefined },
  body: 'fixture',
};
const beyond: Expect = { status: 416, headers: { 'content-range': `bytes */${zipSize}` } };

type Ranged = readonly [name: string, headers: Record<string, string>, expect: Expect, path?: string];
const RANGES: readonly Ranged[] = [
  ['the first byte', { range: 'bytes=0-0' }, part(0, 1)],
  ['the first ten', { range: 'bytes=0-9' }, part(0, 10)],
  ['from the middle to the end', { range: 'bytes=100-' }, part(100, zipSize)],
  ['the last ten', { range: 'bytes=-10' }, part(zipSize - 10, zipSize)],
  ['a suffix longer than the file', { range: 'bytes=-99999999' }, part(0, zipSize)],
  ['an end behind the end', { range: 'bytes=10-99999999' }, part(10, zipSize)],
  ['the last byte', { range: `bytes=${zipSize - 1}-${zipSize - 1}` }, part(zipSize - 1, zipSize)],
  ['a start at the end', { range: `bytes=${zipSize}-` }, beyond],
  ['a start far behind the end', { range: 'bytes=99999999-' }, beyond],
  ['an empty suffix', { range: 'bytes=-0' }, beyond],
  ['several', { range: 'bytes=0-1,5-6' }, { status: [200, 206] }],
  ['backwards', { range: 'bytes=9-0' }, whole],
  ['another unit', { range: 'lines=0-9' }, whole],
  ['no numbers', { range: 'bytes=a-b' }, whole],
  ['If-Range with the ETag', { range: 'bytes=0-9', 'if-range': '{etag}' }, part(0, 10)],
  ['If-Range with another ETag', { range: 'bytes=0-9', 'if-range': '"another"' }, whole],
  ['If-Range with a weak ETag', { range: 'bytes=0-9', 'if-range': 'W/{etag}' }, whole],
  ['If-Range with the date', { range: 'bytes=0-9', 'if-range': '{last-modified}' }, part(0, 10)],
  ['If-Range with an older date', { range: 'bytes=0-9', 'if-range': 'Mon, 01 Jan 2001 00:00:00 GMT' }, whole],
  ['of a larger zip', { range: 'bytes=1048576-1048599' }, part(1_048_576, 1_048_600, MEDIUM), MEDIUM],
  ['of a .mod', { range: 'bytes=0-5' }, part(0, 6, MOD), MOD],
  [
    'of a zip that is not there yet',
    { range: 'bytes=0-9' },
    { status: 206, headers: { 'content-range': /^bytes 0-9\/\d+$/ }, body: { from: 0, to: 10 } },
    `${COLD}/@v/v1.0.0.zip`,
  ],
];

const same: Expect = { status: 304, headers: { etag: /^(W\/)?"[^"]+"$/ }, body: '' };
type Condition = readonly [name: string, path: string, headers: Record<string, string>, expect: Expect];
const CONDITIONS: readonly Condition[] = [
  ...[ZIP, MOD, INFO, LIST, LATEST].map(
    (path): Condition => [`If-None-Match of ${path}`, path, { 'if-none-match': '{etag}' }, same],
  ),
  ['If-None-Match, weak', ZIP, { 'if-none-match': 'W/{etag}' }, same],
  ['If-None-Match *', ZIP, { 'if-none-match': '*' }, same],
  ['If-None-Match with several', MOD, { 'if-none-match': '"a", {etag}, "b"' }, same],
  ['If-None-Match with others', MOD, { 'if-none-match': '"a", "b"' }, { status: 200, body: 'fixture' }],
  ['If-Modified-Since, the very date', ZIP, { 'if-modified-since': '{last-modified}' }, same],
  ['If-Modified-Since, the very date, of a .mod', MOD, { 'if-modified-since': '{last-modified}' }, same],
  [
    'If-Modified-Since, later',
    ZIP,
    { 'if-modified-since': 'Fri, 01 Jan 2100 00:00:00 GMT' },
    { status: [200, 304] },
  ],
  [
    'If-Modified-Since, earlier',
    ZIP,
    { 'if-modified-since': 'Mon, 01 Jan 2001 00:00:00 GMT' },
    { status: 200, body: 'fixture' },
  ],
  ['If-Modified-Since, no date', ZIP, { 'if-modified-since': 'yesterday' }, { status: 200, body: 'fixture' }],
  [
    'If-None-Match outranks If-Modified-Since',
    ZIP,
    { 'if-none-match': '"a"', 'if-modified-since': '{last-modified}' },
    { status: 200, body: 'fixture' },
  ],
  ['If-None-Match outranks Range', ZIP, { 'if-none-match': '{etag}', range: 'bytes=0-9' }, same],
];

const FOREVER = /max-age=31536000\b.*immutable|immutable.*max-age=31536000\b/;
const MINUTE = /max-age=([1-5]?\d|60)\b(?!.*immutable)/;
const NATURES: readonly (readonly [string, RegExp])[] = [
  [ZIP, FOREVER],
  [MOD, FOREVER],
  [INFO, FOREVER],
  [LIST, MINUTE],
  [LATEST, MINUTE],
  [QUERY, MINUTE],
];

const GZIP = { 'accept-encoding': 'gzip' };
const row = (
  section: string,
  name: string,
  path: string,
  headers: Record<string, string>,
  expect: Expect,
  before: readonly string[] = [],
): Row => ({ section, name, path, headers, expect, before });

export const TRANSFER_ROWS: readonly Row[] = [
  ...RANGES.map(([name, headers, expect, path = ZIP]) => row('ranges', name, path, headers, expect)),
  row('ranges', 'are announced', ZIP, {}, { status: 200, headers: { 'accept-ranges': 'bytes' } }, [ZIP]),
  ...CONDITIONS.map(([name, path, headers, expect]) =>
    row('conditions', name, path, headers, expect, [path]),
  ),
  ...NATURES.map(([path, control]) =>
    row(
      'caching',
      `Cache-Control of ${path}`,
      path,
      {},
      { status: 200, headers: { 'cache-control': control } },
      [path],
    ),
  ),
  ...[ZIP, MOD, INFO, LIST, LATEST, QUERY].map((path) =>
    row(
      'caching',
      `ETag and Last-Modified of ${path}`,
      path,
      {},
      { status: 200, headers: { etag: /^"[^"]+"$/, 'last-modified': / GMT$/ } },
      [path],
    ),
  ),
  row(
    'caching',
    'absence is kept a minute at most',
    '/example.com/absent/@v/list',
    {},
    { status: 404, headers: { 'cache-control': /no-store|no-cache|max-age=([1-5]?\d|60)\b/ } },
  ),
  ...['list', 'v1.0.0.info', 'v1.0.0.mod', 'v1.0.0.zip', 'main.info'].flatMap((file) => [
    row(
      'X-Cache',
      `${file}: first a miss`,
      `${COLD}/@v/${file}`,
      {},
      { status: 200, headers: { 'x-cache': 'miss', 'x-go-proxy-cache-hit': 'false' } },
    ),
    row(
      'X-Cache',
      `${file}: then a hit`,
      `${COLD}/@v/${file}`,
      {},
      { status: 200, headers: { 'x-cache': 'hit', 'x-go-proxy-cache-hit': 'true' } },
      [`${COLD}/@v/${file}`],
    ),
  ]),
  row('compression', 'a long list where gzip is taken', LONG, GZIP, {
    status: 200,
    headers: { 'content-encoding': 'gzip', vary: /accept-encoding/i },
  }),
  row('compression', 'a long .mod where gzip is taken', LONG_MOD, GZIP, {
    status: 200,
    headers: { 'content-encoding': 'gzip', 'content-type': 'text/plain; charset=utf-8' },
  }),
  row(
    'compression',
    'one of several',
    LONG,
    { 'accept-encoding': 'br, gzip;q=0.5' },
    { status: 200, headers: { 'content-encoding': 'gzip' } },
  ),
  row(
    'compression',
    'not where nothing is said',
    LONG,
    {},
    { status: 200, headers: { 'content-encoding': undefined, vary: /accept-encoding/i } },
  ),
  row(
    'compression',
    'not where gzip is refused',
    LONG,
    { 'accept-encoding': 'gzip;q=0' },
    { status: 200, headers: { 'content-encoding': undefined } },
  ),
  row(
    'compression',
    'not where gzip is refused and anything else taken',
    LONG,
    { 'accept-encoding': 'gzip;q=0, *' },
    { status: 200, headers: { 'content-encoding': undefined } },
  ),
  row(
    'compression',
    'not where only another is taken',
    LONG,
    { 'accept-encoding': 'br' },
    { status: 200, headers: { 'content-encoding': undefined } },
  ),
  row('compression', 'not of a zip', ZIP, GZIP, {
    status: 200,
    headers: { 'content-encoding': undefined },
    body: 'fixture',
  }),
  row(
    'compression',
    'has an ETag that 304 knows',
    LONG,
    { ...GZIP, 'if-none-match': '{etag}' },
    { status: 304 },
  ),
];
