/** The real go command behind a modgate that fetches from version control, and beside it the go command alone. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { Fixture } from '../kit/fixture.ts';
import { GitFolder, type GitProject } from '../kit/git.ts';
import { GitServer } from '../kit/git-http.ts';
import { Go, type GoResult, withoutGo } from '../kit/go.ts';
import { Web } from '../kit/meta.ts';
import { Modgate } from '../kit/modgate.ts';
import { Upstream } from '../kit/upstream.ts';

const HOST = 'corp.example';
const LIB = `${HOST}/lib.git`;
const MONO = `${HOST}/mono.git`;
const BARE = `${HOST}/bare.git`;
const OLD = `${HOST}/old.git`;
const TAGGED = `${HOST}/tagged`;

const goMod = (module: string, more = '') => `module ${module}\n\ngo 1.20\n${more}`;
const goFile = (name: string, value = 1) => `package ${name}\n\nconst Value = ${value}\n`;

describe('the go command behind modgate, over git', { skip: withoutGo }, () => {
  const folder = new GitFolder();
  const commits = new Map<string, string>();
  let lib: GitProject;
  let server: GitServer;
  let web: Web;
  let proxied = '';
  let modgate: Modgate;
  let behind: Go;
  let alone: Go;

  before(async () => {
    lib = folder.create('lib');
    lib.commit(
      { 'go.mod': goMod(LIB), 'lib.go': goFile('lib'), 'pkg/p.go': goFile('pkg') },
      { tags: ['v1.0.0'] },
    );
    lib.commit({ 'lib.go': goFile('lib', 2) }, { tags: ['v1.1.0', 'v1.2.0-rc.1'] });
    lib.commit({ 'lib.go': goFile('lib', 3) }, { tags: ['v1.1.1'] });
    lib.commit({ 'go.mod': goMod(LIB, 'retract v1.1.1 // wrong\n') }, { tags: ['v1.1.2'] });
    commits.set('main', lib.commit({ 'lib.go': goFile('lib', 4) }));
    commits.set(
      'dev',
      lib.commit({ 'lib.go': goFile('lib', 5) }, { branch: 'dev', parents: [commits.get('main') ?? ''] }),
    );
    const mono = folder.create('mono');
    mono.commit(
      {
        LICENSE: 'free\n',
        'go.mod': goMod(MONO),
        'mono.go': goFile('mono'),
        'sub/go.mod': goMod(`${MONO}/sub`),
        'sub/sub.go': goFile('sub'),
        'sub/v2/go.mod': goMod(`${MONO}/sub/v2`, `\nrequire ${LIB} v1.0.0\n`),
        'sub/v2/sub.go': `package sub\n\nimport lib "${LIB}"\n\nconst Value = lib.Value\n`,
      },
      { tags: ['v0.1.0', 'sub/v1.0.0', 'sub/v2.0.0'] },
    );
    folder.create('bare').commit({ 'go.mod': goMod(BARE), 'bare.go': goFile('bare') });
    folder.create('old').commit({ 'old.go': goFile('old') }, { tags: ['v1.0.0', 'v2.0.0', 'v2.1.0'] });
    folder
      .create('elsewhere')
      .commit({ 'go/go.mod': goMod(TAGGED), 'go/t.go': goFile('tagged') }, { tags: ['go/v0.3.0'] });
    server = await GitServer.start({ folder: folder.folder });
    server.pages.set('/tagged?go-get=1', {
      body: `<head><meta name="go-import" content="${TAGGED} git https://${HOST}/elsewhere go"></head>`,
    });
    web = await Web.start();
    web.forward(HOST, server.url);
    web.forward('proxy.example', (target) => target.replace('/base/', proxied));
    modgate = await Modgate.start({ config: { chain: 'direct' }, env: web.env });
    behind = new Go();
    alone = new Go();
  });
  after(async () => {
    await modgate?.remove();
    behind?.remove();
    alone?.remove();
    await web?.close();
    await server?.close();
    folder.remove();
  });

  function go(which: Go, cwd: string, ...args: string[]): Promise<GoResult> {
    return which === behind
      ? which.run(args, { proxy: modgate.url, cwd })
      : which.run(args, { proxy: 'direct', cwd, env: { ...web.env, GOVCS: '*:all' } });
  }

  const MAIN = { 'main.go': 'package main\n\nfunc main() {}\n' };

  /** what is asked for → what go.mod requires then */
  const GETS: readonly [asked: string, required: () => string][] = [
    [LIB, () => `${LIB} v1.1.2`],
    [`${LIB}/pkg`, () => `${LIB} v1.1.2`],
    [`${LIB}@v1.0.0`, () => `${LIB} v1.0.0`],
    [`${LIB}@v1.1.1`, () => `${LIB} v1.1.1`],
    [`${LIB}@v1`, () => `${LIB} v1.1.2`],
    [`${LIB}@main`, () => `${LIB} v1.2.0-rc.1.0.20240101000400-${short('main')}`],
    [`${LIB}@dev`, () => `${LIB} v1.2.0-rc.1.0.20240101000500-${short('dev')}`],
    [`${MONO}@latest`, () => `${MONO} v0.1.0`],
    [`${MONO}/sub`, () => `${MONO}/sub v1.0.0`],
    [`${MONO}/sub/v2`, () => `${MONO}/sub/v2 v2.0.0`],
    [BARE, () => `${BARE} v0.0.0-20240101000000-`],
    [OLD, () => `${OLD} v2.1.0+incompatible`],
    [`${OLD}@v2.0.0`, () => `${OLD} v2.0.0+incompatible`],
    [TAGGED, () => `${TAGGED} v0.3.0`],
  ];
  const short = (name: string) => (commits.get(name) ?? '').slice(0, 12);

  for (const [asked, required] of GETS)
    test(`go get ${asked}: as with GOPROXY=direct, go.sum included`, async () => {
      await sameGet(asked, required());
    });

  test('go get of a commit, by its first digits', async () => {
    await sameGet(`${LIB}@${short('dev').slice(0, 8)}`, `v1.2.0-rc.1.0.20240101000500-${short('dev')}`);
  });

  async function sameGet(asked: string, required: string): Promise<void> {
    const files: string[] = [];
    for (const which of [behind, alone]) {
      const project = which.project([], MAIN);
      const run = await go(which, project, 'get', asked);
      assert.equal(run.code, 0, run.stderr);
      const download = await go(which, project, 'mod', 'download');
      assert.equal(download.code, 0, download.stderr);
      for (const name of ['go.mod', 'go.sum']) files.push(fs.readFileSync(path.join(project, name), 'utf8'));
    }
    assert.ok(files[0]?.includes(required), files[0]);
    assert.deepEqual(files.slice(0, 2), files.slice(2));
  }

  test('go list -m -versions: retracted ones are known, and not told', async () => {
    for (const module of [LIB, MONO, `${MONO}/sub`, `${MONO}/sub/v2`, BARE, OLD]) {
      const [one, other] = await Promise.all(
        [behind, alone].map((which) =>
          go(which, which.project(), 'list', '-m', '-versions', `${module}@latest`),
        ),
      );
      assert.equal(one?.code, 0, one?.stderr);
      assert.equal(one?.stdout, other?.stdout);
    }
    const list = await modgate.ask(`/${LIB}/@v/list`);
    assert.equal(
      list.text,
      'v1.0.0\nv1.1.0\nv1.1.1\nv1.1.2\nv1.2.0-rc.1\n'.replace('v1.1.2\nv1.2.0-rc.1', 'v1.1.2\nv1.2.0-rc.1'),
    );
  });

  test('an untagged module has an empty list, not none', async () => {
    const list = await modgate.ask(`/${BARE}/@v/list`);
    assert.equal(list.status, 200);
    assert.equal(list.text, '');
  });

  test('a program builds', async () => {
    const main = `package main\n\nimport sub "${MONO}/sub/v2"\n\nfunc main() { println(sub.Value) }\n`;
    const project = behind.project([`${MONO}/sub/v2 v2.0.0`], { 'main.go': main });
    const tidy = await go(behind, project, 'mod', 'tidy');
    assert.equal(tidy.code, 0, tidy.stderr);
    const run = await go(behind, project, 'run', '.');
    assert.equal(run.stderr, '1\n');
  });

  /** what is not there → what the go command prints */
  const ABSENT: readonly [asked: string, text: RegExp][] = [
    [`${LIB}@v1.9.0`, /unknown revision v1\.9\.0/],
    [`${LIB}@nothing`, /unknown revision nothing/],
    [`${LIB}/v2@v2.0.0`, /unknown revision v2\.0\.0|missing .*go\.mod/],
    [`${HOST}/none.git@v1.0.0`, /not found|no such repository/i],
  ];
  for (const [asked, text] of ABSENT)
    test(`${asked} is absent: 404, and why`, async () => {
      const run = await go(behind, behind.project(), 'mod', 'download', asked);
      assert.equal(run.code, 1);
      assert.match(run.stderr, /404 Not Found/);
      assert.match(run.stderr, text);
    });

  test('the log line of an answer names the repository and the time with git', async () => {
    const timed = folder.create('timed');
    timed.commit({ 'go.mod': goMod(`${HOST}/timed.git`) }, { tags: ['v1.0.0'] });
    for (const file of ['list', 'v1.0.0.info', 'v1.0.0.zip']) {
      const url = `/${HOST}/timed.git/@v/${file}`;
      await modgate.ask(url);
      const line = await modgate.log((one) => one.url === url, `the log line of ${file}`);
      assert.deepEqual([line.source, line.repository], ['direct', `https://${HOST}/timed`]);
      assert.match(JSON.stringify(line.links), file.endsWith('zip') ? /"git":.*"body":\d/ : /"git":\d/);
    }
  });

  test('a commit that only a pull request holds is refused, as the go command does', async () => {
    const { main = '' } = Object.fromEntries(commits);
    const hidden = lib.commit({ 'evil.go': goFile('lib', 6) }, { branch: 'hidden', parents: [main] });
    lib.ref('refs/pull/1/head', hidden);
    lib.ref('refs/heads/hidden', undefined);
    for (const which of [behind, alone]) {
      const run = await go(which, which.project([], MAIN), 'get', `${LIB}@${hidden}`);
      assert.equal(run.code, 1);
      assert.match(run.stderr, /unknown revision|no branch and no tag reaches/);
    }
  });

  test('a list of 2,000 tags costs one answer of the repository', async () => {
    const many = folder.create('many');
    const hash = many.commit({ 'go.mod': goMod(`${HOST}/many.git`) });
    many.tags(Object.fromEntries(Array.from({ length: 2000 }, (_, i) => [`v1.${i}.0`, hash])));
    server.forget();
    const list = await modgate.ask(`/${HOST}/many.git/@v/list`);
    assert.equal(list.text.split('\n').length, 2001);
    assert.deepEqual(
      server.requests.map(({ step }) => step),
      ['info', 'ls-refs'],
    );
  });

  test('a `mod` entry: the module proxy that it names is asked', async (t) => {
    const module = `${HOST}/proxied`;
    const files = { 'go.mod': goMod(module), 'p.go': goFile('proxied') };
    const versions = [{ version: 'v1.4.0', time: '2024-01-02T03:04:05Z', files }];
    const upstream = await Upstream.start(new Fixture([{ path: module, versions, latest: 'v1.4.0' }]));
    t.after(() => upstream.close());
    proxied = `${upstream.url}/`;
    server.pages.set('/proxied?go-get=1', {
      body: `<head><meta name="go-import" content="${module} mod https://proxy.example/base"></head>`,
    });
    await sameGet(module, `${module} v1.4.0`);
  });

  test('a tag that was moved: what is stored stays, the rest is refused, logged and counted', async (t) => {
    const moving = folder.create('moving');
    const where = `/${HOST}/moving.git/@v/v1.0.0`;
    const first = moving.commit({ 'a.go': goFile('a') }, { tags: ['v1.0.0'] });
    const stored = await modgate.ask(`${where}.info`);
    assert.equal(JSON.parse(stored.text).Origin.Hash, first);
    const second = moving.commit({ 'a.go': goFile('a', 2) }, { tags: ['v1.0.0'] });
    t.after(() => undefined);
    const other = await Modgate.start({ config: { chain: 'direct' }, data: modgate.data, env: web.env });
    t.after(() => other.remove());
    assert.deepEqual((await other.ask(`${where}.info`)).body, stored.body);
    const zip = await other.ask(`${where}.zip`);
    assert.equal(zip.status, 502);
    assert.match(zip.text, /refs\/tags\/v1\.0\.0 of https:\/\/corp\.example\/moving was moved/);
    for (const hash of [first, second]) assert.ok(zip.text.includes(hash), zip.text);
    assert.match(zip.text, /next: .*\ncode: TAG_MOVED/);
    await other.log((line) => line.to === second && line.from === first, 'the move of a tag');
    assert.match((await other.ask('/metrics')).text, /^modgate_moved_tag_requests_total 1$/m);
  });

  for (const [kind, next] of [
    ['mod', 'zip'],
    ['zip', 'mod'],
  ] as const)
    test(`a tag that moves between two files of a version: .${kind}, then .${next}`, async (t) => {
      const name = `between-${kind}`;
      const moving = folder.create(name);
      const where = `/${HOST}/${name}.git/@v/v1.0.0`;
      const goMod = `module ${HOST}/${name}.git\n`;
      const first = moving.commit({ 'go.mod': goMod, 'a.go': goFile('a') }, { tags: ['v1.0.0'] });
      assert.equal((await modgate.ask(`${where}.${kind}`)).status, 200);
      // The go.mod is the same, so it cannot tell.
      moving.commit({ 'a.go': goFile('a', 2) }, { tags: ['v1.0.0'] });
      const other = await Modgate.start({ config: { chain: 'direct' }, data: modgate.data, env: web.env });
      t.after(() => other.remove());
      const refused = await other.ask(`${where}.${next}`);
      assert.equal(refused.status, 502);
      assert.match(refused.text, /code: TAG_MOVED/);
      assert.equal(JSON.parse((await other.ask(`${where}.info`)).text).Origin.Hash, first);
    });
});
