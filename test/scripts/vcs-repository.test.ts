/** Repositories over a real git http-backend: what is asked of the remote, and what is answered. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { client, git } from '../kit/git.ts';
import { readAll } from '../kit/http.ts';
import { faultOf, NEVER, PLAIN, type VcsBench, vcsBench } from '../kit/vcs.ts';

/** The folder of the only copy. */
function copyOf(bench: VcsBench): string {
  const [name = ''] = fs.readdirSync(bench.data).filter((one) => one.length === 32);
  return path.join(bench.data, name);
}

/** v1.0.0 on the first commit, an annotated v1.1.0 on the second, main on a third, side on a fourth. */
function library(bench: VcsBench, name = 'lib.git', format: 'sha1' | 'sha256' = 'sha1') {
  const project = bench.folder.create(name, format);
  const first = project.commit(
    { 'go.mod': 'module lib\n', 'sub/a.go': 'package sub\n' },
    { tags: ['v1.0.0'] },
  );
  const second = project.commit({ 'go.mod': 'module lib // 2\n' });
  project.annotate('v1.1.0', second);
  const third = project.commit({
    'b.go': 'package b\n',
    link: { symlink: 'b.go' },
    dep: { submodule: first },
  });
  const side = project.commit({ 'side.go': 'package side\n' }, { branch: 'side', parents: [first] });
  return { project, first, second, third, side };
}

for (const format of ['sha1', 'sha256'] as const) {
  for (const v2 of [true, false]) {
    describe(`a ${format} repository over protocol ${v2 ? 'v2' : 'v0'}`, () => {
      it('answers all questions', async (t) => {
        const bench = await vcsBench(t, {}, { v2 });
        const { first, second, third, side } = library(bench, 'lib.git', format);
        const repository = bench.open('lib.git');
        const refs = await repository.refs(NEVER);
        assert.deepEqual(refs, {
          head: third,
          branches: new Map([
            ['main', third],
            ['side', side],
          ]),
          tags: new Map([
            ['v1.0.0', first],
            ['v1.1.0', second],
          ]),
        });
        const tag = await repository.resolve('v1.1.0', NEVER);
        assert.deepEqual(tag, {
          hash: second,
          time: new Date('2024-01-01T00:01:00Z'),
          tags: ['v1.1.0'],
          ref: 'refs/tags/v1.1.0',
        });
        const head = await repository.resolve('HEAD', NEVER);
        assert.deepEqual([head.hash, head.ref], [third, 'HEAD']);
        assert.equal((await repository.resolve(first.slice(0, 12), NEVER)).hash, first);
        const files = await repository.files(tag, ['go.mod', 'absent', 'sub', 'sub/a.go'], 100, NEVER);
        assert.deepEqual(
          files.map((file) => file?.toString()),
          ['module lib // 2\n', undefined, undefined, 'package sub\n'],
        );
        assert.deepEqual(await repository.tree(head, '', NEVER), [
          { path: 'b.go', kind: 'file', size: 10 },
          { path: 'dep', kind: 'submodule', size: 0 },
          { path: 'go.mod', kind: 'file', size: 16 },
          { path: 'link', kind: 'symlink', size: 4 },
          { path: 'sub/a.go', kind: 'file', size: 12 },
        ]);
        const below = await repository.tree(head, 'sub', NEVER);
        assert.deepEqual(below, [{ path: 'sub/a.go', kind: 'file', size: 12 }]);
        for (const none of ['su', 'go.mod', '-r', ':(glob)*', '*']) {
          assert.deepEqual(await repository.tree(head, none, NEVER), [], none);
        }
        assert.deepEqual(await repository.tagsUpTo(head, NEVER), ['v1.0.0', 'v1.1.0']);
        assert.equal(await repository.descendsFrom(head, 'v1.0.0', NEVER), true);
        const branch = await repository.resolve('side', NEVER);
        assert.equal(await repository.descendsFrom(branch, 'v1.1.0', NEVER), false);
        const zip = await readAll((await repository.archive(tag, 'sub', NEVER)) as never);
        assert.equal(zip.subarray(0, 2).toString(), 'PK');
        assert.ok(zip.includes('prefix/sub/a.go') && !zip.includes('go.mod'));
        assert.equal((await faultOf(repository.resolve('v9.9.9', NEVER))).code, 'NOT_FOUND');
      });
    });
  }
}

