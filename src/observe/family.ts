import { ModgateError } from '../errors/index.ts';

export class CounterCell {
  value = 0;

  get numbers(): number[] {
    return [this.value];
  }

  /** @param n ≥ 0; anything else is left out, since a counter never goes back */
  inc(n = 1): void {
    if (n > 0) this.value += n;
  }
}

export class GaugeCell {
  value = 0;

  get numbers(): number[] {
    return [this.value];
  }

  set(value: number): void {
    this.value = value;
  }

  inc(n = 1): void {
    this.value += n;
  }

  dec(n = 1): void {
    this.value -= n;
  }
}

/** Counts per bucket, not cumulative, in one typed array, so that `observe` writes numbers in place. */
export class HistogramCell {
  readonly #bounds: Float64Array;
  /** one count per bound, then the count above all bounds, then the sum */
  readonly #data: Float64Array;

  constructor(bounds: Float64Array) {
    this.#bounds = bounds;
    this.#data = new Float64Array(bounds.length + 2);
  }

  /** @param value in the unit that the family's name says; NaN is left out */
  observe(value: number): void {
    if (Number.isNaN(value)) return;
    const bounds = this.#bounds;
    const data = this.#data;
    let i = 0;
    // `?? 0` cannot happen below the length; the array has no holes.
    while (i < bounds.length && value > (bounds[i] ?? 0)) i += 1;
    data[i] = (data[i] ?? 0) + 1;
    const sum = bounds.length + 1;
    data[sum] = (data[sum] ?? 0) + value;
  }

  /** as `#data` has them */
  get numbers(): number[] {
    return [...this.#data];
  }
}

export type Cell = CounterCell | GaugeCell | HistogramCell;

interface Sample<C> {
  readonly values: readonly string[];
  readonly cell: C;
}
type Branch<C> = Map<string, Branch<C> | Sample<C>>;

/** Label values should be few; should one come from a caller after all, memory stays bounded. */
const MAX_CELLS = 5000;
/** Every label of the cell that takes what is beyond MAX_CELLS. */
const OVERFLOW = 'other';

export class Family<C extends Cell> {
  readonly name: string;
  readonly help: string;
  readonly labels: readonly string[];
  readonly #make: () => C;
  readonly #root: Branch<C> = new Map();
  readonly #samples: Sample<C>[] = [];

  constructor(name: string, help: string, labels: readonly string[], make: () => C) {
    this.name = name;
    this.help = help;
    this.labels = [...labels];
    this.#make = make;
    // Without labels there is one sample; it is 0 from the start, so that a rate over it has a beginning.
    if (labels.length === 0) this.with();
  }

  with(...values: string[]): C {
    if (values.length !== this.labels.length) {
      throw new ModgateError(
        'INTERNAL',
        `metric ${this.name}: ${values.length} label values for ${this.labels.length} labels`,
      );
    }
    return (this.#find(values) ?? this.#add(values)).cell;
  }

  samples(): readonly Sample<C>[] {
    return this.#samples;
  }

  /** Forgets every sample but the one of a family without labels. */
  clear(): void {
    if (this.labels.length === 0) return;
    this.#samples.length = 0;
    this.#root.clear();
  }

  /** A tree of maps, one level a label: no two lists of values can be taken for each other. */
  #find(values: readonly string[]): Sample<C> | undefined {
    if (values.length === 0) return this.#samples[0];
    let branch = this.#root;
    for (const value of values) {
      const next = branch.get(value);
      if (next === undefined) return undefined;
      if (!(next instanceof Map)) return next;
      branch = next;
    }
    return undefined;
  }

  #add(wanted: readonly string[]): Sample<C> {
    const full = this.#samples.length >= MAX_CELLS;
    const values = full ? wanted.map(() => OVERFLOW) : wanted;
    const present = full ? this.#find(values) : undefined;
    if (present !== undefined) return present;
    const sample: Sample<C> = { values, cell: this.#make() };
    this.#samples.push(sample);
    let branch = this.#root;
    for (const [i, value] of values.entries()) {
      if (i === values.length - 1) {
        branch.set(value, sample);
        break;
      }
      let next = branch.get(value);
      if (!(next instanceof Map)) {
        next = new Map();
        branch.set(value, next);
      }
      branch = next;
    }
    return sample;
  }
}
