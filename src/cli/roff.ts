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
    `.TH ${quoted(name.toUpperCase())} 1 "${date}" ${quoted(`modgate ${version}`)} "User Commands"`,
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
      typed ? examples(heading, rows) : list(heading, HEADINGS[title] ?? title.toUpperCase(), rows),
    ),
  ];
}

function list(heading: string, title: string, rows: readonly (readonly [string, string])[]): string[] {
  if (rows.length === 0) return [];
  const lines = rows.map(([term, what]) =>
    what === '' ? [text(term)] : ['.TP', `\\fB${text(term)}\\fR`, text(what)],
  );
  return [`${heading} ${quoted(title)}`, ...between(lines, '.br', ([first]) => first !== '.TP')];
}

function examples(heading: string, rows: readonly (readonly [string, string])[]): string[] {
  const lines = rows.map(([command, what]) => [
    text(what),
    '.PP',
    '.RS 4',
    '.nf',
    text(command),
    '.fi',
    '.RE',
  ]);
  return [`${heading} EXAMPLES`, ...between(lines, '.PP', () => true)];
}

/** A macro may stand between paragraphs, and not at the beginning or end of a section. */
function between(
  parts: readonly (readonly string[])[],
  macro: string,
  before: (part: readonly string[]) => boolean,
): string[] {
  return parts.flatMap((part, i) => (i > 0 && before(part) ? [macro, ...part] : part));
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
