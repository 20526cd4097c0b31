/** npm run bench: measures modgate and what it is compared with side by side, and prints a table. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { Command, InvalidArgumentError } from 'commander';
import { machine } from './machine.ts';
import { type RowResult, runRow } from './measure.ts';
import { markdown, terminalTable } from './report.ts';
import { Bench, type Row } from './row.ts';
import { coldZipRows } from './rows/cold-zip.ts';
import { directRows } from './rows/direct.ts';
import { loadRows } from './rows/load.ts';
import { projectRows } from './rows/project.ts';
import { startRows } from './rows/start.ts';

const ROWS: readonly Row[] = [...projectRows, ...loadRows, ...coldZipRows, ...directRows, ...startRows];
const RESULTS = fileURLToPath(new URL('../../bench/RESULTS.md', import.meta.url));

interface Options {
  readonly only?: readonly string[];
  readonly rounds?: number;
  readonly json?: boolean;
  readonly quick?: boolean;
  readonly out?: string;
}

function command(): Command {
  const names = ROWS.map(({ name, title }) => `  ${name.padEnd(23)}${title}`).join('\n');
  return new Command('bench')
    .description('measures modgate beside nginx, bare Node and the straight path, in rounds by turns')
    .option('--only <name...>', 'only these rows; the beginning of a name is enough')
    .option('--rounds <count>', 'rounds of each row (default: 5 to 9)', count)
    .option('--quick', 'one round, short loads: to see that it works')
    .option('--json', 'the results as JSON on stdout')
    .option('--out <file>', 'where the table is written (default: bench/RESULTS.md after a whole run)')
    .addHelpText(
      'after',
      `\nRows:\n${names}\n\nNothing is asserted: a missed aim does not fail the run, a broken row does.`,
    );
}

function count(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1)
    throw new InvalidArgumentError('a whole number from 1 on is needed');
  return value;
}

/** Ends the program where a name is no row's. */
function chosen(only: readonly string[], program: Command): Row[] {
  const unknown = only.find((part) => !ROWS.some(({ name }) => name.startsWith(part)));
  if (unknown !== undefined) program.error(`error: there is no row "${unknown}"; --help lists them`);
  // A name that is one of a row's means that row alone, even where another begins with it.
  const wanted = ({ name }: Row) =>
    only.some((part) => name === part || (name.startsWith(part) && !ROWS.some((row) => row.name === part)));
  return ROWS.filter((row) => only.length === 0 || wanted(row));
}

async function main(): Promise<void> {
  const program = command().parse();
  const options = program.opts<Options>();
  const rows = chosen(options.only ?? [], program);
  const about = machine();
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'modgate-bench-'));
  process.once('exit', () => fs.rmSync(folder, { recursive: true, force: true }));
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));
  const bench = new Bench(folder, options.quick ?? false);
  const results: RowResult[] = [];
  for (const row of rows) {
    const rounds = options.rounds ?? (options.quick ? 1 : row.rounds);
    results.push(await runRow(row, bench, rounds, (line) => console.error(`${row.name}: ${line}`)));
  }
  await bench.scope.close();
  if (options.json) console.log(JSON.stringify({ machine: about, rows: results }, undefined, 2));
  else console.log(terminalTable(results));
  const whole = rows.length === ROWS.length && !options.quick;
  const out = options.out ?? (whole ? RESULTS : undefined);
  if (out !== undefined) {
    const before = fs.existsSync(out) ? fs.readFileSync(out, 'utf8') : '';
    fs.writeFileSync(out, markdown(results, about, before));
  }
  if (results.some(({ failure }) => failure !== undefined)) process.exitCode = 1;
}

await main();
