import { Command } from 'commander';
import { ownPlatform, prefetch, readPlatforms, readTarget } from '../fill/index.ts';
import { type FillFlags, runFill, withFillFlags } from './fill-run.ts';

interface Flags extends FillFlags {
  readonly deps: boolean;
  readonly toolchain: boolean;
  readonly platform: string;
  readonly sumdb: boolean;
  readonly nosumdb: string;
}

const CONCURRENCY = 16;

export function prefetchCommand(): Command {
  const command = new Command('prefetch')
    .description('fetch whole build lists into the store, so that builds find everything there')
    .argument(
      '<what...>',
      'go.mod, go.sum or go.work, a folder with one, or module[@version|branch|commit|latest]',
    )
    .option('--no-deps', 'only what is named, not what it requires')
    .option('--toolchain', 'the Go toolchain that go.mod or go.work asks for, too', false)
    .option('--platform <list>', 'of the toolchains, as linux/amd64,darwin/arm64', ownPlatform())
    .option('--no-sumdb', 'nothing of the checksum databases')
    .option('--nosumdb <patterns>', 'module paths that no database is asked about, as in GONOSUMDB', '');
  return withFillFlags(command, CONCURRENCY)
    .addHelpText('after', EXAMPLES)
    .action(async (what: string[], flags: Flags, self: Command) => run(what, flags, self));
}

const EXAMPLES = `
Examples:
  modgate prefetch go.mod
  modgate prefetch --toolchain --platform linux/amd64,darwin/arm64 go.work
  modgate prefetch golang.org/x/tools/gopls@latest github.com/BurntSushi/toml@v1.4.0
  modgate prefetch --no-deps go.sum            # and hold what came to the hashes in it
  modgate prefetch --json go.mod | jq -r 'select(.result == "failed") | .what'

It works on the data folder by itself, also while a server runs on it. What is stored is not asked for again, so an
interrupted run goes on where it stopped. Exit codes: 0 all is there, 1 something failed, 2 wrong usage, 130 Ctrl-C.`;

async function run(what: readonly string[], flags: Flags, command: Command): Promise<void> {
  const targets = await Promise.all(what.map(readTarget));
  const toolchains = flags.toolchain ? readPlatforms(flags.platform) : [];
  await runFill(command, flags, undefined, async ({ opened, config, tally, signal }) => {
    const places = Math.min(flags.concurrency, config.limits.fetches);
    const databases = flags.sumdb ? opened.databases.map(({ name }) => name) : [];
    const { deps, dryRun, nosumdb } = flags;
    await prefetch(
      { targets, deps, toolchains, places, dryRun, databases, nosumdb, signal },
      { ...opened, tally },
    );
  });
}
