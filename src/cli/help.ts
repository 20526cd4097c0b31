/**
 * The help pages: what a command's own definition (usage, arguments, options) does not say, in one layout for all.
 * Each command calls `describe`; a test walks the tree and names those that do not.
 */
import { type Command, Help } from 'commander';

type Rows = readonly (readonly [term: string, text: string])[];

export interface Page {
  /** further paragraphs below the description */
  readonly details?: string;
  /** command lines as they are typed, and what each does */
  readonly examples: Rows;
  /** what differs from EXIT_CODES, by code */
  readonly exitCodes?: Readonly<Record<number, string>>;
  readonly environment?: Rows;
  readonly files?: Rows;
  /** other commands, `modgate config check`, or files and addresses */
  readonly seeAlso?: readonly string[];
}

export interface Section {
  readonly title: string;
  readonly rows: Rows;
  /** true: the text stands above its term, which is a line to type */
  readonly typed: boolean;
}

/** What every command ends with; the table of src/errors/error.ts has the same. */
const EXIT_CODES: Readonly<Record<number, string>> = {
  0: 'done',
  1: 'it failed; stderr says why and what to do next',
  2: 'the command line or the configuration is not valid',
  70: 'a fault of modgate itself; please report it',
};

const pages = new WeakMap<Command, Page>();

/** Gives a command its page. @returns the command */
export function describe(command: Command, page: Page): Command {
  pages.set(command, page);
  return command;
}

export function pageOf(command: Command): Page | undefined {
  return pages.get(command);
}

/** Every command below this one, and itself first. */
export function everyCommand(command: Command): Command[] {
  return [command, ...command.commands.flatMap(everyCommand)];
}

/** `modgate config check` */
export function fullName(command: Command): string {
  return command.parent === null ? command.name() : `${fullName(command.parent)} ${command.name()}`;
}

/** The parts of a page that follow the options, without those that would be empty. */
export function sectionsOf(command: Command): Section[] {
  const page = pages.get(command);
  const codes = Object.entries({ ...EXIT_CODES, ...page?.exitCodes });
  const parts: Section[] = [
    { title: 'Examples', rows: page?.examples ?? [], typed: true },
    { title: 'Exit codes', rows: codes, typed: false },
    { title: 'Environment', rows: page?.environment ?? [], typed: false },
    { title: 'Files', rows: page?.files ?? [], typed: false },
    { title: 'See also', rows: seeAlso(command).map((name) => [name, '']), typed: false },
  ];
  return parts.filter(({ rows }) => rows.length > 0);
}

function seeAlso(command: Command): string[] {
  const above = command.parent === null ? ['modgate help COMMAND'] : [`${fullName(command.parent)} --help`];
  return [...above, ...(pages.get(command)?.seeAlso ?? [])];
}

/** The help of a command: commander's own parts, then the page's. Its width is the terminal's. */
function helpText(command: Command, helper: Help): string {
  const width = helper.helpWidth ?? 80;
  const { details } = pages.get(command) ?? {};
  const paragraphs = details === undefined ? [] : [helper.boxWrap(details, width), ''];
  const parts = sectionsOf(command).map((section) => sectionText(section, helper));
  const own = Help.prototype.formatHelp.call(helper, command, helper);
  return [own.trimEnd(), '', ...paragraphs, parts.join('\n')].join('\n');
}

function sectionText({ title, rows, typed }: Section, helper: Help): string {
  const wide = Math.min(24, Math.max(...rows.map(([term]) => term.length)));
  const lines = rows.map(([term, text]) =>
    typed ? `  # ${text}\n  ${term}` : helper.formatItem(term, wide, text, helper),
  );
  return `${helper.styleTitle(`${title}:`)}\n${lines.join('\n')}\n`;
}

/** Bold where the terminal takes it; commander leaves it out for a pipe and where NO_COLOR is set. */
function bold(text: string): string {
  return `\u001b[1m${text}\u001b[22m`;
}

/** Lays the one layout over a whole tree, and makes each command throw instead of ending the process. */
export function dress(program: Command): void {
  for (const command of everyCommand(program)) {
    command
      .configureHelp({ formatHelp: helpText, styleTitle: bold })
      .helpOption('-h, --help', 'show this page')
      .showHelpAfterError(`(${fullName(command)} --help shows what there is)`)
      .exitOverride();
  }
}
