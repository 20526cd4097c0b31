import { Command } from 'commander';
import { describe } from './help.ts';

interface Flags {
  readonly reason?: string;
}

export function retractCommand(): Command {
  const command = new Command('retract')
    .argument('<module@version>', 'the version that nobody should use any more')
    .description('explain how a published version is retracted: by a line in the go.mod of a newer one')
    .option('--reason <text>', 'what the go command shows to who has it')
    .action(async (text: string, flags: Flags) => {
      const { retraction } = await import('./retraction.ts');
      process.stdout.write(retraction(text, flags.reason));
    });
  return describe(command, {
    details:
      'It changes nothing. Builds that have the version go on working; the go command warns them, and chooses it for nobody else.',
    examples: [
      ['modgate retract example.com/lib@v1.2.3', 'the line, the next version and the commands'],
      ['modgate retract example.com/lib@v1.2.3 --reason "loses data"', 'with what users are told'],
    ],
    seeAlso: ['modgate publish', 'modgate delete'],
  });
}
