import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { inspect } from 'node:util';
import fc from 'fast-check';
import { ModgateError } from '../errors/index.ts';
import { loadConfig } from './load.ts';
import { printConfig } from './print.ts';
import { configSchema } from './schema.ts';
import { Secret } from './secret.ts';
import { isRecord } from './settings.ts';

const folder = mkdtempSync(join(tmpdir(), 'modgate-secrecy-'));
after(() => rmSync(folder, { recursive: true }));
writeFileSync(join(folder, 'token'), 'hunter2\n');
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
const pem = String(rsa.export({ type: 'pkcs1', format: 'pem' }));
writeFileSync(join(folder, 'app.pem'), pem);
writeFileSync(join(folder, 'id'), pem, { mode: 0o600 });
writeFileSync(join(folder, 'hosts'), 'a.example ssh-ed25519 AAAA\n');

const env = { CORP: 'hunter2' };

function load(yaml: string) {
  const file = join(folder, 'm.yaml');
  writeFileSync(file, yaml);
  return loadConfig({ file, env, flags: {}, cwd: folder });
}

const FULL = `trusted_proxies: unix
sendfile: { type: x-accel-redirect, prefix: /internal/ }
chain: https://u:hunter2@a.example,basic|bearer,url,off
sources:
  basic: { url: https://b.example, auth: { basic: { username: ci, password: { env: CORP } } }, proxy: "http://u:hunter2@p.example:1" }
  bearer: { url: https://c.example, auth: { bearer: { token: { file: token } } }, headers: { X-Token: x } }
  url: { url: "https://u:hunter2@d.example", proxy: { url: "http://p.example:1", username: u, password: hunter2 } }
  plain: { url: https://e.example, proxy: "http://p.example:1", tls: { min_version: "1.3" } }
  netrc: { url: https://f.example, auth: { netrc: true } }
  folder: { url: file:///srv/x }
routes:
  - { match: "a.example/*", chain: basic, denied: pass }
vcs:
  insecure: old.example
  credentials:
    - { match: old.example, basic: { username: ci, password: { env: CORP } }, insecure: true }
    - { match: t.example/x, token: { file: token } }
    - { match: app.example, github_app: { id: Iv1.a, key: { file: app.pem } } }
    - { match: c.example, command: [helper, get] }
    - { match: "*", netrc: true }
    - { match: "*", ssh: { key: id, known_hosts: hosts } }
`;

test('a Secret shows itself to nobody but reveal', () => {
  const secret = new Secret('hunter2');
  assert.equal(secret.reveal(), 'hunter2');
  const shown = [
    String(secret),
    JSON.stringify({ secret }),
    inspect({ a: [secret] }, { showHidden: true, depth: 9 }),
  ];
  for (const text of shown) assert.match(text, /^[^h]*\[secret\]/);
});

test('no secret in the printed configuration, in JSON, in dumps, in origins, in warnings', () => {
  const { config, origins, warnings } = load(FULL);
  const shown = [
    printConfig(config, origins),
    JSON.stringify(config),
    JSON.stringify([...config.sources]),
    inspect(config, { depth: 20, showHidden: true }),
    JSON.stringify([...origins]),
    warnings.join('\n'),
  ];
  for (const text of shown) assert.doesNotMatch(text, /hunter2|PRIVATE KEY/);
});

test('the printed configuration says where each value came from', () => {
  const { config, origins } = load(
    'chain: a,off\nsources: { a: { url: https://a.example, auth: { bearer: { token: { env: CORP } } } } }\n',
  );
  const lines = printConfig(config, origins).split('\n');
  for (const line of [
    'listen: 127.0.0.1:3000 # default',
    'chain: a,off # m.yaml:1:8',
    '    url: https://a.example # m.yaml:2:22',
    '        token: "[secret]" # m.yaml:2:66, variable CORP',
    '      insecure: false # default',
    '  fresh: 1m # default',
    '  memory: 64MiB # default',
  ]) {
    assert.ok(lines.includes(line), `${line}\nis not in\n${lines.join('\n')}`);
  }
});

test('the printed configuration loads to the same one', () => {
  const { config, origins } = load(
    FULL.replace(
      /u:hunter2@|auth: \{ b.*?\} \} \}, | {4}- \{ match: (?:old|t|app).*\n|(?:, )?headers: \{.*?\}|, username: u, password: hunter2/g,
      '',
    ),
  );
  const again = load(printConfig(config, origins));
  assert.deepEqual(again.config, config);
  assert.deepEqual(
    [...again.config.sources].map(([name, { client }]) => [name, inspect(client)]),
    [...config.sources].map(([name, { client }]) => [name, inspect(client)]),
  );
});

