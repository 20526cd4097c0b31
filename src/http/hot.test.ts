import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
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
});
