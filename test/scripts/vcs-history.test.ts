/** What is said of ancestry and absence: by a whole copy that is what its remote listed, or not at all. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import type { Repository } from '../../src/vcs/index.ts';
import { git } from '../kit/git.ts';
import { faultOf, NEVER, PLAIN, type VcsBench, vcsBench } from '../kit/vcs.ts';

/** A git of which the shell lines are run first; "$1" is the subcommand. */
function wrapped(bench: VcsBench, lines: string): string {
  const file = path.join(bench.folder.folder, 'git');
  fs.writeFileSync(file, `#!/bin/sh\n${lines}\nexec git "$@"\n`, { mode: 0o755 });
  return file;
}

function historyOf(bench: VcsBench): string {
  const [name = ''] = fs.readdirSync(bench.data).filter((one) => one.length === 32);
  return path.join(bench.data, name, 'history.git');
}

/** v1.0.0 on the first commit, v1.1.0 on the second, main on the third. */
function library(bench: VcsBench, name = 'lib.git') {
  const project = bench.folder.create(name);
  const first = project.commit({ 'go.mod': 'module lib\n' }, { tags: ['v1.0.0'] });
  const second = project.commit({ a: '2' }, { tags: ['v1.1.0'] });
  const third = project.commit({ a: '3' });
  const last = project.commit({ a: '4' });
  return { project, first, second, third, last };
}

const NONE = 'e'.repeat(40);

describe('a git that is killed says nothing about the repository', () => {
  const KILLED: readonly (readonly [command: string, what: string, ask: Question])[] = [
    ['for-each-ref', 'a commit', (lib, third) => lib.resolve(third, NEVER)],
    ['rev-parse', 'some digits', (lib, third) => lib.resolve(third.slice(0, 9), NEVER)],
    ['rev-list', 'no commit', (lib) => lib.resolve(NONE, NEVER)],
    ['show-ref', 'no commit', (lib) => lib.resolve(NONE, NEVER)],
    ['cat-file', 'a tag', (lib) => lib.resolve('v1.0.0', NEVER)],
    ['for-each-ref', 'tags', async (lib) => lib.tagsUpTo(await lib.resolve('main', NEVER), NEVER)],
    [
      'merge-base',
      'ancestry',
      async (lib) => lib.descendsFrom(await lib.resolve('main', NEVER), 'v1.0.0', NEVER),
    ],
    ['ls-tree', 'files', async (lib) => lib.tree(await lib.resolve('main', NEVER), '', NEVER)],
    ['archive', 'a zip', async (lib) => lib.archive(await lib.resolve('main', NEVER), '', NEVER)],
  ];
  for (const [command, what, ask] of KILLED) {
    it(`${command}, asked for ${what}: VCS_FAILED`, async (t) => {
      const bench = await vcsBench(t);
      const { third } = library(bench);
      const killed = wrapped(bench, `case "$1" in ${command}) kill -9 $$;; esac`);
      const lib = bench.again({ git: killed }).open(`${bench.server.url}/lib.git`, PLAIN);
      const fault = await faultOf(ask(lib, third));
      assert.equal(fault.code, 'VCS_FAILED', fault.message);
      assert.match(`${fault.message} ${fault.next}`, /killed.*machine/s);
    });
  }
});