/** Places where a password may land by mistake. */
const MISTAKES = [
  'sources: { a: { url: "https://u:hunter2@a.example/?q" } }',
  'sources: { a: { url: "https://u:hunter2@a.example", auth: { bearer: { token: hunter2 } } } }',
  'sources: { a: { url: "u:hunter2@a.example" } }',
  'sources: { a: { url: "ftp://u:p@hunter2@a.example" } }',
  'sources: { a: { url: "https://u:hunter2%zz@a.example" } }',
  'sources: { a: { url: https://a.example, auth: { basic: { username: a, password: { hunter2 } } } } }',
  'sources: { a: { url: https://a.example, auth: { basic: { username: a, password: [hunter2] } } } }',
  'sources: { a: { url: https://a.example, auth: { bearer: { token: { env: hunter2-x } } } } }',
  'sources: { a: { url: https://a.example, auth: { bearer: { token: "hunter2 x" } } } }',
  'sources: { a: { url: https://a.example, auth: { bearer: { token: "a" hunter2 } } } }',
  'sources: { a: { url: https://a.example, auth: { bearer: { token: *hunter2 } } } }',
  'sources: { a: { url: https://a.example, auth: { bearer: { token: !hunter2 x } } } }',
  'sources: { a: { url: https://a.example, auth: { bearer: { token: "\\hunter2" } } } }',
  'sources: { a: { url: https://a.example, proxy: "u:hunter2@p.example" } }',
  'sources: { a: { url: https://a.example, proxy: "http://%u:hunter2@p.example:1" } }',
  'sources: { a: { url: https://a.example, proxy: { url: "http://u:hunter2%zz@p.example:1" } } }',
  'sources: { a: { url: https://a.example, proxy: "ftp://u:hunter2@p.example" } }',
  'sources: { a: { url: https://a.example, proxy: { url: "http://u:hunter2@p.example/x" } } }',
  'sources: { a: { url: https://a.example, headers: { Authorization: hunter2 } } }',
  'sources: { a: { url: https://a.example, headers: { X: "hunter2\\n" } } }',
  'vcs: { credentials: [{ match: a.example, token: [hunter2] }] }',
  'vcs: { credentials: [{ match: a.example, token: { hunter2: x } }] }',
  'vcs: { credentials: [{ match: a.example, token: "hunter2\\n" }] }',
  'vcs: { credentials: [{ match: a.example, basic: { username: a, password: { env: hunter2-x } } }] }',
  'vcs: { credentials: [{ match: a.example, github_app: { id: 1, key: hunter2 } }] }',
  'vcs: { credentials: [{ match: a.example, github_app: { id: 1, key: { env: x, hunter2: y } } }] }',
  'vcs: { credentials: [{ match: "https://u:hunter2@a.example", netrc: true }] }',
  'vcs: { credentials: [{ match: "u:hunter2@a.example", netrc: true }] }',
  'chain: "https://u:hunter2@a.example?x"',
  'chain: "u:hunter2@a.example,off"',
  'chain: "https://u:hunter2,x@a.example,off"',
  'chain: "//u:hunter2@a.example,off"',
  'chain: "ssh://u:hun@ter@hunter2@a.example,off"',
  'sumdb: [{ name: a, url: "https://u:hunter2@a.example" }]',
];

for (const yaml of MISTAKES) {
  test(`no secret in the fault of ${yaml}`, () => {
    assert.throws(
      () => load(yaml),
      (error) => {
        assert.ok(error instanceof ModgateError && error.code === 'CONFIG_INVALID');
        assert.doesNotMatch(inspect(error, { depth: 20 }) + JSON.stringify(error), /hunter2/);
        return true;
      },
    );
  });
}

/** Loads, or is CONFIG_INVALID with a place in every line; nothing else. */
function loadsOrTells(yaml: string): boolean {
  try {
    const { config, origins } = load(yaml);
    printConfig(config, origins);
    return true;
  } catch (error) {
    assert.ok(error instanceof ModgateError && error.code === 'CONFIG_INVALID', `${inspect(error)}\n${yaml}`);
    for (const line of error.message.split('\n')) assert.match(line, /^(?:m\.yaml:\d+:\d+: .|and \d+ more$)/);
    return false;
  }
}

test('any text loads or is told', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.string({ unit: 'binary' }), fc.json()), (text) => {
      loadsOrTells(text);
    }),
    { numRuns: 300 },
  );
});

