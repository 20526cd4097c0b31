import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Limiter } from './limiter.ts';

const signal = new AbortController().signal;

test('places, a FIFO queue, and no more', async () => {
  const limiter = new Limiter(2, 2);
  const order: string[] = [];
  const first = await limiter.acquire(signal);
  await limiter.acquire(signal);
  const waiting = async (name: string) => {
    const release = await limiter.acquire(signal);
    order.push(name);
    return release;
  };
  const third = waiting('third');
  const fourth = waiting('fourth');
  assert.equal(limiter.acquire(signal), undefined);
  assert.deepEqual([limiter.taken, limiter.waiting], [2, 2]);
  first?.();
  first?.();
  const release = await third;
  assert.deepEqual([limiter.taken, limiter.waiting], [2, 1]);
  release?.();
  await fourth;
  assert.deepEqual(order, ['third', 'fourth']);
  assert.deepEqual([limiter.taken, limiter.waiting], [2, 0]);
});

test('a caller that leaves makes room in the queue and gets no place', async () => {
  const limiter = new Limiter(1, 1);
  const held = await limiter.acquire(signal);
  const leaver = new AbortController();
  const left = limiter.acquire(leaver.signal);
  const reason = new Error('gone');
  leaver.abort(reason);
  await assert.rejects(async () => left, reason);
  assert.equal(limiter.waiting, 0);
  const next = limiter.acquire(signal);
  held?.();
  (await next)?.();
  assert.equal(limiter.taken, 0);
});

test('an aborted signal gets no place', async () => {
  const limiter = new Limiter(1, 1);
  await assert.rejects(async () => limiter.acquire(AbortSignal.abort(new Error('before'))), /before/);
  assert.equal(limiter.taken, 0);
});

test('no queue at all', async () => {
  const limiter = new Limiter(1, 0);
  await limiter.acquire(signal);
  assert.equal(limiter.acquire(signal), undefined);
});
