import { Command } from 'commander';
import { describe } from './help.ts';
import { readBuild, versionJson, versionLine } from './version.ts';

export function versionCommand(): Command {
  const command = new Command('version')
    .description('show version, commit and Node')
    .option('--json', 'as JSON, with the keys of /version')
    .action(({ json }: { readonly json?: boolean }) => {
      const build = readBuild();
      process.stdout.write(`${json === true ? versionJson(build) : versionLine(build)}\n`);
    });
  return describe(command, {
    details:
      'The commit is the one that the program was built from, and the date is the commit’s. "-dirty" means that files of it had been changed, "unknown" that the build could not tell.',
    examples: [
      ['modgate version', 'one line, the same as modgate --version'],
      ['modgate version --json', 'for programs, the same as modgate --version --json'],
    ],
  });
}
