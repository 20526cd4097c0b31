/** What becomes of each way in which a remote can fail: a code, and a text that the go command can show. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { describe, it } from 'node:test';
import { type Code, explain, type ModgateError } from '../../src/errors/index.ts';
import { PathPatterns } from '../../src/module/index.ts';
import { openAccess } from '../../src/vcs/index.ts';
import { git, noise } from '../kit/git.ts';
import type { GitFault } from '../kit/git-http.ts';
import { faultOf, gitsOf, NEVER, PLAIN, vcsBench } from '../kit/vcs.ts';

/** bytes of all files below a folder */
function sizeOf(folder: string): number {
  const files = fs
    .readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((one) => one.isFile());
  return files.reduce((sum, { path: at, name }) => sum + fs.statSync(path.join(at, name)).size, 0);
}

interface Row {
  readonly what: string;
  readonly step: 'info' | 'ls-refs' | 'fetch';
  readonly fault: GitFault;
  readonly code: Code;
  readonly says: RegExp;
}

const ROWS: readonly Row[] = [
  ...[404, 410].map((status): Row => {
    return {
      what: `${status}`,
      step: 'info',
      fault: { kind: 'status', status },
      code: 'NOT_FOUND',
      says: /says its host/,
    };
  }),
  { what: '401', step: 'info', fault: status(401), code: 'UPSTREAM_DENIED', says: /may also not exist/ },
  { what: '403', step: 'info', fault: status(403), code: 'UPSTREAM_DENIED', says: /may also not exist/ },
  { what: '429', step: 'info', fault: status(429), code: 'UPSTREAM_RATE_LIMITED', says: /limits how often/ },
  { what: '500', step: 'info', fault: status(500), code: 'UPSTREAM_STATUS', says: /error: 500/ },
  { what: '503 of the list', step: 'ls-refs', fault: status(503), code: 'UPSTREAM_STATUS', says: /503/ },
  { what: '502 of the fetch', step: 'fetch', fault: status(502), code: 'UPSTREAM_STATUS', says: /502/ },
  { what: '404 of the fetch', step: 'fetch', fault: status(404), code: 'UPSTREAM_STATUS', says: /404/ },
  {
    what: 'a login page',
    step: 'info',
    fault: { kind: 'body', type: 'text/html', body: '<html>Sign in</html>' },
    code: 'UPSTREAM_BAD_ANSWER',
    says: /not of git/,
  },
  {
    what: 'refs that are none',
    step: 'ls-refs',
    fault: { kind: 'body', type: 'application/x-git-upload-pack-result', body: '0009oops\n0000' },
    code: 'UPSTREAM_BAD_ANSWER',
    says: /not of git/,
  },
  {
    what: 'a cut list',
    step: 'ls-refs',
    fault: { kind: 'cut', after: 20 },
    code: 'UPSTREAM_UNREACHABLE',
    says: /broke in the middle/,
  },
  {
    what: 'a cut pack',
    step: 'fetch',
    fault: { kind: 'cut', after: 50_000 },
    code: 'UPSTREAM_UNREACHABLE',
    says: /broke in the middle/,
  },
  {
    what: 'a short pack',
    step: 'fetch',
    fault: { kind: 'short', after: 50_000 },
    code: 'UPSTREAM_UNREACHABLE',
    says: /broke in the middle/,
  },
  {
    what: 'a garbled pack',
    step: 'fetch',
    fault: { kind: 'garble', from: 50_000 },
    code: 'UPSTREAM_BAD_ANSWER',
    says: /damaged|malformed/,
  },
  {
    what: 'a redirect to another host',
    step: 'info',
    fault: { kind: 'redirect', base: 'https://elsewhere.example' },
    code: 'VCS_REFUSED',
    says: /redirects to https:\/\/elsewhere\.example\/lib\.git\/info\/refs/,
  },
  {
    what: 'a redirect to another port',
    step: 'info',
    fault: { kind: 'redirect', base: 'http://127.0.0.1:1' },
    code: 'VCS_REFUSED',
    says: /not a repository of the same host/,
  },
];

function status(code: number): GitFault {
  return { kind: 'status', status: code };
}