describe('a remote that shows other refs to a fetch than it listed', () => {
  it('is listed again, and no tag is missing afterwards', async (t) => {
    const bench = await vcsBench(t, { refs: 3_600_000 });
    const { project, second } = library(bench);
    const lib = bench.open('lib.git');
    const main = await lib.resolve('main', NEVER);
    project.ref('refs/tags/v1.1.0', undefined);
    assert.deepEqual(await lib.tagsUpTo(main, NEVER), ['v1.0.0']);
    project.tag('v1.1.0', second);
    const later = bench.again().open(lib.url, PLAIN);
    assert.deepEqual(await later.tagsUpTo(main, NEVER), ['v1.0.0', 'v1.1.0']);
  });

  it('a commit that it does not show for a while is found when it does', async (t) => {
    const bench = await vcsBench(t, { refs: 3_600_000 });
    const { project, third, last } = library(bench);
    const lib = bench.open('lib.git');
    const main = await lib.resolve('main', NEVER);
    project.branch('main', third);
    assert.equal((await faultOf(lib.tagsUpTo(main, NEVER))).code, 'NOT_FOUND');
    project.branch('main', last);
    const later = bench.again().open(lib.url, PLAIN);
    assert.deepEqual(await later.tagsUpTo(main, NEVER), ['v1.0.0', 'v1.1.0']);
  });

  it('each time: an outage, never an absence; and what it does show is answered', async (t) => {
    const bench = await vcsBench(t);
    const { third } = library(bench);
    const lagging = wrapped(
      bench,
      'case "$1" in fetch) git "$@" && exec git update-ref -d refs/tags/v1.1.0;; esac',
    );
    const lib = bench.again({ git: lagging }).open(`${bench.server.url}/lib.git`, PLAIN);
    const main = await lib.resolve('main', NEVER);
    for (const asked of [lib.tagsUpTo(main, NEVER), lib.resolve(NONE, NEVER)]) {
      const fault = await faultOf(asked);
      assert.equal(fault.code, 'UPSTREAM_BAD_ANSWER', fault.message);
      assert.match(fault.message, /other branches or tags/);
    }
    assert.equal((await lib.resolve(third, NEVER)).hash, third);
    assert.equal(await lib.descendsFrom(main, 'v1.0.0', NEVER), true);
    const healed = bench.again().open(lib.url, PLAIN);
    assert.deepEqual(await healed.tagsUpTo(main, NEVER), ['v1.0.0', 'v1.1.0']);
  });

  it('a HEAD that is on no branch counts while it is there, and no longer', async (t) => {
    const bench = await vcsBench(t, { refs: 0 });
    const { project, first } = library(bench);
    const alone = project.commit({ a: 'alone' }, { branch: 'side', parents: [first] });
    const before = project.commit({ a: 'before' }, { branch: 'side', parents: [alone] });
    project.ref('refs/heads/side', undefined);
    fs.writeFileSync(path.join(project.folder, 'HEAD'), `${before}\n`);
    const lib = bench.open('lib.git');
    assert.equal((await lib.resolve(alone, NEVER)).hash, alone);
    assert.deepEqual(await lib.tagsUpTo(await lib.resolve('HEAD', NEVER), NEVER), ['v1.0.0']);
    project.head('main');
    const fault = await faultOf(lib.resolve(alone, NEVER));
    assert.equal(fault.code, 'NOT_FOUND', fault.message);
  });

  it('a tag of a tag, and a tag of a file, are no difference', async (t) => {
    const bench = await vcsBench(t, { refs: 0 });
    const { project, third, last } = library(bench);
    const inner = project.annotate('inner', third);
    project.annotate('nested', last);
    const text = `object ${inner}\ntype tag\ntag outer\ntagger A <a@b> 1 +0000\n\nx\n`;
    const folder = ['--git-dir', project.folder];
    project.ref('refs/tags/outer', git([...folder, 'hash-object', '-t', 'tag', '-w', '--stdin'], text));
    project.ref('refs/tags/file', project.git('rev-parse', 'main:a'));
    const lib = bench.open('lib.git');
    const tags = await lib.tagsUpTo(await lib.resolve('main', NEVER), NEVER);
    assert.deepEqual(tags, ['inner', 'nested', 'outer', 'v1.0.0', 'v1.1.0']);
    bench.server.forget();
    assert.deepEqual(await lib.tagsUpTo(await lib.resolve('main', NEVER), NEVER), tags);
    assert.equal(bench.server.count('fetch'), 0);
  });
});

describe('the copy of a history', () => {
  it('has its refs in one file, which is flushed to the disk; an empty ref is damage', async (t) => {
    const bench = await vcsBench(t);
    library(bench);
    const lib = bench.open('lib.git');
    const main = await lib.resolve('main', NEVER);
    const tags = await lib.tagsUpTo(main, NEVER);
    const refs = path.join(historyOf(bench), 'refs');
    const loose = fs
      .readdirSync(refs, { recursive: true, withFileTypes: true })
      .filter((one) => one.isFile());
    assert.deepEqual(loose, []);
    fs.mkdirSync(path.join(refs, 'tags'), { recursive: true });
    // As a power failure leaves a file that was not flushed.
    fs.writeFileSync(path.join(refs, 'tags', 'v1.1.0'), '');
    assert.deepEqual(await bench.again().open(lib.url, PLAIN).tagsUpTo(main, NEVER), tags);
    assert.deepEqual(tags, ['v1.0.0', 'v1.1.0']);
  });

  it('is looked through again before absence is told of another one', async (t) => {
    const bench = await vcsBench(t);
    library(bench);
    const log = path.join(bench.folder.folder, 'log');
    const lib = bench
      .again({ git: wrapped(bench, `echo "$1" >> ${log}`) })
      .open(`${bench.server.url}/lib.git`, PLAIN);
    const looks = async () => {
      assert.equal((await faultOf(lib.resolve(NONE, NEVER))).code, 'NOT_FOUND');
      return fs
        .readFileSync(log, 'utf8')
        .split('\n')
        .filter((command) => command === 'rev-list').length;
    };
    const before = await looks();
    assert.equal(await looks(), before);
    fs.rmSync(historyOf(bench), { recursive: true });
    assert.equal(await looks(), before + 1);
  });

  it('a commit that thousands of refs of another day reach costs one look at those of today', async (t) => {
    const bench = await vcsBench(t, { refs: 3_600_000 });
    const { project, third, last } = library(bench);
    project.tags(Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`old${i}`, last])));
    await bench.open('lib.git').resolve(third.slice(0, 9), NEVER);
    for (let i = 0; i < 100; i++) project.ref(`refs/tags/old${i}`, undefined);
    const moved = project.commit({ a: '5' });
    project.tag('v1.0.0', moved);
    project.tag('v1.1.0', moved);
    const lib = bench.again().open(`${bench.server.url}/lib.git`, PLAIN);
    const { tags } = await lib.refs(NEVER);
    let looks = 0;
    Object.defineProperty(tags, 'values', {
      value: () => {
        looks += 1;
        return Map.prototype.values.call(tags);
      },
    });
    assert.equal((await lib.resolve(third.slice(0, 9), NEVER)).hash, third);
    assert.ok(looks <= 3, `${looks} looks`);
  });
});

type Question = (lib: Repository, third: string) => Promise<unknown>;
