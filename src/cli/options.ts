import { type Command, Option } from 'commander';
import { type Loaded, loadConfig, SETTING_FLAGS } from '../config/index.ts';

/** The flags that most people need; every other setting has one too, named after its key. */
const KNOWN: Readonly<Record<string, [value: string, description: string]>> = {
  listen: ['<host:port>', 'address to listen on'],
  data: ['<folder>', 'folder of the module store'],
  chain: ['<GOPROXY>', 'sources in the syntax of GOPROXY'],
  'log-level': ['<level>', 'trace, debug, info, warn, error, fatal or silent'],
  'log-format': ['<format>', 'auto, json or pretty'],
};

/** Flags that change the configuration; they outrank the environment and the file. */
export function withConfigFlags(command: Command): Command {
  command.option('-c, --config <file>', 'configuration file (default: ./modgate.yaml where there is one)');
  for (const [flag, key] of SETTING_FLAGS) {
    const [value, description] = KNOWN[flag] ?? ['<value>', `as ${key}, which modgate.example.yaml explains`];
    const short = flag === 'listen' || flag === 'data' ? `-${flag.slice(0, 1)}, ` : '';
    command.addOption(new Option(`${short}--${flag} ${value}`, description));
  }
  return command;
}

export function configFrom(command: Command): Loaded {
  const options = command.opts<Readonly<Record<string, unknown>>>();
  const flags: Record<string, string> = {};
  for (const option of command.options) {
    const value = options[option.attributeName()];
    if (SETTING_FLAGS.has(option.name()) && typeof value === 'string') flags[option.name()] = value;
  }
  const file = typeof options.config === 'string' ? { file: options.config } : {};
  return loadConfig({ ...file, env: process.env, flags, cwd: process.cwd() });
}

/** For the help pages of commands that read the configuration. */
export const CONFIG_VARIABLES = [
  ['MODGATE_CONFIG', 'path of the configuration file'],
  ['MODGATE_…', 'one for each setting above; a flag wins over it, and it wins over the file'],
] as const;
export const CONFIG_FILES = [
  ['modgate.yaml', 'the configuration, in the working directory, where nothing else is named'],
] as const;
