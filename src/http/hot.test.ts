import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseModulePath, parseVersion } from '../module/index.ts';
import { Metrics } from '../observe/index.ts';
import { AccessLog } from './access.ts';
import { HotCache, type HotEntry } from './hot.ts';
import { type Use, Uses } from './uses.ts';

const access = new AccessLog(
  new Metrics({ process: false }),
  { now: () => 0, monotonic: () => 0 },
  undefined,
);

function entry(bytes: number): HotEntry {
  const about = { route: 'mod', module: 'example.com/plain', cache: 'hit' };
  const plain = { headers: [], body: Buffer.alloc(bytes), flat: undefined };
  return {
    validators: { etag: '"x"', modified: 0 },
    plain,
    gzip: undefined,
    until: Infinity,
    about,
    tally: access.tally('/x', about),
  };
}

const path = parseModulePath('example.com/plain');

/** An answer of its own version. */
function of(n: number): HotEntry {
  const made = entry(1000);
  return { ...made, about: { ...made.about, m: { path, version: parseVersion(path, `v1.0.${n}`) } } };
}

describe('answers in memory', () => {
  it('are found again under their URL alone', () => {
    const cache = new HotCache(1 << 20);
    const held = entry(10);
    cache.set('/a', held);
    assert.equal(cache.get('/a', 1), held);
    assert.equal(cache.get('/b', 1), undefined);
  });

  it('stay within the bound, whatever comes', () => {
    const cache = new HotCache(1 << 20);
    for (let i = 0; i < 5000; i++) {
      cache.set(`/${i}`, entry(i % 3000));
      assert.ok(cache.bytes <= 1 << 20);
    }
    assert.ok(cache.size > 50);
  });

  it('that were looked for before all were dropped do not come in', () => {
    const cache = new HotCache(1 << 20);
    const { generation } = cache;
    cache.set('/a', entry(10), generation);
    cache.clear();
    cache.set('/a', entry(10), generation);
    assert.deepEqual([cache.size, cache.bytes], [0, 0]);
    cache.set('/a', entry(10), cache.generation);
    assert.equal(cache.size, 1);
  });

  it('are replaced, not doubled', () => {
    const cache = new HotCache(1 << 20);
    cache.set('/a', entry(1000));
    const bytes = cache.bytes;
    cache.set('/a', entry(1000));
    assert.deepEqual([cache.size, cache.bytes], [1, bytes]);
  });

  it('that were asked for outlive those that were not', () => {
    const cache = new HotCache(1 << 20);
    cache.set('/wanted', entry(1000));
    for (let i = 0; i < 2000; i++) {
      cache.set(`/${i}`, entry(1000));
      assert.ok(cache.get('/wanted', 1) !== undefined, `gone after ${i}`);
    }
  });

  it('never push everything else out for one large file', () => {
    const cache = new HotCache(1 << 20);
    cache.set('/small', entry(10));
    cache.set('/large', entry(1 << 20));
    assert.equal(cache.get('/large', 1), undefined);
    assert.ok(cache.get('/small', 1) !== undefined);
  });

  it('tell once which versions were asked for, those that had to leave among them', () => {
    const cache = new HotCache(1 << 20);
    for (let n = 0; n < 10; n++) cache.set(`/${n}`, of(n));
    for (const n of [3, 7, 7]) cache.get(`/${n}`, 1);
    const told = () => cache.takeUsed().map(({ m }) => m.version);
    assert.deepEqual(told().sort(), ['v1.0.3', 'v1.0.7']);
    assert.deepEqual(told(), []);
    cache.get('/5', 1);
    for (let n = 10; n < 2000; n++) cache.set(`/${n}`, of(n));
    assert.equal(cache.get('/5', 1), undefined, 'it has left');
    assert.deepEqual(told(), ['v1.0.5']);
    cache.get('/1999', 1);
    cache.set('/1999', of(1999));
    cache.get('/1998', 1);
    cache.clear();
    assert.deepEqual(told().sort(), ['v1.0.1998', 'v1.0.1999'], 'those that were replaced and dropped too');
  });
});

async function sweep(uses: Uses): Promise<readonly Use[]> {
  let swept: readonly Use[] = [];
  await uses.sweep(async (some) => {
    swept = some;
  });
  return swept;
}

describe('uses', () => {
  it('have the time of the last one, not that at which they are taken', async () => {
    const now = { wall: 1_700_000_000_000, mono: 5_000 };
    const clock = { now: () => now.wall + now.mono, monotonic: () => now.mono };
    const cache = new HotCache(1 << 20);
    const uses = new Uses(cache, clock);
    for (const n of [1, 2, 3]) cache.set(`/${n}`, of(n));
    const at = (seconds: number, use: () => void) => {
      now.mono = seconds * 1000;
      use();
    };
    at(10, () => cache.get('/1', now.mono));
    at(20, () => uses.note({ path, version: parseVersion(path, 'v1.0.1') }));
    at(30, () => uses.note({ path, version: parseVersion(path, 'v1.0.2') }));
    at(40, () => cache.get('/2', now.mono));
    at(50, () => cache.get('/3', now.mono));
    at(60, () => undefined);
    const taken = (await sweep(uses)).map(({ version, used }) => [version, used - 1_700_000_000]);
    assert.deepEqual(
      taken.sort(([a], [b]) => (String(a) < String(b) ? -1 : 1)),
      [
        ['v1.0.1', 20],
        ['v1.0.2', 40],
        ['v1.0.3', 50],
      ],
    );
    assert.deepEqual(await sweep(uses), []);
  });

  it('that could not be kept are told again, the last one of each, but for those that were dropped', async () => {
    const now = { mono: 5_000 };
    const uses = new Uses(new HotCache(1 << 20), { now: () => now.mono, monotonic: () => now.mono });
    const note = (patch: number) => uses.note({ path, version: parseVersion(path, `v1.0.${patch}`) });
    const refuse = async (): Promise<void> => {
      now.mono = 6_000;
      note(2);
      throw new Error('locked');
    };
    note(1);
    note(2);
    await assert.rejects(uses.sweep(refuse), /locked/);
    assert.deepEqual(
      (await sweep(uses)).map(({ version, used }) => [version, used]),
      [
        ['v1.0.2', 6],
        ['v1.0.1', 5],
      ],
    );
    note(1);
    const dropped = async (): Promise<void> => {
      uses.drop();
      await refuse();
    };
    await assert.rejects(uses.sweep(dropped), /locked/);
    assert.deepEqual(
      (await sweep(uses)).map(({ version }) => version),
      ['v1.0.2'],
    );
  });
});
