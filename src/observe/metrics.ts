import { ModgateError } from '../errors/index.ts';
import {
  type Cell,
  CounterCell,
  Family,
  formatLabels,
  formatNumber,
  GaugeCell,
  HistogramCell,
} from './family.ts';

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

type Kind = 'counter' | 'gauge' | 'histogram';
interface Registered {
  readonly kind: Kind;
  readonly signature: string;
  readonly family: Family<Cell>;
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
  readonly #families = new Map<string, Registered>();
  readonly #collectors: (() => void | Promise<void>)[] = [];
  readonly #process: boolean;
  #processText: Promise<() => Promise<string>> | undefined;

  constructor(options: MetricsOptions = {}) {
    this.#process = options.process ?? true;
  }

  counter(name: string, help: string, labels: readonly string[] = []): Counter {
    return this.#register('counter', name, help, labels, '', () => new CounterCell());
  }

  /** @param collect sets the cells just before each exposition; those of every registration are called */
  gauge(
    name: string,
    help: string,
    labels: readonly string[] = [],
    collect?: (gauge: Gauge) => void | Promise<void>,
  ): Gauge {
    const gauge = this.#register('gauge', name, help, labels, '', () => new GaugeCell());
    if (collect !== undefined) this.#collectors.push(() => collect(gauge));
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
    return this.#register('histogram', name, help, labels, buckets.join(), () => new HistogramCell(bounds));
  }

  /** Everything as text, the last line ended. A collector that fails leaves its gauge as it was. */
  async expose(): Promise<string> {
    await Promise.allSettled(this.#collectors.map(async (collect) => collect()));
    const lines: string[] = [];
    for (const { kind, family } of this.#families.values()) exposeFamily(kind, family, lines);
    const own = lines.length === 0 ? '' : `${lines.join('\n')}\n`;
    if (!this.#process) return own;
    this.#processText ??= processMetrics();
    return own + (await (await this.#processText)());
  }

  #register<C extends Cell>(
    kind: Kind,
    name: string,
    help: string,
    labels: readonly string[],
    buckets: string,
    make: () => C,
  ): Family<C> {
    const signature = `${kind} {${labels.join()}} [${buckets}]`;
    const present = this.#families.get(name);
    if (present !== undefined) {
      if (present.signature !== signature)
        throw fault(name, `it is already ${present.signature}, not ${signature}`);
      // The signature holds the kind, and the kind alone decides what its cells are.
      return present.family as Family<C>;
    }
    this.#check(kind, name, labels);
    const family = new Family(name, help, labels, make);
    this.#families.set(name, { kind, signature, family });
    return family;
  }

  #check(kind: Kind, name: string, labels: readonly string[]): void {
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

function exposeFamily(kind: Kind, family: Family<Cell>, lines: string[]): void {
  lines.push(`# HELP ${family.name} ${family.help.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')}`);
  lines.push(`# TYPE ${family.name} ${kind}`);
  for (const { values, cell } of family.samples()) {
    const labels = formatLabels(family.labels, values);
    if (cell instanceof HistogramCell) exposeHistogram(family.name, labels, cell, lines);
    else lines.push(`${family.name}${labels === '' ? '' : `{${labels}}`} ${formatNumber(cell.value)}`);
  }
}

function exposeHistogram(name: string, labels: string, cell: HistogramCell, lines: string[]): void {
  const before = labels === '' ? '' : `${labels},`;
  const own = labels === '' ? '' : `{${labels}}`;
  for (const [bound, count] of cell.cumulative()) {
    lines.push(`${name}_bucket{${before}le="${formatNumber(bound)}"} ${formatNumber(count)}`);
  }
  lines.push(
    `${name}_sum${own} ${formatNumber(cell.sum)}`,
    `${name}_count${own} ${formatNumber(cell.count)}`,
  );
}

/** Loaded at the first exposition: it costs start-up time, and a gateway that nobody scrapes never needs it. */
async function processMetrics(): Promise<() => Promise<string>> {
  const { collectProcess } = await import('./process-metrics.ts');
  return collectProcess();
}
