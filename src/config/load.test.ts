import assert from 'node:assert/strict';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { DEFAULT_CHAIN } from './defaults.ts';
import { formatAddress } from './effective.ts';
import { loadConfig } from './load.ts';
import { faults, folder, load, SOURCE } from './load-folder.test.kit.ts';
import type { Config } from './types.ts';

const chains = ({ routes }: Config) => routes.map(({ match, chain, denied }) => ({ match, chain, denied }));

test('flag over variable over file over default, each with its origin', () => {
  const yaml = 'limits: { fetches: 1, queue: 1, metadata: 2KiB }\nlog: { access: true }\n';
  const { config, origins } = load(yaml, {
    env: {
      MODGATE_LIMITS_FETCHES: '2',
      MODGATE_LIMITS_QUEUE: '2',
      MODGATE_LOG_ACCESS: 'false',
      MODGATE_CACHE_MEMORY: '4096',
    },
    flags: { 'limits-fetches': '3' },
  });
  const { patience, fetches, queue, metadata } = config.limits;
  assert.deepEqual([patience, fetches, queue, metadata], [300_000, 3, 2, 2048]);
  assert.equal(config.log.access, false);
  assert.equal(config.cache.memory, 4096);
  assert.deepEqual(Object.fromEntries(origins), {
    'limits/fetches': '--limits-fetches',
    'limits/queue': 'MODGATE_LIMITS_QUEUE',
    'limits/metadata': 'etc/m.yaml:1:43',
    'log/access': 'MODGATE_LOG_ACCESS',
    'cache/memory': 'MODGATE_CACHE_MEMORY',
  });
});

test('without a file everything is the default', () => {
  const { config, origins, warnings, file } = loadConfig({ env: {}, flags: {}, cwd: join(folder, 'empty') });
  assert.equal(file, undefined);
  assert.equal(origins.size, 0);
  assert.deepEqual(warnings, []);
  assert.deepEqual(config.listen, { kind: 'tcp', host: '127.0.0.1', port: 3000 });
  assert.equal(config.data, join(folder, 'empty', 'modgate-data'));
  const host = new URL(DEFAULT_CHAIN.replace(/,.*/, '')).host;
  assert.deepEqual(chains(config), [{ match: '*', chain: `${host},direct`, denied: 'refuse' }]);
  assert.deepEqual([...config.sources.keys()], [host]);
  assert.deepEqual(config.cache, { fresh: 60_000, stale: 604_800_000, negative: 60_000, memory: 64 << 20 });
  assert.deepEqual(config.limits, {
    patience: 300_000,
    fetches: 256,
    queue: 1000,
    metadata: 16 << 20,
    connections: 20_000,
    header: 16 << 10,
    url: 2048,
    headerTime: 20_000,
    idle: 75_000,
  });
  const { tls, prefix, trustedProxies, sendfile, workers, admin, store } = config;
  assert.deepEqual(sendfile, { type: 'off' });
  assert.deepEqual([tls, prefix, trustedProxies, workers], [undefined, '', [], 1]);
  assert.deepEqual(admin, { listen: undefined, token: undefined });
  assert.deepEqual(store, { cap: 0, scrub: 2_592_000_000 });
  assert.deepEqual(config.log, { level: 'info', format: 'auto', access: true });
  assert.deepEqual(config.sumdb, [{ name: 'sum.golang.org', url: 'https://sum.golang.org' }]);
  assert.equal(config.shutdown, 30_000);
});

test('the file: argument, flag, variable, then modgate.yaml of the working directory', () => {
  const cwd = mkdtempSync(join(folder, 'which-'));
  for (const name of ['modgate', 'variable', 'flag', 'argument'])
    writeFileSync(join(cwd, `${name}.yaml`), `listen: ${name}:1\n`);
  const host = (o: { file?: string; flags?: Record<string, string>; env?: Record<string, string> }) =>
    formatAddress(loadConfig({ cwd, env: {}, flags: {}, ...o }).config.listen).replace(':1', '');
  const env = { MODGATE_CONFIG: 'variable.yaml' };
  assert.equal(host({}), 'modgate');
  assert.equal(host({ env }), 'variable');
  assert.equal(host({ env, flags: { config: 'flag.yaml' } }), 'flag');
  assert.equal(host({ env, flags: { config: 'flag.yaml' }, file: 'argument.yaml' }), 'argument');
});

test('data is relative to the file that says it, else to the working directory', () => {
  assert.equal(load('data: d\n').config.data, join(folder, 'etc', 'd'));
  assert.equal(load('data: d\n', { env: { MODGATE_DATA: 'e' } }).config.data, join(folder, 'e'));
  assert.equal(load('').config.data, join(folder, 'modgate-data'));
});

