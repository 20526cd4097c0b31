import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type Config, loadConfig } from '../config/index.ts';
import { ModgateError } from '../errors/index.ts';
import { type FrontFlags, type FrontName, readFront, writeFront } from './index.ts';

const FRONTS: readonly FrontName[] = ['nginx', 'caddy', 'traefik', 'apache'];
const FLAGS: FrontFlags = {
  serverName: ['goproxy.corp.example'],
  variant: 'tls',
  mode: 'proxy',
  cert: '/etc/ssl/c.pem',
  key: '/etc/ssl/k.pem',
  takeOver: [],
  fallback: false,
  pages: false,
};
const TLS = {} as NonNullable<Config['tls']>; // only whether it is there counts

function config(flags: Readonly<Record<string, string>> = {}): Config {
  return loadConfig({ env: {}, flags: { data: '/var/lib/modgate', ...flags }, cwd: '/nowhere' }).config;
}

function refused(front: FrontName, flags: Partial<FrontFlags>, settings = config()): string {
  try {
    readFront(front, { ...FLAGS, ...flags }, settings, '/srv');
  } catch (error) {
    assert.ok(error instanceof ModgateError && error.code === 'USAGE', String(error));
    return error.message;
  }
  assert.fail('not refused');
}

describe('what a front is made of', () => {
  const HOSTILE = [
    'a.example;',
    'a b',
    'a.example{',
    '$host',
    'a.example\n}',
    '*.example',
    'ex`ample',
    '"',
    '',
  ];
  for (const name of HOSTILE)
    test(`no host name: ${JSON.stringify(name)}`, () => {
      for (const front of FRONTS) {
        assert.match(refused(front, { serverName: [name] }), /--server-name .* is no host name/);
        assert.match(refused(front, { takeOver: [name] }), /--take-over .* is no host name/);
      }
    });

  const PATHS = [
    '/etc/"x"',
    '/etc/$host',
    '/etc/{env.X}',
    '/etc/a\nb',
    '/etc/%{x}',
    '/etc/a;b',
    '/etc/\\',
    '/a`b',
    '/a#b',
  ];
  for (const path of PATHS)
    test(`no path for a configuration: ${JSON.stringify(path)}`, () => {
      for (const front of FRONTS) {
        assert.match(refused(front, { cert: path }), /--cert: the path .* rename it/);
        assert.match(refused(front, {}, config({ data: path })), /the data folder: the path/);
      }
      assert.match(refused('nginx', {}, config({ listen: `unix:${path}` })), /modgate's socket: the path/);
    });

  test('paths with spaces and letters of any script are quoted', () => {
    for (const front of FRONTS) {
      const cert = '/etc/ssl/zertifikate für go/c.pem';
      const text = writeFront(front, readFront(front, { ...FLAGS, cert }, config(), '/srv'));
      assert.match(text, /["']\/etc\/ssl\/zertifikate für go\/c\.pem["']/);
    }
  });

  const FAULTS: [FrontName, Partial<FrontFlags>, RegExp][] = [
    ['nginx', { serverName: [] }, /--server-name is needed/],
    ['nginx', { cert: undefined }, /belong together/],
    ['nginx', { cert: undefined, key: undefined }, /needs --cert and --key/],
    ['nginx', { front: 'corp.example:443' }, /--front .* must be a port or IP:port/],
    ['nginx', { front: '127.0.0.1:70000' }, /--front/],
    ['nginx', { front: '0' }, /--front/],
    ['nginx', { upstream: 'nowhere' }, /--upstream .* must be host:port/],
    ['nginx', { upstream: '127.0.0.1:1;x' }, /--upstream/],
    ['nginx', { takeOver: ['a.example/x y'] }, /HOST or HOST\/PATH/],
    ['nginx', { takeOver: ['a.example/../x'] }, /HOST or HOST\/PATH/],
    ['nginx', { takeOver: ['goproxy.corp.example'] }, /stands twice/],
    ['nginx', { variant: 'passthrough', cert: undefined, key: undefined }, /modgate itself needs tls\.cert/],
    ['nginx', { variant: 'plain' }, /mean nothing with --variant plain/],
    ['nginx', { mode: 'auth-request', fallback: true }, /would bypass the policy/],
    ['nginx', { mode: 'accel', takeOver: ['a.example/_modgate_tree/x'] }, /would hide this path/],
    ['caddy', { variant: 'passthrough' }, /caddy-l4/],
    ['traefik', { mode: 'try-files' }, /Traefik sends no files; take nginx, Caddy or Apache httpd for that/],
    ['traefik', { mode: 'accel' }, /Traefik sends no files; take nginx, Caddy or Apache httpd for that/],
    ['traefik', { mode: 'auth-request' }, /Traefik sends no files; take nginx or Caddy for that/],
    ['traefik', { fallback: true }, /Traefik sends no files/],
    ['traefik', { upstream: 'unix:/run/m.sock' }, /no unix socket/],
    ['apache', { mode: 'auth-request' }, /no such request/],
    ['apache', { fallback: true }, /keeps the error's status/],
    ['apache', { variant: 'passthrough' }, /cannot pass TLS through/],
  ];
  for (const [front, flags, fault] of FAULTS)
    test(`${front} ${JSON.stringify(flags)}: ${fault.source}`, () =>
      assert.match(refused(front, flags), fault));

  test('passthrough: whatever needs requests is refused', () => {
    const flags: Partial<FrontFlags> = { variant: 'passthrough', mode: 'accel', fallback: true, pages: true };
    const said = refused('nginx', { ...flags, takeOver: ['a.example/x'] }, { ...config(), tls: TLS });
    for (const fault of [
      '--mode accel',
      '--fallback',
      '--pages',
      '--cert and --key',
      '--take-over with a path',
    ])
      assert.ok(said.includes(fault), `${fault} in\n${said}`);
  });

  test("modgate's own TLS needs the authority that issued its certificate", () => {
    assert.match(refused('nginx', {}, { ...config(), tls: TLS }), /--upstream-ca/);
  });

  for (const host of ['x;deny', 'x{', '$host', '"', "a'b", 'a`b', 'a#b', 'a|b', 'fe80::1%;x', 'fe80::1%eth0'])
    test(`no host that modgate listens on: ${JSON.stringify(host)}`, () => {
      const settings: Config = { ...config(), listen: { kind: 'tcp', host, port: 3000 } };
      for (const front of FRONTS) assert.match(refused(front, {}, settings), /listen: .* is no host name/);
    });

  test('all faults at once', () => {
    const said = refused('nginx', { serverName: ['a b'], front: 'x', upstream: 'y' });
    assert.equal(said.split('\n').length, 5, said);
  });

  test('a port that is chosen at the start is none that a front can know', () => {
    assert.match(refused('nginx', {}, config({ listen: '127.0.0.1:0' })), /name a fixed one/);
  });
});

test('nginx asks about the file that it sends, not about the text of the request', () => {
  const flags: FrontFlags = { ...FLAGS, mode: 'auth-request', takeOver: ['old.example/old'] };
  const text = writeFront('nginx', readFront('nginx', flags, config({ prefix: '/go' }), '/srv'));
  assert.deepEqual(text.match(/X-Original-URI .*;/g), Array(2).fill('X-Original-URI "/go$modgate_file";'));
});

describe('the hand-over of files', () => {
  const on = (type: string) => config({ 'trusted-proxies': 'unix', 'sendfile-type': type });
  const ROWS: [FrontName, mine: string, others: string, needed: string][] = [
    ['nginx', 'x-accel-redirect', 'x-sendfile', '{ type: x-accel-redirect, prefix: /_modgate_tree/ }'],
    ['caddy', 'x-accel-redirect', 'x-sendfile', '{ type: x-accel-redirect, prefix: /_modgate_tree/ }'],
    ['apache', 'x-sendfile', 'x-accel-redirect', '{ type: x-sendfile }'],
  ];
  for (const [front, mine, others, needed] of ROWS) {
    test(`${front}: the first lines say what modgate.yaml needs, and whether it has it`, () => {
      const flags: FrontFlags = { ...FLAGS, mode: 'accel' };
      const ready = writeFront(front, readFront(front, flags, on(mine), '/srv'));
      assert.ok(
        ready.includes(
          `# modgate.yaml needs:  trusted_proxies: '127.0.0.1, ::1'\n#                      sendfile: ${needed}\n`,
        ),
        ready,
      );
      assert.doesNotMatch(ready, /sets no sendfile yet/);
      assert.match(writeFront(front, readFront(front, flags, config(), '/srv')), /sets no sendfile yet/);
      assert.match(refused(front, { mode: 'accel' }, on(others)), new RegExp(`knows ${mine} only`));
    });

    test(`${front}: in every other mode no file is named to it`, () => {
      const text = writeFront(front, readFront(front, FLAGS, on(others), '/srv'));
      assert.match(text, /X-Modgate-Sendfile off/);
      assert.doesNotMatch(text, /sendfile: /);
    });
  }

  const TRUST: [listen: string, trusted: string, covered: boolean][] = [
    ['127.0.0.1:3000', '10.0.0.0/8', false],
    ['127.0.0.1:3000', 'unix', false],
    ['127.0.0.1:3000', '127.0.0.0/8', true],
    ['0.0.0.0:3000', '127.0.0.1', true],
    ['[::1]:3000', '127.0.0.1', false],
    ['[::]:3000', '::1', true],
    ['localhost:3000', '127.0.0.1', false],
    ['localhost:3000', '127.0.0.1,::1', true],
    ['unix:/run/modgate/m.sock', '127.0.0.1', false],
    ['unix:/run/modgate/m.sock', 'unix', true],
    // Which address a front elsewhere has, nobody knows here.
    ['10.0.0.5:3000', '10.0.0.0/8', true],
  ];
  for (const [listen, trusted, covered] of TRUST)
    test(`modgate at ${listen} that trusts ${trusted}: the front is ${covered ? '' : 'not '}among them`, () => {
      for (const [front, type] of ROWS) {
        const own = type === 'x-sendfile' ? 'x-sendfile' : 'x-accel-redirect';
        const settings = config({ listen, 'trusted-proxies': trusted, 'sendfile-type': own });
        const lines = (mode: FrontFlags['mode']) =>
          writeFront(front, readFront(front, { ...FLAGS, mode }, settings, '/srv'));
        const hint = /^# The modgate\.yaml that this was made from does not trust this front yet/m;
        assert.equal(hint.test(lines('accel')), !covered);
        assert.doesNotMatch(lines('proxy'), hint);
      }
    });

  test('what Traefik cannot do at all is not to be configured otherwise', () => {
    for (const type of ['x-sendfile', 'x-accel-redirect'])
      assert.equal(
        refused('traefik', { mode: 'accel', cert: undefined, key: undefined }, on(type)).split('\n').length,
        2,
      );
  });

  test('Traefik sends no files, and none is named to it', () => {
    const text = writeFront('traefik', readFront('traefik', FLAGS, on('x-sendfile'), '/srv'));
    assert.match(text, /X-Modgate-Sendfile: 'off'/);
  });

  test('nginx and Caddy have the tree at the path that is configured', () => {
    const settings = config({
      'trusted-proxies': 'unix',
      'sendfile-type': 'x-accel-redirect',
      'sendfile-prefix': '/internal/x/',
    });
    const flags: FrontFlags = { ...FLAGS, mode: 'accel' };
    assert.match(
      writeFront('nginx', readFront('nginx', flags, settings, '/srv')),
      /location \^~ \/internal\/x\/ \{/,
    );
    assert.match(
      writeFront('caddy', readFront('caddy', flags, settings, '/srv')),
      /uri strip_prefix \/internal\/x\n/,
    );
  });
});

describe('addresses', () => {
  const ROWS: [string, RegExp][] = [
    ['0.0.0.0:8080', /server 127\.0\.0\.1:8080;/],
    ['[::]:8080', /server \[::1\]:8080;/],
    ['10.0.0.5:8080', /trusted_proxies: <address of this front>/],
    ['unix:/run/modgate/m.sock', /server "unix:\/run\/modgate\/m\.sock";/],
  ];
  for (const [listen, expected] of ROWS)
    test(`modgate at ${listen}`, () => {
      assert.match(writeFront('nginx', readFront('nginx', FLAGS, config({ listen }), '/srv')), expected);
    });
});
