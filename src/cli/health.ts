import { Command, InvalidArgumentError } from 'commander';
import type { HealthOptions } from './health-check.ts';
import { describe } from './help.ts';
import { CONFIG_FILES, CONFIG_VARIABLES, withConfigFlags } from './options.ts';

interface HealthFlags extends HealthOptions {
  readonly json?: boolean;
}

/** ms */
const LIMIT = 5000;

export function healthCommand(): Command {
  const command = withConfigFlags(new Command('health'))
    .description('ask a running gateway whether it is well')
    .option('--url <url>', 'address of the gateway; default: where the configuration lets it listen')
    .option('--ready', 'ask /readyz, which also tells what is not well, instead of /healthz')
    .option('--timeout <ms>', 'how long an answer may take', milliseconds, LIMIT)
    .option('--json', 'as a JSON object: healthy, url, what it answered, or why it is not well')
    .action(async (options: HealthFlags, self: Command) => {
      const { askHealth, healthReport } = await import('./health-check.ts');
      if (options.json !== true) {
        process.stdout.write(await askHealth(self, options));
        return;
      }
      const report = await healthReport(self, options);
      process.stdout.write(`${JSON.stringify(report)}\n`);
      process.exitCode = report.healthy ? 0 : 1;
    });
  return describe(command, {
    details:
      'It is the health check of the container image. It reads the same flags, variables and file as modgate serve, to find the address. A certificate is not verified: the question is whether the program behind it answers.',
    examples: [
      ['modgate health', 'ask the gateway of this configuration'],
      ['modgate health --url http://127.0.0.1:8080', 'ask another one'],
      ['modgate health --ready --json', 'the same for programs'],
      ['modgate health --ready', 'fail while it is being stopped; print the state of its parts'],
    ],
    exitCodes: {
      0: 'it answered 200, or, without --ready, that it wants a client certificate',
      1: 'it answered something else, or nothing within the time',
    },
    environment: CONFIG_VARIABLES,
    files: CONFIG_FILES,
    seeAlso: ['modgate serve'],
  });
}

function milliseconds(text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value > 0 && value < 2 ** 31) return value;
  throw new InvalidArgumentError('It must be a whole number of milliseconds, 1 or more.');
}
