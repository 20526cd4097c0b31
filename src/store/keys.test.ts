import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseModulePath, parseVersion } from '../module/index.ts';
import { partsOf } from './key-parts.ts';
import { keys } from './keys.ts';

const toml = parseModulePath('github.com/BurntSushi/toml');
const m = { path: toml, version: parseVersion(toml, 'v1.4.0-RC.1') };
const long = 'b'.repeat(251);

const MADE: readonly (readonly [key: string, expected: string])[] = [
  [keys.file(m, 'info'), 'github.com/!burnt!sushi/toml/@v/v1.4.0-!r!c.1.info'],
  [keys.file(m, 'mod'), 'github.com/!burnt!sushi/toml/@v/v1.4.0-!r!c.1.mod'],
  [keys.file(m, 'zip'), 'github.com/!burnt!sushi/toml/@v/v1.4.0-!r!c.1.zip'],
  [keys.file(m, 'ziphash'), 'github.com/!burnt!sushi/toml/@v/v1.4.0-!r!c.1.ziphash'],
  [keys.query(toml, 'Main'), 'github.com/!burnt!sushi/toml/@v/!main.info'],
  [keys.list(toml), 'github.com/!burnt!sushi/toml/@v/list'],
  [keys.latest(toml), 'github.com/!burnt!sushi/toml/@latest'],
  [keys.versions(toml), 'github.com/!burnt!sushi/toml/@v'],
];

const NAME = 'sum.golang.org';

const ENDPOINTS: readonly string[] = [
  'latest',
  'lookup/golang.org/x/text@v0.14.0',
  'lookup/github.com/!burnt!sushi/toml@v1.4.0',
  'lookup/gopkg.in/yaml.v3@v3.0.1',
  'lookup/golang.org/toolchain@v0.0.1-go1.22.0.linux-amd64',
  'lookup/github.com/docker/docker@v27.0.0+incompatible',
  'tile/8/0/000',
  'tile/8/0/067.p/1',
  'tile/8/0/067.p/255',
  'tile/8/63/x001/x234/567',
  'tile/8/data/x123/067.p/99',
];

const BAD_ENDPOINTS: readonly (readonly [endpoint: string, code: 'BAD_ROUTE' | 'INVALID_MODULE'])[] = [
  ['', 'BAD_ROUTE'],
  ['supports', 'BAD_ROUTE'],
  ['latest/', 'BAD_ROUTE'],
  ['../latest', 'BAD_ROUTE'],
  ['lookup/golang.org/x/text', 'BAD_ROUTE'],
  ['lookup/', 'BAD_ROUTE'],
  ['lookup/@v1.0.0', 'INVALID_MODULE'],
  ['lookup/../../latest@v1.0.0', 'INVALID_MODULE'],
  ['lookup/github.com/BurntSushi/toml@v1.4.0', 'INVALID_MODULE'],
  ['lookup/golang.org/x/text@v0.14', 'INVALID_MODULE'],
  ['lookup/golang.org/x/text@main', 'INVALID_MODULE'],
  ['lookup/golang.org/x/text@../v0.14.0', 'INVALID_MODULE'],
  ['lookup/golang.org/x/text@v0.14.0@v0.14.0', 'INVALID_MODULE'],
  [`lookup/golang.org/x/text@v0.14.0-${long}`, 'INVALID_MODULE'],
  ['tile/8/0', 'BAD_ROUTE'],
  ['tile/7/0/000', 'BAD_ROUTE'],
  ['tile/8/64/000', 'BAD_ROUTE'],
  ['tile/8/00/000', 'BAD_ROUTE'],
  ['tile/8/-1/000', 'BAD_ROUTE'],
  ['tile/8/0/0', 'BAD_ROUTE'],
  ['tile/8/0/0000', 'BAD_ROUTE'],
  ['tile/8/0/001/234', 'BAD_ROUTE'],
  ['tile/8/0/x001', 'BAD_ROUTE'],
  ['tile/8/0/x000/234', 'BAD_ROUTE'],
  ['tile/8/0/067.p/0', 'BAD_ROUTE'],
  ['tile/8/0/067.p/01', 'BAD_ROUTE'],
  ['tile/8/0/067.p/256', 'BAD_ROUTE'],
  ['tile/8/0/067.p', 'BAD_ROUTE'],
  [`tile/8/0/${'x001/'.repeat(6)}000`, 'BAD_ROUTE'],
];

const NAMES: readonly string[] = [
  'sum.golang.org',
  'localhost:8080',
  'sumdb.corp.example/go/Sum'.toLowerCase(),
  'sum_1',
];
const BAD_NAMES: readonly string[] = [
  '',
  '.',
  '..',
  'a/..',
  'a//b',
  '/a',
  'a/',
  'a b',
  'a+b',
  'Sum.golang.org',
  'a\\b',
  'a:port',
  'sum.golang.org/tile',
  'sum.golang.org/lookup/x',
  'a'.repeat(256),
];

describe('keys', () => {
  for (const [key, expected] of MADE) it(expected, () => assert.equal(key, expected));

  it('a version has a name for each of its files, or for none', () => {
    const [path, dots] = [parseModulePath('example.com/x'), 'v1.0.0-'.length];
    const kinds = ['info', 'mod', 'zip', 'ziphash'] as const;
    for (const length of [244, 245, 246, 247, 248, 250, 251, 260]) {
      const one = { path, version: parseVersion(path, `v1.0.0-${'b'.repeat(length - dots)}`) };
      const makers = [
        ...kinds.map((kind) => () => keys.file(one, kind)),
        ...(['published', 'deleted'] as const).map((kind) => () => keys.mark(one, kind)),
      ];
      for (const make of makers)
        if (length <= 245) assert.ok(make().includes(one.version));
        else assert.throws(make, { code: 'INVALID_MODULE' }, `${length}`);
      const expected = length <= 245 ? 'info' : 'other';
      assert.equal(partsOf(`${path}/@v/${one.version}.info`).kind, expected, `${length}`);
    }
  });
  it('a query too long for a file name is no module', () => {
    assert.throws(() => keys.query(toml, long), { code: 'INVALID_MODULE' });
    assert.equal(keys.query(toml, long.slice(1)).length, 'github.com/!burnt!sushi/toml/@v/'.length + 255);
  });
  it('a query that leads elsewhere is refused', () => {
    for (const query of ['..', '../list', 'a/b', 'a\\b', '']) {
      assert.throws(() => keys.query(toml, query), { code: 'INVALID_MODULE' }, query);
    }
  });
});

describe('keys.sumdb', () => {
  for (const endpoint of ENDPOINTS) {
    it(endpoint, () => assert.equal(keys.sumdb(NAME, endpoint), `sumdb/${NAME}/${endpoint}`));
  }
  for (const [endpoint, code] of BAD_ENDPOINTS) {
    it(`${endpoint.slice(0, 50)} is ${code}`, () =>
      assert.throws(() => keys.sumdb(NAME, endpoint), { code }));
  }
  for (const name of NAMES)
    it(`name ${name}`, () => assert.equal(keys.sumdb(name, 'latest'), `sumdb/${name}/latest`));
  for (const name of BAD_NAMES) {
    it(`name ${JSON.stringify(name.slice(0, 30))} is refused`, () => {
      const code = name.length > 255 ? 'INVALID_MODULE' : 'BAD_ROUTE';
      assert.throws(() => keys.sumdb(name, 'latest'), { code });
    });
  }
});
