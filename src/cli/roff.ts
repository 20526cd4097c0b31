/** Help pages in the macros of man(7). */
import { type Command, Help } from 'commander';
import { everyCommand, fullName, pageOf, sectionsOf } from './help.ts';
import { readBuild } from './version.ts';

/** man(7)'s own names for the parts that help has too */
const HEADINGS: Readonly<Record<string, string>> = { 'Exit codes': 'EXIT STATUS' };

/** One page about a command and everything below it. */
export function manPage(command: Command): string {
  const { version, date } = readBuild();
  const name = fullName(command).replaceAll(' ', '-');
  const below = everyCommand(command).slice(1);
  const lines = [
    `.TH ${quoted(name.toUpperCase())} 1 ${quoted(date)} ${quoted(`modgate ${version}`)} "User Commands"`,
    '.SH NAME',
    `${text(name)} \\- ${text(command.description())}`,
    '.SH SYNOPSIS',
    `.B ${text(usage(command))}`,
    ...body(command, '.SH'),
    ...below.flatMap((child) => [`.SH ${quoted(fullName(child).toUpperCase())}`, ...entry(child)]),
  ];
  return `${lines.join('\n')}\n`;
}

function entry(command: Command): string[] {
  return [text(command.description()), '.PP', `.B ${text(usage(command))}`, ...body(command, '.SS')];
}

function usage(command: Command): string {
  return new Help().commandUsage(command);
}

/** Everything after name and synopsis, under headings of one level. */
function body(command: Command, heading: '.SH' | '.SS'): string[] {
  const helper = new Help();
  const details = pageOf(command)?.details;
  const options = helper
    .visibleOptions(command)
    .map((option) => [helper.optionTerm(option), helper.optionDescription(option)] as const);
  const words = command.registeredArguments.map(
    (argument) => [argument.name(), helper.argumentDescription(argument)] as const,
  );
  return [
    ...(details === undefined ? [] : [`${heading} DESCRIPTION`, text(details)]),
    ...list(heading, 'ARGUMENTS', words),
    ...list(heading, 'OPTIONS', options),
    ...sectionsOf(command).flatMap(({ title, rows, typed }) =>
      typed
        ? [`${heading} ${quoted(title.toUpperCase())}`, ...rows.flatMap(example)]
        : list(heading, HEADINGS[title] ?? title.toUpperCase(), rows),
    ),
  ];
}

function list(heading: string, title: string, rows: readonly (readonly [string, string])[]): string[] {
  if (rows.length === 0) return [];
  return [
    `${heading} ${quoted(title)}`,
    ...rows.flatMap(([term, what]) =>
      what === '' ? ['.PP', text(term)] : ['.TP', `\\fB${text(term)}\\fR`, text(what)],
    ),
  ];
}

function example([command, what]: readonly [string, string]): string[] {
  return ['.PP', text(what), '.PP', '.RS 4', '.nf', text(command), '.fi', '.RE'];
}

/** A line of text: no control line, no escape of roff's own, hyphens that can be copied. */
function text(line: string): string {
  const escaped = line
    .replaceAll('\\', '\\(rs')
    .replaceAll('-', '\\-')
    .replaceAll('’', '\\(cq')
    .replaceAll('…', '\\&...')
    .replaceAll('\n', ' ');
  return /^[.']/.test(escaped) ? `\\&${escaped}` : escaped;
}

/** An argument of a macro. */
function quoted(word: string): string {
  return `"${text(word).replaceAll('"', '\\(dq')}"`;
}
