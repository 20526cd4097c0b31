import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseModulePath, parseVersion } from '../module/index.ts';
import { Metrics } from '../observe/index.ts';
import { AccessLog } from './access.ts';
import { HotCache, type HotEntry } from './hot.ts';

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

describe('answers in memory', () => {
  it('are found again under their URL alone', () => {
    const cache = new HotCache(1 << 20);
    const held = entry(10);
    cache.set('/a', held);
    assert.equal(cache.get('/a'), held);
    assert.equal(cache.get('/b'), undefined);
  });

  it('stay within the bound, whatever comes', () => {
    const cache = new HotCache(1 << 20);
    for (let i = 0; i < 5000; i++) {
      cache.set(`/${i}`, entry(i % 3000));
      assert.ok(cache.bytes <= 1 << 20);
    }
    assert.ok(cache.size > 50);
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
      assert.ok(cache.get('/wanted') !== undefined, `gone after ${i}`);
    }
  });

  it('never push everything else out for one large file', () => {
    const cache = new HotCache(1 << 20);
    cache.set('/small', entry(10));
    cache.set('/large', entry(1 << 20));
    assert.equal(cache.get('/large'), undefined);
    assert.ok(cache.get('/small') !== undefined);
  });

  it('tell once which versions were asked for, those that had to leave among them', () => {
    const cache = new HotCache(1 << 20);
    const path = parseModulePath('example.com/plain');
    const of = (n: number) => {
      const made = entry(1000);
      return { ...made, about: { ...made.about, m: { path, version: parseVersion(path, `v1.0.${n}`) } } };
    };
    for (let n = 0; n < 10; n++) cache.set(`/${n}`, of(n));
    for (const n of [3, 7, 7]) cache.get(`/${n}`);
    const told = () => cache.takeUsed().map(({ version }) => version);
    assert.deepEqual(told().sort(), ['v1.0.3', 'v1.0.7']);
    assert.deepEqual(told(), []);
    cache.get('/5');
    for (let n = 10; n < 2000; n++) cache.set(`/${n}`, of(n));
    assert.equal(cache.get('/5'), undefined, 'it has left');
    assert.deepEqual(told(), ['v1.0.5']);
  });
});