test('any change of a good file loads or is told', () => {
  const piece = fc.constantFrom(
    '',
    ' ',
    '\n',
    '\t',
    ':',
    '- ',
    '{',
    '}',
    '[',
    ']',
    '&a ',
    '*a',
    '!!map ',
    '"',
    "'",
    '#',
    '0',
    'null',
    '~',
    '<<: ',
    'x',
    '__proto__',
    '%',
    '@',
    '---\n',
  );
  const mutation = fc.tuple(fc.nat(FULL.length), fc.nat(12), piece);
  let loaded = 0;
  fc.assert(
    fc.property(fc.array(mutation, { minLength: 1, maxLength: 3 }), (mutations) => {
      let text = FULL;
      for (const [at, length, insert] of mutations)
        text = text.slice(0, at) + insert + text.slice(at + length);
      if (loadsOrTells(text)) loaded += 1;
    }),
    { numRuns: 500 },
  );
  assert.ok(loaded < 500, 'no change was ever told');
});

test('any value at any key loads or is told', () => {
  const keys: string[] = [];
  const walk = (schema: unknown, path: string) => {
    if (!isRecord(schema)) return;
    for (const [key, child] of Object.entries(isRecord(schema.properties) ? schema.properties : {})) {
      keys.push(`${path}${key}`);
      walk(child, `${path}${key}/`);
    }
    if (schema.additionalProperties !== false) walk(schema.additionalProperties, `${path}corp/`);
    if (schema.items !== undefined) walk(schema.items, `${path}0/`);
  };
  walk(configSchema(), '');
  assert.ok(keys.length > 50);
  fc.assert(
    fc.property(fc.constantFrom(...keys), fc.jsonValue(), (key, value) => {
      const nested = key
        .split('/')
        .reduceRight<unknown>((inner, step) => (step === '0' ? [inner] : { [step]: inner }), value);
      loadsOrTells(JSON.stringify(nested));
    }),
    { numRuns: 500 },
  );
});

function descriptions(schema: unknown, path: string, missing: string[]): void {
  if (!isRecord(schema)) return;
  for (const [key, child] of Object.entries(isRecord(schema.properties) ? schema.properties : {})) {
    if (!isRecord(child) || typeof child.description !== 'string') missing.push(`${path}.${key}`);
    descriptions(child, `${path}.${key}`, missing);
  }
  for (const child of [schema.additionalProperties, schema.items]) descriptions(child, path, missing);
  if (Array.isArray(schema.anyOf)) for (const child of schema.anyOf) descriptions(child, path, missing);
}

test('the JSON Schema is of draft 2020-12 and describes every key', () => {
  const schema = configSchema();
  assert.ok('$schema' in schema);
  assert.equal(schema.$schema, 'https://json-schema.org/draft/2020-12/schema');
  const missing: string[] = [];
  descriptions(schema, '', missing);
  assert.deepEqual(missing, []);
});

// The compiled test lies below dist/src/config, or another folder of that shape; npm test runs at the root.
const example = readFileSync('modgate.example.yaml', 'utf8');

test('the example loads as it is, to the defaults', () => {
  const { config, origins, warnings } = load(example);
  const bare = loadConfig({ env: {}, flags: {}, cwd: mkdtempSync(join(folder, 'bare-')) }).config;
  assert.deepEqual({ ...config, data: '' }, { ...bare, data: '' });
  assert.deepEqual(warnings, []);
  assert.ok(origins.size > 10);
});

test('the example names every key of the schema', () => {
  const keys = new Set<string>();
  JSON.stringify(configSchema(), (_, value: unknown) => {
    if (isRecord(value) && isRecord(value.properties))
      for (const key of Object.keys(value.properties)) keys.add(key);
    return value;
  });
  for (const key of keys) assert.match(example, new RegExp(`(?:^|[\\s{#])${key}:`, 'm'));
});

test('the example with all of its comments taken in has no fault but its files', () => {
  const all = example.replace(/^#(?=\S| {2})/gm, '');
  assert.throws(
    () =>
      loadConfig({
        file: writeExample(all),
        env: { CORP_PASSWORD: 'x', ADMIN_TOKEN: '0123456789abcdef', GITLAB_TOKEN: 'x', GIT_PASSWORD: 'x' },
        flags: {},
        cwd: folder,
      }),
    (error) => {
      assert.ok(error instanceof ModgateError);
      const lines = error.message.split('\n');
      assert.deepEqual(
        lines.map((line) => line.replace(/^.*?:\d+:\d+: /, '')),
        [
          '/etc/modgate/tls.pem: no such file',
          '/etc/modgate/tls.key: no such file',
          '/etc/modgate/clients.pem: no such file',
          '/etc/modgate/publish-token: no such file',
          '/etc/ssl/corp.pem: no such file',
          '/etc/ssl/client.pem: no such file',
          '/etc/ssl/client.key: no such file',
          '/etc/ssl/corp-vcs.pem: no such file',
          '/etc/modgate/id_ed25519: no such file',
          '/etc/modgate/known_hosts: no such file',
          '/etc/modgate/app.pem: no such file',
        ],
      );
      return true;
    },
  );
});

function writeExample(text: string): string {
  const file = join(folder, 'example.yaml');
  writeFileSync(file, text);
  return file;
}
