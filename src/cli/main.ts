#!/usr/bin/env node
import { CommanderError } from 'commander';
import { explain, systemCode, toModgateError } from '../errors/index.ts';
import { makeProgram } from './program.ts';

const USAGE_EXIT = 2;
/** Whatever shows help needs what the configuration's schema says of each flag. */
const SHOWS_HELP: ReadonlySet<string> = new Set(['-h', '--help', 'help', 'man', 'completion']);

async function main(): Promise<void> {
  const program = makeProgram();
  if (process.argv.some((argument) => SHOWS_HELP.has(argument))) {
    const { explainSettings } = await import('./setting-help.ts');
    explainSettings(program);
  }
  await program.parseAsync();
}

// Whoever reads our output may stop reading, as `modgate … | head` does: that is no failure of ours.
process.stdout.on('error', (error) => {
  if (systemCode(error) !== 'EPIPE') throw error;
});

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
