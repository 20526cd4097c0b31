/** What becomes of many copies: packed, evicted by size, measured. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { git, noise } from '../kit/git.ts';
import { readAll } from '../kit/http.ts';
import { NEVER, PLAIN, type VcsBench, vcsBench } from '../kit/vcs.ts';

const copies = (bench: VcsBench) =>
  fs
    .readdirSync(bench.data)
    .filter((name) => name.length === 32)
    .map(
      (name) =>
        fs
          .readFileSync(path.join(bench.data, name, 'remote'), 'utf8')
          .trim()
          .split('/')
          .at(-1) ?? '',
    )
    .sort();

/** As if the copy had last been used so many minutes ago. */
function age(bench: VcsBench, name: string, minutes: number): void {
  for (const folder of fs.readdirSync(bench.data).filter((one) => one.length === 32)) {
    const whole = path.join(bench.data, folder);
    if (!fs.readFileSync(path.join(whole, 'remote'), 'utf8').trim().endsWith(name)) continue;
    const then = new Date(Date.now() - minutes * 60_000);
    fs.utimesSync(path.join(whole, 'in-use'), then, then);
  }
}

describe('upkeep of copies', () => {
  it('the least recently used go when all are larger than the cap, but none that is read', async (t) => {
    const bench = await vcsBench(t, { cap: 1_100_000 });
    for (const name of ['a.git', 'b.git', 'c.git', 'd.git']) {
      bench.folder.create(name).commit({ big: noise(300_000), name });
    }
    const [a, b, c, d] = ['a.git', 'b.git', 'c.git', 'd.git'].map((name) => bench.open(name));
    assert.ok(a && b && c && d);
    const commit = await a.resolve('HEAD', NEVER);
    for (const one of [b, c]) await one.resolve('HEAD', NEVER);
    await bench.remotes.settled();
    assert.deepEqual(copies(bench), ['a.git', 'b.git', 'c.git']);
    for (const [name, minutes] of [
      ['a.git', 90],
      ['b.git', 60],
      ['c.git', 30],
    ] as const)
      age(bench, name, minutes);
    const reading = await a.archive(commit, '', NEVER);
    age(bench, 'a.git', 90);
    await d.resolve('HEAD', NEVER);
    await bench.remotes.settled();
    assert.deepEqual(copies(bench), ['a.git', 'c.git', 'd.git']);
    assert.ok((await readAll(reading as never)).length > 300_000);
    // What is gone is fetched again.
    const again = await b.resolve('HEAD', NEVER);
    assert.equal((await b.files(again, ['name'], 100, NEVER))[0]?.toString(), 'b.git');
    await bench.remotes.settled();
    assert.deepEqual(fs.readdirSync(path.join(bench.data, 'trash')), []);
    assert.match(await bench.metrics.expose(), /^modgate_git_bytes [1-9]\d{5}/m);
  });

  it('a copy that vanishes while it is known is fetched again', async (t) => {
    const bench = await vcsBench(t);
    bench.folder.create('lib.git').commit({ 'go.mod': 'module lib\n' });
    const repository = bench.open('lib.git');
    const head = await repository.resolve('HEAD', NEVER);
    const vanish = () => {
      for (const name of fs.readdirSync(bench.data).filter((one) => one.length === 32)) {
        fs.rmSync(path.join(bench.data, name), { recursive: true });
      }
    };
    vanish();
    assert.equal((await repository.files(head, ['go.mod'], 100, NEVER))[0]?.toString(), 'module lib\n');
    vanish();
    assert.equal((await repository.tree(head, '', NEVER)).length, 1);
    vanish();
    assert.ok((await readAll((await repository.archive(head, '', NEVER)) as never)).length > 0);
  });

  it('many packs become one, and everything is still there', async (t) => {
    const bench = await vcsBench(t);
    const project = bench.folder.create('lib.git');
    const tags = Array.from({ length: 26 }, (_, i) => `v1.0.${i}`);
    for (const tag of tags) project.commit({ file: tag }, { tags: [tag] });
    const repository = bench.open('lib.git');
    for (const tag of tags) await repository.resolve(tag, NEVER);
    await bench.remotes.settled();
    const [copy = ''] = fs.readdirSync(bench.data).filter((one) => one.length === 32);
    const content = path.join(bench.data, copy, 'content.git');
    const packs = fs
      .readdirSync(path.join(content, 'objects', 'pack'))
      .filter((name) => name.endsWith('.pack'));
    assert.ok(packs.length <= 2, `${packs.length} packs`);
    assert.equal(
      git(['--git-dir', content, 'for-each-ref', '--format=x', 'refs/modgate']).split('\n').length,
      26,
    );
    bench.server.forget();
    const fresh = bench.again().open(repository.url, PLAIN);
    for (const tag of ['v1.0.0', 'v1.0.25']) {
      const commit = await fresh.resolve(tag, NEVER);
      assert.equal((await fresh.files(commit, ['file'], 100, NEVER))[0]?.toString(), tag);
    }
    assert.equal(bench.server.count('fetch'), 0);
  });

  it('commands are counted by what they came to', async (t) => {
    const bench = await vcsBench(t, { refs: 0 });
    bench.folder.create('lib.git').commit({ a: 'a' });
    await bench.open('lib.git').resolve('HEAD', NEVER);
    await bench
      .open('none.git')
      .refs(NEVER)
      .catch(() => undefined);
    const page = await bench.metrics.expose();
    assert.match(page, /^modgate_git_commands_total\{command="ls-remote",outcome="ok"\} 1$/m);
    assert.match(page, /^modgate_git_commands_total\{command="ls-remote",outcome="not_found"\} 1$/m);
    assert.match(page, /^modgate_git_commands_total\{command="fetch",outcome="ok"\} 1$/m);
    assert.match(page, /^modgate_git_command_seconds_count\{command="fetch"\} 1$/m);
  });
});
