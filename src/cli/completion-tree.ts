/** What a shell needs to know of the commands, read from the tree itself, so that no list of it is kept by hand. */
import type { Argument, Command, Option } from 'commander';
import { everyCommand, fullName } from './help.ts';

/** What may stand in the place of a value. */
export type Value =
  | { readonly kind: 'words'; readonly words: readonly string[] }
  | { readonly kind: 'file' | 'folder' | 'text' };

export interface Flag {
  /** with their dashes, e.g. `-l` and `--listen` */
  readonly names: readonly string[];
  readonly description: string;
  /** undefined: it takes none */
  readonly value: Value | undefined;
}

export interface Node {
  /** words after the program's name, e.g. `config check`; "" for the program */
  readonly path: string;
  readonly commands: readonly { readonly name: string; readonly description: string }[];
  readonly flags: readonly Flag[];
  /** what its arguments are; undefined: it takes none */
  readonly argument: Value | undefined;
}

export function completionTree(program: Command): Node[] {
  return everyCommand(program).map((command) => {
    const [first] = command.registeredArguments;
    return {
      path: fullName(command).split(' ').slice(1).join(' '),
      commands: command.commands.map((child) => ({ name: child.name(), description: child.description() })),
      flags: [...command.createHelp().visibleOptions(command)].map(flagOf),
      argument: first === undefined ? undefined : argumentValue(first, program),
    };
  });
}

function flagOf(option: Option): Flag {
  const names = [option.short, option.long].filter((name) => name !== undefined);
  const takes = option.required || option.optional;
  return { names, description: option.description, value: takes ? optionValue(option) : undefined };
}

function optionValue({ argChoices, flags, description }: Option): Value {
  if (argChoices !== undefined) return { kind: 'words', words: argChoices };
  const placeholder = /[<[]([^>\]]*)[>\]]/.exec(flags)?.[1] ?? '';
  const kind = kindOf(placeholder);
  // A setting's flag is written with <value>; what the schema says of it begins with what it is.
  return { kind: kind === 'text' && /^(?:PEM )?file\b/i.test(description) ? 'file' : kind };
}

/** An argument of no known kind may be a file: a shell without our script would offer files too. */
function argumentValue(argument: Argument, program: Command): Value {
  if (argument.argChoices !== undefined) return { kind: 'words', words: argument.argChoices };
  if (argument.name() === 'command')
    return { kind: 'words', words: program.commands.map((child) => child.name()) };
  const kind = kindOf(argument.name());
  return { kind: kind === 'text' ? 'file' : kind };
}

function kindOf(placeholder: string): 'file' | 'folder' | 'text' {
  if (/^(?:dir|directory|folder)s?(?:\.\.\.)?$/i.test(placeholder)) return 'folder';
  return /^(?:file|path|archive)s?(?:\.\.\.)?$/i.test(placeholder) ? 'file' : 'text';
}
