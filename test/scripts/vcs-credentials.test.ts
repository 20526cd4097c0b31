/** Credentials of repositories with the real git and ssh commands: who is shown what, and who is not. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, afterEach, before, beforeEach, describe, test } from 'node:test';
import { defaultClient } from '../../src/config/index.ts';
import { ModgateError } from '../../src/errors/index.ts';
import { type Authority, authority } from '../../src/net/certificates.test.kit.ts';
import { UpstreamClient } from '../../src/net/index.ts';
import { type Clock, createLogger, Metrics, systemClock } from '../../src/observe/index.ts';
import { type Access, CredentialBook, type CredentialEntry, withoutSecrets } from '../../src/vcs/index.ts';
import { GIT_ENV, GitFolder } from '../kit/git.ts';
import { GitServer } from '../kit/git-http.ts';
import { GithubApi } from '../kit/github-api.ts';
import type { Run } from '../kit/modgate.ts';
import { Sshd, withoutSshd } from '../kit/sshd.ts';

const NONE = { rewrites: new Map<string, string>(), anonymous: false };
const TOKEN = 'glpat-t0ken/with+odd=chars%';
const never = new AbortController().signal;

type How = CredentialEntry['how'];
const token = (password: string): How => ({ kind: 'token', username: 'x-access-token', password });

let folder: GitFolder;
let scratch: string;
let ca: Authority;
let server: GitServer;
const closers: (() => Promise<void> | void)[] = [];

before(async () => {
  ca = await authority();
  folder = new GitFolder();
  for (const name of ['team/lib.git', 'other/lib.git']) folder.create(name).commit({ 'a.txt': name });
  scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'modgate-credentials-'));
});

after(() => {
  folder.remove();
  fs.rmSync(scratch, { recursive: true });
});

beforeEach(async () => {
  server = await gitServer();
});

afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

async function gitServer(): Promise<GitServer> {
  const started = await GitServer.start({ folder: folder.folder, tls: await ca.issue() });
  closers.push(() => started.close());
  return started;
}

interface Setting {
  readonly insecure?: string;
  readonly ca?: string | undefined;
  readonly clock?: Clock;
}

function book(entries: readonly Partial<CredentialEntry>[], setting: Setting = {}): CredentialBook {
  const logger = createLogger({ level: 'silent', format: 'json' });
  const metrics = new Metrics({ process: false });
  const { clock = systemClock } = setting;
  const made = new CredentialBook(
    {
      entries: entries.map((entry) => ({ match: '*:*', insecure: false, how: token(TOKEN), ...entry })),
      insecure: setting.insecure ?? '',
      ca: 'ca' in setting ? setting.ca : ca.cert,
      folder: scratch,
    },
    {
      clock,
      env: { PATH: process.env.PATH },
      client: (api) => {
        const options = { ...defaultClient(60_000), name: api, auth: { kind: 'none' } as const };
        const client = new UpstreamClient(
          { ...options, proxy: 'none', tls: { ...options.tls, key: undefined } },
          { logger, metrics, clock, env: {} },
        );
        closers.push(() => client.close());
        return client;
      },
    },
  );
  closers.push(() => made.close());
  return made;
}

/** `git ls-remote` as modgate would run it: a clean environment, and what the book gives. */
function lsRemote(access: Access): Promise<Run> {
  const config = [['credential.helper', ''], ...access.config];
  const variables = config.flatMap(([key, value], i) => [
    [`GIT_CONFIG_KEY_${i}`, key],
    [`GIT_CONFIG_VALUE_${i}`, value],
  ]);
  const env = {
    ...GIT_ENV,
    ...access.env,
    GIT_CONFIG_COUNT: String(config.length),
    ...Object.fromEntries(variables),
  };
  const args = ['ls-remote', '--', access.url];
  for (const argument of args) assert.equal(withoutSecrets(argument, access.secrets), argument);
  const child = spawn('git', args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (piece: Buffer) => (stdout += piece));
  child.stderr.on('data', (piece: Buffer) => (stderr += piece));
  return new Promise((resolve) => child.on('close', (code) => resolve({ code, stdout, stderr })));
}

async function ask(from: CredentialBook, url: string): Promise<Run> {
  return lsRemote(await from.find(url, NONE, never));
}

function authorizations(of: GitServer): string[] {
  return of.requests.flatMap(({ headers }) => headers.authorization ?? []);
}

async function fault(promise: Promise<unknown>): Promise<ModgateError> {
  const error: unknown = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof ModgateError, String(error));
  return error;
}

