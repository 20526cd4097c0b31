import assert from 'node:assert/strict';
import { test } from 'node:test';
import { exposition, Metrics, type Snapshot } from '../observe/index.ts';
import { leftBehind, mergeSnapshots } from './merged-metrics.ts';

/** One process that has counted this. */
function snapshot(hits: number, misses: number, free: number, state: number): Promise<Snapshot> {
  const metrics = new Metrics({ process: false });
  const answers = metrics.counter('modgate_cache_answers_total', 'Answers.', ['cache']);
  answers.with('hit').inc(hits);
  answers.with('miss').inc(misses);
  metrics.gauge('goproxy_cache_hit_ratio', 'Share.').with().set(0.123);
  metrics.gauge('free_bytes', 'Free.', [], undefined, 'min').with().set(free);
  metrics.gauge('state', 'State.', ['source'], undefined, 'max').with('corp').set(state);
  metrics.gauge('in_flight', 'Running.').with().set(hits);
  const seconds = metrics.histogram('seconds', 'Time.', ['route'], [1, 2]);
  seconds.with('zip').observe(0.5);
  seconds.with('zip').observe(hits);
  return metrics.snapshot();
}

const part = (worker: string, one: Snapshot) => ({ worker, snapshot: one });

test('two processes: sums, the least, the greatest, and the ratio of the sums', async () => {
  const merged = mergeSnapshots([
    part('0', await snapshot(3, 1, 500, 0)),
    part('1', await snapshot(7, 0, 400, 2)),
  ]);
  const rows = exposition(merged)
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'));
  assert.deepEqual(rows, [
    'modgate_cache_answers_total{cache="hit"} 10',
    'modgate_cache_answers_total{cache="miss"} 1',
    `goproxy_cache_hit_ratio ${10 / 11}`,
    'free_bytes 400',
    'state{source="corp"} 2',
    'in_flight 10',
    'seconds_bucket{route="zip",le="1"} 2',
    'seconds_bucket{route="zip",le="2"} 2',
    'seconds_bucket{route="zip",le="+Inf"} 4',
    'seconds_sum{route="zip"} 11',
    'seconds_count{route="zip"} 4',
  ]);
});

test('what a process leaves behind are its counters and histograms, however many end', async () => {
  let left = leftBehind([], await snapshot(3, 1, 500, 2));
  left = leftBehind(left, await snapshot(4, 0, 500, 2));
  assert.deepEqual(
    left.map(({ name }) => name),
    ['modgate_cache_answers_total', 'seconds'],
  );
  const merged = mergeSnapshots([
    part('0', await snapshot(1, 0, 9, 0)),
    part('', { families: left, process: [] }),
  ]);
  assert.match(exposition(merged), /^modgate_cache_answers_total\{cache="hit"\} 8$/m);
  assert.match(exposition(merged), /^seconds_count\{route="zip"\} 6$/m);
  assert.match(exposition(merged), /^free_bytes 9$/m);
});

test('what Node tells of each process has its label', () => {
  const family = (value: number) => ({
    families: [],
    process: [
      {
        name: 'nodejs_x',
        help: 'X.',
        kind: 'gauge',
        lines: [{ name: 'nodejs_x', labels: { type: 'a' }, value }],
      },
    ],
  });
  assert.equal(
    exposition(mergeSnapshots([part('supervisor', family(1)), part('0', family(2))])),
    '# HELP nodejs_x X.\n# TYPE nodejs_x gauge\nnodejs_x{type="a",worker="supervisor"} 1\nnodejs_x{type="a",worker="0"} 2\n',
  );
});
