import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type BreakerState, CircuitBreaker, type Pass } from './breaker.ts';

/** enter: ok/no; a number: ms go by; the rest settles the oldest pass */
type Step = 'ok' | 'no' | 'success' | 'failure' | 'neutral' | number;

const ROWS: readonly [name: string, steps: readonly Step[], state: BreakerState][] = [
  ['fresh', [], 'closed'],
  ['two failures of three', ['ok', 'failure', 'ok', 'failure'], 'closed'],
  ['three in a row', ['ok', 'failure', 'ok', 'failure', 'ok', 'failure', 'no'], 'open'],
  ['a success between', ['ok', 'failure', 'ok', 'failure', 'ok', 'success', 'ok', 'failure'], 'closed'],
  ['a neutral one between', ['ok', 'failure', 'ok', 'failure', 'ok', 'neutral', 'ok', 'failure'], 'open'],
  ['three at the same time', ['ok', 'ok', 'ok', 'failure', 'failure', 'failure', 'no'], 'open'],
  ['just before the time', ['ok', 'ok', 'ok', 'failure', 'failure', 'failure', 99, 'no'], 'open'],
  ['at the time', ['ok', 'ok', 'ok', 'failure', 'failure', 'failure', 100], 'half-open'],
  ['one probe', ['ok', 'ok', 'ok', 'failure', 'failure', 'failure', 100, 'ok', 'no', 'no'], 'half-open'],
  [
    'the probe succeeds',
    ['ok', 'ok', 'ok', 'failure', 'failure', 'failure', 100, 'ok', 'success', 'ok', 'ok'],
    'closed',
  ],
  [
    'the probe fails',
    ['ok', 'ok', 'ok', 'failure', 'failure', 'failure', 100, 'ok', 'failure', 'no', 99, 'no'],
    'open',
  ],
  [
    'after a failed probe',
    ['ok', 'ok', 'ok', 'failure', 'failure', 'failure', 100, 'ok', 'failure', 100, 'ok'],
    'half-open',
  ],
  [
    'a canceled probe frees its place',
    ['ok', 'ok', 'ok', 'failure', 'failure', 'failure', 100, 'ok', 'neutral', 'ok', 'no'],
    'half-open',
  ],
  [
    'late success while open',
    ['ok', 'ok', 'ok', 'ok', 'failure', 'failure', 'failure', 'success', 'no'],
    'open',
  ],
  [
    'late failure while half-open',
    ['ok', 'ok', 'ok', 'ok', 'failure', 'failure', 'failure', 100, 'failure', 'ok'],
    'half-open',
  ],
  [
    'failures count from zero after closing',
    [
      'ok',
      'ok',
      'ok',
      'failure',
      'failure',
      'failure',
      100,
      'ok',
      'success',
      'ok',
      'failure',
      'ok',
      'failure',
    ],
    'closed',
  ],
];

function run(steps: readonly Step[]): BreakerState {
  let now = 5;
  const breaker = new CircuitBreaker({ failures: 3, open: 100 }, { monotonic: () => now });
  const passes: Pass[] = [];
  const enter = (expected: 'ok' | 'no', i: number) => {
    const pass = breaker.enter();
    assert.equal(pass === undefined ? 'no' : 'ok', expected, `step ${i}`);
    if (pass !== undefined) passes.push(pass);
  };
  for (const [i, step] of steps.entries()) {
    if (typeof step === 'number') now += step;
    else if (step === 'ok' || step === 'no') enter(step, i);
    else breaker.settle(passes.shift() ?? { era: -1 }, step, 'refused');
  }
  return breaker.state;
}

test('CircuitBreaker with 3 failures and 100 ms', async (t) => {
  for (const [name, steps, state] of ROWS) {
    await t.test(name, () => assert.equal(run(steps), state));
  }
});

test('reason, retryAfter and changes', () => {
  let now = 0;
  const changes: BreakerState[] = [];
  const breaker = new CircuitBreaker({ failures: 1, open: 2500 }, { monotonic: () => now }, (s) =>
    changes.push(s),
  );
  const fail = (reason: string) => {
    const pass = breaker.enter();
    assert.ok(pass);
    breaker.settle(pass, 'failure', reason);
  };
  fail('refused');
  assert.equal(breaker.reason, 'refused');
  assert.equal(breaker.retryAfter, 3);
  now = 2499;
  assert.equal(breaker.retryAfter, 1);
  now = 2500;
  fail('reset');
  assert.equal(breaker.reason, 'reset');
  now = 9000;
  const pass = breaker.enter();
  assert.ok(pass);
  breaker.settle(pass, 'success');
  breaker.settle(pass, 'failure');
  assert.deepEqual(changes, ['open', 'half-open', 'open', 'half-open', 'closed']);
  assert.equal(breaker.state, 'closed');
});

test('failures about one subject count once, until the next success', () => {
  const breaker = new CircuitBreaker({ failures: 3, open: 100 }, { monotonic: () => 0 });
  const settle = (verdict: 'success' | 'failure', subject?: string) => {
    const pass = breaker.enter();
    assert.ok(pass);
    breaker.settle(pass, verdict, '500', subject);
  };
  for (let i = 0; i < 10; i++) settle('failure', 'a');
  settle('failure', 'b');
  assert.equal(breaker.state, 'closed');
  settle('success');
  settle('failure', 'a');
  settle('failure', 'b');
  assert.equal(breaker.state, 'closed');
  settle('failure');
  assert.equal(breaker.state, 'open');
});