describe('a remote that fails', () => {
  for (const { what, step, fault, code, says } of ROWS) {
    it(`${what}: ${code}`, async (t) => {
      const bench = await vcsBench(t);
      const hash = bench.folder.create('lib.git').commit({ 'big.bin': noise(200_000) }, { tags: ['v1.0.0'] });
      const heal = bench.server.fault(step, fault);
      const repository = bench.open('lib.git');
      const error = await faultOf(repository.resolve('v1.0.0', NEVER));
      assert.equal(error.code, code, error.message);
      assert.match(error.message, says);
      const lines = explain(error).trimEnd().split('\n');
      assert.ok(lines.length <= 8 && /^next: \S/.test(lines.at(-2) ?? ''), explain(error));
      // Nothing half is left, and the next request does well.
      heal();
      assert.equal((await repository.resolve('v1.0.0', NEVER)).hash, hash);
      const left = fs.readdirSync(bench.data, { recursive: true }).map(String);
      assert.deepEqual(
        left.filter((name) => /tmp_|\.lock$/.test(name)),
        [],
      );
    });
  }

  it('no repository at that path: NOT_FOUND', async (t) => {
    const bench = await vcsBench(t);
    assert.equal((await faultOf(bench.open('none.git').refs(NEVER))).code, 'NOT_FOUND');
  });

  it('a host without credentials for us: UPSTREAM_DENIED, without any user info in the text', async (t) => {
    const bench = await vcsBench(t);
    bench.folder.create('lib.git').commit({ a: 'a' });
    bench.server.require('/lib.git', { password: 's3cret' });
    assert.match((await faultOf(bench.open('lib.git').refs(NEVER))).message, /wants credentials/);
    const at = (user: string) => `${bench.server.url.replace('//', `//${user}@`)}/lib.git`;
    const repository = bench.remotes.open(at('someone'), PLAIN);
    const error = await faultOf(repository.refs(NEVER));
    assert.equal(error.code, 'UPSTREAM_DENIED');
    assert.doesNotMatch(`${explain(error)} ${repository.url}`, /someone/);
    assert.throws(
      () => bench.remotes.open(at('someone:w0rse'), PLAIN),
      (refusal: ModgateError) => refusal.code === 'VCS_REFUSED' && !/someone|w0rse/.test(explain(refusal)),
    );
  });

  it('nobody listens: UPSTREAM_UNREACHABLE', async (t) => {
    const bench = await vcsBench(t);
    await bench.server.refuse();
    const error = await faultOf(bench.open('lib.git').refs(NEVER));
    assert.deepEqual([error.code, /cannot be reached/.test(error.message)], ['UPSTREAM_UNREACHABLE', true]);
  });

  it('no such host: UPSTREAM_UNREACHABLE', async (t) => {
    const access = openAccess(new PathPatterns('*'));
    const bench = await vcsBench(t, { access });
    // A label of more than 63 letters is refused by the resolver itself: nobody is asked.
    const url = `http://${'a'.repeat(64)}.invalid/lib.git`;
    const error = await faultOf(bench.remotes.open(url, PLAIN).refs(NEVER));
    assert.deepEqual(
      [error.code, /no such host/.test(error.message)],
      ['UPSTREAM_UNREACHABLE', true],
      error.message,
    );
  });

  it('a server that speaks no TLS: UPSTREAM_TLS', async (t) => {
    const bench = await vcsBench(t);
    const url = `https://127.0.0.1:${bench.server.port}/lib.git`;
    const error = await faultOf(bench.remotes.open(url, PLAIN).refs(NEVER));
    assert.equal(error.code, 'UPSTREAM_TLS', error.message);
  });

  it('a host that takes the connection and says nothing: UPSTREAM_TIMEOUT', async (t) => {
    const silent = net.createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => silent.once('listening', resolve));
    t.after(() => silent.close());
    const address = silent.address();
    assert.ok(typeof address === 'object' && address !== null);
    const bench = await vcsBench(t, { timeouts: { idle: 300, total: 60_000 } });
    const url = `http://127.0.0.1:${address.port}/lib.git`;
    const error = await faultOf(bench.remotes.open(url, PLAIN).refs(NEVER));
    assert.deepEqual(
      [error.code, /within 300 ms/.test(error.message)],
      ['UPSTREAM_TIMEOUT', true],
      error.message,
    );
    assert.deepEqual(gitsOf(bench.data), []);
  });

  it('a stall in the middle of a pack: UPSTREAM_TIMEOUT, and no git is left', async (t) => {
    const bench = await vcsBench(t, { timeouts: { idle: 1000, total: 60_000 } });
    bench.folder.create('lib.git').commit({ 'big.bin': noise(200_000) });
    bench.server.fault('fetch', { kind: 'stall', after: 100_000 });
    const error = await faultOf(bench.open('lib.git').resolve('HEAD', NEVER));
    assert.deepEqual(
      [error.code, /no byte within 1 s/.test(error.message)],
      ['UPSTREAM_TIMEOUT', true],
      error.message,
    );
    assert.deepEqual(gitsOf(bench.data), []);
  });

  it('an answer that drips without an end: UPSTREAM_TIMEOUT', async (t) => {
    const bench = await vcsBench(t, { timeouts: { idle: 60_000, total: 1500 } });
    bench.folder.create('lib.git').commit({ 'big.bin': noise(200_000) });
    bench.server.fault('fetch', { kind: 'slow', bytes: 200, pause: 50 });
    const error = await faultOf(bench.open('lib.git').resolve('HEAD', NEVER));
    assert.deepEqual(
      [error.code, /not done within/.test(error.message)],
      ['UPSTREAM_TIMEOUT', true],
      error.message,
    );
  });

  it('a repository that is too large: REPOSITORY_TOO_LARGE, in the middle of it', async (t) => {
    const bench = await vcsBench(t, { largest: 200_000 });
    bench.folder.create('lib.git').commit({ 'big.bin': noise(3_000_000) });
    bench.server.fault('fetch', { kind: 'slow', bytes: 100_000, pause: 100 });
    const error = await faultOf(bench.open('lib.git').resolve('HEAD', NEVER));
    assert.equal(error.code, 'REPOSITORY_TOO_LARGE', error.message);
    assert.deepEqual(gitsOf(bench.data), []);
  });

  it('a repository that is too large, and there before anybody looks: refused all the same, and not kept', async (t) => {
    const bench = await vcsBench(t, { largest: 200_000, refs: 0 });
    const lib = bench.folder.create('lib.git');
    lib.commit({ 'small.txt': 'a' }, { tags: ['v1.0.0'] });
    const repository = bench.open('lib.git');
    await repository.resolve('v1.0.0', NEVER);
    lib.commit({ 'big.bin': noise(300_000) }, { tags: ['v1.1.0'] });
    // The second one begins without a copy.
    for (const one of [repository, bench.again().open(repository.url, PLAIN)]) {
      const error = await faultOf(one.resolve('HEAD', NEVER));
      assert.equal(error.code, 'REPOSITORY_TOO_LARGE', error.message);
      assert.match(error.message, /larger than 195\.31 KiB, the bound of vcs\.repository$/);
      assert.deepEqual(gitsOf(bench.data), []);
      assert.ok(sizeOf(bench.data) < 200_000, 'nothing of it stays');
    }
  });

  it('no git on this machine: VCS_FAILED, and the text says what to do', async (t) => {
    const bench = await vcsBench(t, { git: 'no-such-git' });
    const error = await faultOf(bench.open('lib.git').refs(NEVER));
    assert.deepEqual([error.code, error.next?.includes('install git')], ['VCS_FAILED', true], error.message);
  });

  it('a git that is too old for what is asked of it: VCS_FAILED with its version', async (t) => {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'modgate-git-'));
    t.after(() => fs.rmSync(folder, { recursive: true }));
    const program = path.join(folder, 'git');
    const versions: readonly (readonly [said: string, isRefused: boolean])[] = [
      ['git version 1.8.3.1', true],
      ['git version 2.31.8', true],
      ['git version 2.32.0 (Apple Git-132)', false],
      ['git version 2.9.5.windows.1', true],
      ['git version 3.0', false],
      ['gut 2.40', true],
    ];
    for (const [said, isRefused] of versions) {
      fs.writeFileSync(
        program,
        `#!/bin/sh\n[ "$1" = version ] && { echo '${said}'; exit; }\nexec git "$@"\n`,
        {
          mode: 0o755,
        },
      );
      const bench = await vcsBench(t, { git: program });
      const hash = bench.folder.create('lib.git').commit({ a: 'a' });
      if (isRefused) {
        const error = await faultOf(bench.open('lib.git').refs(NEVER));
        assert.equal(error.code, 'VCS_FAILED', said);
        assert.match(
          error.message,
          said.startsWith('gut') ? /does not say which version/ : /older than 2\.32/,
        );
        assert.ok(said.startsWith('gut') || error.message.includes(said.split(' ')[2] ?? ''), error.message);
        assert.match(error.next ?? '', /install git 2\.32 or newer/);
      } else assert.equal((await bench.open('lib.git').refs(NEVER)).head, hash, said);
    }
  });

  it('a redirect within its host is followed, for fetches too', async (t) => {
    const bench = await vcsBench(t);
    const hash = bench.folder.create('new/name.git').commit({ a: 'a' }, { tags: ['v1.0.0'] });
    const location = `${bench.server.url}/new/name.git/info/refs?service=git-upload-pack`;
    bench.server.fault('/old.git', { kind: 'status', status: 301, headers: { location } });
    const repository = bench.open('old.git');
    assert.equal((await repository.resolve('v1.0.0', NEVER)).hash, hash);
    assert.equal(repository.url, `${bench.server.url}/old.git`);
  });

  it('a damaged repository over there: UPSTREAM_BAD_ANSWER', async (t) => {
    const bench = await vcsBench(t);
    const project = bench.folder.create('lib.git');
    project.commit({ 'go.mod': 'module lib\n' });
    const blob = project.git('rev-parse', 'main:go.mod');
    project.git('repack', '-adq');
    project.git('prune-packed');
    unpack(project.folder);
    fs.rmSync(path.join(project.folder, 'objects', blob.slice(0, 2), blob.slice(2)));
    const error = await faultOf(bench.open('lib.git').resolve('HEAD', NEVER));
    assert.equal(error.code, 'UPSTREAM_BAD_ANSWER', error.message);
  });
});

