import type { FamilySnapshot, ProcessFamily, SampleSnapshot, Snapshot } from '../observe/index.ts';

/** What one process says, and the `worker` label of its process_ and nodejs_ lines. */
export interface Part {
  readonly worker: string;
  readonly snapshot: Snapshot;
}

/**
 * One page of several processes. Counters and histograms are sums; gauges are sums, or the least or the greatest
 * where their registration says so; the ratio of hits is worked out from the sums. What the process and Node tell of
 * themselves stays apart, by a label `worker`.
 */
export function mergeSnapshots(parts: readonly Part[]): Snapshot {
  const families = mergeFamilies(parts.map(({ snapshot }) => snapshot.families));
  const process = new Map<string, ProcessFamily>();
  for (const { worker, snapshot } of parts)
    for (const family of snapshot.process) {
      const lines = family.lines.map((line) => ({ ...line, labels: { ...line.labels, worker } }));
      const before = process.get(family.name)?.lines ?? [];
      process.set(family.name, { ...family, lines: [...before, ...lines] });
    }
  return { families: families.map((family) => withRatio(family, families)), process: [...process.values()] };
}

/** What a process that has ended leaves to the page: all that must never go back. */
export function leftBehind(before: readonly FamilySnapshot[], ended: Snapshot): FamilySnapshot[] {
  return mergeFamilies([before, ended.families.filter(({ kind }) => kind !== 'gauge')]);
}

function mergeFamilies(lists: readonly (readonly FamilySnapshot[])[]): FamilySnapshot[] {
  const merged = new Map<string, FamilySnapshot>();
  for (const family of lists.flat()) {
    const present = merged.get(family.name);
    merged.set(family.name, present === undefined ? family : mergeTwo(present, family));
  }
  return [...merged.values()];
}

function mergeTwo(a: FamilySnapshot, b: FamilySnapshot): FamilySnapshot {
  const samples = new Map<string, SampleSnapshot>();
  for (const sample of [...a.samples, ...b.samples]) {
    const key = JSON.stringify(sample.values);
    const present = samples.get(key);
    samples.set(key, present === undefined ? sample : mergeSamples(a, present, sample));
  }
  return { ...a, samples: [...samples.values()] };
}

function mergeSamples({ merge }: FamilySnapshot, a: SampleSnapshot, b: SampleSnapshot): SampleSnapshot {
  const numbers = a.numbers.map((number, i) => combine(merge, number, b.numbers[i] ?? 0));
  return { values: a.values, numbers };
}

function combine(merge: FamilySnapshot['merge'], a: number, b: number): number {
  switch (merge) {
    case 'sum':
      return a + b;
    case 'min':
      return Math.min(a, b);
    case 'max':
      return Math.max(a, b);
  }
}

const RATIO = 'goproxy_cache_hit_ratio';
const ANSWERS = 'modgate_cache_answers_total';

/** The sum of ratios is no ratio. */
function withRatio(family: FamilySnapshot, families: readonly FamilySnapshot[]): FamilySnapshot {
  if (family.name !== RATIO) return family;
  const samples = families.find(({ name }) => name === ANSWERS)?.samples ?? [];
  const count = (cache: string) => samples.find(({ values }) => values[0] === cache)?.numbers[0] ?? 0;
  const served = count('hit') + count('stale');
  const all = served + count('miss');
  return { ...family, samples: [{ values: [], numbers: [all === 0 ? 0 : served / all] }] };
}
