import { Command } from 'commander';
import { completionCommand } from './completion.ts';
import { configCommand } from './config.ts';
import { deleteCommand } from './delete.ts';
import { healthCommand } from './health.ts';
import { describe, dress } from './help.ts';
import { helpCommand } from './help-command.ts';
import { importCommand } from './import.ts';
import { manCommand } from './man.ts';
import { prefetchCommand } from './prefetch.ts';
import { publishCommand } from './publish.ts';
import { retractCommand } from './retract.ts';
import { serveCommand } from './serve.ts';
import { storeCommand } from './store.ts';
import { readBuild, versionJson, versionLine } from './version.ts';
import { versionCommand } from './version-command.ts';

/** The whole tree of commands. What a command does is loaded by its action, so that building the tree costs little. */
export function makeProgram(): Command {
  const build = readBuild();
  // commander prints this text and ends as soon as it meets --version, and knows no flag beside it.
  const version = asksForJson(process.argv.slice(2)) ? versionJson(build) : versionLine(build);
  const program = new Command('modgate')
    .description(
      'A Go module gateway: serves, verifies, governs and explains every module that your builds download.',
    )
    .version(version, '-V, --version', 'show version, commit and Node; with --json for programs')
    .addCommand(serveCommand())
    .addCommand(prefetchCommand())
    .addCommand(importCommand())
    .addCommand(publishCommand())
    .addCommand(retractCommand())
    .addCommand(deleteCommand())
    .addCommand(configCommand())
    .addCommand(storeCommand())
    .addCommand(healthCommand())
    .addCommand(completionCommand())
    .addCommand(manCommand())
    .addCommand(versionCommand())
    .helpCommand(false)
    .addCommand(helpCommand());
  describe(program, {
    examples: [
      ['modgate serve', 'run the gateway on 127.0.0.1:3000, with its store in ./modgate-data'],
      ['go env -w GOPROXY=http://127.0.0.1:3000', 'let the go command use it'],
      ['modgate help config check', 'the page of one command'],
    ],
    environment: [
      ['MODGATE_…', 'settings, such as MODGATE_LISTEN; modgate help serve lists them'],
      ['NO_COLOR', 'no colour, whatever its value'],
    ],
    seeAlso: ['README.md, modgate.example.yaml'],
  });
  // Behind this command, --version is its own; behind every other one it is the program's.
  if (process.argv[2] === 'publish') program.enablePositionalOptions();
  dress(program);
  return program;
}

/** Beside --version alone: behind a command it is that one's flag. */
function asksForJson(args: readonly string[]): boolean {
  return args.includes('--json') && args.every((arg) => ['-V', '--version', '--json'].includes(arg));
}
