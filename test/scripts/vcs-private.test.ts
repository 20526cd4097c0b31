/** Private repositories with the real program, the real go command, git and SSH: they build, and no secret is anywhere. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, afterEach, before, beforeEach, describe, test } from 'node:test';
import { type Authority, authority } from '../../src/net/certificates.test.kit.ts';
import { GitFolder } from '../kit/git.ts';
import { GitServer } from '../kit/git-http.ts';
import { GithubApi } from '../kit/github-api.ts';
import { Go, withoutGo } from '../kit/go.ts';
import type { Reply } from '../kit/http.ts';
import { Modgate, type Piece } from '../kit/modgate.ts';
import { Sshd, withoutSshd } from '../kit/sshd.ts';

const HOST = 'corp.example';
const LIB = `${HOST}/team/lib`;
const TOOL = `${HOST}/other/tool`;
const TOKEN = 'glpat-hunter2/with+odd=chars%';
const OTHER = 'glpat-hunter3-of-others';

/** Every form in which a secret could be somewhere. */
function forms(secret: string): string[] {
  const base64 = Buffer.from(secret).toString('base64').replace(/=+$/, '');
  // Behind a user name of any length the base64 of a text stands at one of three offsets.
  const shifted = [1, 2].map((n) =>
    Buffer.from('x'.repeat(n) + secret)
      .toString('base64')
      .slice(4, -4),
  );
  return [secret, encodeURIComponent(secret), base64, ...shifted];
}

function holds(text: string, secret: string): boolean {
  return forms(secret).some((form) => text.includes(form));
}

