/**
 * go.mod files of dependencies, as lenient as the go command is with them (x/mod modfile.ParseLax): unknown
 * directives are passed over, the known ones must be well-formed. What only counts in a main module
 * (toolchain, replace, exclude) is given where it is well-formed and passed over where not.
 */
import { ModgateError } from '../errors/index.ts';
import { shown } from './faults.ts';
import { goModError, readStatements, type Statement } from './gomod-syntax.ts';
import { unquote } from './gostring.ts';
import { checkPathMajor, splitPathMajor } from './path.ts';
import { canonicalVersion } from './semver.ts';
import { isCanonicalVersion, type Version } from './version.ts';

/** x/mod zip.MaxGoMod, bytes; a text of more characters than that cannot be less. */
const MAX_TEXT = 16 << 20;

export interface Requirement {
  /** as written: not checked as a module path */
  readonly path: string;
  readonly version: Version;
  readonly indirect: boolean;
}

export interface Replacement {
  readonly path: string;
  /** undefined: every version */
  readonly version: Version | undefined;
  readonly newPath: string;
  /** undefined: newPath is a folder */
  readonly newVersion: Version | undefined;
}

export interface Exclusion {
  readonly path: string;
  readonly version: Version;
}

export interface Retraction {
  readonly low: Version;
  /** inclusive */
  readonly high: Version;
  /** comment beside it, "" where there is none */
  readonly rationale: string;
}

export interface GoMod {
  /** as written: not checked as a module path */
  readonly module: string | undefined;
  /** text behind "Deprecated:" in the comment of the module directive */
  readonly deprecated: string | undefined;
  /** language version, such as "1.21" or "1.22rc1" */
  readonly go: string | undefined;
  /** such as "go1.22.0" or "default" */
  readonly toolchain: string | undefined;
  readonly require: readonly Requirement[];
  readonly replace: readonly Replacement[];
  readonly exclude: readonly Exclusion[];
  readonly retract: readonly Retraction[];
}

interface Draft {
  /** whether a main module is read, whose own directives count */
  readonly main: boolean;
  module: string | undefined;
  deprecated: string | undefined;
  go: string | undefined;
  toolchain: string | undefined;
  readonly require: Requirement[];
  readonly replace: Replacement[];
  readonly exclude: Exclusion[];
  readonly retract: Retraction[];
}

const DIRECTIVES: Readonly<Record<string, (draft: Draft, s: Statement, args: readonly string[]) => void>> = {
  module: addModule,
  go: addGo,
  require: (draft, s, args) => void draft.require.push(requirement(s, args)),
  retract: (draft, s, args) => tolerant(draft, () => draft.retract.push(retraction(s, args))),
  ignore: (_draft, s, args) => void onlyPath(s, args, 'ignore'),
  toolchain: (draft, _s, args) => addToolchain(draft, args),
  replace: (draft, s, args) => tolerant(draft, () => draft.replace.push(replacement(s, args))),
  exclude: (draft, s, args) => tolerant(draft, () => draft.exclude.push(exclusion(s, args))),
};

/** Directives that the go command does not know as blocks. */
const NEVER_BLOCKS: ReadonlySet<string> = new Set(['go', 'toolchain']);

/**
 * INVALID_MODULE, "go.mod:LINE: what", for a text that the go command would refuse in a dependency, or, of a main
 * module, for a directive that cannot be followed as it is written.
 */
export function parseGoMod(text: string, of: 'dependency' | 'main' = 'dependency'): GoMod {
  if (text.length > MAX_TEXT) throw goModError(1, `too large (limit is ${MAX_TEXT} bytes)`);
  const draft: Draft = {
    main: of === 'main',
    module: undefined,
    deprecated: undefined,
    go: undefined,
    toolchain: undefined,
    require: [],
    replace: [],
    exclude: [],
    retract: [],
  };
  for (const statement of readStatements(text)) add(draft, statement);
  const { main: _, ...goMod } = draft;
  return goMod;
}

