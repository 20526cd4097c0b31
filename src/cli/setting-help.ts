/** Puts what the configuration's schema says of a setting into the help of its flag. Loaded only where help is shown. */
import type { Command, Option } from 'commander';
import { configSchema, SETTING_FLAGS } from '../config/index.ts';
import { everyCommand } from './help.ts';

interface Facts {
  readonly description: string;
  readonly initial: string | undefined;
  readonly values: readonly string[];
}

export function explainSettings(program: Command): void {
  const schema = configSchema();
  for (const command of everyCommand(program)) {
    // Other commands may have a flag of the same name that means something else.
    if (!command.options.some((option) => option.long === '--config')) continue;
    for (const option of command.options) explain(option, schema);
  }
}

function explain(option: Option, schema: unknown): void {
  const key = SETTING_FLAGS.get(option.name());
  if (key === undefined) return;
  const { description, initial, values } = factsOf(schema, key.split('.'));
  const notes = [
    initial === undefined || initial === '' ? '' : `default: ${initial}`,
    `variable: MODGATE_${key.replace('.', '_').toUpperCase()}`,
  ];
  option.description = `${description.replace(/\.$/, '')} (${notes.filter((note) => note !== '').join('; ')})`;
  if (values.length > 0) option.argChoices = [...values];
}

function factsOf(schema: unknown, path: readonly string[]): Facts {
  let at: unknown = schema;
  for (const step of path) at = property(property(at, 'properties'), step);
  const initial = property(at, 'default');
  const values = property(at, 'enum');
  const description = property(at, 'description');
  return {
    description: typeof description === 'string' ? description : path.join('.'),
    initial: initial === undefined ? undefined : plain(initial),
    values: Array.isArray(values) ? values.map(String) : [],
  };
}

function property(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, name)
    ? Object.getOwnPropertyDescriptor(value, name)?.value
    : undefined;
}

/** as in YAML, without quotes */
function plain(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}
