/** Private repositories over HTTP with the real program, go and git: they build, and no secret is anywhere. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, afterEach, before, beforeEach, describe, test } from 'node:test';
import { GitServer } from '../kit/git-http.ts';
import { GithubApi } from '../kit/github-api.ts';
import { withoutGo } from '../kit/go.ts';
import { holds, LIB, PRIVATE_HOST, PrivateBench, TOOL } from '../kit/private.ts';

const TOKEN = 'glpat-hunter2/with+odd=chars%';
const OTHER = 'glpat-hunter3-of-others';

describe('private repositories over http', { skip: withoutGo }, () => {
  let bench: PrivateBench;
  let server: GitServer;
  before(async () => {
    bench = await PrivateBench.make();
  });
  after(() => bench.remove());
  beforeEach(async () => {
    server = await GitServer.start({ folder: bench.folder.folder, tls: await bench.ca.issue() });
  });
  afterEach(async () => {
    await bench.clear();
    await server.close();
  });

  const place = (below = '') => `localhost:${server.port}${below}`;
  const repositories = () => `${server.url}/{1}/{2}.git`;

  test('over https with a token', async () => {
    server.require('/team/', { username: 'x-access-token', password: TOKEN });
    const modgate = await bench.start({
      url: repositories(),
      credentials: [{ match: place('/team'), token: { env: 'TEAM' } }],
      env: { TEAM: TOKEN },
    });
    await bench.builds(modgate, LIB);
    const info = await modgate.ask(`/${LIB}/@v/v1.0.0.info`);
    const { Origin: origin } = JSON.parse(String(info.body));
    assert.equal(origin.URL, `${server.url}/team/lib.git`);
    await bench.tellsNobody(modgate, TOKEN);
  });

  test('no argument of any process holds it while git runs', async () => {
    server.require('/team/', { password: TOKEN });
    const modgate = await bench.start({
      url: repositories(),
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
    const wrong = await bench.start({
      url: repositories(),
      credentials: [{ match: '*:*', token: { env: 'TEAM' } }],
      env: { TEAM: TOKEN },
    });
    const refused = await bench.refuses(wrong, LIB);
    assert.match(refused, /refused our credentials[\s\S]*vcs\.credentials[\s\S]*UPSTREAM_DENIED/);
    await bench.tellsNobody(wrong, TOKEN);
    const none = await bench.start({ url: repositories() });
    assert.match(await bench.refuses(none, LIB), /wants credentials[\s\S]*UPSTREAM_DENIED/);
  });

  test('a host that repeats what it is shown', async () => {
    const echo = `you said ${TOKEN} and ${Buffer.from(`x-access-token:${TOKEN}`).toString('base64')}\n`;
    server.require('info', { password: TOKEN });
    server.fault('info', { kind: 'status', status: 403, headers: { 'x-echo': echo.trim() } });
    const modgate = await bench.start({
      url: repositories(),
      credentials: [{ match: '*:*', token: { env: 'TEAM' } }],
      env: { TEAM: TOKEN },
    });
    await bench.refuses(modgate, LIB);
    server.heal();
    server.fault('info', {
      kind: 'body',
      type: 'application/x-git-upload-pack-advertisement',
      body: errorLine(echo),
    });
    await bench.refuses(modgate, LIB);
    server.heal();
    server.fault('info', { kind: 'body', type: `text/${TOKEN}`, body: 'a login page' });
    assert.match(await bench.refuses(modgate, LIB), /content type text\/\[secret\]/);
    server.heal();
    const location = `https://elsewhere.example/${encodeURIComponent(TOKEN)}/info/refs`;
    server.fault('info', { kind: 'status', status: 302, headers: { location } });
    assert.match(await bench.refuses(modgate, LIB), /redirects to .*\[secret\]/);
    await bench.tellsNobody(modgate, TOKEN);
  });

  test('a private repository without a commit has no versions, and is not taken for a login page', async () => {
    server.require('/team/', { password: TOKEN });
    bench.folder.create('team/empty.git');
    const modgate = await bench.start({
      url: repositories(),
      credentials: [{ match: '*:*', token: { env: 'TEAM' } }],
      env: { TEAM: TOKEN },
    });
    const list = await modgate.ask(`/${PRIVATE_HOST}/team/empty/@v/list`);
    assert.deepEqual([list.status, String(list.body)], [200, ''], String(list.body));
  });

  test('two routes with credentials of their own for one host', async () => {
    server.require('/team/', { password: TOKEN });
    server.require('/other/', { password: OTHER });
    const modgate = await bench.start({
      url: repositories(),
      credentials: [
        { match: place('/team'), token: { env: 'TEAM' } },
        { match: place('/other'), basic: { username: 'ci', password: { env: 'OTHERS' } } },
      ],
      matches: [`${PRIVATE_HOST}/team`, `${PRIVATE_HOST}/other`],
      env: { TEAM: TOKEN, OTHERS: OTHER },
    });
    await bench.builds(modgate, LIB);
    await bench.builds(modgate, TOOL);
    for (const { path: asked, headers } of server.requests) {
      const [, basic = ''] = (headers.authorization ?? '').split(' ');
      const [, password] = /:(.*)$/.exec(Buffer.from(basic, 'base64').toString()) ?? [];
      if (password !== undefined) assert.equal(password, asked.startsWith('/team/') ? TOKEN : OTHER, asked);
    }
    await bench.tellsNobody(modgate, TOKEN, OTHER);
  });

  test('plain http only where the configuration allows it, credentials only where their entry does', async () => {
    const plain = await GitServer.start({ folder: bench.folder.folder });
    try {
      plain.require('/team/', { password: TOKEN });
      const url = `${plain.url}/{1}/{2}.git`;
      const entry = { match: '*:*', token: { env: 'TEAM' } };
      const env = { TEAM: TOKEN };
      const closed = await bench.start({ url, credentials: [entry], env });
      assert.match(await bench.refuses(closed, LIB), /not encrypted[\s\S]*VCS_REFUSED/);
      assert.equal(plain.count(), 0);
      const insecure = `127.0.0.1:${plain.port}`;
      const bare = await bench.start({
        url,
        credentials: [entry],
        vcs: { insecure },
        env,
      });
      await bench.refuses(bare, LIB);
      assert.deepEqual(
        plain.requests.filter(({ headers }) => headers.authorization !== undefined),
        [],
      );
      const open = await bench.start({
        url,
        credentials: [{ ...entry, insecure: true }],
        vcs: { insecure },
        env,
      });
      await bench.builds(open, LIB);
      await bench.tellsNobody(open, TOKEN);
    } finally {
      await plain.close();
    }
  });

  test('a redirect to another host is not followed, and that host is shown nothing', async () => {
    const stranger = await GitServer.start({ folder: bench.folder.folder, tls: await bench.ca.issue() });
    try {
      server.require('info', { password: TOKEN });
      server.fault('info', { kind: 'redirect', base: stranger.url });
      const modgate = await bench.start({
        url: repositories(),
        credentials: [{ match: '*:*', token: { env: 'TEAM' } }],
        env: { TEAM: TOKEN },
      });
      assert.match(await bench.refuses(modgate, LIB), /redirects to[\s\S]*VCS_REFUSED/);
      assert.deepEqual(stranger.requests, []);
      await bench.tellsNobody(modgate, TOKEN);
    } finally {
      await stranger.close();
    }
  });

  test('a netrc file, and a command', async () => {
    server.require('/team/', { username: 'ci', password: TOKEN });
    server.require('/other/', { username: 'bot', password: OTHER });
    const netrc = path.join(bench.scratch, 'netrc');
    fs.writeFileSync(netrc, `machine ${place()} login ci password ${TOKEN}\n`, { mode: 0o600 });
    const modgate = await bench.start({
      url: repositories(),
      credentials: [
        { match: place('/team'), netrc },
        { match: place('/other'), command: ['sh', '-c', 'printf "username=bot\\npassword=%s\\n" "$OTHERS"'] },
      ],
      env: { OTHERS: OTHER },
    });
    await bench.builds(modgate, LIB);
    await bench.builds(modgate, TOOL);
    await bench.tellsNobody(modgate, TOKEN, OTHER);
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
      const key = path.join(bench.scratch, 'app.pem');
      fs.writeFileSync(key, api.key, { mode: 0o600 });
      const app = { id: Number(api.appId), key: { file: key }, api: api.url };
      const modgate = await bench.start({
        url: repositories(),
        credentials: [{ match: place('/team'), github_app: app }],
        vcs: { refs: '0' },
      });
      await bench.builds(modgate, LIB);
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
      await bench.tellsNobody(modgate, ...api.tokens, api.key.split('\n')[5] ?? 'none');
    } finally {
      await api.close();
    }
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
