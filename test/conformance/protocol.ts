/** The protocol's answers: endpoints, escapes, absence. */
import { fixture, PLAIN_BRANCH, PLAIN_COMMIT, TOOLCHAIN, UNTAGGED } from '../kit/modules.ts';
import type { Expect, Row } from './row.ts';

const TEXT = 'text/plain; charset=utf-8';
const JSON_TYPE = /^application\/json(; *charset=utf-8)?$/i;
const ZIP = 'application/zip';
const PLAIN = '/example.com/plain';

const text = (body: Expect['body'] = 'fixture'): Expect => ({
  status: 200,
  headers: { 'content-type': TEXT },
  ...(body === undefined ? {} : { body }),
});
const info = (version: string): Expect => ({
  status: 200,
  headers: { 'content-type': JSON_TYPE },
  body: new RegExp(`"Version":\\s*"${version.replace(/[.+]/g, '\\$&')}"`),
});
const zip: Expect = { status: 200, headers: { 'content-type': ZIP }, body: 'fixture' };
const absent: Expect = { status: [404, 410], headers: { 'content-type': TEXT } };

type Line = readonly [name: string, path: string, expect: Expect];

const ENDPOINTS: readonly Line[] = [
  ['a list', `${PLAIN}/@v/list`, text()],
  ['the list of an untagged module is empty, not absent', '/example.com/untagged/@v/list', text('')],
  ['the list of a major version of its own', '/example.com/mod/v2/@v/list', text()],
  ['the list of +incompatible versions', '/example.com/legacy/@v/list', text()],
  [
    'a long list',
    '/example.com/long/@v/list',
    { status: 200, headers: { 'content-type': TEXT }, body: /^v1\.199\.0$/m },
  ],
  ['latest', `${PLAIN}/@latest`, info('v1.2.0')],
  ['latest of an untagged module', '/example.com/untagged/@latest', info(UNTAGGED)],
  ['latest of a major version of its own', '/example.com/mod/v2/@latest', info('v2.1.0')],
  ['latest of +incompatible', '/example.com/legacy/@latest', info('v2.0.0+incompatible')],
  ['info', `${PLAIN}/@v/v1.0.0.info`, info('v1.0.0')],
  ['info has the time', `${PLAIN}/@v/v1.0.0.info`, { status: 200, body: /"Time":\s*"2024-03-05T06:07:08Z"/ }],
  [
    'info keeps the origin',
    `${PLAIN}/@v/v1.0.0.info`,
    { status: 200, body: /"Origin":\s*\{[^}]*"VCS":\s*"git"/ },
  ],
  ['info of a prerelease', `${PLAIN}/@v/v1.3.0-rc.1.info`, info('v1.3.0-rc.1')],
  ['info of a pseudo-version', `${PLAIN}/@v/${PLAIN_BRANCH}.info`, info(PLAIN_BRANCH)],
  ['info of a retracted version', `${PLAIN}/@v/v1.1.0.info`, info('v1.1.0')],
  ['info of +incompatible', '/example.com/legacy/@v/v2.0.0+incompatible.info', info('v2.0.0+incompatible')],
  ['info by branch', `${PLAIN}/@v/master.info`, info(PLAIN_BRANCH)],
  ['info by another branch', `${PLAIN}/@v/main.info`, info(PLAIN_BRANCH)],
  ['info by full commit', `${PLAIN}/@v/${PLAIN_COMMIT}.info`, info(PLAIN_BRANCH)],
  ['info by short commit', `${PLAIN}/@v/${PLAIN_COMMIT.slice(0, 12)}.info`, info(PLAIN_BRANCH)],
  ['info by major version', `${PLAIN}/@v/v1.info`, info('v1.2.0')],
  ['info by minor version', `${PLAIN}/@v/v1.1.info`, info('v1.1.0')],
  ['mod', `${PLAIN}/@v/v1.0.0.mod`, text()],
  ['mod of a prerelease', `${PLAIN}/@v/v1.3.0-rc.1.mod`, text()],
  ['mod of a pseudo-version', `${PLAIN}/@v/${PLAIN_BRANCH}.mod`, text()],
  ['mod with a retraction', `${PLAIN}/@v/v1.2.0.mod`, text(/^retract v1\.1\.0 /m)],
  [
    'mod of a module without go.mod',
    '/example.com/legacy/@v/v2.0.0+incompatible.mod',
    text('module example.com/legacy\n'),
  ],
  ['mod of a major version of its own', '/example.com/mod/v2/@v/v2.1.0.mod', text()],
  ['mod of a toolchain', `/golang.org/toolchain/@v/${TOOLCHAIN}.mod`, text('module golang.org/toolchain\n')],
  ['zip', `${PLAIN}/@v/v1.0.0.zip`, zip],
  ['zip of a prerelease', `${PLAIN}/@v/v1.3.0-rc.1.zip`, zip],
  ['zip of a pseudo-version', `${PLAIN}/@v/${PLAIN_BRANCH}.zip`, zip],
  ['zip of +incompatible', '/example.com/legacy/@v/v2.0.0+incompatible.zip', zip],
  ['zip of a major version of its own', '/example.com/mod/v2/@v/v2.0.0.zip', zip],
  ['zip of a toolchain', `/golang.org/toolchain/@v/${TOOLCHAIN}.zip`, zip],
  ['a zip of some megabytes', '/example.com/medium/@v/v1.0.0.zip', zip],
];

