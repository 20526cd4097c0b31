import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { RefsMemory } from './refs-memory.ts';
import type { Refs } from './repository.ts';

const REFS: Refs = { head: undefined, branches: new Map(), tags: new Map() };

function bench(t: TestContext, fresh: number, most: number) {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const clock = { now: 0 };
  const memory = new RefsMemory(fresh, most, { now: () => clock.now, monotonic: () => clock.now });
  return { clock, memory };
}

describe('lists of refs that are shared', () => {
  it('are shared for their time, and hold no memory after it', (t) => {
    const { clock, memory } = bench(t, 100, 1000);
    const repository = {};
    memory.set(repository, REFS, 10);
    clock.now = 99;
    assert.equal(memory.get(repository), REFS);
    clock.now = 100;
    assert.equal(memory.get(repository), undefined);
    t.mock.timers.tick(100);
    assert.equal(memory.bytes, 0);
  });

  it('beyond the bound go in the order of their last use, but never the newest', (t) => {
    const { memory } = bench(t, 100, 30);
    const [a, b, c, d] = [{}, {}, {}, {}];
    for (const one of [a, b, c]) memory.set(one, REFS, 10);
    memory.get(a);
    memory.set(d, REFS, 10);
    assert.deepEqual(
      [a, b, c, d].map((one) => memory.get(one) === REFS),
      [true, false, true, true],
    );
    memory.set(b, REFS, 1000);
    assert.deepEqual([memory.bytes, memory.get(b)], [1000, REFS]);
    memory.set(b, REFS, 10);
    memory.set(c, REFS, 10);
    assert.equal(memory.bytes, 20);
    memory.delete(b);
    assert.deepEqual([memory.bytes, memory.get(b)], [10, undefined]);
  });

  it('are not kept at all where nothing is shared', (t) => {
    const { memory } = bench(t, 0, 1000);
    memory.set(memory, REFS, 10);
    assert.deepEqual([memory.bytes, memory.get(memory)], [0, undefined]);
  });
});
