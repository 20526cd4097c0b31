/** What is not the protocol's: strict routes, methods, the store alone, checksum databases. */
import { UNTAGGED } from '../kit/modules.ts';
import type { Expect, Row } from './row.ts';

const PLAIN = '/example.com/plain';
const COLD = '/example.com/cold/{nonce}';
const STORE_ONLY = { 'disable-module-fetch': 'true' };
const refused: Expect = { status: 404, headers: { 'content-type': 'text/plain; charset=utf-8' } };
/** Not HTTP at all to some servers, no such page to others. */
const refusedAnyhow: Expect = { status: [400, 404, 414] };

const ROUTES: readonly (readonly [name: string, path: string, expect?: Expect])[] = [
  ['no module', '/@v/list'],
  ['no version', `${PLAIN}/@v/`],
  ['no file', `${PLAIN}/@v`],
  ['no @', PLAIN],
  ['no extension', `${PLAIN}/@v/v1.0.0`],
  ['an unknown extension', `${PLAIN}/@v/v1.0.0.tar`],
  ['an extension in capitals', `${PLAIN}/@v/v1.0.0.ZIP`],
  ['the h1 beside a zip is no endpoint', `${PLAIN}/@v/v1.0.0.ziphash`],
  ['two extensions', `${PLAIN}/@v/v1.0.0.zip.info`],
  ['an extension alone', `${PLAIN}/@v/.info`],
  ['something behind list', `${PLAIN}/@v/list/x`],
  ['something behind latest', `${PLAIN}/@latest/x`],
  ['a slash behind list', `${PLAIN}/@v/list/`],
  ['an unknown @', `${PLAIN}/@x`],
  ['@v twice', `${PLAIN}/@v/@v/list`],
  ['a version with a slash', `${PLAIN}/@v/feature/x.info`],
  ['climbing', `/../example.com/plain/@v/list`],
  ['climbing in the middle', '/example.com/../example.com/plain/@v/list'],
  ['climbing, encoded', '/example.com/%2e%2e/example.com/plain/@v/list'],
  ['climbing, encoded with its slash', '/example.com%2f..%2fplain/@v/list'],
  ['climbing out of the version', `${PLAIN}/@v/..%2f..%2fv1.0.0.mod`],
  ['climbing by a version', `${PLAIN}/@v/../v1.0.0.mod`],
  ['climbing by backslashes', `${PLAIN}/@v/..%5c..%5cv1.0.0.mod`],
  ['climbing to a file of the system', '/../../../../../../etc/passwd'],
  ['a dot', '/example.com/./plain/@v/list'],
  ['two slashes in front', `/${PLAIN}/@v/list`],
  ['two slashes in the middle', '/example.com//plain/@v/list'],
  ['two slashes before @v', `${PLAIN}//@v/list`],
  ['two slashes behind @v', `${PLAIN}/@v//list`],
  ['an encoded slash', '/example.com%2fplain/@v/list'],
  ['an encoded slash in capitals', '/example.com%2Fplain/@v/list'],
  ['half an encoding', '/example.com/plain%2/@v/list', refusedAnyhow],
  ['no encoding', '/example.com/plain%zz/@v/list', refusedAnyhow],
  ['an encoded question mark', `${PLAIN}/@v/list%3f`],
  ['a query string', `${PLAIN}/@v/list?x=1`],
  ['the go command’s own meta query', `${PLAIN}?go-get=1`],
  ['a path element that begins with a dot', '/example.com/.git/@v/list'],
  ['a path element that ends with a dot', '/example.com/plain./@v/list'],
  ['a first element without a dot', '/plain/@v/list'],
  ['a short name of Windows', '/example.com/plain~1/@v/list'],
  ['a device of Windows', '/example.com/aux/@v/list'],
  ['a .mod by branch', `${PLAIN}/@v/master.mod`],
  ['a zip by branch', `${PLAIN}/@v/master.zip`],
  ['a .mod by half a version', `${PLAIN}/@v/v1.mod`],
  ['a zip by half a version', `${PLAIN}/@v/v1.0.zip`],
  ['a zip by a version with build data', `${PLAIN}/@v/v1.0.0+build.zip`],
  ['a zip by a version with a leading zero', `${PLAIN}/@v/v01.0.0.zip`],
  ['a zip of another major', `${PLAIN}/@v/v2.0.0.zip`],
  ['a zip of a version that the suffix forbids', '/example.com/mod/v2/@v/v1.0.0.zip'],
  ['a path with the suffix v1', '/example.com/mod/v1/@v/list'],
  ['a URL of 3000 characters', `/example.com/${'a'.repeat(3000)}/@v/list`, refusedAnyhow],
  ['an absolute form without a host', `http://${PLAIN}/@v/list`, refusedAnyhow],
  [
    // RFC 9112, 3.2.2: a server must accept it.
    'an absolute form is the path in it',
    `http://proxy.example${PLAIN}/@v/v1.0.0.mod`,
    { status: 200, body: /^module example\.com\/plain$/m },
  ],
  ['an unknown page', '/favicon.ico'],
  ['an unknown folder', '/debug/vars'],
];

