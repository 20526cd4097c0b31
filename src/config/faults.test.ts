/** Every fault of a configuration, with the line that tells it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadConfig } from './load.ts';
import { faults, folder, load, SOURCE, type Surroundings } from './load-folder.test.kit.ts';

const FAULTS: [what: string, yaml: string, expected: string[]][] = [
  ['unknown key', 'lissten: a:1\n', ['1:1: unknown key "lissten"; did you mean "listen"?']],
  ['unknown key, nothing near', 'zzz: 1\n', ['1:1: unknown key "zzz"']],
  [
    'nested unknown key',
    'cache:\n  fresh: 1s\n  negativ: 1s\n',
    ['3:3: unknown key "negativ"; did you mean "negative"?'],
  ],
  [
    'key of a source',
    `${SOURCE}    concurency: 3\n`,
    ['4:5: unknown key "concurency"; did you mean "concurrency"?'],
  ],
  [
    'key of a route',
    'routes:\n  - match: a.example\n    chian: off\n',
    ['2:5: routes.chain is missing', '3:5: unknown key "chian"; did you mean "chain"?'],
  ],
  [
    'all together, in order',
    'shutdown: soon\nlog: { level: loud }\nlisten: 3000\n',
    [
      '1:11: shutdown must be a duration such as 500ms, 10s, 1m30s or 7d',
      '2:15: log.level must be trace, debug, info, warn, error, fatal, silent',
      '3:9: listen must be text, not a whole number',
    ],
  ],
  [
    'no unit',
    'shutdown: 30\n',
    ['1:11: shutdown must be a duration such as 500ms, 10s, 1m30s or 7d; with a unit: 30s?'],
  ],
  ['timer of zero', 'shutdown: 0s\n', ['1:11: shutdown must be longer than 0']],
  ['timer too long', 'shutdown: 30d\n', ['1:11: shutdown must be at most 24d']],
  ['size', 'cache: { memory: 64 MiB }\n', ['1:18: cache.memory must be a size such as 64MiB, 1GB or 4096']],
  ['small size', 'limits: { metadata: 1 }\n', ['1:21: limits.metadata must be at least 1024 bytes']],
  [
    'count',
    'limits: { fetches: 0, queue: 1.5 }\n',
    ['1:20: limits.fetches must be at least 1', '1:30: limits.queue must be a whole number, not a fraction'],
  ],
  [
    'enum with a near miss',
    'log: { format: jsno }\n',
    ['1:16: log.format must be auto, json, pretty; did you mean "json"?'],
  ],
  ['no value', 'listen:\n', ['1:8: listen has no value']],
  ['boolean', 'log: { access: yes }\n', ['1:16: log.access must be true or false, not text']],
  ['not a map', '- a\n', ['1:1: the configuration must be a map of keys']],
  ['section not a map', 'cache: 3\n', ['1:8: cache must be a map of keys, not a whole number']],
  [
    'listen without port',
    'listen: localhost\n',
    ['1:9: listen must be host:port, [IPv6 address]:port or unix:/path, the port at most 65535'],
  ],
  [
    'listen on every address',
    'listen: ":3000"\n',
    [
      '1:9: listen must be host:port, [IPv6 address]:port or unix:/path, the port at most 65535; for every address 0.0.0.0:3000',
    ],
  ],
  ['key twice', 'listen: a:1\nlisten: b:1\n', ['2:1: this key stands twice']],
  ['source twice', `${SOURCE}  corp:\n    url: https://b.example\n`, ['4:3: this key stands twice']],
  [
    'key twice, and something else',
    'listen: a:1\nlisten: b\n',
    [
      '1:9: listen must be host:port, [IPv6 address]:port or unix:/path, the port at most 65535',
      '2:1: this key stands twice',
    ],
  ],
  [
    'what else is wrong with a source without a url, or with a bad one',
    'sources:\n  a: { auth: { bearer: { token: { env: NOPE } } } }\n  b: { url: "ftp://b", retry: { budget: 10m } }\n',
    [
      '2:6: sources.a.url is missing',
      '2:40: the variable NOPE is not set',
      '3:13: "ftp://b" must start with https://, http:// or file://',
      '3:41: retry.budget must be shorter than limits.patience, or callers leave before it ends',
    ],
  ],
  ['__proto__', 'sources:\n  __proto__: { url: https://a.example }\n', ['2:3: this key is not allowed']],
  ['tab', 'log:\n\tlevel: info\n', ['2:1: tabs cannot indent; use spaces']],
  ['unknown alias', 'listen: *a\n', ['1:9: bad alias, or one of an anchor that does not stand before it']],
  ['two documents', 'listen: a:1\n---\nlisten: b:1\n', ['2:1: the file holds more than one document']],
  [
    'source name',
    'sources: { off: { url: https://a.example } }\n',
    [
      '1:12: "off" is not a name for a source: letters, digits, ".", "_" and "-", not direct, off or published',
    ],
  ],
  ['source without url', 'sources:\n  corp: {}\n', ['2:9: sources.corp.url is missing']],
  [
    'url without scheme',
    'sources: { a: { url: a.example } }\n',
    ['1:22: "a.example" is not an absolute URL'],
  ],
  [
    'url of another scheme',
    'sources: { a: { url: "ftp://a.example" } }\n',
    ['1:22: "ftp://a.example" must start with https://, http:// or file://'],
  ],
  [
    'url with query',
    'sources: { a: { url: "https://a.example/?x" } }\n',
    ['1:22: "https://a.example/?x" must have no query and no fragment'],
  ],
  [
    'file url with host',
    'sources: { a: { url: "file://srv/x" } }\n',
    ['1:22: "file://srv/x" names a host; a folder is file:///absolute/path'],
  ],
  [
    'file source with a connection',
    'sources:\n  a:\n    url: file:///srv\n    http2: true\n',
    ['4:5: http2 means nothing for a file:// source', '4:12: http2 needs an https URL'],
  ],
  [
    'file source with places for requests',
    'sources:\n  a:\n    url: file:///srv\n    concurrency: 2\n    queue: 0\n',
    ['4:5: concurrency means nothing for a file:// source', '5:5: queue means nothing for a file:// source'],
  ],
  [
    'two credentials',
    `${SOURCE}    auth: { netrc: true, bearer: { token: hunter2 } }\n`,
    ['4:11: auth holds bearer and netrc; it needs exactly one of basic, bearer and netrc'],
  ],
  [
    'empty auth',
    `${SOURCE}    auth: {}\n`,
    ['4:11: auth is empty; it needs exactly one of basic, bearer and netrc'],
  ],
  [
    'secret from nowhere',
    `${SOURCE}    auth: { bearer: { token: { env: NOPE } } }\n`,
    ['4:37: the variable NOPE is not set'],
  ],
  [
    'secret from no file',
    `${SOURCE}    auth: { bearer: { token: { file: nope } } }\n`,
    ['4:38: nope: no such file'],
  ],
  [
    'secret from an empty file',
    `${SOURCE}    auth: { bearer: { token: { file: blank } } }\n`,
    ['4:38: blank is empty'],
  ],
  [
    'secret of a wrong shape',
    `${SOURCE}    auth: { bearer: { token: { hunter2: x } } }\n`,
    ['4:30: token must be { env: NAME } or { file: path }, or the text itself'],
  ],
  ['no secret', `${SOURCE}    auth: { basic: { username: ci } }\n`, ['4:20: password is missing']],
  ['tls file', `${SOURCE}    tls: { ca: nope.pem }\n`, ['4:16: nope.pem: no such file']],
  ['tls folder', `${SOURCE}    tls: { ca: . }\n`, ['4:16: .: is a folder']],
  ['no certificate', `${SOURCE}    tls: { ca: token }\n`, ['4:16: token holds no PEM certificate']],
  ['key without cert', `${SOURCE}    tls: { key: key.pem }\n`, ['4:17: tls.key needs tls.cert']],
  [
    'bad key',
    `${SOURCE}    tls: { key: token }\n`,
    ['4:17: token holds no PEM private key, or one with a passphrase', '4:17: tls.key needs tls.cert'],
  ],
  [
    'bad pin',
    `${SOURCE}    tls: { pin: [sha1/x] }\n`,
    ['4:18: sources.corp.tls.pin must be sha256/ and the base64 of 32 bytes'],
  ],
  [
    'tls version',
    `${SOURCE}    tls: { min_version: "1.1" }\n`,
    ['4:25: sources.corp.tls.min_version must be "1.2" or "1.3"'],
  ],
  [
    'tls over http',
    'sources:\n  a:\n    url: http://a.example\n    tls: { insecure: false }\n',
    ['4:5: tls means nothing for an http:// source'],
  ],
  [
    'http2 over http',
    'sources:\n  a:\n    url: http://a.example\n    http2: true\n',
    ['4:12: http2 needs an https URL'],
  ],
  [
    'proxy',
    `${SOURCE}    proxy: nnoe\n`,
    ['4:12: "nnoe" is not the URL of a proxy, http://host:port or https://host:port; did you mean "none"?'],
  ],
  [
    'key of a proxy',
    `${SOURCE}    proxy: { url: "http://p.example", usrname: x }\n`,
    ['4:39: unknown key "usrname"; did you mean "username"?'],
  ],
  [
    'password of a proxy alone',
    `${SOURCE}    proxy: { url: "http://p.example", password: hunter2 }\n`,
    ['4:49: proxy.password needs proxy.username'],
  ],
  [
    'authorization header',
    `${SOURCE}    headers: { Authorization: hunter2 }\n`,
    ['4:16: Authorization does not belong into headers; use auth'],
  ],
  ['framing header', `${SOURCE}    headers: { host: x }\n`, ['4:16: host cannot be set']],
  ['header name', `${SOURCE}    headers: { "a b": x }\n`, ['4:16: "a b" is not the name of a header']],
  [
    'header value',
    `${SOURCE}    headers: { a: "x\\ny" }\n`,
    ['4:19: sources.corp.headers.a holds a character that a header cannot hold'],
  ],
  [
    'total below first_byte',
    `${SOURCE}    timeouts: { first_byte: 20m }\n`,
    ['4:29: timeouts.total is shorter than timeouts.first_byte'],
  ],
  [
    'total below the defaults',
    `${SOURCE}    timeouts: { total: 20s }\n`,
    [
      '4:24: timeouts.total is shorter than timeouts.first_byte',
      '4:24: timeouts.total is shorter than timeouts.idle',
    ],
  ],
  ['base above cap', `${SOURCE}    retry: { cap: 500ms }\n`, ['4:19: retry.base is longer than retry.cap']],
  [
    'budget above patience',
    `${SOURCE}    retry: { budget: 10s }\nlimits: { patience: 10s }\n`,
    ['4:22: retry.budget must be shorter than limits.patience, or callers leave before it ends'],
  ],
  ['empty chain', 'chain: " , "\n', ['1:8: the chain is empty; it needs a source, published, direct or off']],
  [
    'off not last',
    'chain: off,direct\n',
    ['1:8: off must be the last of the chain; what comes after it is never asked'],
  ],
  [
    'direct not last',
    'chain: direct|off\n',
    ['1:8: direct must be the last of the chain; what comes after it is never asked'],
  ],
  [
    'unknown source',
    `${SOURCE}chain: crop,off\n`,
    [
      '4:8: "crop" is neither a URL, direct, off, published nor a source; the named ones are corp; did you mean "corp"?',
    ],
  ],
  [
    'no sources',
    'chain: crop\n',
    ['1:8: "crop" is neither a URL, direct, off, published nor a source; no sources are named'],
  ],
  [
    'a source with a fault is known',
    'sources: { a: { url: 3 } }\nchain: a\n',
    ['1:22: sources.a.url must be text, not a whole number'],
  ],
  [
    'unreachable route',
    'routes:\n  - { match: "*", chain: off }\n  - { match: a.example, chain: off }\n',
    ['3:14: is never reached: the routes before it match all of it'],
  ],
  [
    'route covered by two',
    'routes:\n  - { match: a/b, chain: off }\n  - { match: "c/*", chain: off }\n  - { match: "a/b/c,c/d", chain: off }\n',
    ['4:14: is never reached: the routes before it match all of it'],
  ],
  [
    'chain that is never used',
    'chain: off\nroutes:\n  - { match: "*", chain: off }\n',
    ['1:8: is never used: a route matches everything'],
  ],
  ['empty match', 'routes: [{ match: ",", chain: off }]\n', ['1:19: match holds no pattern']],
  [
    'fault in one route, chain of another',
    'routes:\n  - { match: a, chain: nope }\n  - { match: b, chain: off, denied: no }\n',
    [
      '2:24: "nope" is neither a URL, direct, off, published nor a source; no sources are named',
      '3:37: routes.denied must be refuse, pass',
    ],
  ],
  [
    'prefix',
    'prefix: goproxy\n',
    ['1:9: prefix must be a path such as /goproxy, of letters, digits, ".", "_", "~", "-"'],
  ],
  [
    'prefix that leads elsewhere',
    'prefix: /a/../b\n',
    ['1:9: prefix must be a path such as /goproxy, of letters, digits, ".", "_", "~", "-"'],
  ],
  ['no socket', 'listen: "unix:"\n', ['1:9: listen names no socket; write unix:/run/modgate.sock']],
  [
    'socket path',
    `listen: unix:/${'s'.repeat(107)}\n`,
    ['1:9: listen: the path of a socket can have 107 bytes at most'],
  ],
  [
    'trusted proxies',
    'trusted_proxies: 10.0.0.0/33, proxy.example,unix,::1\n',
    [
      '1:18: "10.0.0.0/33" is no address, no network such as 10.0.0.0/8, and not unix',
      '1:18: "proxy.example" is no address, no network such as 10.0.0.0/8, and not unix',
    ],
  ],
  ['sendfile', 'sendfile: { type: on }\n', ['1:19: sendfile.type must be off, x-accel-redirect, x-sendfile']],
  [
    'sendfile without a proxy',
    'sendfile: { type: x-sendfile }\n',
    ['1:19: sendfile.type: x-sendfile needs trusted_proxies, which alone are told files'],
  ],
  [
    'sendfile with a prefix that means nothing',
    'trusted_proxies: unix\nsendfile: { type: x-sendfile, prefix: /x/ }\n',
    ['2:39: sendfile.prefix means nothing with sendfile.type: x-sendfile'],
  ],
  ...['', '/', 'x/', '/x', '//', '/../', '/a.example/', '/sumdb/', '/x/cached-only/y/', '/x;y/', '/x y/'].map(
    (prefix): [string, string, string[]] => [
      `sendfile.prefix ${JSON.stringify(prefix)}`,
      `trusted_proxies: unix\nsendfile: { type: x-accel-redirect, prefix: ${JSON.stringify(prefix)} }\n`,
      [
        '2:45: sendfile.prefix must be a path such as /_modgate_tree/, of letters, digits, "_", "~", "-", and of no route',
      ],
    ],
  ),
  [
    'sendfile.prefix over prefix',
    'trusted_proxies: unix\nprefix: /x/go\nsendfile: { type: x-accel-redirect, prefix: /x/ }\n',
    ['3:45: sendfile.prefix would hide prefix, below which clients ask'],
  ],
  [
    'tls without files',
    'tls: { client_certs: required }\n',
    ['1:1: tls needs tls.cert', '1:1: tls needs tls.key', '1:22: client certificates need tls.client_ca'],
  ],
  [
    'open administrative listener',
    'admin: { listen: 0.0.0.0:3001 }\n',
    ['1:18: an administrative listener that others can reach needs admin.token'],
  ],
  ['workers', 'workers: 0\n', ['1:10: workers must be at least 1']],
  [
    'sumdb twice',
    'sumdb:\n  - { name: s.example, url: "https://a.example" }\n  - { name: s.example, url: "https://b.example" }\n',
    ['3:13: "s.example" stands twice in sumdb'],
  ],
  [
    'sumdb file',
    'sumdb: [{ name: s.example, url: "file:///srv" }]\n',
    ['1:33: a checksum database needs an https:// or http:// URL'],
  ],
];

for (const [what, yaml, expected] of FAULTS) {
  test(`fault: ${what}`, () =>
    assert.deepEqual(
      faults(() => load(yaml)),
      expected,
    ));
}

test('fault: a pattern that is no glob', () => {
  assert.match(faults(() => load('routes: [{ match: "[a", chain: off }]\n'))[0] ?? '', /^1:19: /);
});

test('fault: broken YAML is told with its place', () => {
  const lines = faults(() => load(`${'zzz: {a\n'}`));
  assert.ok(lines.length >= 1 && lines.every((line) => /^\d+:\d+: /.test(line)), lines.join('\n'));
});

const NO_FILES: [what: string, file: string, expected: string][] = [
  ['missing', 'etc/nope.yaml', 'etc/nope.yaml: no such file'],
  ['a folder', 'etc', 'etc: is a folder'],
  ['too large', 'etc/large', 'etc/large: is larger than 1 MiB'],
  ['not UTF-8', 'etc/binary', 'etc/binary: is not UTF-8'],
];

for (const [what, file, expected] of NO_FILES) {
  test(`file: ${what}`, () => {
    assert.deepEqual(
      faults(() => loadConfig({ file, env: {}, flags: {}, cwd: folder })),
      [expected],
    );
  });
}

test('a small file of many aliases, and one nested without end, are refused', () => {
  const bomb = [
    'a: &a [x,x,x,x,x,x,x,x,x]',
    ...'bcdefgh'.split('').map((c) => {
      const before = String.fromCharCode(c.charCodeAt(0) - 1);
      return `${c}: &${c} [${Array(9).fill(`*${before}`).join()}]`;
    }),
  ].join('\n');
  assert.match(faults(() => load(bomb))[0] ?? '', /nested too deep or has too many aliases$/);
  assert.ok(faults(() => load(`a: ${'['.repeat(200_000)}`)).length > 0);
});

const SURROUNDED: [what: string, surroundings: Surroundings, expected: string[]][] = [
  [
    'unknown variable',
    { env: { MODGATE_LISTN: 'a:1' } },
    ['MODGATE_LISTN: unknown variable; did you mean "MODGATE_LISTEN"?'],
  ],
  ['unknown flag', { flags: { dta: 'x' } }, ['--dta: unknown flag; did you mean "data"?']],
  [
    'bad value of a variable',
    { env: { MODGATE_CACHE_FRESH: 'x' } },
    ['MODGATE_CACHE_FRESH: cache.fresh must be a duration such as 500ms, 10s, 1m30s or 7d'],
  ],
  [
    'bad value of a flag',
    { flags: { limitsQueue: '-1' } },
    ['--limits-queue: limits.queue must be a whole number, not text'],
  ],
  [
    'bad boolean',
    { env: { MODGATE_LOG_ACCESS: 'maybe' } },
    ['MODGATE_LOG_ACCESS: log.access must be true or false, not text'],
  ],
  [
    'bad chain',
    { env: { MODGATE_CHAIN: 'off,off' } },
    ['MODGATE_CHAIN: off must be the last of the chain; what comes after it is never asked'],
  ],
  [
    'a service named modgate',
    {
      env: {
        MODGATE_SERVICE_HOST: '10.0.0.1',
        MODGATE_SERVICE_PORT: '3000',
        MODGATE_SERVICE_PORT_HTTP: '3000',
        MODGATE_PORT: 'tcp://10.0.0.1:3000',
        MODGATE_PORT_3000_TCP: 'tcp://10.0.0.1:3000',
        MODGATE_PORT_3000_TCP_PROTO: 'tcp',
        MODGATE_WEB_PORT_80_TCP_ADDR: '10.0.0.1',
      },
    },
    [],
  ],
  ['a port that would do nothing', { env: { MODGATE_PORT: '3000' } }, ['MODGATE_PORT: unknown variable']],
  ['an empty variable is unset', { env: { MODGATE_LISTEN: '', MODGATE_CONFIG: '' } }, []],
];

for (const [what, surroundings, expected] of SURROUNDED) {
  test(`surroundings: ${what}`, () =>
    assert.deepEqual(
      faults(() => load('', surroundings)),
      expected,
    ));
}