const PROXY = { MODGATE_TRUSTED_PROXIES: 'unix' };
const SENDFILE: [yaml: string, env: Record<string, string>, expected: object][] = [
  ['sendfile: { type: off }', {}, { type: 'off' }],
  ['sendfile: {}', PROXY, { type: 'off' }],
  ['', { ...PROXY, MODGATE_SENDFILE_TYPE: 'x-sendfile' }, { type: 'x-sendfile' }],
  ['sendfile: { type: x-accel-redirect }', PROXY, { type: 'x-accel-redirect', prefix: '/_modgate_tree/' }],
  [
    'sendfile: { type: x-accel-redirect, prefix: /a/ }\nprefix: /a-b',
    { ...PROXY, MODGATE_SENDFILE_PREFIX: '/internal/modules/' },
    { type: 'x-accel-redirect', prefix: '/internal/modules/' },
  ],
];
for (const [yaml, env, expected] of SENDFILE)
  test(`${yaml} ${JSON.stringify(env)}`, () =>
    assert.deepEqual(load(yaml, { env }).config.sendfile, expected));

test('every key of a source', () => {
  const pin = `sha256/${'A'.repeat(43)}=`;
  const { config, warnings } = load(
    `sources:
  corp:
    url: https://m.corp.example/base/
    headers: { X-Team: build }
    auth: { basic: { username: ci, password: { env: MODGATE_CORP_PASSWORD } } }
    tls: { pin: ["${pin}"], min_version: 1.3, insecure: true }
    http2: true
    proxy: { url: "http://proxy.corp.example:3128", username: "u@x", password: { file: token } }
    timeouts: { connect: 1s, first_byte: 2s, idle: 3s, total: 1m30s }
    concurrency: 2
    queue: 0
    retry: { attempts: 1, base: 500ms, cap: 1s, budget: 2s }
    breaker: { failures: 9, open: 1m }
`,
    { env: { MODGATE_CORP_PASSWORD: 'hunter2' } },
  );
  const source = config.sources.get('corp');
  assert.ok(source !== undefined);
  const { auth, tls, proxy, ...rest } = source.client;
  assert.deepEqual(rest, {
    headers: { 'X-Team': 'build' },
    http2: true,
    timeouts: { connect: 1000, firstByte: 2000, idle: 3000, total: 90_000 },
    concurrency: 2,
    queue: 0,
    retry: { attempts: 1, base: 500, cap: 1000, budget: 2000 },
    breaker: { failures: 9, open: 60_000 },
  });
  assert.equal(source.url, 'https://m.corp.example/base');
  assert.ok(auth.kind === 'basic' && auth.username === 'ci' && auth.password.reveal() === 'hunter2');
  assert.deepEqual(tls, {
    ca: undefined,
    cert: undefined,
    key: undefined,
    pins: [pin],
    minVersion: 'TLSv1.3',
    insecure: true,
  });
  assert.ok(typeof proxy === 'object');
  assert.equal(proxy.reveal(), 'http://u%40x:from-file@proxy.corp.example:3128/');
  assert.equal(warnings.length, 1);
  assert.match(warnings[0] ?? '', /^etc\/m\.yaml:6:\d+: INSECURE: the certificate of corp is not checked/);
});

test('URLs in chains make sources: names, credentials, one for the same URL', () => {
  const { config, warnings } = load(
    `chain: "https://ci:hunter%402@a.example:8443/x|file:///srv/goproxy,direct"
routes:
  - { match: a.example, chain: "https://ci:hunter%402@a.example:8443/x,https://a.example:8443/y/" }
`,
  );
  assert.deepEqual(chains(config), [
    { match: 'a.example', chain: 'a.example:8443,a.example:8443/y', denied: 'refuse' },
    { match: '*', chain: 'a.example:8443|file:goproxy,direct', denied: 'refuse' },
  ]);
  assert.deepEqual(
    [...config.sources].map(([name, { kind, url }]) => [name, kind, url]),
    [
      ['a.example:8443', 'proxy', 'https://a.example:8443/x'],
      ['a.example:8443/y', 'proxy', 'https://a.example:8443/y'],
      ['file:goproxy', 'file', 'file:///srv/goproxy'],
    ],
  );
  const auth = config.sources.get('a.example:8443')?.client.auth;
  assert.ok(auth?.kind === 'basic' && auth.username === 'ci' && auth.password.reveal() === 'hunter@2');
  assert.equal(warnings.length, 2);
});

