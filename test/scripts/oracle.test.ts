/**
 * Our `direct` against the go command's own: the rows of its coderepo_test.go, read from the Go installation, over the
 * repositories that the Go project tests the go command with.
 */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { escapePath, escapeVersion, parseModulePath } from '../../src/module/index.ts';
import { type GoRow, goTable } from '../kit/go-tables.ts';
import type { Reply } from '../kit/http.ts';
import { Web } from '../kit/meta.ts';
import { Modgate } from '../kit/modgate.ts';
import { h1Of, readZip } from '../kit/read-zip.ts';
import { goRoot, VCWEB_HOST, Vcweb, withoutVcweb } from '../kit/vcweb.ts';

const TABLES = path.join(goRoot, 'src/cmd/go/internal/modfetch/coderepo_test.go');
/** a repository of the tables at a real host that the fixture server has a copy of */
const GITHUB = '/rsc/vgotest1';
const GITHUB_COPY = '/git/vgotest1';

type Check = (modgate: Modgate, row: GoRow) => Promise<void>;

interface Row {
  readonly name: string;
  readonly row: GoRow;
  readonly check: Check;
}

function rowsOf(table: string, check: Check, name: (row: GoRow) => string): Row[] {
  const rows = goTable(fs.readFileSync(TABLES, 'utf8'), table);
  return rows.map((row) => ({ name: `${table} ${name(row)}`, row, check }));
}

function text(row: GoRow, key: string): string {
  const value = row.get(key);
  return typeof value === 'string' ? value : '';
}

/** Whether only a real host has what the row is about. */
function isAway(row: GoRow): boolean {
  const where = `${text(row, 'path')}/`;
  const isHere = where.startsWith(`github.com${GITHUB}/`) || where.startsWith(`${VCWEB_HOST}/`);
  return !isHere && !text(row, 'err').startsWith('invalid module path');
}

const all: readonly Row[] =
  withoutVcweb === false
    ? [
        ...rowsOf('codeRepoTests', checkRevision, (row) => `${text(row, 'path')}@${text(row, 'rev')}`),
        ...rowsOf('latestTests', checkLatest, (row) => text(row, 'path')),
        ...rowsOf('codeRepoVersionsTests', checkList, (row) =>
          `${text(row, 'path')} ${text(row, 'prefix')}`.trim(),
        ),
      ]
    : [];

function ask(modgate: Modgate, row: GoRow, file: string): Promise<Reply> {
  const where = text(row, 'path');
  // What is no module path is sent as it is.
  const invalid = text(row, 'err').startsWith('invalid module path');
  return modgate.ask(`/${invalid ? where : escapePath(parseModulePath(where))}/${file}`);
}

function versionFile(version: string, kind: 'info' | 'mod' | 'zip'): string {
  return `@v/${escapeVersion(version === '' ? 'latest' : version)}.${kind}`;
}

/** True where there is an answer to compare; both must refuse, for the same reason, and never as an outage. */
function isAnswer(reply: Reply, expected: string): boolean {
  if (expected === '') {
    assert.equal(reply.status, 200, reply.text);
    return true;
  }
  if (expected.startsWith('invalid module path')) {
    assert.match(reply.text, /INVALID_MODULE/);
    return false;
  }
  assert.ok(reply.text.includes(expected), `${reply.status} ${reply.text}; expected: ${expected}`);
  assert.match(reply.text, /code: (NOT_FOUND|BAD_MODULE)/);
  return false;
}

async function checkRevision(modgate: Modgate, row: GoRow): Promise<void> {
  const rev = text(row, 'rev');
  const reply = await ask(modgate, row, rev === 'latest' ? '@latest' : versionFile(rev, 'info'));
  if (!isAnswer(reply, text(row, 'err'))) return;
  const info = JSON.parse(reply.text);
  assert.equal(info.Version, text(row, 'version'));
  assert.equal(info.Origin.Hash, text(row, 'name'));
  assert.ok(info.Origin.Hash.startsWith(text(row, 'short')));
  assert.deepEqual(new Date(info.Time), row.get('time'));
  if (row.has('gomod') || row.has('gomodErr')) await checkGoMod(modgate, row);
  if (row.has('zip') || row.has('zipErr') || row.has('zipSum')) await checkZip(modgate, row);
}