const sees = (run: Run) => assert.match(run.stdout, /refs\/heads\/main/, run.stderr);
const seesNot = (run: Run) => assert.notEqual(run.code, 0, run.stdout);

describe('over https', () => {
  test('a token opens a private repository, and an authority of the configuration is trusted', async () => {
    server.require('/team/', { username: 'x-access-token', password: TOKEN });
    sees(await ask(book([{}]), `${server.url}/team/lib.git`));
    seesNot(await ask(book([{}], { ca: undefined }), `${server.url}/team/lib.git`));
  });

  test('without credentials, with others, with some for another place: closed', async () => {
    server.require('/team/', { password: TOKEN });
    const url = `${server.url}/team/lib.git`;
    seesNot(await ask(book([]), url));
    seesNot(await ask(book([{ how: token('wrong') }]), url));
    seesNot(await ask(book([{ match: 'localhost' }]), url));
    assert.deepEqual(authorizations(server).length, 1);
  });

  test('a public repository is not shown them', async () => {
    sees(await ask(book([{}]), `${server.url}/team/lib.git`));
    assert.deepEqual(authorizations(server), []);
  });

  test('what git prints holds them in no form once it is cleaned', async () => {
    server.require('/team/', { password: 'another' });
    const access = await book([{}]).find(`${server.url}/team/lib.git`, NONE, never);
    const env = { ...access.env, GIT_CURL_VERBOSE: '1', GIT_TRACE_REDACT: '0' };
    const { stderr } = await lsRemote({ ...access, env });
    const sent = Buffer.from(`x-access-token:${TOKEN}`).toString('base64');
    assert.ok(stderr.includes(sent));
    const clean = withoutSecrets(stderr, access.secrets);
    assert.ok(!clean.includes(sent) && !clean.includes(TOKEN));
  });

  test('the first match counts, and the elements of its path', async () => {
    server.require('/team/', { password: 'one' });
    server.require('/other/', { password: 'two' });
    const both = book([
      { match: `localhost:${server.port}/team`, how: token('one') },
      { match: `localhost:${server.port}/other,localhost:${server.port}/team`, how: token('two') },
    ]);
    sees(await ask(both, `${server.url}/team/lib.git`));
    sees(await ask(both, `${server.url}/other/lib.git`));
    const shown = server.requests.map(({ path: asked, headers }) => {
      const [, basic = ''] = (headers.authorization ?? '').split(' ');
      return `${asked.split('/')[1]}: ${Buffer.from(basic, 'base64').toString()}`;
    });
    const user = 'x-access-token';
    assert.deepEqual([...new Set(shown)], ['team: ', `team: ${user}:one`, 'other: ', `other: ${user}:two`]);
  });

  test('a redirect to another host, before or after they were shown, does not take them along', async () => {
    const stranger = await gitServer();
    stranger.require('info', { password: TOKEN });
    const url = `${server.url}/team/lib.git`;
    for (const wanted of [false, true]) {
      if (wanted) server.require('info', { password: TOKEN });
      server.fault('info', { kind: 'redirect', base: stranger.url });
      seesNot(await ask(book([{}]), url));
      // Another name for the same machine is another host too.
      server.fault('info', { kind: 'redirect', base: stranger.url.replace('localhost', '127.0.0.1') });
      seesNot(await ask(book([{}]), url));
    }
    assert.ok(authorizations(server).length > 0);
    assert.deepEqual(authorizations(stranger), []);
  });

  test('a rewritten URL is the one that patterns see', async () => {
    server.require('/team/', { password: TOKEN });
    const made = book([{ match: `localhost:${server.port}/team` }]);
    const access = await made.find(
      'ssh://git@git.corp.example/team/lib.git',
      { ...NONE, rewrites: new Map([['ssh://git@git.corp.example/', `${server.url}/`]]) },
      never,
    );
    assert.equal(access.url, `${server.url}/team/lib.git`);
    sees(await lsRemote(access));
  });
});

