import { Command } from 'commander';
import type { DeleteFlags } from './delete-run.ts';
import { describe } from './help.ts';
import { CONFIG_FILES, CONFIG_VARIABLES, STORE_FLAGS, withConfigFlags } from './options.ts';

export function deleteCommand(): Command {
  const command = withConfigFlags(new Command('delete'), STORE_FLAGS)
    .argument('<module@version>', 'the version')
    .description('take a version away for good; for administrators, on the machine of the gateway')
    .requiredOption('--reason <text>', 'why, one line; everyone who asks for the version reads it')
    .option('-y, --yes', 'do not ask')
    .option('--json', 'as a JSON object')
    .action(async (text: string, flags: DeleteFlags, self: Command) =>
      (await import('./delete-run.ts')).runDelete(self, text, flags),
    );
  return describe(command, {
    details:
      'Builds that need the version fail from now on: modgate retract explains the way that breaks nobody. Its h1 stays remembered, so that it can only come back as it was, by being published again. It is written to audit.jsonl in the data folder. It may run beside a server on the same data folder, which notices within a second.',
    examples: [['modgate delete example.com/lib@v1.2.3 --reason "holds a secret"', 'asks before it does it']],
    exitCodes: { 1: 'nothing of it is stored, the answer was no, or it failed' },
    environment: CONFIG_VARIABLES,
    files: [...CONFIG_FILES, ['<data>/audit.jsonl', 'what was published and deleted, by whom, when and why']],
    seeAlso: ['modgate retract', 'modgate publish'],
  });
}