describe('private repositories', { skip: withoutGo }, () => {
  const folder = new GitFolder();
  let scratch: string;
  let ca: Authority;
  let server: GitServer;
  let go: Go;
  const running: Modgate[] = [];
  const replies: Reply[] = [];

  before(async () => {
    for (const [name, module] of [
      ['team/lib.git', LIB],
      ['other/tool.git', TOOL],
    ] as const) {
      const files = { 'go.mod': `module ${module}\n\ngo 1.20\n`, 'a.go': 'package a\n\nconst Value = 1\n' };
      folder.create(name).commit(files, { tags: ['v1.0.0'] });
    }
    scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'modgate-private-'));
    ca = await authority();
    fs.writeFileSync(path.join(scratch, 'ca.pem'), ca.cert);
    go = new Go();
  });
  after(() => {
    go.remove();
    folder.remove();
    fs.rmSync(scratch, { recursive: true });
  });
  beforeEach(async () => {
    server = await GitServer.start({ folder: folder.folder, tls: await ca.issue() });
  });
  afterEach(async () => {
    for (const modgate of running.splice(0)) await modgate.remove();
    replies.length = 0;
    await server.close();
  });

  interface Setting {
    readonly credentials?: Piece;
    readonly url?: string;
    readonly vcs?: Readonly<Record<string, Piece>>;
    readonly route?: Readonly<Record<string, Piece>>;
    readonly env?: Readonly<Record<string, string>>;
  }

  /** A modgate that tells all it does, for the modules of HOST. */
  async function start(setting: Setting): Promise<Modgate> {
    const { credentials = [], url = `${server.url}/{1}/{2}.git` } = setting;
    const modgate = await Modgate.start({
      config: {
        log: { level: 'trace' },
        chain: 'off',
        routes: [{ match: HOST, chain: 'direct', private: true, ...setting.route }],
        vcs: {
          ca: path.join(scratch, 'ca.pem'),
          repositories: [{ match: `${HOST}/*/*`, url }],
          credentials,
          ...setting.vcs,
        },
      },
      ...(setting.env === undefined ? {} : { env: setting.env }),
    });
    running.push(modgate);
    return modgate;
  }

  const place = (below = '') => `localhost:${server.port}${below}`;

  async function builds(modgate: Modgate, module: string): Promise<void> {
    const main = `package main\n\nimport _ "${module}"\n\nfunc main() {}\n`;
    const cwd = go.project([`${module} v1.0.0`], { 'main.go': main });
    // Another cache each time: all of it comes from this modgate.
    const env = { GOMODCACHE: path.join(cwd, 'cache') };
    const built = await go.run(['build', '-mod=mod', './...'], { proxy: modgate.url, cwd, env });
    assert.equal(built.code, 0, built.stderr + modgate.stderr);
  }

  /** A refusal, in the log and to the caller. */
  async function refuses(modgate: Modgate, module: string): Promise<Reply> {
    const reply = await modgate.ask(`/${module}/@v/v1.0.0.info`);
    replies.push(reply);
    assert.ok(reply.status >= 400, `${reply.status}`);
    assert.notEqual(reply.status, 404, String(reply.body));
    assert.ok(String(reply.body).split('\n').length <= 9, String(reply.body));
    return reply;
  }

  /** No secret in anything that modgate wrote or said. */
  async function tellsNobody(modgate: Modgate, ...secrets: readonly string[]): Promise<void> {
    for (const below of ['list', 'v1.0.0.info', 'v1.0.0.mod', 'v9.9.9.info', 'nothing.info'])
      for (const module of [LIB, TOOL]) replies.push(await modgate.ask(`/${module}/@v/${below}`));
    for (const page of ['/metrics', '/readyz']) replies.push(await modgate.ask(page));
    const texts = replies.map((reply) => JSON.stringify(reply.headers) + String(reply.body));
    const files = modgate.files().map((file) => fs.readFileSync(path.join(modgate.data, file), 'latin1'));
    for (const text of [...texts, ...files, modgate.stdout, modgate.stderr]) {
      for (const secret of secrets) assert.ok(!holds(text, secret), text.slice(0, 2000));
    }
    assert.ok(files.length > 0);
  }

  test('over https with a token', async () => {
    server.require('/team/', { username: 'x-access-token', password: TOKEN });
    const modgate = await start({
      credentials: [{ match: place('/team'), token: { env: 'TEAM' } }],
      env: { TEAM: TOKEN },
    });
    await builds(modgate, LIB);
    const info = await modgate.ask(`/${LIB}/@v/v1.0.0.info`);
    const { Origin: origin } = JSON.parse(String(info.body));
    assert.equal(origin.URL, `${server.url}/team/lib.git`);
    await tellsNobody(modgate, TOKEN);
  });

  test('no argument of any process holds it while git runs', async () => {
    server.require('/team/', { password: TOKEN });
    const modgate = await start({
      credentials: [{ match: '*:*', token: { env: 'TEAM' } }],
      env: { TEAM: TOKEN },
    });
    server.fault('ls-refs', { kind: 'stall', after: 0 });
    const stalled = server.next('ls-refs');
    const asked = modgate.ask(`/${LIB}/@v/v1.0.0.info`);
    const seen = await stalled;
    assert.ok(seen.headers.authorization !== undefined);
    const all = commandLines();
    assert.ok(
      all.some((line) => line.includes('git') && line.includes('remote-http')),
      all.join('\n'),
    );
    for (const line of all) assert.ok(!holds(line, TOKEN), line);
    server.heal();
    assert.equal((await asked).status, 200);
  });

  test('with a wrong token, and with none: told, and never as absence', async () => {
    server.require('/team/', { password: 'another-one' });
    const wrong = await start({
      credentials: [{ match: '*:*', token: { env: 'TEAM' } }],
      env: { TEAM: TOKEN },
    });
    const refused = await refuses(wrong, LIB);
    assert.match(
      String(refused.body),
      /refused our credentials[\s\S]*vcs\.credentials[\s\S]*UPSTREAM_DENIED/,
    );
    await tellsNobody(wrong, TOKEN);
    const none = await start({});
    assert.match(String((await refuses(none, LIB)).body), /wants credentials[\s\S]*UPSTREAM_DENIED/);
  });

  test('a host that repeats what it is shown', async () => {
    const echo = `you said ${TOKEN} and ${Buffer.from(`x-access-token:${TOKEN}`).toString('base64')}\n`;
    server.require('info', { password: TOKEN });
    server.fault('info', { kind: 'status', status: 403, headers: { 'x-echo': echo.trim() } });
    const modgate = await start({
      credentials: [{ match: '*:*', token: { env: 'TEAM' } }],
      env: { TEAM: TOKEN },
    });
    await refuses(modgate, LIB);
    server.heal();
    server.fault('info', {
      kind: 'body',
      type: 'application/x-git-upload-pack-advertisement',
      body: errorLine(echo),
    });
    await refuses(modgate, LIB);
    server.heal();
    server.fault('info', { kind: 'body', type: `text/${TOKEN}`, body: 'a login page' });
    assert.match(String((await refuses(modgate, LIB)).body), /content type text\/\[secret\]/);
    server.heal();
    const location = `https://elsewhere.example/${encodeURIComponent(TOKEN)}/info/refs`;
    server.fault('info', { kind: 'status', status: 302, headers: { location } });
    assert.match(String((await refuses(modgate, LIB)).body), /redirects to .*\[secret\]/);
    await tellsNobody(modgate, TOKEN);
  });

  test('a private repository without a commit has no versions, and is not taken for a login page', async () => {
    server.require('/team/', { password: TOKEN });
    folder.create('team/empty.git');
    const modgate = await start({
      credentials: [{ match: '*:*', token: { env: 'TEAM' } }],
      env: { TEAM: TOKEN },
    });
    const list = await modgate.ask(`/${HOST}/team/empty/@v/list`);
    assert.deepEqual([list.status, String(list.body)], [200, ''], String(list.body));
  });

  test('two routes with credentials of their own for one host', async () => {
    server.require('/team/', { password: TOKEN });
    server.require('/other/', { password: OTHER });
    const route = (match: string) => ({ match, chain: 'direct', private: true });
    const modgate = await start({
      credentials: [
        { match: place('/team'), token: { env: 'TEAM' } },
        { match: place('/other'), basic: { username: 'ci', password: { env: 'OTHERS' } } },
      ],
      env: { TEAM: TOKEN, OTHERS: OTHER },
    });
    modgate.configure({ routes: [route(`${HOST}/team`), route(`${HOST}/other`)] });
    await builds(modgate, LIB);
    await builds(modgate, TOOL);
    for (const { path: asked, headers } of server.requests) {
      const [, basic = ''] = (headers.authorization ?? '').split(' ');
      const [, password] = /:(.*)$/.exec(Buffer.from(basic, 'base64').toString()) ?? [];
      if (password !== undefined) assert.equal(password, asked.startsWith('/team/') ? TOKEN : OTHER, asked);
    }
    await tellsNobody(modgate, TOKEN, OTHER);
  });

  test('plain http only where the configuration allows it, credentials only where their entry does', async () => {
    const plain = await GitServer.start({ folder: folder.folder });
    try {
      plain.require('/team/', { password: TOKEN });
      const url = `${plain.url}/{1}/{2}.git`;
      const entry = { match: '*:*', token: { env: 'TEAM' } };
      const env = { TEAM: TOKEN };
      const closed = await start({ url, credentials: [entry], env });
      assert.match(String((await refuses(closed, LIB)).body), /not encrypted[\s\S]*VCS_REFUSED/);
      assert.equal(plain.count(), 0);
      const insecure = `127.0.0.1:${plain.port}`;
      const bare = await start({ url, credentials: [entry], vcs: { insecure }, env });
      await refuses(bare, LIB);
      assert.deepEqual(
        plain.requests.filter(({ headers }) => headers.authorization !== undefined),
        [],
      );
      const open = await start({ url, credentials: [{ ...entry, insecure: true }], vcs: { insecure }, env });
      await builds(open, LIB);
      await tellsNobody(open, TOKEN);
    } finally {
      await plain.close();
    }
  });

  test('a redirect to another host is not followed, and that host is shown nothing', async () => {
    const stranger = await GitServer.start({ folder: folder.folder, tls: await ca.issue() });
    try {
      server.require('info', { password: TOKEN });
      server.fault('info', { kind: 'redirect', base: stranger.url });
      const modgate = await start({
        credentials: [{ match: '*:*', token: { env: 'TEAM' } }],
        env: { TEAM: TOKEN },
      });
      assert.match(String((await refuses(modgate, LIB)).body), /redirects to[\s\S]*VCS_REFUSED/);
      assert.deepEqual(stranger.requests, []);
      await tellsNobody(modgate, TOKEN);
    } finally {
      await stranger.close();
    }
  });

  test('a netrc file, and a command', async () => {
    server.require('/team/', { username: 'ci', password: TOKEN });
    server.require('/other/', { username: 'bot', password: OTHER });
    const netrc = path.join(scratch, 'netrc');
    fs.writeFileSync(netrc, `machine ${place()} login ci password ${TOKEN}\n`, { mode: 0o600 });
    const modgate = await start({
      credentials: [
        { match: place('/team'), netrc },
        { match: place('/other'), command: ['sh', '-c', 'printf "username=bot\\npassword=%s\\n" "$OTHERS"'] },
      ],
      env: { OTHERS: OTHER },
    });
    await builds(modgate, LIB);
    await builds(modgate, TOOL);
    await tellsNobody(modgate, TOKEN, OTHER);
  });

  test('a GitHub App; a token that its host has taken back is had anew', async () => {
    const api = await GithubApi.start();
    try {
      api.installations.set('team', 12);
      let valid = '';
      api.onToken = (token) => {
        valid = token;
      };
      server.admit('/team/', (username, password) => username === 'x-access-token' && password === valid);
      const key = path.join(scratch, 'app.pem');
      fs.writeFileSync(key, api.key, { mode: 0o600 });
      const app = { id: Number(api.appId), key: { file: key }, api: api.url };
      const modgate = await start({
        credentials: [{ match: place('/team'), github_app: app }],
        vcs: { refs: '0' },
      });
      await builds(modgate, LIB);
      assert.equal(api.tokens.length, 1);
      valid = 'taken back';
      const list = await modgate.ask(`/${LIB}/@v/v1.0.1.info`);
      // The answer is the remote's: it was asked again with another token.
      assert.equal(list.status, 404, String(list.body));
      assert.equal(api.tokens.length, 2);
      assert.deepEqual(
        api.requests.map(({ method }) => method),
        ['GET', 'POST', 'GET', 'POST'],
      );
      await tellsNobody(modgate, ...api.tokens, api.key.split('\n')[5] ?? 'none');
    } finally {
      await api.close();
    }
  });

  describe('over ssh', { skip: withoutSshd }, () => {
    let sshd: Sshd;
    const known = () => path.join(scratch, 'known_hosts');
    before(async () => {
      sshd = await Sshd.start();
      fs.writeFileSync(known(), sshd.knownHosts());
    });
    after(() => sshd.close());

    const entry = (changes: Readonly<Record<string, Piece>> = {}) => ({
      match: `127.0.0.1:${sshd.port}`,
      ssh: { key: sshd.user.file, known_hosts: known(), user: os.userInfo().username, ...changes },
    });
    const url = () => `ssh://127.0.0.1:${sshd.port}${folder.folder}/{1}/{2}.git`;
    const keyText = () => fs.readFileSync(sshd.user.file, 'utf8').split('\n')[2] ?? 'none';

    test('with a key', async () => {
      const modgate = await start({ url: url(), credentials: [entry()] });
      await builds(modgate, LIB);
      assert.ok(sshd.commands().some((command) => command.endsWith(`/team/lib.git'`)));
      await tellsNobody(modgate, keyText());
    });

    test('https becomes ssh by the route; the origin names what was meant', async () => {
      const there = `ssh://127.0.0.1:${sshd.port}${folder.folder}/`;
      const modgate = await start({
        url: 'https://git.corp.example/{1}/{2}.git',
        credentials: [entry()],
        route: { instead_of: { [there]: 'https://git.corp.example/' } },
      });
      await builds(modgate, LIB);
      const info = await modgate.ask(`/${LIB}/@v/v1.0.0.info`);
      assert.equal(JSON.parse(String(info.body)).Origin.URL, 'https://git.corp.example/team/lib.git');
    });

    test('somebody in the place of the host is found out', async () => {
      const mitm = path.join(scratch, 'mitm');
      fs.writeFileSync(mitm, sshd.knownHosts(sshd.strange('mitm')));
      const before = sshd.commands().length;
      const modgate = await start({ url: url(), credentials: [entry({ known_hosts: mitm })] });
      const reply = await refuses(modgate, LIB);
      assert.match(String(reply.body), /host key is not the pinned one[\s\S]*known_hosts[\s\S]*UPSTREAM_TLS/);
      assert.equal(sshd.commands().length, before);
    });

    test('another key, and no key at all', async () => {
      const other = await start({ url: url(), credentials: [entry({ key: sshd.strange('other').file })] });
      assert.match(String((await refuses(other, LIB)).body), /refused our SSH key[\s\S]*UPSTREAM_DENIED/);
      const none = await start({ url: url() });
      assert.match(String((await refuses(none, LIB)).body), /no SSH key is configured[\s\S]*UPSTREAM_DENIED/);
    });

    test('a key that is exchanged is used from then on', async () => {
      const key = path.join(scratch, 'id_changing');
      fs.copyFileSync(sshd.strange('old').file, key);
      fs.chmodSync(key, 0o600);
      const modgate = await start({ url: url(), credentials: [entry({ key })] });
      await refuses(modgate, LIB);
      fs.copyFileSync(sshd.user.file, key);
      await modgate.log(({ msg }) => msg === 'the configuration was read again and is in force', 'a reload');
      await builds(modgate, LIB);
    });
  });
});

/** What a git server may say in the place of its refs. */
function errorLine(text: string): string {
  const line = `ERR ${text}`;
  return (line.length + 4).toString(16).padStart(4, '0') + line;
}

/** Arguments of every process of the machine that may be read. */
function commandLines(): string[] {
  return fs
    .readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        return [fs.readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')];
      } catch {
        return [];
      }
    });
}
