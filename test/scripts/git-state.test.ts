/** What the real program says of the programs that it asks repositories with: at its start, and at /readyz. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { Modgate, type Piece } from '../kit/modgate.ts';

const ROUTES = [{ match: 'corp.example', chain: 'published,direct', private: true }];

interface Ready {
  readonly status: string;
  readonly parts: readonly { readonly name: string; readonly ok: boolean; readonly detail: string }[];
}

async function start(t: TestContext, config: Record<string, Piece>, env = {}) {
  const modgate = await Modgate.start({ config, env });
  t.after(() => modgate.remove());
  const reply = await modgate.ask('/readyz');
  assert.equal(reply.status, 200, 'hits can still be served');
  const ready: Ready = JSON.parse(reply.text);
  return { modgate, ready, git: ready.parts.find(({ name }) => name === 'git') };
}

test('git that is there is a part of /readyz where a written route needs it; what is no source is none', async (t) => {
  const { ready, git } = await start(t, { routes: ROUTES });
  assert.equal(ready.status, 'ready');
  assert.deepEqual(git, { name: 'git', ok: true, detail: 'git is there' });
  const names = ready.parts.map(({ name }) => name);
  assert.ok(!names.includes('published') && !names.includes('direct'), names.join());
});

test('git that is missing degrades the gateway, which says so at its start too', async (t) => {
  const { modgate, ready, git } = await start(t, { routes: ROUTES, vcs: { git: '/nowhere/bin/git' } });
  assert.equal(ready.status, 'degraded');
  assert.equal(git?.ok, false);
  assert.match(git?.detail ?? '', /no git that can be used/);
  assert.doesNotMatch(git?.detail ?? '', /nowhere/, 'paths are not for everyone');
  await modgate.log(
    (line) => line.code === 'VCS_FAILED' && /there is no git/.test(String(line.msg)),
    'no git',
  );
});

test('git that is missing degrades nothing where nobody has said that repositories are asked', async (t) => {
  const { ready, git } = await start(t, { vcs: { git: '/nowhere/bin/git' } });
  assert.equal(ready.status, 'ready');
  assert.equal(git, undefined);
});

test('git that is too old is as good as none', async (t) => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'modgate-git-'));
  t.after(() => fs.rmSync(folder, { recursive: true, force: true }));
  const old = path.join(folder, 'git');
  fs.writeFileSync(old, '#!/bin/sh\necho git version 2.20.1\n', { mode: 0o755 });
  const { git } = await start(t, { routes: ROUTES, vcs: { git: old } });
  assert.equal(git?.ok, false);
});

test('ssh that is missing is told where an SSH key is configured', async (t) => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'modgate-git-'));
  t.after(() => fs.rmSync(folder, { recursive: true, force: true }));
  fs.symlinkSync(execFileSync('which', ['git']).toString().trim(), path.join(folder, 'git'));
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const [key, hosts] = [path.join(folder, 'key'), path.join(folder, 'hosts')];
  fs.writeFileSync(key, privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 });
  fs.writeFileSync(hosts, 'git.corp.example ssh-ed25519 AAAA\n');
  const credentials = [{ match: 'git.corp.example', ssh: { key, known_hosts: hosts } }];
  const { modgate, git } = await start(t, { routes: ROUTES, vcs: { credentials } }, { PATH: folder });
  assert.deepEqual(git, {
    name: 'git',
    ok: false,
    detail: 'repositories cannot be asked by SSH: there is no program "ssh"',
  });
  await modgate.log((line) => /there is no program "ssh"/.test(String(line.msg)), 'no ssh');
});
