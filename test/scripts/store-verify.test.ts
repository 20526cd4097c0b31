/** A byte of any stored file changes on the disk: `store verify` finds it, moves it away, and the next request mends it. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { type Pair, startPair } from '../kit/gateway.ts';
import { fixture } from '../kit/modules.ts';
import { flip, lines, storeCommand } from '../kit/store.ts';
import { until } from '../kit/wait.ts';

interface Row {
  readonly what: string;
  /** the request that stored it */
  readonly url: string;
  /** below tree/; default: the URL */
  readonly file?: string;
  /** where in its bytes */
  readonly at: (bytes: Buffer) => number;
  /** true: verify itself makes it again */
  readonly mended?: true;
}

const CENTRAL = Buffer.from('PK\x01\x02', 'latin1');
const SUMDB = '/sumdb/sum.modgate.test';
const ROWS: readonly Row[] = [
  { what: '.info, in its time', url: '/example.com/plain/@v/v1.0.0.info', at: (b) => b.indexOf('2024') + 3 },
  { what: '.info, a brace', url: '/example.com/plain/@v/v1.1.0.info', at: () => 0 },
  { what: '.mod, in the path', url: '/example.com/plain/@v/v1.0.0.mod', at: (b) => b.indexOf('plain') },
  { what: '.mod, its last byte', url: '/example.com/plain/@v/v1.1.0.mod', at: () => -1 },
  { what: 'zip, the time in a local header', url: '/example.com/plain/@v/v1.0.0.zip', at: () => 10 },
  {
    what: 'zip, the data of a file',
    url: '/example.com/plain/@v/v1.1.0.zip',
    at: (b) => 30 + b.readUInt16LE(26) + b.readUInt16LE(28) + 4,
  },
  {
    what: 'zip, the central directory',
    url: '/example.com/plain/@v/v1.2.0.zip',
    at: (b) => b.indexOf(CENTRAL) + 12,
  },
  { what: 'zip, its comment', url: '/example.com/mod/@v/v1.0.0.zip', at: () => -2 },
  { what: 'zip, its end', url: '/example.com/mod/v2/@v/v2.0.0.zip', at: () => -1 },
  {
    what: 'ziphash',
    url: '/example.com/mod/v2/@v/v2.1.0.zip',
    file: 'example.com/mod/v2/@v/v2.1.0.ziphash',
    at: () => 9,
    mended: true,
  },
  {
    what: 'ziphash, its shape',
    url: '/example.com/!upper/!case/@v/v1.0.0.zip',
    file: 'example.com/!upper/!case/@v/v1.0.0.ziphash',
    at: () => 0,
    mended: true,
  },
  {
    what: 'the list of the sources',
    url: '/example.com/plain/@v/list',
    file: 'example.com/plain/@v/.named',
    at: () => 1,
  },
  { what: '@latest', url: '/example.com/plain/@latest', at: (b) => b.indexOf('v1.2.0') + 1 },
  {
    what: 'the answer to a query',
    url: '/example.com/plain/@v/master.info',
    at: (b) => b.indexOf('2024') + 3,
  },
  { what: 'tree head', url: `${SUMDB}/latest`, at: (b) => b.indexOf('\n') + 6 },
  { what: 'look-up', url: `${SUMDB}/lookup/example.com/plain@v1.0.0`, at: (b) => b.indexOf('h1:') + 5 },
  { what: 'tile', url: `${SUMDB}/tile/8/0/000.p/${fixture().sums().length}`, at: () => 7 },
];

const fileOf = (row: Row) => row.file ?? row.url.slice(1);

