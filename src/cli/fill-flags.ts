import { type Command, InvalidArgumentError, Option } from 'commander';
import { withConfigFlags } from './options.ts';

/** Flags that both commands have which fill the store. */
export interface FillFlags {
  readonly concurrency: number;
  readonly dryRun: boolean;
  readonly json: boolean;
  readonly quiet: boolean;
}

/** files at once, beyond which nothing gets faster */
const MOST_AT_ONCE = 256;

export function withFillFlags(command: Command, concurrency: number): Command {
  const flags = command
    .addOption(
      new Option('--concurrency <n>', 'modules at once, 1 to 256').default(concurrency).argParser(readPlaces),
    )
    .option('--dry-run', 'only tell what would be done', false)
    .option('--json', 'one JSON object a line on stdout: each phase, each file, the end', false)
    .option('-q, --quiet', 'no progress; failures are still told', false);
  return withConfigFlags(flags, ['data', 'chain', 'log-level']);
}

function readPlaces(text: string): number {
  const places = Number(text);
  if (Number.isInteger(places) && places >= 1 && places <= MOST_AT_ONCE) return places;
  throw new InvalidArgumentError(`It must be a number from 1 to ${MOST_AT_ONCE}.`);
}

/** How both commands end. */
export const FILL_EXITS = {
  0: 'everything is there',
  1: 'something failed or was refused; stderr names it, and the rest is there',
  130: 'Ctrl-C stopped it; what is complete stays stored',
  143: 'SIGTERM stopped it; what is complete stays stored',
} as const;
