import { Command } from 'commander';
import { ModgateError } from '../errors/index.ts';
import { FILL_EXITS, type FillFlags, withFillFlags } from './fill-flags.ts';
import { describe } from './help.ts';
import { CONFIG_FILES, CONFIG_VARIABLES } from './options.ts';

interface Flags extends FillFlags {
  readonly deps: boolean;
  readonly toolchain: boolean;
  readonly platform?: string;
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
    .option(
      '--platform <list>',
      'with --toolchain: of which platforms, as linux/amd64,darwin/arm64 (default: of this machine)',
    )
    .option('--no-sumdb', 'nothing of the checksum databases')
    .option('--nosumdb <patterns>', 'module paths that no database is asked about, as in GONOSUMDB', '');
  return describe(withFillFlags(command, CONCURRENCY).action(run), {
    details:
      'It works on the data folder by itself, also while a server runs on it. What is stored is not asked for again, so an interrupted run goes on where it stopped.',
    examples: [
      ['modgate prefetch go.mod', 'every module of the build list, with its checksums'],
      [
        'modgate prefetch --toolchain --platform linux/amd64,darwin/arm64 go.work',
        'a workspace and its toolchain',
      ],
      ['modgate prefetch golang.org/x/tools/gopls@latest', 'a tool and what it requires'],
      ['modgate prefetch --no-deps go.sum', 'what go.sum names, held to its hashes'],
    ],
    exitCodes: FILL_EXITS,
    environment: CONFIG_VARIABLES,
    files: CONFIG_FILES,
    seeAlso: ['modgate import'],
  });
}

async function run(what: string[], flags: Flags, command: Command): Promise<void> {
  const [{ ownPlatform, prefetch, readPlatforms, readTarget }, { runFill }] = await Promise.all([
    import('../fill/index.ts'),
    import('./fill-run.ts'),
  ]);
  if (flags.platform !== undefined && !flags.toolchain)
    throw new ModgateError('USAGE', '--platform says of which toolchains, but none are asked for', {
      next: 'add --toolchain, or leave --platform out',
    });
  const targets = await Promise.all(what.map(readTarget));
  const toolchains = flags.toolchain ? readPlatforms(flags.platform ?? ownPlatform()) : [];
  await runFill(command, flags, undefined, async ({ opened, config, tally, signal }) => {
    const places = Math.min(flags.concurrency, config.limits.fetches);
    const databases = flags.sumdb ? opened.databases.map(({ name }) => name) : [];
    const { deps, dryRun, nosumdb } = flags;
    await prefetch(
      { targets, deps, toolchains, places, dryRun, databases, nosumdb, signal },
      { ...opened, tally },
    );
    const left = tally.skipped.length;
    if (left > 0 && !flags.json && !flags.quiet)
      process.stderr.write(`${left} look-ups left out: the routes of these modules are private\n`);
  });
}