describe('what is asked of the remote', () => {
  it('2,000 tags cost one list of refs and no fetch, however many ask', async (t) => {
    const bench = await vcsBench(t);
    const project = bench.folder.create('lib.git');
    const hash = project.commit({ a: 'a' });
    project.tags(Object.fromEntries(Array.from({ length: 2000 }, (_, i) => [`v1.0.${i}`, hash])));
    const repository = bench.open('lib.git');
    const all = await Promise.all(Array.from({ length: 50 }, () => repository.refs(NEVER)));
    assert.deepEqual(
      all.map(({ tags }) => tags.size),
      all.map(() => 2000),
    );
    await repository.refs(NEVER);
    assert.deepEqual(
      bench.server.requests.map(({ step }) => step),
      ['info', 'ls-refs'],
    );
  });

  it('a tag costs one fetch of its commit alone, and no second one for its files', async (t) => {
    const bench = await vcsBench(t);
    const { second } = library(bench);
    const repository = bench.open('lib.git');
    const tag = await repository.resolve('v1.1.0', NEVER);
    await Promise.all([
      repository.files(tag, ['go.mod'], 100, NEVER),
      repository.tree(tag, '', NEVER),
      readAll((await repository.archive(tag, '', NEVER)) as never),
      repository.resolve('v1.1.0', NEVER),
    ]);
    assert.deepEqual(
      bench.server.requests.map(({ step }) => step),
      ['info', 'ls-refs', 'info', 'fetch'],
    );
    const content = path.join(copyOf(bench), 'content.git');
    assert.equal(git(['--git-dir', content, 'rev-list', '--all', '--count']), '1');
    assert.equal(git(['--git-dir', content, 'rev-parse', `refs/modgate/${second}`]), second);
    assert.equal(fs.readFileSync(path.join(copyOf(bench), 'remote'), 'utf8'), `${repository.url}\n`);
  });

  it('ancestry costs one fetch of commits without files, and none while nothing changes', async (t) => {
    const bench = await vcsBench(t, { refs: 0 });
    const { project, first, third } = library(bench);
    const repository = bench.open('lib.git');
    const head = await repository.resolve('main', NEVER);
    bench.server.forget();
    assert.deepEqual(await repository.tagsUpTo(head, NEVER), ['v1.0.0', 'v1.1.0']);
    assert.equal(bench.server.count('fetch'), 1);
    assert.deepEqual(await repository.tagsUpTo(head, NEVER), ['v1.0.0', 'v1.1.0']);
    assert.equal(await repository.descendsFrom(head, 'v1.0.0', NEVER), true);
    assert.equal(bench.server.count('fetch'), 1);
    const history = path.join(copyOf(bench), 'history.git');
    const types = git([
      '--git-dir',
      history,
      'cat-file',
      '--batch-all-objects',
      '--batch-check=%(objecttype)',
    ]);
    assert.deepEqual([...new Set(types.split('\n'))].sort(), ['commit', 'tag']);
    project.tag('v1.0.1', first);
    assert.deepEqual(await repository.tagsUpTo(head, NEVER), ['v1.0.0', 'v1.0.1', 'v1.1.0']);
    // Ancestry of commits that are here is never asked again, whatever happens to the branches.
    bench.server.forget();
    project.branch('other', third);
    assert.equal(await repository.descendsFrom(head, 'v1.0.1', NEVER), true);
    assert.equal(bench.server.count('fetch'), 0);
  });

  it('a branch that moves is found again after the shared time only', async (t) => {
    const bench = await vcsBench(t, { refs: 0 });
    const { project, third } = library(bench);
    const patient = bench.again({ refs: 3_600_000 }).open(`${bench.server.url}/lib.git`, PLAIN);
    const eager = bench.open('lib.git');
    assert.equal((await patient.resolve('main', NEVER)).hash, third);
    const next = project.commit({ c: 'c' });
    assert.equal((await eager.resolve('main', NEVER)).hash, next);
    assert.equal((await patient.resolve('main', NEVER)).hash, third);
  });
});

