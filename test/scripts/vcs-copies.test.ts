/** What a failure of a remote may do to the copy here, and to other remotes: nothing. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { git, noise } from '../kit/git.ts';
import { GitServer } from '../kit/git-http.ts';
import { readAll } from '../kit/http.ts';
import { faultOf, NEVER, PLAIN, type VcsBench, vcsBench } from '../kit/vcs.ts';
import { bounded, until } from '../kit/wait.ts';

const packsOf = (bench: VcsBench) =>
  fs
    .readdirSync(bench.data, { recursive: true })
    .map(String)
    .filter((name) => name.endsWith('.pack'));

describe('a copy here', () => {
  for (const [what, fail] of [
    ['does not answer', (server: GitServer) => server.refuse()],
    [
      'sends garbage',
      async (server: GitServer) => {
        server.fault('fetch', { kind: 'garble', from: 3000 });
      },
    ],
  ] as const) {
    it(`stays as it is where its remote, called "checksum", ${what}`, async (t) => {
      const bench = await vcsBench(t, { refs: 3_600_000 });
      const project = bench.folder.create('checksum.git');
      project.commit({ 'go.mod': 'module x\n' }, { tags: ['v1.0.0'] });
      project.commit({ big: noise(20_000) }, { tags: ['v1.1.0'] });
      const lib = bench.open('checksum.git');
      const commit = await lib.resolve('v1.0.0', NEVER);
      const before = packsOf(bench);
      await fail(bench.server);
      const fault = await faultOf(lib.resolve('v1.1.0', NEVER));
      assert.match(fault.code, /^UPSTREAM_(?:UNREACHABLE|BAD_ANSWER)$/);
      assert.deepEqual(packsOf(bench), before);
      assert.equal((await lib.tree(commit, '', NEVER)).length, 1);
    });
  }

  it('keeps a branch called tmp-… where a fetch fails', async (t) => {
    const bench = await vcsBench(t, { refs: 3_600_000 });
    const project = bench.folder.create('lib.git');
    const first = project.commit({ 'go.mod': 'module x\n' });
    const inside = project.commit({ a: '1' }, { branch: 'tmp-fix', parents: [first] });
    project.commit({ a: '2' }, { branch: 'tmp-fix' });
    project.commit({ b: '1' }, { branch: 'other', parents: [first] });
    const lib = bench.open('lib.git');
    assert.equal((await lib.resolve(inside, NEVER)).hash, inside);
    bench.server.fault('fetch', { kind: 'status', status: 500 }, 1);
    assert.equal((await faultOf(lib.resolve('other', NEVER))).code, 'UPSTREAM_STATUS');
    assert.equal((await bench.again().open(lib.url, PLAIN).resolve(inside, NEVER)).hash, inside);
  });

  it('that is damaged is thrown away once, also by one who found that before it was mended', async (t) => {
    const bench = await vcsBench(t, { refs: 3_600_000 });
    const project = bench.folder.create('lib.git');
    for (const tag of ['v1.0.0', 'v1.1.0']) project.commit({ [tag]: noise(5000) }, { tags: [tag] });
    const at = (name: string) => path.join(bench.folder.folder, name);
    execFileSync('mkfifo', [at('go')]);
    const slow = `if [ "$1" = ls-tree ] && rm ${at('slow')} 2>/dev/null; then git "$@"; s=$?; read x <${at('go')}; exit $s; fi`;
    fs.writeFileSync(at('git'), `#!/bin/sh\n${slow}\nexec git "$@"\n`, { mode: 0o755 });
    const lib = bench.again({ git: at('git') }).open(`${bench.server.url}/lib.git`, PLAIN);
    const [first, second] = [await lib.resolve('v1.0.0', NEVER), await lib.resolve('v1.1.0', NEVER)];
    for (const name of packsOf(bench)) {
      const file = path.join(bench.data, name);
      const bytes = fs.readFileSync(file);
      fs.rmSync(file);
      fs.writeFileSync(file, bytes.fill(0, 20));
    }
    fs.writeFileSync(at('slow'), '');
    const late = lib.tree(first, '', NEVER);
    await until(() => (fs.existsSync(at('slow')) ? undefined : true), 'a git that reads the damaged copy');
    assert.equal((await lib.tree(second, '', NEVER)).length, 2);
    const mended = packsOf(bench);
    await fs.promises.writeFile(at('go'), '\n');
    assert.equal((await late).length, 1);
    const now = packsOf(bench);
    assert.deepEqual(
      mended.filter((pack) => !now.includes(pack)),
      [],
    );
  });
});

describe('a commit without a time that can be read', () => {
  it('is an error of the module, and never of 1970', async (t) => {
    const bench = await vcsBench(t);
    const project = bench.folder.create('lib.git');
    const tree = project.git('rev-parse', `${project.commit({ 'go.mod': 'module x\n' })}^{tree}`);
    const text = `tree ${tree}\nauthor A <a@b> 5 +0000\ncommitter A <a@b>\n\nx\n`;
    const args = ['--git-dir', project.folder, 'hash-object', '-t', 'commit', '-w', '--stdin', '--literally'];
    project.tag('v1.0.0', git(args, text));
    const fault = await faultOf(bench.open('lib.git').resolve('v1.0.0', NEVER));
    assert.equal(fault.code, 'BAD_MODULE', fault.message);
  });
});

describe('a host that stalls', () => {
  it('takes no place from another one', async (t) => {
    const bench = await vcsBench(t);
    const other = await GitServer.start({ folder: bench.folder.folder });
    t.after(() => other.close());
    bench.folder.create('good.git').commit({ a: 'a' });
    other.fault('slow', { kind: 'stall', after: 0 });
    const leave = new AbortController();
    const stalled = Array.from({ length: 20 }, (_, i) =>
      faultOf(bench.remotes.open(`${other.url}/slow${i}.git`, PLAIN).refs(leave.signal)),
    );
    await until(() => (other.count('slow') === 8 ? true : undefined), 'eight questions');
    await bounded(bench.open('good.git').refs(NEVER), 'an answer of the other host', 15_000);
    leave.abort();
    await Promise.all(stalled);
  });

  it('in the middle of fetches lists other repositories', async (t) => {
    const bench = await vcsBench(t);
    const names = Array.from({ length: 9 }, (_, i) => `lib${i}.git`);
    for (const name of names) bench.folder.create(name).commit({ a: 'a' });
    bench.server.fault('fetch', { kind: 'stall', after: 0 });
    const leave = new AbortController();
    const stalled = names.map((name) => faultOf(bench.open(name).resolve('HEAD', leave.signal)));
    await until(() => (bench.server.count('fetch') === 8 ? true : undefined), 'eight fetches');
    bench.folder.create('good.git').commit({ a: 'a' });
    await bounded(bench.open('good.git').refs(NEVER), 'a list', 15_000);
    leave.abort();
    await Promise.all(stalled);
  });
});

it('a redirect is followed however many fields its host adds to it', async (t) => {
  const bench = await vcsBench(t);
  const hash = bench.folder.create('new.git').commit({ a: 'a' });
  const location = `${bench.server.url}/new.git/info/refs?service=git-upload-pack`;
  const fields = Array.from({ length: 40 }, (_, i): [string, string] => [`x-pad-${i}`, 'y'.repeat(900)]);
  const headers = { location, ...Object.fromEntries(fields) };
  bench.server.fault('/old.git', { kind: 'status', status: 301, headers });
  assert.equal((await bench.open('old.git').resolve('HEAD', NEVER)).hash, hash);
});

it('an archive that ended well sends no signal to a process that is gone', async (t) => {
  const bench = await vcsBench(t);
  bench.folder.create('lib.git').commit({ a: 'a' }, { tags: ['v1.0.0'] });
  const lib = bench.open('lib.git');
  const commit = await lib.resolve('v1.0.0', NEVER);
  const kill = t.mock.method(process, 'kill');
  const archive = await lib.archive(commit, '', NEVER);
  const closed = new Promise((resolve) => archive.once('close', resolve));
  await readAll(archive as never);
  await closed;
  // Signal 0 only asks whether anybody of the group is left.
  const groups = kill.mock.calls
    .map(({ arguments: [pid, signal] }) => ({ pid, signal }))
    .filter(({ pid, signal }) => pid < 0 && signal !== 0);
  assert.deepEqual(groups, []);
});
