/**
 * Our `direct` against the go command's own: the rows of its coderepo_test.go, read from the Go installation, over the
 * repositories that the Go project tests the go command with.
 */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { toModgateError } from '../../src/errors/index.ts';
import { DirectSource, pieces, RootFinder, type Source } from '../../src/fetch/index.ts';
import { parseModulePath, parseVersion, type Version } from '../../src/module/index.ts';
import { createLogger, Metrics, systemClock } from '../../src/observe/index.ts';
import { GitRemotes, openAccess, type Remotes } from '../../src/vcs/index.ts';
import { type GoRow, goTable } from '../kit/go-tables.ts';
import { h1Of, readZip } from '../kit/read-zip.ts';
import { goRoot, PageProxy, VCWEB_HOST, Vcweb, withoutVcweb } from '../kit/vcweb.ts';

const TABLES = path.join(goRoot, 'src/cmd/go/internal/modfetch/coderepo_test.go');
/** a repository of the tables at a real host that the fixture server has a copy of */
const GITHUB = 'github.com/rsc/vgotest1';
const GITHUB_COPY = 'vgotest1';
const signal = new AbortController().signal;

interface Row {
  readonly name: string;
  readonly row: GoRow;
  readonly check: (source: Source, row: GoRow) => Promise<void>;
}

function rowsOf(table: string, check: Row['check'], name: (row: GoRow) => string): Row[] {
  const rows = goTable(fs.readFileSync(TABLES, 'utf8'), table);
  return rows.map((row) => ({ name: `${table}: ${name(row)}`, row, check }));
}

function text(row: GoRow, key: string): string {
  const value = row.get(key);
  return typeof value === 'string' ? value : '';
}

/** git: it can be asked here; other: another version control system; network: a real host */
function kindOf(row: GoRow): 'git' | 'other' | 'network' | 'invalid' {
  const where = text(row, 'path');
  if (text(row, 'err').startsWith('invalid module path')) return 'invalid';
  const local = where === GITHUB || where.startsWith(`${GITHUB}/`) || where.startsWith(`${VCWEB_HOST}/`);
  if (!local) return 'network';
  return text(row, 'vcs') === 'git' ? 'git' : 'other';
}

const all: readonly Row[] =
  withoutVcweb === false
    ? [
        ...rowsOf('codeRepoTests', checkRevision, (row) => `${text(row, 'path')}@${text(row, 'rev')}`),
        ...rowsOf('latestTests', checkLatest, (row) => text(row, 'path')),
        ...rowsOf('codeRepoVersionsTests', checkList, (row) => `${text(row, 'path')} ${text(row, 'prefix')}`),
      ]
    : [];

async function checkRevision(source: Source, row: GoRow): Promise<void> {
  const where = parseModulePath(text(row, 'path'));
  const rev = text(row, 'rev');
  const asked = await settle(async () => {
    const exact = versionOf(where, rev);
    if (exact === undefined) return (await source.query(where, rev, signal)).value.bytes;
    return read(source, where, exact, 'info');
  });
  if (!sameRefusal(asked, text(row, 'err'))) return;
  const info = JSON.parse(asked.value.toString());
  assert.equal(info.Version, text(row, 'version'));
  assert.equal(info.Origin.Hash, text(row, 'name'));
  assert.ok(info.Origin.Hash.startsWith(text(row, 'short')));
  assert.deepEqual(new Date(info.Time), row.get('time'));
  const version = parseVersion(where, info.Version);
  await checkGoMod(source, row, where, version);
  await checkZip(source, row, where, version);
}

async function checkGoMod(source: Source, row: GoRow, where: ReturnType<typeof parseModulePath>, version: Version) {
  if (!row.has('gomod') && !row.has('gomodErr')) return;
  const asked = await settle(() => read(source, where, version, 'mod'));
  if (sameRefusal(asked, text(row, 'gomodErr'))) assert.equal(asked.value.toString(), text(row, 'gomod'));
}

async function checkZip(source: Source, row: GoRow, where: ReturnType<typeof parseModulePath>, version: Version) {
  if (!row.has('zip') && !row.has('zipErr') && !row.has('zipSum')) return;
  const asked = await settle(() => read(source, where, version, 'zip'));
  if (!sameRefusal(asked, text(row, 'zipErr'))) return;
  const entries = readZip(asked.value);
  const prefix = `${where}@${version}/`;
  for (const { name } of entries) assert.ok(name.startsWith(prefix), name);
  if (row.has('zip')) assert.deepEqual(entries.map(({ name }) => name.slice(prefix.length)), row.get('zip'));
  if (row.has('zipSum')) assert.equal(h1Of(entries), text(row, 'zipSum'));
}