describe('commits that only a pull request holds', () => {
  for (const v2 of [true, false]) {
    it(`are not found over protocol ${v2 ? 'v2' : 'v0'}, though the server would hand them out`, async (t) => {
      const bench = await vcsBench(t, {}, { v2, anyHash: true });
      const { project, first } = library(bench);
      const evil = project.commit({ 'evil.go': 'package evil\n' }, { branch: 'pr', parents: [first] });
      project.ref('refs/pull/1/head', evil);
      project.ref('refs/heads/pr', undefined);
      const repository = bench.open('lib.git');
      for (let look = 0; look < 2; look++) {
        for (const revision of [evil, evil.slice(0, 12)]) {
          assert.equal((await faultOf(repository.resolve(revision, NEVER))).code, 'NOT_FOUND');
        }
      }
      const clone = path.join(bench.data, 'clone');
      git(['init', '-q', '--bare', clone]);
      const args = ['--git-dir', clone, 'fetch', '-q', `${bench.server.url}/lib.git`, evil];
      assert.deepEqual(await client(...args), { code: 0, text: '' });
    });
  }

  it('are not found where another way has brought them into the copy', async (t) => {
    const bench = await vcsBench(t, { refs: 0 });
    const { project, first } = library(bench);
    const side = project.commit({ 'evil.go': 'package evil\n' }, { branch: 'pr', parents: [first] });
    const repository = bench.open('lib.git');
    assert.equal((await repository.resolve(side, NEVER)).hash, side);
    project.ref('refs/pull/1/head', side);
    project.ref('refs/heads/pr', undefined);
    assert.equal((await faultOf(repository.resolve(side, NEVER))).code, 'NOT_FOUND');
  });

  it('commits in the middle of a branch are found by all or some of their digits', async (t) => {
    for (const v2 of [true, false]) {
      const bench = await vcsBench(t, {}, { v2 });
      const project = bench.folder.create('lib.git');
      const [, middle = ''] = ['1', '2', '3'].map((text) => project.commit({ file: text }));
      const repository = bench.open('lib.git');
      for (const revision of [middle, middle.slice(0, 7)]) {
        const commit = await repository.resolve(revision, NEVER);
        assert.deepEqual([commit.hash, commit.ref, commit.tags], [middle, undefined, []]);
        assert.deepEqual(await repository.files(commit, ['file'], 10, NEVER), [Buffer.from('2')]);
      }
      assert.equal((await faultOf(repository.resolve(middle.slice(0, 6), NEVER))).code, 'NOT_FOUND');
      assert.equal((await faultOf(repository.resolve('f'.repeat(40), NEVER))).code, 'NOT_FOUND');
    }
  });
});

