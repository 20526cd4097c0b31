/** Figures of several rounds, and how they are written. */
import type { Aim, Unit } from './row.ts';

export interface Summary {
  readonly median: number;
  readonly least: number;
  readonly most: number;
}

/** undefined where there is no value. */
export function summarize(values: readonly number[]): Summary | undefined {
  const sorted = values.filter(Number.isFinite).sort((a, b) => a - b);
  const [least, most] = [sorted[0], sorted.at(-1)];
  if (least === undefined || most === undefined) return undefined;
  const upper = sorted[sorted.length >> 1] ?? most;
  const lower = sorted[(sorted.length - 1) >> 1] ?? least;
  return { median: (lower + upper) / 2, least, most };
}

/** Round by round, so that what slows a whole round falls out of the ratio. */
export function ratios(ours: readonly number[], theirs: readonly number[]): Summary | undefined {
  return summarize(ours.map((value, i) => value / (theirs[i] ?? Number.NaN)));
}

export function meets(value: number, { bound, limit }: Aim): boolean {
  return bound === 'at most' ? value <= limit : value >= limit;
}

/** Three significant digits, thousands as "k": 94.6k, 0.0612, 31. */
function figure(value: number): string {
  if (value >= 10_000) return `${trimmed(value / 1000)}k`;
  return trimmed(value);
}

function trimmed(value: number): string {
  if (value === 0) return '0';
  const digits = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value))));
  return String(Number(value.toFixed(Math.min(digits, 4))));
}

/** "94.6k req/s (90.1k–97.2k)"; the brackets hold the least and the greatest round. */
export function summaryText({ median, least, most }: Summary, unit: Unit | '×'): string {
  const name = unit === '×' ? '×' : ` ${unit}`;
  const spread = least === most ? '' : ` (${figure(least)}–${figure(most)})`;
  return `${figure(median)}${name}${spread}`;
}

export function aimText({ of, bound, limit }: Aim, unit: Unit): string {
  const sign = bound === 'at most' ? '≤' : '≥';
  return `${sign} ${limit}${of === 'ratio' ? '×' : ` ${unit}`}`;
}
