import { ModgateError } from '../errors/index.ts';
import {
  exposition,
  type FamilySnapshot,
  type Merge,
  type MetricKind,
  type ProcessFamily,
  type Snapshot,
} from './exposition.ts';
import { type Cell, CounterCell, Family, GaugeCell, HistogramCell } from './family.ts';

export type { CounterCell, GaugeCell, HistogramCell } from './family.ts';

/** A family whose samples share a name and differ in their labels' values. */
interface Cells<C> {
  readonly name: string;
  /** The one cell of these label values, in the order of the labels; hot paths keep it. */
  with(...values: string[]): C;
}
export type Counter = Cells<CounterCell>;
export type Gauge = Cells<GaugeCell>;
export type Histogram = Cells<HistogramCell>;

interface Shape {
  readonly kind: MetricKind;
  readonly labels: readonly string[];
  readonly bounds: readonly number[];
  readonly merge: Merge;
}
interface Registered extends Shape {
  readonly signature: string;
  readonly family: Family<Cell>;
  /** its samples are those that the collectors set, and no others */
  collected: boolean;
}

const NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const LABEL = /^(?!__)[a-zA-Z_][a-zA-Z0-9_]*$/;
/** The families of the process and of Node come from prom-client under these names. */
const RESERVED = /^(?:process|nodejs)_/;
/** A histogram's samples have these names beside its own. */
const SUFFIXES = ['_bucket', '_sum', '_count'];

export interface MetricsOptions {
  /** false: without the families of the process and of Node; default true */
  readonly process?: boolean;
}

/**
 * The registry of one gateway, in Prometheus's text format 0.0.4
 * (prometheus.io/docs/instrumenting/exposition_formats). A family is registered by who counts in it; the same
 * registration again gives the same family, another kind or other labels under its name is a fault of the
 * program and throws INTERNAL.
 */
export class Metrics {
  readonly contentType = 'text/plain; version=0.0.4; charset=utf-8';
  readonly #families: Map<string, Registered>;
  readonly #collectors: (() => void | Promise<void>)[] = [];
  readonly #scopes = new Set<Metrics>();
  readonly #parent: Metrics | undefined;
  readonly #process: boolean;
  #processFamilies: Promise<() => Promise<ProcessFamily[]>> | undefined;

  constructor(options: MetricsOptions = {}, parent?: Metrics) {
    this.#process = options.process ?? true;
    this.#parent = parent;
    this.#families = parent === undefined ? new Map() : parent.#families;
  }

  /** The same registry for parts that end before it does: close() takes their collectors out again. */
  scope(): Metrics {
    const scope = new Metrics({ process: false }, this);
    this.#scopes.add(scope);
    return scope;
  }

  close(): void {
    if (this.#parent !== undefined) this.#parent.#scopes.delete(this);
  }

  counter(name: string, help: string, labels: readonly string[] = []): Counter {
    return this.#register(name, help, shape('counter', labels), () => new CounterCell());
  }

  /**
   * @param collect sets the cells just before each exposition; those of every registration are called. A family with
   * labels then holds what they set and nothing else.
   * @param merge where several processes make one page
   */
  gauge(
    name: string,
    help: string,
    labels: readonly string[] = [],
    collect?: (gauge: Gauge) => void | Promise<void>,
    merge: Merge = 'sum',
  ): Gauge {
    const gauge = this.#register(name, help, { ...shape('gauge', labels), merge }, () => new GaugeCell());
    if (collect !== undefined) {
      this.#collectors.push(() => collect(gauge));
      const registered = this.#families.get(name);
      if (registered !== undefined) registered.collected = true;
    }
    return gauge;
  }

  /** @param buckets upper bounds, inclusive, ascending, without +Inf */
  histogram(name: string, help: string, labels: readonly string[], buckets: readonly number[]): Histogram {
    const ascending = buckets.every(
      (bound, i) => Number.isFinite(bound) && bound > (buckets[i - 1] ?? -Infinity),
    );
    if (!ascending) throw fault(name, 'its buckets are not finite and ascending');
    if (labels.includes('le')) throw fault(name, 'a histogram has its own label "le"');
    const bounds = Float64Array.from(buckets);
    const own = { ...shape('histogram', labels), bounds: [...buckets] };
    return this.#register(name, help, own, () => new HistogramCell(bounds));
  }

  /** Everything as text, the last line ended. */
  async expose(): Promise<string> {
    return exposition(await this.snapshot());
  }

  /** Everything as plain data. A collector that fails leaves its gauge as it was, or, with labels, empty. */
  async snapshot(): Promise<Snapshot> {
    for (const { collected, family } of this.#families.values()) if (collected) family.clear();
    const collectors = [this, ...this.#scopes].flatMap((one) => one.#collectors);
    await Promise.allSettled(collectors.map(async (collect) => collect()));
    const families = [...this.#families.values()].map(familySnapshot);
    if (!this.#process) return { families, process: [] };
    this.#processFamilies ??= processMetrics();
    return { families, process: await (await this.#processFamilies)() };
  }

  #register<C extends Cell>(name: string, help: string, own: Shape, make: () => C): Family<C> {
    const { kind, labels, bounds } = own;
    const signature = `${kind} {${labels.join()}} [${bounds.join()}]`;
    const present = this.#families.get(name);
    if (present !== undefined) {
      if (present.signature !== signature)
        throw fault(name, `it is already ${present.signature}, not ${signature}`);
      // The signature holds the kind, and the kind alone decides what its cells are.
      return present.family as Family<C>;
    }
    this.#check(kind, name, labels);
    const family = new Family(name, help, labels, make);
    this.#families.set(name, { ...own, signature, family, collected: false });
    return family;
  }

  #check(kind: MetricKind, name: string, labels: readonly string[]): void {
    if (!NAME.test(name)) throw fault(name, 'the name is not one of Prometheus');
    if (RESERVED.test(name)) throw fault(name, 'the name is kept for the process and Node');
    if (kind === 'counter' && !name.endsWith('_total')) throw fault(name, 'a counter ends in _total');
    const bad = labels.find((label, i) => !LABEL.test(label) || labels.indexOf(label) !== i);
    if (bad !== undefined) throw fault(name, `bad or repeated label ${JSON.stringify(bad)}`);
    for (const suffix of SUFFIXES) {
      const clash =
        kind === 'histogram' ? this.#families.has(name + suffix) : this.#isHistogram(name, suffix);
      if (clash) throw fault(name, `it clashes with a histogram's ${suffix}`);
    }
  }

  #isHistogram(name: string, suffix: string): boolean {
    return name.endsWith(suffix) && this.#families.get(name.slice(0, -suffix.length))?.kind === 'histogram';
  }
}

function fault(name: string, what: string): ModgateError {
  return new ModgateError('INTERNAL', `metric ${name}: ${what}`);
}

function shape(kind: MetricKind, labels: readonly string[]): Shape {
  return { kind, labels, bounds: [], merge: 'sum' };
}

function familySnapshot({ kind, merge, labels, bounds, family }: Registered): FamilySnapshot {
  const { name, help } = family;
  const samples = family.samples().map(({ values, cell }) => ({ values, numbers: cell.numbers }));
  return { name, help, kind, merge, labels, bounds, samples };
}

/** Loaded at the first exposition: it costs start-up time, and a gateway that nobody scrapes never needs it. */
async function processMetrics(): Promise<() => Promise<ProcessFamily[]>> {
  const { collectProcess } = await import('./process-metrics.ts');
  return collectProcess();
}