describe('over http', () => {
  let plain: GitServer;
  beforeEach(async () => {
    plain = await GitServer.start({ folder: folder.folder });
    closers.push(() => plain.close());
  });

  test('not at all, unless the configuration allows the place', async () => {
    const url = `${plain.url}/team/lib.git`;
    const error = await fault(ask(book([{}]), url));
    assert.equal(error.code, 'VCS_REFUSED');
    assert.match(error.message, /not encrypted/);
    assert.match(error.next ?? '', /127\.0\.0\.1:\d+ to vcs\.insecure/);
    sees(await ask(book([], { insecure: `127.0.0.1:${plain.port}/team` }), url));
    assert.equal(
      (await fault(ask(book([], { insecure: `127.0.0.1:${plain.port}/other` }), url))).code,
      'VCS_REFUSED',
    );
  });

  test('credentials only where their entry says so', async () => {
    plain.require('/team/', { password: TOKEN });
    const url = `${plain.url}/team/lib.git`;
    const insecure = `127.0.0.1:${plain.port}`;
    seesNot(await ask(book([{}], { insecure }), url));
    assert.deepEqual(authorizations(plain), []);
    sees(await ask(book([{}, { insecure: true }], { insecure }), url));
  });

  test('a redirect from https to http is not followed', async () => {
    server.fault('info', { kind: 'redirect', base: plain.url });
    seesNot(await ask(book([{ insecure: true }], { insecure: '*:*' }), `${server.url}/team/lib.git`));
    assert.equal(plain.count(), 0);
  });
});

describe('from elsewhere', () => {
  test('a netrc file, which is read again when it changes', async () => {
    server.require('/team/', { username: 'ci', password: TOKEN });
    const file = path.join(scratch, 'netrc');
    fs.writeFileSync(file, `machine localhost:${server.port} login ci password wrong\n`);
    const made = book([{ how: { kind: 'netrc', file } }]);
    seesNot(await ask(made, `${server.url}/team/lib.git`));
    fs.writeFileSync(file, `machine localhost:${server.port} login ci password ${TOKEN}\n`);
    sees(await ask(made, `${server.url}/team/lib.git`));
    fs.rmSync(file);
    seesNot(await ask(made, `${server.url}/team/lib.git`));
  });

  /** A helper that notes what it is asked, and answers with a file. */
  function helper(name: string): { command: string[]; said: () => string; answer: (text: string) => void } {
    const [log, answer] = [path.join(scratch, `${name}.log`), path.join(scratch, `${name}.answer`)];
    const script = `printf '%s\\n' "$2" >> ${log}; cat >> ${log}; cat ${answer}`;
    fs.writeFileSync(log, '');
    return {
      command: ['sh', '-c', script, 'helper', '--flag'],
      said: () => fs.readFileSync(log, 'utf8'),
      answer: (text) => fs.writeFileSync(answer, text),
    };
  }

  test('a command, asked by the protocol of git and not again for a while', async () => {
    server.require('/team/', { username: 'ci', password: TOKEN });
    const { command, said, answer } = helper('kept');
    answer(`username=ci\npassword=${TOKEN}\n`);
    let now = 1e12;
    const clock: Clock = { now: () => now, monotonic: () => performance.now() };
    const made = book([{ how: { kind: 'command', command } }], { clock });
    const url = `${server.url}/team/lib.git`;
    const both = await Promise.all([ask(made, url), ask(made, url)]);
    both.forEach(sees);
    const asked = `get\nprotocol=https\nhost=localhost:${server.port}\n\n`;
    assert.equal(said(), asked);
    now += 5 * 60_000;
    sees(await ask(made, url));
    assert.equal(said(), asked + asked);
    answer(`username=ci\npassword=${TOKEN}\npassword_expiry_utc=${now / 1000 + 60 * 60}\n`);
    now += 5 * 60_000;
    sees(await ask(made, url));
    now += 50 * 60_000;
    sees(await ask(made, url));
    assert.equal(said(), asked + asked + asked);
  });

  test('a command is told the path where the pattern has one, and what was refused', async () => {
    const { command, said, answer } = helper('refused');
    answer('username=ci\npassword=first-one\n');
    const made = book([{ match: '*:*/team', how: { kind: 'command', command } }]);
    const url = `${server.url}/team/lib.git`;
    const first = await made.find(url, NONE, never);
    assert.equal(await first.refused?.(), false);
    const asked = `protocol=https\nhost=localhost:${server.port}\npath=team/lib.git\n`;
    assert.equal(said(), `get\n${asked}\nerase\n${asked}username=ci\npassword=first-one\n\n`);
    await made.find(url, NONE, never);
    const kept = await made.find(url, NONE, never);
    answer('username=ci\npassword=second-one\n');
    assert.equal(await kept.refused?.(), true);
    const next = await made.find(url, NONE, never);
    assert.equal(next.env.MODGATE_GIT_PASSWORD, 'second-one');
  });

  test('a command that fails, that says nothing, that says too much', async () => {
    const url = `${server.url}/team/lib.git`;
    const by = (script: string) => book([{ how: { kind: 'command', command: ['sh', '-c', script] } }]);
    const failing = await fault(by('echo hunter2 >&2; exit 3').find(url, NONE, never));
    assert.equal(failing.code, 'UPSTREAM_DENIED');
    assert.match(failing.message, /credential command sh for localhost ended with 3$/);
    assert.match((await fault(by('cat /dev/zero').find(url, NONE, never))).message, /more than 65536 bytes/);
    const missing = book([{ how: { kind: 'command', command: ['/nonexistent/helper'] } }]);
    assert.match((await fault(missing.find(url, NONE, never))).message, /cannot be run \(ENOENT\)/);
    const nothing = await by('exit 0').find(url, NONE, never);
    assert.deepEqual(nothing.secrets, []);
    assert.match(nothing.lack?.why ?? '', /credential command sh printed no username and password/);
    assert.deepEqual((await by('echo quit=1; echo password=x').find(url, NONE, never)).secrets, []);
    const gone = by('echo password=x; echo password_expiry_utc=1');
    assert.deepEqual((await gone.find(url, NONE, never)).secrets, []);
  });

  test('whoever waits for a command may leave, and the end of the gateway ends it', async () => {
    const url = `${server.url}/team/lib.git`;
    const made = book([{ how: { kind: 'command', command: ['sh', '-c', 'exec sleep 1000'] } }]);
    const leaver = new AbortController();
    const left = fault(made.find(url, NONE, leaver.signal));
    const ended = fault(made.find(url, NONE, never));
    leaver.abort();
    assert.equal((await left).code, 'CANCELED');
    made.close();
    assert.match((await ended).message, /was ended/);
  });
});

