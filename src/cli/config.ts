import { Command } from 'commander';
import { configSchema, printConfig } from '../config/index.ts';
import { frontCommands } from './front.ts';
import { configFrom, withConfigFlags } from './options.ts';

export function configCommand(): Command {
  const command = new Command('config').description('check, print or describe the configuration');
  command.addCommand(
    withConfigFlags(new Command('check'))
      .description(
        'tell every fault of the configuration with its line and column; exit 2 where there is one',
      )
      .addHelpText(
        'after',
        '\nExamples:\n  modgate config check\n  modgate config check --config /etc/modgate/modgate.yaml',
      )
      .action((_options: unknown, command: Command) => {
        const { warnings } = configFrom(command);
        for (const warning of warnings) process.stderr.write(`warning: ${warning}\n`);
        process.stdout.write('the configuration is valid\n');
      }),
  );
  command.addCommand(
    withConfigFlags(new Command('print'))
      .description('print the configuration in force and where each value comes from; secrets are not shown')
      .addHelpText('after', '\nExample:\n  MODGATE_LISTEN=0.0.0.0:8080 modgate config print')
      .action((_options: unknown, command: Command) => {
        const { config, origins } = configFrom(command);
        process.stdout.write(printConfig(config, origins));
      }),
  );
  command.addCommand(
    new Command('schema')
      .description('print the JSON Schema of the configuration file, for editors')
      .addHelpText('after', '\nExample:\n  modgate config schema > modgate.schema.json')
      .action(() => {
        process.stdout.write(`${JSON.stringify(configSchema(), undefined, 2)}\n`);
      }),
  );
  for (const front of frontCommands()) command.addCommand(front);
  return command;
}
