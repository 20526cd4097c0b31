import { Command } from 'commander';
import { describe } from './help.ts';
import { commandAt } from './help-command.ts';
import { manPage } from './roff.ts';

export function manCommand(): Command {
  const command = new Command('man')
    .description('print the help as a manual page (roff) of section 1')
    .argument('[command...]', 'one command alone; default: all of them on one page')
    .action((words: readonly string[], _options: unknown, self: Command) => {
      const program = self.parent ?? self;
      process.stdout.write(manPage(commandAt(program, words)));
    });
  return describe(command, {
    examples: [
      ['modgate man | man -l -', 'read it'],
      ['modgate man > /usr/local/share/man/man1/modgate.1', 'install it, so that man modgate shows it'],
      ['modgate man config check | man -l -', 'read the page of one command'],
    ],
    seeAlso: ['modgate help'],
  });
}
