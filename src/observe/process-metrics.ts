/** The families of the process and of Node. */
// A file of its own: the names of a CommonJS package can be imported statically only, once it is in a bundle.
import { Counter, collectDefaultMetrics, Registry } from 'prom-client';
import type { ProcessFamily } from './exposition.ts';

export function collectProcess(): () => Promise<ProcessFamily[]> {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  countFromStart(registry);
  return async () => (await registry.getMetricsAsJSON()).map(processFamily).filter(isWellNamed);
}

/** prom-client counts the CPU from its own beginning on; the process has worked before. */
function countFromStart(registry: Registry): void {
  const { user, system } = process.cpuUsage();
  for (const [name, used] of [
    ['process_cpu_user_seconds_total', user],
    ['process_cpu_system_seconds_total', system],
    ['process_cpu_seconds_total', user + system],
  ] as const) {
    const metric = registry.getSingleMetric(name);
    if (metric instanceof Counter) metric.inc(used / 1e6);
  }
}

/** promtool refuses a gauge whose name ends as a counter's; those of prom-client are sums of families that stay. */
function isWellNamed({ name, kind }: ProcessFamily): boolean {
  return kind === 'counter' || !name.endsWith('_total');
}

interface PromFamily {
  readonly name: string;
  readonly help: string;
  readonly type: unknown;
  readonly values: readonly PromValue[];
}

interface PromValue {
  readonly value: number;
  readonly labels: Readonly<Partial<Record<string, string | number>>>;
  /** of a histogram's line, which has another name than its family; missing in prom-client's types */
  readonly metricName?: string;
}

function processFamily({ name, help, type, values }: PromFamily): ProcessFamily {
  const lines = values.map(({ metricName, labels, value }) => {
    const named = Object.entries(labels).map(([label, text]): [string, string] => [label, String(text)]);
    return { name: metricName ?? name, labels: Object.fromEntries(named), value };
  });
  return { name, help, kind: String(type), lines };
}
