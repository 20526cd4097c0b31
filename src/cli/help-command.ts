import { Command } from 'commander';
import { ModgateError } from '../errors/index.ts';
import { describe, everyCommand, fullName } from './help.ts';

export function helpCommand(): Command {
  const command = new Command('help')
    .description('show the page of a command')
    .argument('[command...]', 'a command, with its subcommand where it has one')
    .action((words: readonly string[], _options: unknown, self: Command) => {
      commandAt(self.parent ?? self, words).outputHelp();
    });
  return describe(command, {
    examples: [
      ['modgate help serve', 'the page of modgate serve'],
      ['modgate help config check', 'the page of a subcommand'],
    ],
    seeAlso: ['modgate man'],
  });
}

/** The command that the words lead to. Throws USAGE where there is none. */
export function commandAt(program: Command, words: readonly string[]): Command {
  const wanted = [program.name(), ...words].join(' ');
  const found = everyCommand(program).find((command) => fullName(command) === wanted);
  if (found !== undefined) return found;
  throw new ModgateError('USAGE', `there is no command "${words.join(' ')}"`, {
    next: `run ${program.name()} --help, which lists them`,
  });
}
