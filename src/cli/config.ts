import { Command } from 'commander';
import { configSchema, printConfig } from '../config/index.ts';
import { ModgateError } from '../errors/index.ts';
import { frontCommands } from './front.ts';
import { describe } from './help.ts';
import { CONFIG_FILES, CONFIG_VARIABLES, configFrom, withConfigFlags } from './options.ts';

export function configCommand(): Command {
  const command = new Command('config')
    .description('check, print or describe the configuration')
    .addCommand(checkCommand())
    .addCommand(printCommand())
    .addCommand(schemaCommand());
  for (const front of frontCommands()) command.addCommand(front);
  return describe(command, {
    examples: [['modgate config check', 'tell every fault of ./modgate.yaml']],
    files: CONFIG_FILES,
    seeAlso: ['modgate.example.yaml'],
  });
}

function checkCommand(): Command {
  const command = withConfigFlags(new Command('check'))
    .description('tell every fault of the configuration with its line and column')
    .option('--json', 'as a JSON object: valid, faults, warnings')
    .action(({ json }: { readonly json?: boolean }, command: Command) => {
      if (json === true) return checkForPrograms(command);
      const { warnings } = configFrom(command);
      for (const warning of warnings) process.stderr.write(`warning: ${warning}\n`);
      process.stdout.write('the configuration is valid\n');
    });
  return describe(command, {
    examples: [
      ['modgate config check', 'check ./modgate.yaml and the MODGATE_ variables'],
      ['modgate config check --config /etc/modgate/modgate.yaml', 'check another file'],
      ['modgate config check --json', 'for programs; faults as file:line:column: what'],
    ],
    exitCodes: {
      0: 'the configuration is valid; warnings do not count',
      2: 'it has faults, which stderr lists, or stdout with --json',
    },
    environment: CONFIG_VARIABLES,
    files: CONFIG_FILES,
    seeAlso: ['modgate config print'],
  });
}

function checkForPrograms(command: Command): void {
  let [faults, warnings]: [readonly string[], readonly string[]] = [[], []];
  try {
    warnings = configFrom(command).warnings;
  } catch (thrown) {
    if (!(thrown instanceof ModgateError) || thrown.code !== 'CONFIG_INVALID') throw thrown;
    faults = thrown.message.split('\n');
    process.exitCode = thrown.exit;
  }
  process.stdout.write(`${JSON.stringify({ valid: faults.length === 0, faults, warnings })}\n`);
}

function printCommand(): Command {
  const command = withConfigFlags(new Command('print'))
    .description('print the configuration in force and where each value comes from; secrets are not shown')
    .action((_options: unknown, command: Command) => {
      const { config, origins } = configFrom(command);
      process.stdout.write(printConfig(config, origins));
    });
  return describe(command, {
    examples: [['MODGATE_LISTEN=0.0.0.0:8080 modgate config print', 'see what a variable changes']],
    environment: CONFIG_VARIABLES,
    files: CONFIG_FILES,
    seeAlso: ['modgate config check'],
  });
}

function schemaCommand(): Command {
  const command = new Command('schema')
    .description('print the JSON Schema of the configuration file, for editors')
    .action(() => {
      process.stdout.write(`${JSON.stringify(configSchema(), undefined, 2)}\n`);
    });
  return describe(command, {
    examples: [['modgate config schema > modgate.schema.json', 'write it to a file']],
  });
}