describe('odd repositories', () => {
  it('one without commits has no head, no branches and no tags', async (t) => {
    const bench = await vcsBench(t);
    bench.folder.create('lib.git');
    const repository = bench.open('lib.git');
    assert.deepEqual(await repository.refs(NEVER), { head: undefined, branches: new Map(), tags: new Map() });
    assert.equal((await faultOf(repository.resolve('HEAD', NEVER))).code, 'NOT_FOUND');
    assert.equal((await faultOf(repository.resolve('1234567', NEVER))).code, 'NOT_FOUND');
  });

  it('one whose server knows no filter works', async (t) => {
    const bench = await vcsBench(t, {}, { filter: false });
    const { first } = library(bench);
    const repository = bench.open('lib.git');
    const head = await repository.resolve('main', NEVER);
    assert.deepEqual(await repository.tagsUpTo(head, NEVER), ['v1.0.0', 'v1.1.0']);
    assert.equal((await repository.resolve(first, NEVER)).hash, first);
  });

  it('a tag moves: it is told and counted once, and the copy has both commits', async (t) => {
    const bench = await vcsBench(t, { refs: 0 });
    const { project, first, second } = library(bench);
    const repository = bench.open('lib.git');
    const before = await repository.resolve('v1.0.0', NEVER);
    await bench.remotes.settled();
    project.tag('v1.0.0', second);
    const after = await repository.resolve('v1.0.0', NEVER);
    await repository.refs(NEVER);
    await bench.remotes.settled();
    // A process that starts later knows what this one has told.
    const later = bench.again();
    await later.open(repository.url, PLAIN).refs(NEVER);
    await later.settled();
    assert.deepEqual([before.hash, after.hash], [first, second]);
    const told = bench.lines.filter(({ level }) => level === 'warn');
    assert.deepEqual(
      told.map(({ repository: url, tag, from, to }) => [url, tag, from, to]),
      [[repository.url, 'v1.0.0', first, second]],
    );
    assert.match(await bench.metrics.expose(), /^modgate_tags_moved_total 1$/m);
    assert.equal((await repository.files(before, ['go.mod'], 100, NEVER))[0]?.toString(), 'module lib\n');
  });

  it('a tag of a file names no commit', async (t) => {
    const bench = await vcsBench(t);
    const { project } = library(bench);
    project.tag('v9.0.0', project.git('rev-parse', 'main:go.mod'));
    const fault = await faultOf(bench.open('lib.git').resolve('v9.0.0', NEVER));
    assert.equal(fault.code, 'NOT_FOUND', fault.message);
  });

  it('a large file is refused before its bytes are taken', async (t) => {
    const bench = await vcsBench(t);
    bench.folder.create('lib.git').commit({ 'go.mod': 'x'.repeat(1000), small: 's' });
    const repository = bench.open('lib.git');
    const head = await repository.resolve('HEAD', NEVER);
    const fault = await faultOf(repository.files(head, ['small', 'go.mod'], 999, NEVER));
    assert.equal(fault.code, 'BAD_MODULE');
    assert.equal((await repository.files(head, ['go.mod'], 1000, NEVER))[0]?.length, 1000);
  });

  it('names and files that mean something to git do no harm', async (t) => {
    const bench = await vcsBench(t);
    const project = bench.folder.create('lib.git');
    const harm = path.join(bench.data, 'harm');
    const hash = project.commit({
      '.gitattributes': '* filter=evil diff=evil merge=evil export-ignore\nsub.txt export-subst\n',
      '.gitmodules': `[submodule "x"]\n\tpath = x\n\turl = ext::sh -c touch% ${harm}\n\tupdate = !touch ${harm}\n`,
      '.git-hooks/post-checkout': { executable: `#!/bin/sh\ntouch ${harm}\n` },
      'sub.txt': '$Format:%H$',
      '-rf': 'dash',
      ':(top)x': 'magic',
      x: { submodule: 'a'.repeat(40) },
    });
    const branch = `--upload-pack=touch${'$'}{IFS}${harm}`;
    project.branch(branch, hash);
    project.tag('-v', hash);
    project.ref('refs/heads/main', undefined);
    const repository = bench.open('lib.git');
    for (const revision of [branch, '-v'])
      assert.equal((await repository.resolve(revision, NEVER)).hash, hash);
    const commit = await repository.resolve(hash, NEVER);
    const files = await repository.files(commit, ['-rf', ':(top)x', '../x', './x', 'a\nb', ''], 100, NEVER);
    assert.deepEqual(
      files.map((file) => file?.toString()),
      ['dash', 'magic', undefined, undefined, undefined, undefined],
    );
    assert.deepEqual((await repository.tree(commit, '', NEVER)).map(({ path: name }) => name).sort(), [
      '-rf',
      '.git-hooks/post-checkout',
      '.gitattributes',
      '.gitmodules',
      ':(top)x',
      'sub.txt',
      'x',
    ]);
    const zip = path.join(bench.data, 'all.zip');
    fs.writeFileSync(zip, await readAll((await repository.archive(commit, '', NEVER)) as never));
    // Stored, not deflated: too short to shrink. So export-ignore and export-subst did nothing.
    assert.ok(fs.readFileSync(zip).includes('$Format:%H$'));
    assert.deepEqual(await repository.tagsUpTo(commit, NEVER), ['-v']);
    const fault = await faultOf(repository.archive(commit, '--output=/tmp/x', NEVER));
    assert.equal(fault.code, 'NOT_FOUND', fault.message);
    assert.equal(fs.existsSync(harm), false);
  });
});