/** All objects as files of their own. */
function unpack(repository: string): void {
  const packs = path.join(repository, 'objects', 'pack');
  for (const name of fs.readdirSync(packs)) {
    const file = path.join(packs, name);
    const bytes = fs.readFileSync(file);
    fs.rmSync(file, { force: true });
    if (name.endsWith('.pack')) git(['--git-dir', repository, 'unpack-objects', '-q'], bytes);
  }
}

describe('a damaged copy here', () => {
  const SPOIL: readonly (readonly [what: string, spoil: (folder: string) => void])[] = [
    ['an empty pack', (folder) => each(folder, /\.pack$/, (file) => rewrite(file, Buffer.alloc(0)))],
    ['zeros in a pack', (folder) => each(folder, /\.pack$/, (file) => rewrite(file, zeros(file)))],
    [
      'an empty index of a pack',
      (folder) => each(folder, /\.idx$/, (file) => rewrite(file, Buffer.alloc(0))),
    ],
    ['no packs', (folder) => each(folder, /\.(?:pack|idx)$/, (file) => fs.rmSync(file))],
    [
      'an empty configuration',
      (folder) => each(folder, /^config$/, (file) => rewrite(file, Buffer.from('[core'))),
    ],
    ['no HEAD', (folder) => each(folder, /^HEAD$/, (file) => fs.rmSync(file))],
    ['empty refs', (folder) => each(folder, /^[0-9a-f]{40}$/, (file) => rewrite(file, Buffer.alloc(0)))],
  ];
  for (const [what, spoil] of SPOIL) {
    it(`with ${what} is thrown away and fetched again`, async (t) => {
      const bench = await vcsBench(t);
      const project = bench.folder.create('lib.git');
      const first = project.commit({ 'go.mod': 'module lib\n', a: noise(5000) }, { tags: ['v1.0.0'] });
      const second = project.commit({ 'go.mod': 'module lib // 2\n' }, { tags: ['v1.1.0'] });
      const before = bench.open('lib.git');
      const commit = await before.resolve('v1.0.0', NEVER);
      await before.tagsUpTo(commit, NEVER);
      spoil(bench.data);
      const body = await before.files(commit, ['go.mod'], 100, NEVER);
      assert.equal(body[0]?.toString(), 'module lib\n');
      assert.deepEqual(await before.tagsUpTo(await before.resolve('v1.1.0', NEVER), NEVER), [
        'v1.0.0',
        'v1.1.0',
      ]);
      spoil(bench.data);
      // A process that starts over the damage, and fetches before it reads.
      const after = bench.again().open(before.url, PLAIN);
      assert.equal((await after.resolve(second, NEVER)).hash, second);
      assert.equal((await after.resolve('v1.0.0', NEVER)).hash, first);
    });
  }
});

function each(folder: string, pattern: RegExp, spoil: (file: string) => void): void {
  const files = fs.readdirSync(folder, { recursive: true, withFileTypes: true });
  const found = files.filter((entry) => entry.isFile() && pattern.test(entry.name));
  assert.ok(found.length > 0, String(pattern));
  for (const entry of found) spoil(path.join(entry.path, entry.name));
}

/** git's packs are read-only. */
function rewrite(file: string, bytes: Buffer): void {
  fs.rmSync(file);
  fs.writeFileSync(file, bytes);
}

const zeros = (file: string) =>
  Buffer.concat([fs.readFileSync(file).subarray(0, 20), Buffer.alloc(fs.statSync(file).size - 20)]);
