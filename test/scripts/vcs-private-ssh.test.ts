/** Private repositories over SSH with the real program, go, git and sshd: they build, from the known host only. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, afterEach, before, describe, test } from 'node:test';
import { withoutGo } from '../kit/go.ts';
import type { Piece } from '../kit/modgate.ts';
import { LIB, PrivateBench } from '../kit/private.ts';
import { Sshd, withoutSshd } from '../kit/sshd.ts';

describe('private repositories over ssh', { skip: withoutGo || withoutSshd }, () => {
  let bench: PrivateBench;
  let sshd: Sshd;
  const known = () => path.join(bench.scratch, 'known_hosts');
  before(async () => {
    bench = await PrivateBench.make();
    sshd = await Sshd.start();
    fs.writeFileSync(known(), sshd.knownHosts());
  });
  after(async () => {
    await sshd.close();
    bench.remove();
  });
  afterEach(() => bench.clear());

  const entry = (changes: Readonly<Record<string, Piece>> = {}) => ({
    match: `127.0.0.1:${sshd.port}`,
    ssh: { key: sshd.user.file, known_hosts: known(), user: os.userInfo().username, ...changes },
  });
  const url = () => `ssh://127.0.0.1:${sshd.port}${bench.folder.folder}/{1}/{2}.git`;
  const keyText = () => fs.readFileSync(sshd.user.file, 'utf8').split('\n')[2] ?? 'none';

  test('with a key', async () => {
    const modgate = await bench.start({ url: url(), credentials: [entry()] });
    await bench.builds(modgate, LIB);
    assert.ok(sshd.commands().some((command) => command.endsWith(`/team/lib.git'`)));
    await bench.tellsNobody(modgate, keyText());
  });

  test('https becomes ssh by the route; the origin names what was meant', async () => {
    const there = `ssh://127.0.0.1:${sshd.port}${bench.folder.folder}/`;
    const modgate = await bench.start({
      url: 'https://git.corp.example/{1}/{2}.git',
      credentials: [entry()],
      route: { instead_of: { [there]: 'https://git.corp.example/' } },
    });
    await bench.builds(modgate, LIB);
    const info = await modgate.ask(`/${LIB}/@v/v1.0.0.info`);
    assert.equal(JSON.parse(String(info.body)).Origin.URL, 'https://git.corp.example/team/lib.git');
  });

  test('somebody in the place of the host is found out', async () => {
    const mitm = path.join(bench.scratch, 'mitm');
    fs.writeFileSync(mitm, sshd.knownHosts(sshd.strange('mitm')));
    const before = sshd.commands().length;
    const modgate = await bench.start({ url: url(), credentials: [entry({ known_hosts: mitm })] });
    const reply = await bench.refuses(modgate, LIB);
    assert.match(reply, /host key is not the pinned one[\s\S]*known_hosts[\s\S]*UPSTREAM_TLS/);
    assert.equal(sshd.commands().length, before);
  });

  test('another key, and no key at all', async () => {
    const other = await bench.start({
      url: url(),
      credentials: [entry({ key: sshd.strange('other').file })],
    });
    assert.match(await bench.refuses(other, LIB), /refused our SSH key[\s\S]*UPSTREAM_DENIED/);
    const none = await bench.start({ url: url() });
    assert.match(await bench.refuses(none, LIB), /no SSH key is configured[\s\S]*UPSTREAM_DENIED/);
  });

  test('a key that is exchanged is used from then on', async () => {
    const key = path.join(bench.scratch, 'id_changing');
    fs.copyFileSync(sshd.strange('old').file, key);
    fs.chmodSync(key, 0o600);
    const modgate = await bench.start({ url: url(), credentials: [entry({ key })] });
    await bench.refuses(modgate, LIB);
    fs.copyFileSync(sshd.user.file, key);
    await modgate.log(({ msg }) => msg === 'the configuration was read again and is in force', 'a reload');
    await bench.builds(modgate, LIB);
  });
});