function add(draft: Draft, s: Statement): void {
  const [verb = '', ...args] = s.tokens;
  if (s.blockHead > 1 || (s.blockHead === 1 && NEVER_BLOCKS.has(verb))) return;
  if (Object.hasOwn(DIRECTIVES, verb)) DIRECTIVES[verb]?.(draft, s, args);
}

/** Passes over what the directive's reader refuses in a dependency. */
function tolerant({ main }: Draft, read: () => unknown): void {
  try {
    read();
  } catch (error) {
    if (main || !(error instanceof ModgateError)) throw error;
  }
}

function addModule(draft: Draft, s: Statement, args: readonly string[]): void {
  if (draft.module !== undefined) throw goModError(s.line, 'repeated module statement');
  draft.module = onlyPath(s, args, 'module');
  draft.deprecated = deprecation(s.comments.join('\n'));
}

/** The first paragraph that begins with "Deprecated:" (modfile.parseDeprecation). */
function deprecation(text: string): string | undefined {
  const paragraph = text.split('\n\n').find((part) => part.startsWith('Deprecated:'));
  const message = paragraph?.slice('Deprecated:'.length).replace(/^ +/, '');
  return message === '' ? undefined : message;
}

export function onlyPath(s: Statement, args: readonly string[], verb: string): string {
  const [arg] = args;
  if (arg === undefined || args.length !== 1)
    throw goModError(s.line, `${verb} expects exactly one argument`);
  return stringOf(s, arg);
}

const GO_VERSION = /^[1-9][0-9]*\.(?:0|[1-9][0-9]*)(?:\.(?:0|[1-9][0-9]*))?(?:[a-z]+[0-9]+)?$/;
const LAX_GO_VERSION = /^v?([1-9][0-9]*\.(?:0|[1-9][0-9]*))[^0-9].*$/;

function addGo(draft: Draft, s: Statement, args: readonly string[]): void {
  if (draft.go !== undefined) throw goModError(s.line, 'repeated go statement');
  draft.go = goVersionOf(s, args);
}

export function goVersionOf(s: Statement, args: readonly string[]): string {
  const [arg] = args;
  if (arg === undefined || args.length !== 1) throw goModError(s.line, 'go expects exactly one argument');
  const version = GO_VERSION.test(arg) ? arg : LAX_GO_VERSION.exec(arg)?.[1];
  if (version === undefined)
    throw goModError(s.line, `invalid go version ${shown(arg)}: must match format 1.23.0`);
  return version;
}

function addToolchain(draft: Draft, args: readonly string[]): void {
  draft.toolchain ??= toolchainOf(args);
}

/** Undefined for what the go command would pass over in a dependency. */
export function toolchainOf(args: readonly string[]): string | undefined {
  const [arg] = args;
  if (arg === undefined || args.length !== 1 || !/^default$|^go1(?:$|\.)/.test(arg)) return undefined;
  return arg;
}

function requirement(s: Statement, args: readonly string[]): Requirement {
  return { ...exclusion(s, args), indirect: isIndirect(s.suffix) };
}

/** "// indirect" or "// indirect; more" (modfile.isIndirect). */
function isIndirect(suffix: string | undefined): boolean {
  const words = (suffix ?? '').trim().split(/\s+/);
  return words.length === 1 ? words[0] === 'indirect' : words[0] === 'indirect;';
}

/** A path and a version that fits it, as require and exclude have them. */
function exclusion(s: Statement, args: readonly string[]): Exclusion {
  const [path, version] = args;
  if (path === undefined || version === undefined || args.length !== 2) {
    throw goModError(s.line, `usage: ${s.tokens[0]} module/path v1.2.3`);
  }
  const text = stringOf(s, path);
  return { path: text, version: fitting(s, text, versionOf(s, version)) };
}

function fitting(s: Statement, path: string, version: Version): Version {
  const split = splitPathMajor(path);
  if (split === undefined) throw goModError(s.line, `invalid module path ${shown(path)}`);
  const fault = checkPathMajor(version, split.pathMajor);
  if (fault !== undefined)
    throw goModError(s.line, `${shown(path)}: version ${shown(version)} invalid: ${fault}`);
  return version;
}