const CASE = '/example.com/!upper/!case';
const ENCODED = CASE.replaceAll('!', '%21');
const ESCAPES: readonly Line[] = [CASE, ENCODED].flatMap((base): Line[] => {
  const how = base === CASE ? 'literal' : 'percent-encoded';
  return [
    [`list, ${how}`, `${base}/@v/list`, text()],
    [`latest, ${how}`, `${base}/@latest`, info('v1.0.0')],
    [`info, ${how}`, `${base}/@v/v1.0.0.info`, info('v1.0.0')],
    [`mod, ${how}`, `${base}/@v/v1.0.0.mod`, text()],
    [`zip, ${how}`, `${base}/@v/v1.0.0.zip`, zip],
    [
      `a version with capitals, ${how}`,
      `${base}/@v/v1.1.0-${base === CASE ? '!r!c1' : '%21r%21c1'}.info`,
      info('v1.1.0-RC1'),
    ],
  ];
});

const MORE_ESCAPES: readonly Line[] = [
  ['a percent-encoded +', '/example.com/legacy/@v/v2.0.0%2Bincompatible.mod', text()],
  ['a percent-encoded letter', '/ex%61mple.com/plain/@v/v1.0.0.mod', { status: [200, 404] }],
  ['a small hexadecimal digit', '/example.com/%21upper/!case/@v/v1.0.0.mod', text()],
  ['a raw capital in the path', '/example.com/Upper/Case/@v/list', absent],
  ['a raw capital in the version', `${CASE}/@v/v1.1.0-RC1.info`, absent],
  ['a capital behind !', '/example.com/!Upper/!case/@v/list', absent],
  ['! at the end', '/example.com/upper!/@v/list', absent],
  ['!!', '/example.com/!!upper/@v/list', absent],
  ['! and a digit', '/example.com/!1upper/@v/list', absent],
  ['a space', '/example.com/pl%20ain/@v/list', absent],
  ['+ is no space', '/example.com/legacy/@v/v2.0.0%20incompatible.mod', absent],
  ['a letter that is not ASCII', '/example.com/pl%C3%A4in/@v/list', absent],
  ['bytes that are not UTF-8', '/example.com/pl%FFain/@v/list', absent],
  ['a zero byte', '/example.com/pl%00ain/@v/list', absent],
  ['a percent-encoding twice', '/example.com/%2521upper/%2521case/@v/list', absent],
];

const ABSENT: readonly Line[] = [
  ['a module', '/example.com/absent/@v/list', absent],
  ['latest of a module', '/example.com/absent/@latest', absent],
  ['info of a version', `${PLAIN}/@v/v1.9.9.info`, absent],
  ['mod of a version', `${PLAIN}/@v/v1.9.9.mod`, absent],
  ['zip of a version', `${PLAIN}/@v/v1.9.9.zip`, absent],
  ['a branch', `${PLAIN}/@v/nowhere.info`, absent],
  ['a prefix of a path', '/example.com/@v/list', absent],
  ['a package below a module', `${PLAIN}/sub/pkg/@v/list`, absent],
  ['a version of another major', `${PLAIN}/@v/v2.0.0.info`, absent],
  [
    'says so in at most 8 lines without a blank one',
    '/example.com/absent/@v/list',
    { status: [404, 410], body: /^([^\n]+\n?){1,8}$/ },
  ],
];

const section = (name: string, lines: readonly Line[]): Row[] =>
  lines.map(([row, path, expect]) => ({ section: name, name: row, path, expect }));

const known = fixture();
const HEADS: readonly Row[] = [
  `${PLAIN}/@v/list`,
  `${PLAIN}/@latest`,
  `${PLAIN}/@v/v1.0.0.info`,
  `${PLAIN}/@v/v1.0.0.mod`,
  `${PLAIN}/@v/v1.0.0.zip`,
].map((path) => ({
  section: 'HEAD',
  name: path,
  method: 'HEAD',
  path,
  before: [path],
  expect: {
    status: 200,
    headers:
      path.endsWith('info') || path.endsWith('latest')
        ? { 'content-length': /^\d+$/ }
        : { 'content-length': String(known.answer(path)?.body.length) },
  },
}));

export const PROTOCOL_ROWS: readonly Row[] = [
  ...section('endpoints', ENDPOINTS),
  ...section('escapes', ESCAPES),
  ...section('escapes', MORE_ESCAPES),
  ...section('absence', ABSENT),
  ...HEADS,
  {
    section: 'HEAD',
    name: 'of a zip that is not there yet',
    method: 'HEAD',
    path: '/example.com/cold/{nonce}/@v/v1.0.0.zip',
    expect: { status: 200, headers: { 'content-length': /^\d+$/ } },
  },
  {
    section: 'HEAD',
    name: 'of what is absent',
    method: 'HEAD',
    path: '/example.com/absent/@v/list',
    expect: { status: [404, 410] },
  },
];