const VCS = 'vcs: { credentials: [{ match: a.example, netrc: true }] }\n';
const WARNINGS: [what: string, yaml: string, expected: RegExp[]][] = [
  [
    'secret in plain text',
    `${SOURCE}    auth: { bearer: { token: hunter2 } }\n`,
    [/:4:30: token stands in plain text/],
  ],
  [
    'credentials in a source URL',
    'sources: { a: { url: "https://u:hunter2@a.example" } }\n',
    [/:1:22: the URL holds credentials/],
  ],
  [
    'credentials over http',
    'sources: { a: { url: "http://a.example", auth: { netrc: true } } }\n',
    [/unencrypted, over http/],
  ],
  ['credentials over loopback', 'sources: { a: { url: "http://127.0.0.1:1", auth: { netrc: true } } }\n', []],
  [
    'secret header',
    `${SOURCE}    headers: { Private-Token: hunter2 }\n`,
    [/Private-Token looks like a secret/],
  ],
  [
    'credentials of repositories that no written route asks',
    `${VCS}chain: direct\nroutes: [{ match: a.example, chain: "off" }]\n`,
    [/^etc\/m\.yaml:1:\d+: are never used: no route that is written down has direct in its chain/],
  ],
  [
    'credentials of repositories, and a written route',
    `${VCS}routes: [{ match: a.example, chain: direct }]\n`,
    [],
  ],
  ['empty sections', 'sources:\nroutes:\ncache:\n', []],
];

for (const [what, yaml, expected] of WARNINGS) {
  test(`warnings: ${what}`, () => {
    const { warnings } = load(yaml);
    assert.equal(warnings.length, expected.length, warnings.join('\n'));
    for (const [i, pattern] of expected.entries()) assert.match(warnings[i] ?? '', pattern);
    assert.doesNotMatch(warnings.join(), /hunter2/);
  });
}

test('patience below the default budget lowers the budget', () => {
  const { config } = load(SOURCE, { env: { MODGATE_LIMITS_PATIENCE: '10s' } });
  assert.equal(config.sources.get('corp')?.client.retry.budget, 5000);
});

/** A self-signed certificate and its key, which nothing else uses. */
const CERT = `-----BEGIN CERTIFICATE-----
MIIBcDCCARWgAwIBAgIUYWPuuHw015XfAc4Nx55BB+4eti8wCgYIKoZIzj0EAwIw
DTELMAkGA1UEAwwCY2kwHhcNMjYxMTIxMTIyMjIzWhcNMzYxMTE4MTIyMjIzWjAN
MQswCQYDVQQDDAJjaTBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABOeF5O+voEWu
0XBQy2j/E+8nrrL343861N3MhT4CpwanVd6xm7U3oPsPYthRa0q/kr2K1D+b7GvR
+HNdIXxXG4+jUzBRMB0GA1UdDgQWBBQHF3fk+eN0lq853/cE8TFte0DAADAfBgNV
HSMEGDAWgBQHF3fk+eN0lq853/cE8TFte0DAADAPBgNVHRMBAf8EBTADAQH/MAoG
CCqGSM49BAMCA0kAMEYCIQCzLWOaAFrE1r02YNg5ymN8tJOw74Vp98X1SqDgUVW6
5wIhAJ3Oo9URIWczGdsflGvXc0+l/9cLhyEXZwi7Wp2Psy5f
-----END CERTIFICATE-----
`;
const CERT_KEY = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgpPGPu/T/YXQaM3ql
8BONw5WidlbN80h2W09Zdk/ZXf2hRANCAATnheTvr6BFrtFwUMto/xPvJ66y9+N/
OtTdzIU+AqcGp1XesZu1N6D7D2LYUWtKv5K9itQ/m+xr0fhzXSF8VxuP
-----END PRIVATE KEY-----
`;

test('a client certificate and its key are read at load, and must belong together', () => {
  writeFileSync(join(folder, 'etc', 'client.pem'), CERT);
  writeFileSync(join(folder, 'etc', 'client.key'), CERT_KEY);
  const tls = (key: string) => `${SOURCE}    tls: { ca: client.pem, cert: client.pem, key: ${key} }\n`;
  const source = load(tls('client.key')).config.sources.get('corp');
  assert.equal(source?.client.tls.cert, CERT);
  assert.equal(source?.client.tls.key?.reveal(), CERT_KEY);
  assert.deepEqual(source?.tlsFiles, {
    ca: join(folder, 'etc', 'client.pem'),
    cert: join(folder, 'etc', 'client.pem'),
    key: join(folder, 'etc', 'client.key'),
  });
  assert.deepEqual(
    faults(() => load(tls('key.pem'))),
    ['4:51: tls.key does not belong to tls.cert'],
  );
});

test('a source may have the name of a secret', () => {
  assert.deepEqual(
    faults(() => load('sources: { token: { url: https://a.example, queue: -1 } }\n')),
    ['1:52: sources.token.queue must be at least 0'],
  );
});
