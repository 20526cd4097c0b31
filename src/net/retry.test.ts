import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Backoff, sleep } from './retry.ts';
import { parseRetryAfter } from './status.ts';

const OPTIONS = { attempts: 6, base: 1000, cap: 5000, budget: 60_000 };

/** options, random, Retry-After of each try, waits; undefined ends it */
const ROWS: readonly [string, typeof OPTIONS, number, (number | undefined)[], (number | undefined)[]][] = [
  ['doubles up to the cap', OPTIONS, 1, [], [1000, 2000, 4000, 5000, 5000, undefined]],
  ['full jitter', OPTIONS, 0.5, [], [500, 1000, 2000, 2500, 2500, undefined]],
  ['may be nothing at all', OPTIONS, 0, [], [0, 0, 0, 0, 0, undefined]],
  ['one try', { ...OPTIONS, attempts: 1 }, 1, [], [undefined]],
  ['Retry-After is the least', OPTIONS, 0.5, [3, 0, 10], [3000, 1000, 10_000, 2500, 2500, undefined]],
  ['the budget bounds the sum', { ...OPTIONS, budget: 3500 }, 1, [], [1000, 2000, undefined]],
  ['a Retry-After beyond the budget', { ...OPTIONS, budget: 9999 }, 0, [10], [undefined]],
  ['no budget', { ...OPTIONS, budget: 0 }, 1, [], [undefined]],
];

test('Backoff', async (t) => {
  for (const [name, options, random, asked, waits] of ROWS) {
    await t.test(name, () => {
      const backoff = new Backoff(options, () => random);
      assert.deepEqual(
        waits.map((_, i) => backoff.next(asked[i])),
        waits,
      );
    });
  }
});

const NOW = Date.parse('Sat, 21 Nov 2026 12:00:00 GMT');

const HEADERS: readonly [string | undefined, number | undefined][] = [
  [undefined, undefined],
  ['', undefined],
  ['0', 0],
  [' 120 ', 120],
  ['-5', undefined],
  ['1.5', undefined],
  ['soon', undefined],
  ['99999999', 86_400],
  ['99999999999999999999', undefined],
  ['Sat, 21 Nov 2026 12:00:30 GMT', 30],
  ['Sat, 21 Nov 2026 11:00:00 GMT', 0],
  ['Sat, 21 Nov 2099 11:00:00 GMT', 86_400],
];

test('parseRetryAfter', async (t) => {
  for (const [text, seconds] of HEADERS) {
    await t.test(String(text), () => assert.equal(parseRetryAfter(text, NOW), seconds));
  }
});

test('sleep ends at once when it is aborted', async () => {
  const controller = new AbortController();
  const reason = new Error('enough');
  const asleep = sleep(1 << 30, controller.signal);
  controller.abort(reason);
  await assert.rejects(asleep, reason);
  await assert.rejects(sleep(1 << 30, controller.signal), reason);
  await sleep(0, new AbortController().signal);
});
