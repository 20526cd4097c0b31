/** What a registry holds at one moment, as plain data that another process can be sent, and its text. */

export type MetricKind = 'counter' | 'gauge' | 'histogram';

/** What becomes of a gauge's samples where several processes make one page. Counters and histograms are summed. */
export type Merge = 'sum' | 'min' | 'max';

export interface FamilySnapshot {
  readonly name: string;
  readonly help: string;
  readonly kind: MetricKind;
  readonly merge: Merge;
  readonly labels: readonly string[];
  /** of a histogram: upper bounds, inclusive, ascending, without +Inf */
  readonly bounds: readonly number[];
  readonly samples: readonly SampleSnapshot[];
}

export interface SampleSnapshot {
  /** of the labels */
  readonly values: readonly string[];
  /** the value; of a histogram: a count per bound, the count above all bounds, the sum */
  readonly numbers: readonly number[];
}

/** A family of the process or of Node, each line as it is. */
export interface ProcessFamily {
  readonly name: string;
  readonly help: string;
  readonly kind: string;
  readonly lines: readonly ProcessLine[];
}

export interface ProcessLine {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface Snapshot {
  readonly families: readonly FamilySnapshot[];
  readonly process: readonly ProcessFamily[];
}

/** Prometheus's text format 0.0.4, the last line ended. */
export function exposition({ families, process }: Snapshot): string {
  const lines: string[] = [];
  for (const family of families) exposeFamily(family, lines);
  for (const family of process) exposeProcessFamily(family, lines);
  return lines.length === 0 ? '' : `${lines.join('\n')}\n`;
}

function exposeFamily(family: FamilySnapshot, lines: string[]): void {
  const { name, kind, bounds } = family;
  pushHead(family, lines);
  for (const { values, numbers } of family.samples) {
    const labels = formatLabels(family.labels, values);
    if (kind === 'histogram') exposeHistogram(name, labels, bounds, numbers, lines);
    else lines.push(`${name}${braced(labels)} ${formatNumber(numbers[0] ?? 0)}`);
  }
}

function exposeProcessFamily(family: ProcessFamily, lines: string[]): void {
  pushHead(family, lines);
  for (const { name, labels, value } of family.lines)
    lines.push(
      `${name}${braced(formatLabels(Object.keys(labels), Object.values(labels)))} ${formatNumber(value)}`,
    );
}

function pushHead({ name, help, kind }: { name: string; help: string; kind: string }, lines: string[]): void {
  lines.push(`# HELP ${name} ${help.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')}`);
  lines.push(`# TYPE ${name} ${kind}`);
}

function exposeHistogram(
  name: string,
  labels: string,
  bounds: readonly number[],
  numbers: readonly number[],
  lines: string[],
): void {
  const before = labels === '' ? '' : `${labels},`;
  let count = 0;
  for (let i = 0; i <= bounds.length; i += 1) {
    count += numbers[i] ?? 0;
    lines.push(`${name}_bucket{${before}le="${formatNumber(bounds[i] ?? Infinity)}"} ${formatNumber(count)}`);
  }
  lines.push(
    `${name}_sum${braced(labels)} ${formatNumber(numbers[bounds.length + 1] ?? 0)}`,
    `${name}_count${braced(labels)} ${formatNumber(count)}`,
  );
}

function braced(labels: string): string {
  return labels === '' ? '' : `{${labels}}`;
}

/** `a="1",b="2"`; backslash, quote and line feed of a value escaped, as the text format wants. */
function formatLabels(labels: readonly string[], values: readonly string[]): string {
  return labels.map((label, i) => `${label}="${escapeValue(values[i] ?? '')}"`).join();
}

function escapeValue(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}

/** A number as Go's ParseFloat reads it. */
function formatNumber(value: number): string {
  if (value === Infinity) return '+Inf';
  if (value === -Infinity) return '-Inf';
  return String(value);
}
