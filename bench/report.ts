/** Results as a table for the terminal, and as bench/RESULTS.md. */
import type { Machine } from './machine.ts';
import type { MeasureResult, RowResult } from './measure.ts';
import { aimText, summaryText } from './stats.ts';

const HEAD = ['Work', 'Measure', 'modgate', 'beside it', 'ratio', 'aim', 'for orientation'];

function cells(row: RowResult): string[][] {
  if (row.leftOut !== undefined) return [[row.title, `left out: ${row.leftOut}`]];
  if (row.failure !== undefined) return [[row.title, `FAILED: ${firstLines(row.failure)}`]];
  return row.measures.map((one, i) => [i === 0 ? row.title : '', ...measureCells(one)]);
}

function measureCells({ measure, figures, ratio, met }: MeasureResult): string[] {
  const { unit, aim } = measure;
  const text = ({ contender, summary }: MeasureResult['figures'][number]) =>
    summary === undefined ? undefined : `${contender} ${summaryText(summary, unit)}`;
  const [ours, beside, ...others] = figures;
  return [
    measure.title,
    ours?.summary === undefined ? '–' : summaryText(ours.summary, unit),
    (beside && text(beside)) ?? '–',
    ratio === undefined ? '–' : summaryText(ratio, '×'),
    aim === undefined ? '' : `${aimText(aim, unit)}${met === undefined ? '' : met ? ' met' : ' MISSED'}`,
    others.map(text).filter(Boolean).join(', '),
  ];
}

function firstLines(text: string): string {
  return text.trim().split('\n').slice(0, 3).join(' / ');
}

/** Aligned columns; a row that was not measured spans them. */
export function terminalTable(rows: readonly RowResult[]): string {
  const lines = [HEAD, ...rows.flatMap(cells)];
  const whole = lines.filter((line) => line.length === HEAD.length);
  const widths = HEAD.map((_, i) => Math.max(...whole.map((line) => (line[i] ?? '').length)));
  const titles = Math.max(...lines.map((line) => (line[0] ?? '').length));
  widths[0] = titles;
  return lines
    .map((line) =>
      line.map((cell, i) => pad(cell, line.length < HEAD.length && i > 0 ? 0 : (widths[i] ?? 0))),
    )
    .map((line) => line.join('  ').trimEnd())
    .join('\n');
}

function pad(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - text.length));
}

/** @param before the file as it is now; what someone wrote beside a missed aim is kept while it stays missed */
export function markdown(rows: readonly RowResult[], machine: Machine, before: string): string {
  const table = [HEAD, HEAD.map(() => '---'), ...rows.flatMap(cells)]
    .map((line) => [...line, ...HEAD.slice(line.length).map(() => '')])
    .map((line) => `| ${line.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`)
    .join('\n');
  return `# Results of \`npm run bench\`

${machineText(machine)}

Each cell is the median of the rounds, with the least and the greatest in brackets. All contenders of a row are
measured by turns in every round; the ratio is the median of the rounds' own ratios. Read the ratios: the figures
belong to this machine and to what else it was doing.

${table}

## Missed aims, and what would close them

${missedText(rows, before)}
`;
}

function machineText(machine: Machine): string {
  return Object.entries(machine)
    .map(([name, value]) => `- ${name}: ${value}`)
    .join('\n');
}

const UNEXPLAINED = 'not looked into yet';

function missedText(rows: readonly RowResult[], before: string): string {
  const known = new Map(
    [...before.matchAll(/^- \*\*(.+?)\*\*: (.+)$/gm)].map(([, key, text]) => [key, text]),
  );
  const missed = rows.flatMap(({ title, measures }) =>
    measures.filter(({ met }) => met === false).map(({ measure }) => `${title} · ${measure.title}`),
  );
  if (missed.length === 0) return 'None.';
  return missed.map((key) => `- **${key}**: ${known.get(key) ?? UNEXPLAINED}`).join('\n');
}
