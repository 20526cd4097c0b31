import { availableParallelism } from 'node:os';
import { Command, Option } from 'commander';
import type { OriginKind } from '../fill/index.ts';
import { FILL_EXITS, type FillFlags, withFillFlags } from './fill-flags.ts';
import { describe } from './help.ts';
import { CONFIG_FILES, CONFIG_VARIABLES } from './options.ts';

interface Flags extends FillFlags {
  readonly kind: OriginKind;
  readonly verbose: boolean;
}

const KINDS: readonly OriginKind[] = ['auto', 'cache', 'tree', 'athens'];
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
        .choices(KINDS)
        .default('auto'),
    )
    .option('--verbose', 'name each file that is left out, and why', false);
  return describe(withFillFlags(command, CONCURRENCY).action(run), {
    details:
      'Every zip is checked and hashed, and held to the .ziphash beside it; what does not fit, or differs from what is stored, is refused and named. The folder is only read. What is stored is passed over, so an interrupted run goes on where it stopped.',
    examples: [
      ['modgate import "$(go env GOMODCACHE)"', 'what the go command has fetched on this machine'],
      ['modgate import --kind athens /var/lib/athens', 'an Athens disk store'],
      ['modgate import --data /srv/modgate /mnt/other/modgate-data', "another modgate's data folder"],
      ['modgate import --dry-run --verbose ~/go', 'only tell what would come, and what would be left out'],
    ],
    exitCodes: FILL_EXITS,
    environment: CONFIG_VARIABLES,
    files: CONFIG_FILES,
    seeAlso: ['modgate prefetch'],
  });
}

async function run(path: string, flags: Flags, command: Command): Promise<void> {
  const [{ findOrigin, importFolder, printable }, { runFill }] = await Promise.all([
    import('../fill/index.ts'),
    import('./fill-run.ts'),
  ]);
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
