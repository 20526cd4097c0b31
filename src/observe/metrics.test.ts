import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import fc from 'fast-check';
import { Metrics } from './metrics.ts';

interface Line {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** A reader of the text format 0.0.4, its numbers as Go's ParseFloat reads them (any case of NaN). */
function parse(text: string): { samples: Line[]; types: Map<string, string> } {
  assert.ok(text.endsWith('\n'), 'the last line is not ended');
  const samples: Line[] = [];
  const types = new Map<string, string>();
  for (const line of text.slice(0, -1).split('\n')) {
    const comment = /^# (HELP|TYPE) ([a-zA-Z_:][a-zA-Z0-9_:]*) (.+)$/.exec(line);
    if (comment?.[1] === 'TYPE') {
      assert.ok(!types.has(comment[2] ?? ''), `second TYPE of ${comment[2]}`);
      types.set(comment[2] ?? '', comment[3] ?? '');
    }
    if (comment !== null || line === '') continue;
    samples.push(parseSample(line));
  }
  return { samples, types };
}

function parseSample(line: string): Line {
  const head = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(\{)?/.exec(line);
  assert.ok(head, `no name: ${line}`);
  let rest = line.slice(head[0].length);
  const labels: Record<string, string> = {};
  while (head[2] !== undefined) {
    const pair = /^([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(,|\})/.exec(rest);
    assert.ok(pair, `bad label: ${line}`);
    const value = (pair[2] ?? '').replace(/\\(.)/g, (_, c: string) => (c === 'n' ? '\n' : c));
    labels[pair[1] ?? ''] = value;
    rest = rest.slice(pair[0].length);
    if (pair[3] === '}') break;
  }
  assert.match(rest, /^ (?:[+-]Inf|N[aA][nN]|-?[0-9.]+(?:e[+-]?[0-9]+)?)$/, `bad value: ${line}`);
  const value = Number(rest.trim().replace('Inf', 'Infinity'));
  return { name: head[1] ?? '', labels, value };
}

const bare = () => new Metrics({ process: false });

test('an empty registry exposes nothing', async () => {
  assert.equal(await bare().expose(), '');
});

test('families are exposed with help, type and samples', async () => {
  const metrics = bare();
  const requests = metrics.counter('modgate_requests_total', 'Requests.\nAnd \\ more', ['route', 'status']);
  requests.with('list', '200').inc();
  requests.with('list', '200').inc(2);
  requests.with('say "hi"\n\\', '404').inc();
  metrics.gauge('modgate_in_flight', 'Requests in flight.').with().set(1.5);
  metrics.counter('modgate_empty_total', 'Never counted.');
  const seconds = metrics.histogram('modgate_seconds', 'Durations.', ['route'], [0.1, 1]);
  for (const value of [0.05, 0.1, 0.5, 7, Number.NaN]) seconds.with('zip').observe(value);
  assert.equal(
    await metrics.expose(),
    String.raw`# HELP modgate_requests_total Requests.\nAnd \\ more
# TYPE modgate_requests_total counter
modgate_requests_total{route="list",status="200"} 3
modgate_requests_total{route="say \"hi\"\n\\",status="404"} 1
# HELP modgate_in_flight Requests in flight.
# TYPE modgate_in_flight gauge
modgate_in_flight 1.5
# HELP modgate_empty_total Never counted.
# TYPE modgate_empty_total counter
modgate_empty_total 0
# HELP modgate_seconds Durations.
# TYPE modgate_seconds histogram
modgate_seconds_bucket{route="zip",le="0.1"} 2
modgate_seconds_bucket{route="zip",le="1"} 3
modgate_seconds_bucket{route="zip",le="+Inf"} 4
modgate_seconds_sum{route="zip"} 7.65
modgate_seconds_count{route="zip"} 4
`,
  );
});

test('a cell is one object for the same values, and lists of values are never mixed up', () => {
  const family = bare().counter('a_total', 'A.', ['x', 'y']);
  assert.equal(family.with('1', '2'), family.with('1', '2'));
  assert.notEqual(family.with('1', '2'), family.with('1,2', ''));
  assert.notEqual(family.with('', 'a'), family.with('a', ''));
});

test('gauges go up and down, counters only up', () => {
  const metrics = bare();
  const gauge = metrics.gauge('g', 'G.').with();
  gauge.inc();
  gauge.inc(4);
  gauge.dec(2);
  assert.equal(gauge.value, 3);
  const counter = metrics.counter('c_total', 'C.').with();
  for (const n of [1, -1, Number.NaN, 0, 2]) counter.inc(n);
  assert.equal(counter.value, 3);
});

test('the same registration gives the same family', () => {
  const metrics = bare();
  assert.equal(metrics.counter('a_total', 'A.', ['x']), metrics.counter('a_total', 'A.', ['x']));
  const buckets = [1, 2];
  assert.equal(metrics.histogram('h', 'H.', [], buckets), metrics.histogram('h', 'H.', [], [...buckets]));
});

const REFUSED: [what: string, register: (m: Metrics) => unknown][] = [
  ['another kind', (m) => m.gauge('a_total', 'A.', ['x'])],
  ['other labels', (m) => m.counter('a_total', 'A.', ['y'])],
  ['labels in another number', (m) => m.counter('a_total', 'A.')],
  ['other buckets', (m) => m.histogram('h', 'H.', [], [1, 3])],
  ['a bad name', (m) => m.gauge('1a', 'A.')],
  ['a counter without _total', (m) => m.counter('a', 'A.')],
  ['a bad label', (m) => m.gauge('g', 'G.', ['a-b'])],
  ['a reserved label', (m) => m.gauge('g', 'G.', ['__name__'])],
  ['a label twice', (m) => m.gauge('g', 'G.', ['a', 'a'])],
  ['the label le', (m) => m.histogram('h2', 'H.', ['le'], [1])],
  ['buckets out of order', (m) => m.histogram('h2', 'H.', [], [2, 1])],
  ['an infinite bucket', (m) => m.histogram('h2', 'H.', [], [1, Infinity])],
  ['a name of the process', (m) => m.gauge('process_files', 'F.')],
  ['a name that a histogram has', (m) => m.gauge('h_count', 'C.')],
  ['too few label values', (m) => m.counter('a_total', 'A.', ['x']).with()],
];

for (const [what, register] of REFUSED) {
  test(`refused: ${what}`, () => {
    const metrics = bare();
    metrics.counter('a_total', 'A.', ['x']);
    metrics.histogram('h', 'H.', [], [1, 2]);
    assert.throws(() => register(metrics), { code: 'INTERNAL' });
  });
}

test('collectors of every registration run at each exposition; one that fails stops nothing', async () => {
  const metrics = bare();
  let n = 0;
  metrics.gauge('g', 'G.', ['source'], (g) => g.with('a').set(++n));
  metrics.gauge('g', 'G.', ['source'], () => {
    throw new Error('gone');
  });
  metrics.gauge('g', 'G.', ['source'], async (g) => g.with('b').set(7));
  await metrics.expose();
  assert.match(await metrics.expose(), /g\{source="a"\} 2\ng\{source="b"\} 7\n$/);
});

test('label values without end fall into one sample', async () => {
  const metrics = bare();
  const family = metrics.counter('a_total', 'A.', ['x', 'y']);
  for (let i = 0; i < 6000; i++) family.with('x', String(i)).inc();
  const { samples } = parse(await metrics.expose());
  assert.equal(samples.length, 5001);
  assert.deepEqual(samples.at(-1), { name: 'a_total', labels: { x: 'other', y: 'other' }, value: 1000 });
});

test('whatever the values, what is exposed is read back', async () => {
  const property = fc.asyncProperty(
    fc.array(fc.tuple(fc.string({ unit: 'binary' }), fc.string(), fc.double()), { minLength: 1 }),
    fc.array(fc.double({ noNaN: true, min: -1e9, max: 1e9 })),
    async (cells, observed) => {
      const metrics = bare();
      const gauge = metrics.gauge('g', 'Help \n \\', ['a', 'b']);
      const expected = new Map<unknown, unknown>();
      for (const [a, b, value] of cells) {
        gauge.with(a, b).set(value);
        expected.set(gauge.with(a, b), { name: 'g', labels: { a, b }, value: value === 0 ? 0 : value });
      }
      const histogram = metrics.histogram('h', 'H.', [], [-1, 0, 0.5, 1e6]).with();
      for (const value of observed) histogram.observe(value);
      const { samples, types } = parse(await metrics.expose());
      assert.deepEqual(Object.fromEntries(types), { g: 'gauge', h: 'histogram' });
      assert.deepEqual(
        samples.filter((s) => s.name === 'g'),
        [...expected.values()],
      );
      const counts = samples.filter((s) => s.name === 'h_bucket').map((s) => s.value);
      const below = [-1, 0, 0.5, 1e6, Infinity].map((bound) => observed.filter((v) => v <= bound).length);
      assert.deepEqual(counts, below);
    },
  );
  await fc.assert(property, { numRuns: 100 });
});

test('the families of the process and of Node are appended', async () => {
  const metrics = new Metrics();
  metrics.counter('a_total', 'A.').with().inc();
  const before = process.cpuUsage();
  const { types, samples } = parse(await metrics.expose());
  assert.equal(types.get('a_total'), 'counter');
  assert.equal(types.get('process_cpu_seconds_total'), 'counter');
  const cpu = samples.find(({ name }) => name === 'process_cpu_seconds_total')?.value ?? 0;
  assert.ok(cpu * 1e6 >= before.user + before.system, 'what ran before the first exposition counts');
  assert.ok(types.has('nodejs_eventloop_lag_seconds'));
});

const promtool = spawnSync('promtool', ['--version']).error === undefined;

test('promtool finds no fault', { skip: promtool ? false : 'promtool is not installed' }, async () => {
  const metrics = bare();
  metrics.counter('goproxy_requests_total', 'Requests.', ['status']).with('2"0\\0\n').inc();
  metrics.gauge('goproxy_cache_hit_ratio', 'Hits by requests.').with().set(0.5);
  metrics.histogram('goproxy_fetch_duration_seconds', 'Durations.', ['s'], [0.1, 1]).with('a').observe(2);
  const run = spawnSync('promtool', ['check', 'metrics'], {
    input: await metrics.expose(),
    encoding: 'utf8',
  });
  assert.equal(run.status, 0, run.stdout + run.stderr);
});

test('a scope counts in the same families, and takes its collectors with it', async () => {
  const metrics = new Metrics({ process: false });
  const old = metrics.scope();
  old.counter('asked_total', 'Asked.').with().inc(2);
  old.gauge('state', 'State.', ['source'], (gauge) => gauge.with('old').set(1));
  const next = metrics.scope();
  next.counter('asked_total', 'Asked.').with().inc();
  next.gauge('state', 'State.', ['source'], (gauge) => gauge.with('new').set(2));
  assert.match(
    await metrics.expose(),
    /asked_total 3\n[\s\S]*state\{source="old"\} 1\nstate\{source="new"\} 2\n/,
  );
  old.close();
  const text = await metrics.expose();
  assert.match(text, /asked_total 3\n[\s\S]*state\{source="new"\} 2\n/);
  assert.doesNotMatch(text, /old/);
});
