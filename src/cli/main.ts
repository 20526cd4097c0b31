#!/usr/bin/env node
import { Command, CommanderError } from 'commander';
import { explain, toModgateError } from '../errors/index.ts';
import { configCommand } from './config.ts';
import { serveCommand } from './serve.ts';
import { storeCommand } from './store.ts';
import { packageVersion } from './version.ts';

const USAGE_EXIT = 2;

async function main(): Promise<void> {
  const program = new Command('modgate')
    .description(
      'A Go module gateway: serves, verifies, governs and explains every module that your builds download.',
    )
    .version(packageVersion(), '-V, --version')
    .showHelpAfterError('(modgate --help shows what there is)')
    .addCommand(serveCommand())
    .addCommand(configCommand())
    .addCommand(storeCommand());
  for (const command of [program, ...everyCommand(program)]) command.exitOverride();
  await program.parseAsync();
}

function everyCommand(command: Command): Command[] {
  return command.commands.flatMap((child) => [child, ...everyCommand(child)]);
}

main().catch((thrown: unknown) => {
  if (thrown instanceof CommanderError) {
    // commander has told the user already; help and version are no failures.
    process.exitCode = thrown.exitCode === 0 ? 0 : USAGE_EXIT;
    return;
  }
  const error = toModgateError(thrown);
  process.stderr.write(
    error.code === 'CONFIG_INVALID' ? `${error.message}\n${error.next ?? ''}\n` : explain(error),
  );
  if (error.code === 'INTERNAL')
    process.stderr.write(`${String(error.cause instanceof Error ? error.cause.stack : error.cause)}\n`);
  process.exitCode = error.exit;
});
