import { type Command, Option } from 'commander';
import { type Loaded, loadConfig, type ReadFile, SETTING_FLAGS } from '../config/index.ts';

/** The flags that most people need; every other setting has one too, named after its key. */
const KNOWN: Readonly<Record<string, [value: string, description: string]>> = {
  listen: ['<host:port>', 'address to listen on'],
  data: ['<folder>', 'folder of the module store'],
  chain: ['<GOPROXY>', 'sources in the syntax of GOPROXY'],
  'log-level': ['<level>', 'trace, debug, info, warn, error, fatal or silent'],
  'log-format': ['<format>', 'auto, json or pretty'],
};

/**
 * Flags that change the configuration; they outrank the environment and the file.
 * @param shown those that help and completion name; the others are taken all the same. Default: all
 */
export function withConfigFlags(command: Command, shown?: readonly string[]): Command {
  command.option('-c, --config <file>', 'configuration file (default: ./modgate.yaml where there is one)');
  for (const [flag, key] of SETTING_FLAGS) {
    const [value, description] = KNOWN[flag] ?? ['<value>', `as ${key}, which modgate.example.yaml explains`];
    const short = flag === 'listen' || flag === 'data' ? `-${flag.slice(0, 1)}, ` : '';
    const option = new Option(`${short}--${flag} ${value}`, description);
    command.addOption(option.hideHelp(shown?.includes(flag) === false));
  }
  return command;
}

/** @param read how files are read; default: from the disk */
export function configFrom(command: Command, read?: ReadFile): Loaded {
  const options = command.opts<Readonly<Record<string, unknown>>>();
  const flags: Record<string, string> = {};
  for (const option of command.options) {
    const value = options[option.attributeName()];
    if (SETTING_FLAGS.has(option.name()) && typeof value === 'string') flags[option.name()] = value;
  }
  const file = typeof options.config === 'string' ? { file: options.config } : {};
  return loadConfig({ ...file, env: process.env, flags, cwd: process.cwd(), read });
}

/** What matters to a command that works on a data folder and serves nothing. */
export const STORE_FLAGS = ['data', 'log-level'] as const;
/** The same where it also asks sources. */
export const SOURCE_FLAGS = ['data', 'chain', 'store-cap', 'log-level'] as const;

/** For the help pages of commands that read the configuration. */
export const CONFIG_VARIABLES = [
  ['MODGATE_CONFIG', 'path of the configuration file'],
  [
    'MODGATE_…',
    'one for each setting that modgate help serve names; a flag wins over it, and it wins over the file',
  ],
] as const;
export const CONFIG_FILES = [
  ['modgate.yaml', 'the configuration, in the working directory, where nothing else is named'],
] as const;