/** `module/path [v1.2.3] => other/module v1.4` or `… => ../local/directory` */
export function replacement(s: Statement, args: readonly string[]): Replacement {
  const arrow = args[1] === '=>' ? 1 : 2;
  const path = args[0];
  const newPath = args[arrow + 1];
  if (path === undefined || newPath === undefined || args[arrow] !== '=>' || args.length > arrow + 3) {
    throw goModError(s.line, 'usage: replace module/path [v1.2.3] => other/module v1.4');
  }
  const from = stringOf(s, path);
  const old = arrow === 2 ? args[1] : undefined;
  const to = stringOf(s, newPath);
  const newVersion = args[arrow + 2];
  if (isDirectoryPath(to) !== (newVersion === undefined)) {
    throw goModError(s.line, 'a replacement is a folder without version or a module with one');
  }
  if (splitPathMajor(from) === undefined) throw goModError(s.line, `invalid module path ${shown(from)}`);
  return {
    path: from,
    version: old === undefined ? undefined : fitting(s, from, versionOf(s, old)),
    newPath: to,
    newVersion: newVersion === undefined ? undefined : versionOf(s, newVersion),
  };
}

function isDirectoryPath(path: string): boolean {
  return /^(?:\.{1,2}(?:[/\\]|$)|[/\\]|[A-Za-z]:)/.test(path);
}

/** `v1.2.3` or `[v1.2.3, v1.3.0]`; a dependency may have more behind it. */
function retraction(s: Statement, args: readonly string[]): Retraction {
  const rationale = s.comments.join('\n');
  const [open, low, comma, high, close] = args;
  if (open !== undefined && open !== '[' && open !== '(') {
    const version = versionOf(s, open);
    return { low: version, high: version, rationale };
  }
  if (open !== '[' || low === undefined || comma !== ',' || high === undefined || close !== ']') {
    throw goModError(s.line, 'usage: retract v1.2.3 or [v1.2.3, v1.3.0]');
  }
  return { low: versionOf(s, low), high: versionOf(s, high), rationale };
}

function versionOf(s: Statement, token: string): Version {
  const version = canonicalVersion(stringOf(s, token));
  if (!isCanonicalVersion(version))
    throw goModError(s.line, `version ${shown(token)} must be of the form v1.2.3`);
  return version;
}

/** Raw strings are in the grammar, but the go command refuses them here (modfile.parseString). */
function stringOf(s: Statement, token: string): string {
  if (!token.startsWith('"')) {
    if (/["'`]/.test(token)) throw goModError(s.line, `unquoted string ${shown(token)} cannot contain quote`);
    return token;
  }
  const text = unquote(token);
  if (text === undefined) throw goModError(s.line, `invalid quoted string ${shown(token)}`);
  return text;
}

const QUOTED = /^["`]/;
/** unicode.IsSpace; JavaScript's \s would take a byte order mark too */
const SPACE = '[\\t\\n\\v\\f\\r \\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]';
const SPACE_RUNE = new RegExp(SPACE);
const MODULE_LINE = new RegExp(`^module${SPACE}+(.+)$`, 's');

function trimSpace(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && SPACE_RUNE.test(text.charAt(start))) start++;
  while (end > start && SPACE_RUNE.test(text.charAt(end - 1))) end--;
  return text.slice(start, end);
}

/**
 * The module path of a go.mod text, whatever else is wrong with the file; undefined where there is none
 * (modfile.ModulePath). Not checked as a module path.
 */
export function modulePathOf(text: string): string | undefined {
  for (let start = 0; start < text.length; ) {
    const newline = text.indexOf('\n', start);
    const end = newline < 0 ? text.length : newline;
    const line = text.slice(start, end);
    start = end + 1;
    const path = MODULE_LINE.exec(trimSpace(line.split('//', 1)[0] ?? ''))?.[1];
    if (path === undefined) continue;
    if (!QUOTED.test(path)) return path;
    const raw = /^`([^`]*)`$/.exec(path)?.[1]?.replaceAll('\r', '');
    return (raw ?? unquote(path)) || undefined;
  }
  return undefined;
}