describe('a GitHub App', () => {
  let api: GithubApi;
  beforeEach(async () => {
    api = await GithubApi.start();
    api.installations.set('team', 12).set('other', 13);
    closers.push(() => api.close());
  });

  function app(changes: Partial<Extract<How, { kind: 'github_app' }>> = {}): Partial<CredentialEntry> {
    const { appId: id, key, url } = api;
    return { how: { kind: 'github_app', id, key, installation: undefined, api: url, ...changes } };
  }

  test('opens the repositories of its installations, each with a token that may read contents only', async () => {
    api.onToken = (made) => server.require(made.includes('_12_') ? '/team/' : '/other/', { password: made });
    const made = book([app()]);
    // The token is made when it is first asked for, so the repository is closed by then.
    await made.find(`${server.url}/team/lib.git`, NONE, never);
    await made.find(`${server.url}/other/lib.git`, NONE, never);
    sees(await ask(made, `${server.url}/team/lib.git`));
    sees(await ask(made, `${server.url}/other/lib.git`));
    assert.deepEqual(
      api.requests.map(({ method, path: asked }) => `${method} ${asked}`),
      [
        'GET /repos/team/lib/installation',
        'POST /app/installations/12/access_tokens',
        'GET /repos/other/lib/installation',
        'POST /app/installations/13/access_tokens',
      ],
    );
    assert.deepEqual(api.requests[1]?.body, { permissions: { contents: 'read' } });
    assert.ok(authorizations(server).length > 0);
  });

  test('a token is used until one minute before its end, then there is another', async () => {
    let now = 1.7e12;
    api.now = () => now;
    const clock: Clock = { now: () => now, monotonic: () => performance.now() };
    const made = book([app({ installation: 12 })], { clock });
    const password = async () =>
      (await made.find(`${server.url}/team/lib.git`, NONE, never)).env.MODGATE_GIT_PASSWORD;
    const first = await password();
    now += api.lifetime - 60_001;
    assert.equal(await password(), first);
    now += 1;
    assert.notEqual(await password(), first);
    assert.equal(await password(), api.tokens[1]);
    assert.equal(api.count(/installation$/), 0);
  });

  test('all who want a token at once share one; a refused one is had anew once', async () => {
    const made = book([app()]);
    const url = `${server.url}/team/lib.git`;
    const all = await Promise.all(Array.from({ length: 8 }, () => made.find(url, NONE, never)));
    assert.equal(api.tokens.length, 1);
    assert.equal(await all[1]?.refused?.(), true);
    const next = await made.find(url, NONE, never);
    assert.equal(next.env.MODGATE_GIT_PASSWORD, api.tokens[1]);
    assert.equal(await next.refused?.(), false);
  });

  test('a token goes to the host of the API alone, whatever hosts the pattern matches', async () => {
    const made = book([{ ...app(), match: '*/team,*:*/team' }]);
    for (const url of [
      'https://git.evil.example/team/lib.git',
      'https://api.localhost/team/lib.git',
      'https://localhost.evil.example/team/lib.git',
      `https://127.0.0.1:${server.port}/team/lib.git`,
    ]) {
      const access = await made.find(url, NONE, never);
      assert.deepEqual([access.secrets, access.config], [[], []], url);
    }
    assert.deepEqual(api.requests, []);
  });

  test('what the API refuses is told, without a secret, and never as absence', async () => {
    const url = `${server.url}/elsewhere/lib.git`;
    const absent = await fault(book([app()]).find(url, NONE, never));
    assert.equal(absent.code, 'UPSTREAM_DENIED');
    assert.match(absent.message, /GitHub App 4711 is not installed for elsewhere\/lib/);
    const uninstalled = await fault(book([app({ installation: 99 })]).find(url, NONE, never));
    assert.match(uninstalled.message, /not installed for installation 99/);
    const denied = await fault(book([app({ id: '1' })]).find(url, NONE, never));
    assert.equal(denied.code, 'UPSTREAM_DENIED');
    for (const { message } of [absent, uninstalled, denied]) assert.doesNotMatch(message, /eyJ|PRIVATE/);
  });
});

