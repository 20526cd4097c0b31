import { Command } from 'commander';
import type { Config } from '../config/index.ts';
import { describe } from './help.ts';
import { CONFIG_FILES, CONFIG_VARIABLES, configFrom, withConfigFlags } from './options.ts';

/** A fault in it must not keep anybody from being told the rest. */
function configOf(command: Command): Config | undefined {
  try {
    return configFrom(command).config;
  } catch {
    return undefined;
  }
}

interface Flags {
  readonly reason?: string;
}

export function retractCommand(): Command {
  const command = withConfigFlags(new Command('retract'), ['data'])
    .argument('<module@version>', 'the version that nobody should use any more')
    .description('explain how a published version is retracted: by a line in the go.mod of a newer one')
    .option('--reason <text>', 'what the go command shows to who has it')
    .action(async (text: string, { reason }: Flags, self: Command) => {
      const { retraction } = await import('./retraction.ts');
      const { readModuleVersion } = await import('./module-version.ts');
      const { knownOf } = await import('./retraction-facts.ts');
      const m = readModuleVersion(text);
      const config = configOf(self);
      const known = config === undefined ? { way: undefined, versions: [] } : knownOf(config, m.path);
      process.stdout.write(retraction(m, known, reason));
    });
  return describe(command, {
    details:
      'It changes nothing. On the machine of the gateway it looks up which versions are stored and where the route gets the module from; elsewhere it tells both ways. Builds that have the version go on working; the go command warns them, and chooses it for nobody else.',
    examples: [
      ['modgate retract example.com/lib@v1.2.3', 'the line, the next version and the commands'],
      ['modgate retract example.com/lib@v1.2.3 --reason "loses data"', 'with what users are told'],
    ],
    environment: CONFIG_VARIABLES,
    files: CONFIG_FILES,
    seeAlso: ['modgate publish', 'modgate delete'],
  });
}