async function checkGoMod(modgate: Modgate, row: GoRow): Promise<void> {
  const reply = await ask(modgate, row, versionFile(text(row, 'version'), 'mod'));
  if (isAnswer(reply, text(row, 'gomodErr'))) assert.equal(reply.text, text(row, 'gomod'));
}

async function checkZip(modgate: Modgate, row: GoRow): Promise<void> {
  const version = text(row, 'version');
  const reply = await ask(modgate, row, versionFile(version, 'zip'));
  if (!isAnswer(reply, text(row, 'zipErr'))) return;
  const entries = readZip(reply.body);
  const prefix = `${text(row, 'path')}@${version}/`;
  for (const { name } of entries) assert.ok(name.startsWith(prefix), name);
  const names = entries.map(({ name }) => name.slice(prefix.length));
  if (row.has('zip')) assert.deepEqual(names, row.get('zip'));
  if (row.has('zipSum')) assert.equal(h1Of(entries), text(row, 'zipSum'));
}

/** The table is about the newest commit, of which a module proxy speaks only where nothing is tagged. */
async function checkLatest(modgate: Modgate, row: GoRow): Promise<void> {
  const head = await ask(modgate, row, versionFile('HEAD', 'info'));
  if (!isAnswer(head, text(row, 'err'))) return;
  const { Version: version } = JSON.parse(head.text);
  assert.equal(version, text(row, 'version'));
  const versions = (await ask(modgate, row, '@v/list')).text.split('\n').filter((line) => line !== '');
  const latest = JSON.parse((await ask(modgate, row, '@latest')).text);
  assert.equal(latest.Version, versions.at(-1) ?? version);
}

async function checkList(modgate: Modgate, row: GoRow): Promise<void> {
  const reply = await ask(modgate, row, '@v/list');
  assert.equal(reply.status, 200, reply.text);
  const versions = reply.text.split('\n').filter((line) => line !== '');
  assert.deepEqual(
    versions.filter((version) => version.startsWith(text(row, 'prefix'))),
    row.get('versions') ?? [],
  );
}

describe('direct is what the go command makes of the same repositories', { skip: withoutVcweb }, () => {
  let vcweb: Vcweb;
  let web: Web;
  let modgate: Modgate;
  let passed = 0;

  before(async () => {
    vcweb = await Vcweb.start();
    web = await Web.start();
    web.forward(VCWEB_HOST, vcweb.url);
    web.forward('github.com', (target) => vcweb.url + target.replace(GITHUB, GITHUB_COPY));
    modgate = await Modgate.start({ config: { chain: 'direct' }, env: web.env });
  });
  after(async () => {
    await modgate?.remove();
    await web?.close();
    await vcweb?.close();
  });

  const here = all.filter(({ row }) => !isAway(row));
  for (const { name, row, check } of here)
    test(name, async () => {
      await check(modgate, row);
      passed += 1;
    });

  const OTHERS: readonly [module: string, tool: string][] = [
    ['hg/vgotest1.hg', 'hg'],
    ['hg/vgotest1.hg/v2', 'hg'],
    ['go/custom-hg-hello', 'hg'],
    ['svn/hello.svn', 'svn'],
    ['bzr/hello.bzr', 'bzr'],
    ['fossil/hello.fossil', 'fossil'],
  ];
  for (const [module, tool] of OTHERS)
    test(`${module}: refused, and the tool is named`, async () => {
      const reply = await modgate.ask(`/${VCWEB_HOST}/${module}/@v/list`);
      assert.equal(reply.status, 501, reply.text);
      assert.match(reply.text, new RegExp(`\\b${tool}\\b[\\s\\S]*VCS_UNSUPPORTED`, 'i'));
    });

  test('every row that needs no real host', (t) => {
    const away = all.filter(({ row }) => isAway(row)).map(({ name }) => name);
    t.diagnostic(
      `told: ${passed} of ${here.length} rows of the go command's tests passed; ${away.length} need a real host: ${away.join(', ')}`,
    );
    assert.equal(passed, here.length);
    assert.ok(here.length >= 40, 'the tables of the go command are not read as they should be');
  });
});
