import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ModgateError } from '../errors/index.ts';
import { Shared } from './shared.ts';

const never = () => new AbortController().signal;

/** A clock that the test sets, and answers that count how often they were asked for. */
function bench(most = 10) {
  let now = 0;
  const clock = { now: () => now, monotonic: () => now };
  const lifetimes = new Map([
    [0, 10],
    [2, 0],
  ]);
  const shared = new Shared<number>(most, (answer) => lifetimes.get(answer) ?? 100, clock);
  let asked = 0;
  const ask = (key: string, answer = 1) =>
    shared.get(key, never(), async () => {
      asked++;
      return answer;
    });
  return { shared, ask, asked: () => asked, pass: (ms: number) => (now += ms) };
}

test('an answer counts for its lifetime', async () => {
  const { ask, asked, pass } = bench();
  for (const [key, answer, lifetime] of [
    ['there', 1, 100],
    ['absent', 0, 10],
  ] as const) {
    const before = asked();
    await ask(key, answer);
    pass(lifetime - 1);
    await ask(key, answer);
    assert.equal(asked() - before, 1, key);
    pass(1);
    await ask(key, answer);
    assert.equal(asked() - before, 2, key);
  }
});

test('a failure is told to all who wait, and to nobody later', async () => {
  const { shared, ask, asked } = bench();
  const fault = new ModgateError('UPSTREAM_TIMEOUT', 'late');
  const failing = () => shared.get('x', never(), () => Promise.reject(fault));
  const told = await Promise.allSettled([failing(), failing()]);
  assert.ok(told.every((one) => one.status === 'rejected' && one.reason === fault));
  await ask('x');
  assert.equal(asked(), 1);
});

test('the question ends when the last one has left, and a new one is asked then', async () => {
  const { shared, ask, asked } = bench();
  const [first, second] = [new AbortController(), new AbortController()];
  let question: AbortSignal | undefined;
  const waiting = [first, second].map(({ signal }) =>
    shared.get('x', signal, (own) => {
      question = own;
      return new Promise((_, reject) => own.addEventListener('abort', () => reject(own.reason)));
    }),
  );
  first.abort(new ModgateError('CANCELED', 'gone'));
  await assert.rejects(waiting[0] ?? Promise.resolve(), { message: 'gone' });
  assert.equal(question?.aborted, false);
  second.abort(new ModgateError('SHUTTING_DOWN', 'closing'));
  await assert.rejects(waiting[1] ?? Promise.resolve(), { code: 'SHUTTING_DOWN' });
  assert.equal(question?.aborted, true);
  await ask('x');
  assert.equal(asked(), 1);
});

test('the oldest answers go where there are too many, but no question that is under way', async () => {
  const { shared, ask, asked } = bench(2);
  let release = (_answer: number) => {};
  const slow = shared.get('slow', never(), () => new Promise((resolve) => (release = resolve)));
  for (const key of ['a', 'b', 'c']) await ask(key);
  const joined = ask('slow');
  release(7);
  assert.deepEqual(await Promise.all([slow, joined]), [7, 7]);
  await ask('c');
  assert.equal(asked(), 3, 'the newest is still there');
  await ask('a');
  assert.equal(asked(), 4, 'the oldest is not');
});

test('what no longer counts, or never did, takes no place from what does', async () => {
  const { ask, asked, pass } = bench(2);
  await ask('a');
  await ask('absent', 0);
  pass(10);
  await ask('b');
  await ask('too big', 2);
  const before = asked();
  await ask('a');
  await ask('b');
  assert.equal(asked(), before);
});
