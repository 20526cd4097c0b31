import { availableParallelism } from 'node:os';
import { Command, Option } from 'commander';
import { findOrigin, importFolder, ORIGIN_KINDS, type OriginKind, printable } from '../fill/index.ts';
import { type FillFlags, runFill, withFillFlags } from './fill-run.ts';

interface Flags extends FillFlags {
  readonly kind: OriginKind;
  readonly verbose: boolean;
}

const CONCURRENCY = 8;
/** threads that check zips, beyond which disks are the bound */
const MOST_CHECKERS = 8;

export function importCommand(): Command {
  const command = new Command('import')
    .description(
      'take the modules of a folder into the store: a module cache, an Athens store, another modgate',
    )
    .argument('<folder>', 'GOMODCACHE or GOPATH, an Athens disk store, a data folder of modgate, or a tree')
    .addOption(
      new Option('--kind <kind>', 'what the folder is; auto: told by its look')
        .choices(ORIGIN_KINDS)
        .default('auto'),
    )
    .option('--verbose', 'name each file that is left out, and why', false);
  return withFillFlags(command, CONCURRENCY)
    .addHelpText('after', EXAMPLES)
    .action(async (folder: string, flags: Flags, self: Command) => run(folder, flags, self));
}

const EXAMPLES = `
Examples:
  modgate import "$(go env GOMODCACHE)"
  modgate import --kind athens /var/lib/athens
  modgate import --data /srv/modgate /mnt/other/modgate-data
  modgate import --dry-run --verbose ~/go

Every zip is checked and hashed, and held to the .ziphash beside it; what does not fit, or differs from what is stored,
is refused and named. The folder is only read. What is stored is passed over, so an interrupted run goes on where it
stopped. Exit codes: 0 all is there, 1 something was refused, 2 wrong usage, 130 Ctrl-C.`;

async function run(path: string, flags: Flags, command: Command): Promise<void> {
  const origin = await findOrigin(path, flags.kind);
  const checkers = Math.min(availableParallelism(), MOST_CHECKERS);
  await runFill(command, flags, checkers, async ({ opened, tally, signal }) => {
    const { concurrency: places, dryRun } = flags;
    try {
      await importFolder({ origin, dryRun, places, signal }, opened.gateway.intake, tally);
    } finally {
      if (flags.verbose && !flags.json)
        for (const { what, why } of tally.skipped)
          process.stderr.write(`left out: ${printable(what)}: ${printable(why)}\n`);
    }
  });
}