describe('over ssh', { skip: withoutSshd }, () => {
  let sshd: Sshd;
  before(async () => {
    sshd = await Sshd.start();
    fs.writeFileSync(path.join(scratch, 'known hosts'), sshd.knownHosts());
    fs.writeFileSync(path.join(scratch, 'mitm'), sshd.knownHosts(sshd.strange('stranger')));
  });
  after(() => sshd.close());

  function key(changes: Partial<Extract<How, { kind: 'ssh' }>> = {}): Partial<CredentialEntry> {
    const knownHosts = path.join(scratch, 'known hosts');
    const { username: user } = os.userInfo();
    return { how: { kind: 'ssh', key: sshd.user.file, knownHosts, user, ...changes } };
  }
  const url = () => `ssh://127.0.0.1:${sshd.port}${folder.folder}/team/lib.git`;

  test('a key opens the repository of a host that is known', async () => {
    sees(await ask(book([key()]), url()));
    assert.match(sshd.commands().join('\n'), /^git-upload-pack '.*\/team\/lib\.git'$/);
  });

  test('the user of the URL counts more than that of the entry', async () => {
    const access = await book([key({ user: 'nobody' })]).find(`${sshd.url}/x`, NONE, never);
    assert.equal(access.url, `${sshd.url}/x`);
    const other = await book([key({ user: 'nobody' })]).find(url(), NONE, never);
    assert.match(other.url, /^ssh:\/\/nobody@127\.0\.0\.1:/);
  });

  test('another host key than the known one: nothing is asked there', async () => {
    const before = sshd.commands().length;
    const run = await ask(book([key({ knownHosts: path.join(scratch, 'mitm') })]), url());
    seesNot(run);
    assert.match(run.stderr, /Host key verification failed/);
    assert.equal(sshd.commands().length, before);
  });

  test('a key that the host does not know: closed', async () => {
    const run = await ask(book([key({ key: sshd.strange('intruder').file })]), url());
    seesNot(run);
    assert.match(run.stderr, /Permission denied \(publickey\)/);
  });

  test('without an entry for the host, whatever keys the user of this machine has', async () => {
    const error = await fault(ask(book([{}]), url()));
    assert.equal(error.code, 'UPSTREAM_DENIED');
    assert.match(error.next ?? '', /match: 127\.0\.0\.1:\d+ and ssh:/);
  });

  test('https becomes ssh', async () => {
    const rewrites = new Map([
      ['https://git.corp.example/', `ssh://127.0.0.1:${sshd.port}${folder.folder}/`],
    ]);
    const terms = { ...NONE, rewrites };
    const access = await book([key()]).find('https://git.corp.example/team/lib.git', terms, never);
    sees(await lsRemote(access));
  });

  test('an anonymous remote gets no key', async () => {
    const terms = { ...NONE, anonymous: true };
    const error = await fault(book([key()]).find(url(), terms, never));
    assert.equal(error.code, 'UPSTREAM_DENIED');
    assert.match(error.message, /only for routes that are written down/);
    assert.match(error.next ?? '', /add a route for this module path/);
  });
});