/** The table asks for the newest commit, which a module proxy is only asked for where nothing is tagged. */
async function checkLatest(source: Source, row: GoRow): Promise<void> {
  const where = parseModulePath(text(row, 'path'));
  const head = await settle(async () => (await source.query(where, 'HEAD', signal)).value.version);
  if (!sameRefusal(head, text(row, 'err'))) return;
  assert.equal(head.value, text(row, 'version'));
  const { value: list } = await source.list(where, signal);
  const latest = await source.query(where, 'latest', signal);
  assert.equal(latest.value.version, list.at(-1) ?? head.value);
}

async function checkList(source: Source, row: GoRow): Promise<void> {
  const { value } = await source.list(parseModulePath(text(row, 'path')), signal);
  const prefix = text(row, 'prefix');
  assert.deepEqual(value.filter((version) => version.startsWith(prefix)), row.get('versions') ?? []);
}

type Settled<T> = { readonly value: T } | { readonly error: ReturnType<typeof toModgateError> };

async function settle<T>(question: () => Promise<T>): Promise<Settled<T>> {
  try {
    return { value: await question() };
  } catch (thrown) {
    return { error: toModgateError(thrown) };
  }
}

/** False where both refuse, with the same words, as something that cannot be or is not there, never as an outage. */
function sameRefusal<T>(asked: Settled<T>, expected: string): asked is { readonly value: T } {
  if (!('error' in asked)) {
    assert.equal(expected, '', `an answer where the go command says: ${expected}`);
    return true;
  }
  const { error } = asked;
  assert.ok(expected !== '' && error.message.includes(expected), `${error.code}: ${error.message}; want: ${expected}`);
  assert.ok(error.absent || error.code === 'BAD_MODULE', `${error.code}: ${error.message}`);
  return false;
}

function versionOf(where: ReturnType<typeof parseModulePath>, rev: string): Version | undefined {
  try {
    return parseVersion(where, rev);
  } catch {
    return undefined;
  }
}

async function read(
  source: Source,
  where: ReturnType<typeof parseModulePath>,
  version: Version,
  kind: 'info' | 'mod' | 'zip',
): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const piece of pieces(await source.file({ path: where, version }, kind, signal))) parts.push(piece);
  return Buffer.concat(parts);
}

describe('direct is what the go command makes of the same repositories', { skip: withoutVcweb }, () => {
  let vcweb: Vcweb;
  let proxy: PageProxy;
  let folder: string;
  let remotes: Remotes;
  let roots: RootFinder;
  let source: Source;
  let passed = 0;

  before(async () => {
    vcweb = await Vcweb.start();
    proxy = await PageProxy.start(vcweb.url);
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'modgate-oracle-'));
    const logger = createLogger({ level: 'silent', format: 'json' });
    const metrics = new Metrics({ process: false });
    const env = { PATH: process.env.PATH, HTTP_PROXY: proxy.url, HTTPS_PROXY: proxy.url };
    roots = new RootFinder({ mappings: [], insecure: VCWEB_HOST, ca: undefined }, { logger, metrics, env });
    remotes = await makeRemotes();
    source = new DirectSource(
      {
        roots: roots.for({ isPrivate: false, near: true }),
        remotes,
        logger,
        metrics,
        recorded: async () => undefined,
        proxies: () => assert.fail('no module proxy is named'),
      },
      {
        rewrites: new Map([
          [`https://${VCWEB_HOST}/`, `${vcweb.url}/`],
          [`https://${GITHUB}`, `${vcweb.url}/git/${GITHUB_COPY}`],
        ]),
      },
    );
  });
  after(async () => {
    await roots?.close();
    await remotes?.close();
    await proxy?.close();
    await vcweb?.close();
    fs.rmSync(folder, { recursive: true, force: true });
  });

  const here = all.filter(({ row }) => kindOf(row) === 'git');
  for (const { name, row, check } of here)
    test(name, async () => {
      await check(source, row);
      passed += 1;
    });

  for (const { name, row } of all.filter(({ row }) => kindOf(row) === 'invalid'))
    test(`${name}: such a path cannot be asked for`, () => {
      assert.throws(() => parseModulePath(text(row, 'path')), { code: 'INVALID_MODULE' });
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
      await assert.rejects(source.list(parseModulePath(`${VCWEB_HOST}/${module}`), signal), {
        code: 'VCS_UNSUPPORTED',
        message: new RegExp(tool, 'i'),
      });
    });

  test('every row that needs no real host', (t) => {
    const away = all.filter(({ row }) => kindOf(row) === 'network');
    t.diagnostic(
      `told: ${passed} of ${here.length} rows of the go command's tests passed; ${away.length} need a real host: ${away.map(({ name }) => name).join(', ')}`,
    );
    assert.equal(passed, here.length);
    assert.ok(here.length >= 40, 'the tables of the go command are not read as they should be');
  });
});