describe('store verify', () => {
  let pair: Pair;
  const originals = new Map<string, Buffer>();
  const onDisk = (row: Row) => path.join(pair.modgate.data, 'tree', fileOf(row));

  before(async () => {
    // Fresh for long, so that nothing but the quarantine makes the gateway ask again.
    pair = await startPair({ config: { cache: { fresh: '1h' }, store: { scrub: '0' } } });
    const { upstream, modgate } = pair;
    const zip = upstream.fixture.answer('/example.com/mod/@v/v1.0.0.zip');
    assert.ok(zip !== undefined);
    const body = Buffer.concat([zip.body, Buffer.from('a comment')]);
    body.writeUInt16LE(9, zip.body.length - 2);
    upstream.answers.set('/example.com/mod/@v/v1.0.0.zip', { type: 'application/zip', body });
    for (const row of ROWS) {
      const { status, text } = await modgate.ask(row.url);
      assert.equal(status, 200, `${row.url}: ${text}`);
    }
    for (const row of ROWS) originals.set(fileOf(row), fs.readFileSync(onDisk(row)));
  });
  after(() => pair.close());

  test('finds nothing where nothing changed', async () => {
    const run = await storeCommand(pair.modgate, 'verify');
    assert.equal(run.code, 0, run.stderr);
    assert.match(run.stdout, /^checked \d+ files, .* all fit\n$/);
  });

  test('one flipped byte in each file: --no-quarantine tells all of them and moves none', async () => {
    for (const row of ROWS) flip(onDisk(row), row.at(fs.readFileSync(onDisk(row))));
    const run = await storeCommand(pair.modgate, 'verify', '--json', '--no-quarantine');
    assert.equal(run.code, 1, run.stderr);
    const bad = lines(run.stdout).filter(({ event }) => event === 'finding');
    assert.deepEqual(
      bad.map(({ key, outcome, moved }) => ({ key, outcome, moved })),
      ROWS.map(fileOf)
        .sort()
        .map((key) => ({ key, outcome: 'bad', moved: null })),
    );
  });

  test('verify moves them to quarantine/, and says why', async () => {
    const run = await storeCommand(pair.modgate, 'verify', '--json');
    assert.equal(run.code, 1, run.stderr);
    const findings = new Map(lines(run.stdout).map((line) => [line.key, line]));
    for (const row of ROWS) {
      const found = findings.get(fileOf(row));
      assert.ok(found !== undefined, `${row.what} was found`);
      assert.equal(found.mended, row.mended === true, row.what);
      assert.match(String(found.moved), /^quarantine\//, row.what);
      assert.ok(fs.existsSync(path.join(pair.modgate.data, String(found.moved))), row.what);
    }
  });

  for (const row of ROWS) {
    test(`${row.what}: the next request has it as it was, and the disk too`, async () => {
      const { modgate } = pair;
      const whole = originals.get(fileOf(row));
      await until(
        async () => {
          const { status } = await modgate.ask(row.url);
          assert.equal(status, 200);
          const file = onDisk(row);
          return fs.existsSync(file) && whole?.equals(fs.readFileSync(file)) ? true : undefined;
        },
        `${fileOf(row)} as it was`,
      );
    });
  }

  test('after that everything fits, and the ziphash of a bad zip has stayed', async () => {
    const run = await until(async () => {
      const found = await storeCommand(pair.modgate, 'verify');
      return found.code === 0 ? found : undefined;
    }, 'a store that fits');
    assert.match(run.stdout, /all fit/);
    const quarantined = pair.modgate.files('quarantine');
    assert.equal(quarantined.filter((name) => name.endsWith('.ziphash')).length, 2);
  });

  test('quarantine lists it by pattern and age, and empties it for who says yes', async () => {
    const { modgate } = pair;
    const all = modgate.files('quarantine');
    const list = async (...args: string[]) => {
      const run = await storeCommand(modgate, 'quarantine', '--json', ...args);
      assert.equal(run.code, 0, run.stderr);
      return lines(run.stdout);
    };
    const listed = await list();
    assert.deepEqual(
      listed.map(({ path: file }) => String(file)).sort(),
      all.map((name) => `quarantine/${name}`).sort(),
    );
    assert.ok(listed.every(({ moved }) => Date.now() - Date.parse(String(moved)) < 600_000));
    assert.deepEqual(await list('--older', '1h'), []);
    const unasked = await storeCommand(modgate, 'quarantine', '--remove');
    assert.equal(unasked.code, 2);
    assert.match(unasked.stderr, /no other copy.*\n.*--yes/);
    assert.deepEqual(modgate.files('quarantine'), all);
    const of = await list('--remove', '--yes', 'example.com/plain@v1.0.0');
    assert.deepEqual(of.map(({ key }) => String(key)).sort(), [
      'example.com/plain/@v/v1.0.0.info',
      'example.com/plain/@v/v1.0.0.mod',
      'example.com/plain/@v/v1.0.0.zip',
    ]);
    assert.equal(modgate.files('quarantine').length, all.length - of.length);
    const left = modgate.files('quarantine');
    const removed = await storeCommand(modgate, 'quarantine', '--remove', '--yes');
    // Each as it goes, and the sum at the end.
    const told = removed.stdout.trimEnd().split('\n');
    assert.deepEqual(told.slice(0, -1).sort(), left.map((name) => `removed quarantine/${name}`).sort());
    assert.match(told.at(-1) ?? '', new RegExp(`^removed ${left.length} files, `));
    assert.deepEqual(fs.readdirSync(path.join(modgate.data, 'quarantine')), [], 'no empty folder stays');
    const none = await storeCommand(modgate, 'quarantine');
    assert.equal(none.stdout, 'nothing is in quarantine\n');
  });
});
