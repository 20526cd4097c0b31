/** The section vcs: its faults with their places, and what it is read to. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { faults, folder, load } from './load-folder.test.kit.ts';

const etc = (name: string) => join(folder, 'etc', name);

for (const [name, type, passphrase] of [
  ['id', 'ed25519', ''],
  ['id_locked', 'ed25519', 'sesame'],
  ['id_pem', 'rsa', ''],
  ['id_open', 'ed25519', ''],
] as const) {
  const form = name === 'id_pem' ? ['-m', 'PEM'] : [];
  const run = spawnSync('ssh-keygen', ['-q', '-t', type, ...form, '-N', passphrase, '-f', etc(name)]);
  assert.equal(run.status, 0, String(run.stderr));
}
chmodSync(etc('id_open'), 0o640);
writeFileSync(etc('hosts'), '# a comment\nh.example,git.corp.example ssh-ed25519 AAAA\n');
writeFileSync(etc('no_hosts'), '# a comment\n');
writeFileSync(etc('odd$name'), 'h.example ssh-ed25519 AAAA\n');
const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
writeFileSync(etc('app.pem'), privateKey.export({ type: 'pkcs1', format: 'pem' }));
const LOCKED = { type: 'pkcs1', format: 'pem', cipher: 'aes-128-cbc', passphrase: 'sesame' } as const;
writeFileSync(etc('id_pem_locked'), privateKey.export(LOCKED), { mode: 0o600 });

const one = (entry: string) => `vcs:\n  credentials:\n    - match: h.example\n      ${entry}\n`;
const ssh = (key: string, hosts: string) => one(`ssh: { key: ${key}, known_hosts: ${hosts} }`);
const KINDS = 'they need exactly one of basic, token, netrc, command, github_app, ssh';

const FAULTS: [what: string, yaml: string, expected: string[]][] = [
  ['no kind', 'vcs: { credentials: [{ match: a }] }\n', [`1:22: the credentials hold none; ${KINDS}`]],
  [
    'two kinds',
    one('netrc: true\n      command: [x]'),
    [`3:7: the credentials hold netrc and command; ${KINDS}`],
  ],
  ['no match', 'vcs: { credentials: [{ netrc: true }] }\n', ['1:22: vcs.credentials.match is missing']],
  ['no pattern', 'vcs: { credentials: [{ match: ",", netrc: true }] }\n', ['1:31: match holds no pattern']],
  [
    'a pattern with a scheme',
    'vcs: { insecure: "http://a", credentials: [{ match: https://a, netrc: true }] }\n',
    ['1:18: a pattern has no scheme: host[:port]/path', '1:53: a pattern has no scheme: host[:port]/path'],
  ],
  [
    'a pattern with a user',
    'vcs: { credentials: [{ match: git@a, netrc: true }] }\n',
    ['1:31: a pattern begins with a host, without a user: host[:port]/path'],
  ],
  [
    'a malformed pattern',
    'vcs: { insecure: "a/[" }\n',
    ['1:18: malformed module pattern "a/[": the character class does not end'],
  ],
  [
    'never reached',
    'vcs:\n  credentials:\n    - { match: "H.example,x", netrc: true }\n    - { match: h.example/team, token: { env: T } }\n',
    ['4:16: is never reached: the credentials before it match all of it'],
  ],
  ['user name of nothing', one('netrc: true\n      username: x'), ['5:17: username goes with token only']],
  [
    'user name with a colon',
    one('basic: { username: "a:b", password: { env: T } }'),
    ['4:26: a user name cannot hold a colon'],
  ],
  [
    'user name of two lines',
    one('token: { env: T }\n      username: "a\\nb"'),
    ['5:17: a user name cannot hold a control character'],
  ],
  [
    'token of two lines',
    one('token: { env: TWO }'),
    ['4:14: the token holds a line break or another control character'],
  ],
  ['unset variable', one('token: { env: NONE }'), ['4:21: the variable NONE is not set']],
  ['no netrc', one('netrc: none'), ['4:14: none: cannot be read (ENOENT)']],
  ['no program', one('command: []'), ['4:16: vcs.credentials.command must be at least 1']],
  [
    'insecure without a place for it',
    one('netrc: true\n      insecure: true'),
    ['5:17: insecure needs vcs.insecure, which says where http:// is allowed'],
  ],
  [
    'insecure ssh',
    `${ssh('id', 'hosts')}      insecure: true\n  insecure: h.example\n`,
    ['5:17: insecure means nothing with ssh'],
  ],
  [
    'app with a key of another kind',
    one('github_app: { id: 1, key: { file: key.pem } }'),
    ['4:33: the key of the app must be an RSA key'],
  ],
  [
    'app with no key',
    one('github_app: { id: 1, key: { file: token } }'),
    ['4:33: the key of the app is no PEM private key, or one with a passphrase'],
  ],
  [
    'app without TLS',
    one('github_app: { id: 1, key: { file: app.pem }, api: http://a.example }'),
    ['4:57: api needs an https:// URL; its answers hold tokens'],
  ],
  [
    'app without id',
    one('github_app: { id: -1, key: { file: app.pem } }'),
    ['4:25: vcs.credentials.github_app.id must be at least 1'],
  ],
  ['ssh without known hosts', one('ssh: { key: id }'), ['4:12: vcs.credentials.ssh.known_hosts is missing']],
  ['no key file', ssh('none', 'hosts'), ['4:19: none: no such file']],
  [
    'key with a passphrase',
    ssh('id_locked', 'hosts'),
    ['4:19: id_locked has a passphrase, which nobody is there to type; ssh-keygen -p takes it away'],
  ],
  [
    'old key with a passphrase',
    ssh('id_pem_locked', 'hosts'),
    ['4:19: id_pem_locked has a passphrase, which nobody is there to type; ssh-keygen -p takes it away'],
  ],
  ['no private key', ssh('id.pub', 'hosts'), ['4:19: id.pub holds no private key of ssh']],
  [
    'key that others can use',
    ssh('id_open', 'hosts'),
    ['4:19: id_open can be used by others, so ssh refuses it; chmod 600 it'],
  ],
  ['no hosts', ssh('id', 'no_hosts'), ['4:36: no_hosts names no host']],
  [
    'a path that ssh reads otherwise',
    ssh('id', 'odd$name'),
    ['4:36: the path holds a character that ssh does not take: " \\ $ %'],
  ],
  [
    'user that is an option',
    one('ssh: { key: id, known_hosts: hosts, user: -x }'),
    ['4:49: vcs.credentials.ssh.user is not the name of a user'],
  ],
  ['times', 'vcs: { timeouts: { total: 1s } }\n', ['1:27: timeouts.total is shorter than timeouts.idle']],
  ['small', 'vcs: { repository: 1KiB }\n', ['1:20: vcs.repository must be at least 1048576 bytes']],
  ['no authority', 'vcs: { ca: token }\n', ['1:12: token holds no PEM certificate']],
];

const env = { T: 'secret', TWO: 'a\nb' };

for (const [what, yaml, expected] of FAULTS) {
  test(`fault: ${what}`, () =>
    assert.deepEqual(
      faults(() => load(yaml, { env })),
      expected,
    ));
}

test('the defaults', () => {
  const { vcs } = load('').config;
  assert.deepEqual(vcs, {
    git: 'git',
    cap: 10 * 2 ** 30,
    repository: 4 * 2 ** 30,
    refs: 10_000,
    timeouts: { idle: 60_000, total: 600_000 },
    ca: undefined,
    insecure: '',
    credentials: [],
    repositories: [],
  });
});

test('a pattern for ssh and the same one for https do not hide each other', () => {
  const yaml = `${ssh('id_pem', 'hosts')}    - { match: h.example, token: { env: T } }\n`;
  const { credentials } = load(yaml, { env }).config.vcs;
  assert.deepEqual(
    credentials.map(({ how }) => how.kind),
    ['ssh', 'token'],
  );
});

test('an entry for http is reached behind one that is not for it', () => {
  const yaml = `${one('token: { env: T }')}    - { match: h.example, token: { env: T }, insecure: true }\n  insecure: h.example\n`;
  const { config, warnings } = load(yaml, { env });
  assert.equal(config.vcs.credentials.length, 2);
  assert.match(warnings.join('\n'), /m\.yaml:5:\d+: INSECURE: .*unencrypted/);
});

test('a known_hosts file without the host brings a warning', () => {
  writeFileSync(etc('other_hosts'), 'other.example ssh-ed25519 AAAA\n');
  const { warnings } = load(`${ssh('id', 'other_hosts')}routes: [{ match: a.example, chain: direct }]\n`);
  assert.match(
    warnings.join('\n'),
    /m\.yaml:4:\d+: other_hosts has no entry for h\.example, so ssh will refuse it$/,
  );
});

test('the files of ssh, of apps and of tokens are among those that a reload watches', () => {
  const yaml = `${ssh('id', 'hosts')}    - { match: a, github_app: { id: 1, key: { file: app.pem } } }\n    - { match: b, token: { file: token } }\n`;
  const { files } = load(yaml);
  for (const name of ['id', 'hosts', 'app.pem', 'token']) assert.ok(files.includes(etc(name)), name);
});

test('variables and flags set what is one value', () => {
  const { vcs } = load('vcs: { cap: 1GiB }', {
    env: { MODGATE_VCS_CAP: '2GiB', MODGATE_VCS_INSECURE: 'a.example' },
    flags: { 'vcs-git': '/opt/git' },
  }).config;
  assert.deepEqual([vcs.cap, vcs.insecure, vcs.git], [2 ** 31, 'a.example', '/opt/git']);
});

// Tests run at the root of the project.
const docs = readFileSync('docs/version-control.md', 'utf8');
const [, section = ''] = /^## Credentials\n([\s\S]*?)(?=^## |$(?![\s\S]))/m.exec(docs) ?? [];
const examples = [...section.matchAll(/```yaml\n([\s\S]*?)```/g)].map(([, yaml]) => yaml ?? '');

test('what the page about version control says can be copied', () => {
  assert.equal(examples.length, 4);
  for (const example of examples) {
    const yaml = example
      .replaceAll('/etc/modgate/id_ed25519', etc('id'))
      .replaceAll('/etc/modgate/known_hosts', etc('hosts'))
      .replaceAll('/etc/modgate/app.pem', etc('app.pem'));
    const { config, warnings } = load(yaml, { env: { GITLAB_TOKEN: 'secret' } });
    assert.equal(config.vcs.credentials.length, 1, yaml);
    assert.deepEqual(warnings, [], yaml);
  }
});