const METHODS: readonly Row[] = ['POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'TRACE'].map((method) => ({
  section: 'methods',
  name: method,
  method,
  path: `${PLAIN}/@v/list`,
  expect: { status: 405, headers: { allow: /\bGET\b.*\bHEAD\b/ } },
}));

const FILES = ['@v/list', '@latest', '@v/v1.0.0.info', '@v/v1.0.0.mod', '@v/v1.0.0.zip', '@v/main.info'];
const STORE_ALONE: readonly Row[] = FILES.flatMap((file): Row[] => {
  const path = `${COLD}/${file}`;
  return [
    {
      section: 'the store alone',
      name: `Disable-Module-Fetch, not stored: ${file}`,
      path,
      headers: STORE_ONLY,
      expect: refused,
    },
    {
      section: 'the store alone',
      name: `Disable-Module-Fetch, stored: ${file}`,
      path,
      headers: STORE_ONLY,
      before: [path],
      expect: { status: 200 },
    },
    {
      section: 'the store alone',
      name: `/cached-only, not stored: ${file}`,
      path: `/cached-only${path}`,
      expect: refused,
    },
    {
      section: 'the store alone',
      name: `/cached-only, stored: ${file}`,
      path: `/cached-only${path}`,
      before: [path],
      expect: { status: 200 },
    },
  ];
});

const DB = '/sumdb/sum.modgate.test';
const RECORD =
  /^example\.com\/plain v1\.0\.0 h1:\S+\nexample\.com\/plain v1\.0\.0\/go\.mod h1:\S+\n\ngo\.sum database tree\n/m;
const SUMDB: readonly (readonly [name: string, path: string, expect: Expect])[] = [
  ['supported', `${DB}/supported`, { status: 200 }],
  [
    'latest',
    `${DB}/latest`,
    { status: 200, headers: { 'content-type': /^text\/plain/ }, body: /^go\.sum database tree\n\d+\n/ },
  ],
  [
    'a look-up',
    `${DB}/lookup/example.com/plain@v1.0.0`,
    { status: 200, headers: { 'content-type': /^text\/plain/ }, body: RECORD },
  ],
  [
    'a look-up with a literal !',
    `${DB}/lookup/example.com/!upper/!case@v1.0.0`,
    { status: 200, body: /^example\.com\/Upper\/Case v1\.0\.0 h1:/m },
  ],
  [
    'a look-up with an encoded !',
    `${DB}/lookup/example.com/%21upper/%21case@v1.0.0`,
    { status: 200, body: /^example\.com\/Upper\/Case v1\.0\.0 h1:/m },
  ],
  [
    'a look-up of +incompatible',
    `${DB}/lookup/example.com/legacy@v2.0.0+incompatible`,
    { status: 200, body: /^example\.com\/legacy v2\.0\.0\+incompatible h1:/m },
  ],
  ['a look-up of a pseudo-version', `${DB}/lookup/example.com/untagged@${UNTAGGED}`, { status: 200 }],
  [
    'a look-up never changes',
    `${DB}/lookup/example.com/plain@v1.1.0`,
    { status: 200, headers: { 'cache-control': /immutable/ } },
  ],
  ['a look-up of what it lacks', `${DB}/lookup/example.com/absent@v1.0.0`, { status: [404, 410] }],
  ['a tile that it lacks', `${DB}/tile/8/5/000`, { status: [404, 410] }],
  ['an unknown database', '/sumdb/sum.other.example/supported', { status: [404, 410] }],
  [
    'a look-up in an unknown database',
    '/sumdb/sum.other.example/lookup/example.com/plain@v1.0.0',
    { status: [404, 410] },
  ],
  ['no endpoint', DB, { status: 404 }],
  ['an unknown endpoint', `${DB}/tree`, { status: 404 }],
  ['climbing', `${DB}/tile/../latest`, { status: 404 }],
  ['climbing, encoded', `${DB}/tile/8/0/..%2f000`, { status: 404 }],
  ['a tile of another height than 1 to 30', `${DB}/tile/99/0/000`, { status: 404 }],
  ['a tile without a number', `${DB}/tile/8/0/abc`, { status: 404 }],
  ['a look-up without a version', `${DB}/lookup/example.com/plain`, { status: 404 }],
];

export const STRICT_ROWS: readonly Row[] = [
  ...ROUTES.map(([name, path, expect = refused]): Row => ({ section: 'strict routes', name, path, expect })),
  ...METHODS,
  ...STORE_ALONE,
  ...SUMDB.map(([name, path, expect]): Row => ({ section: 'checksum database', name, path, expect })),
];
