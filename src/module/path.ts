/**
 * Module paths and file paths, as golang.org/x/mod/module checks them (CheckPath, CheckFilePath,
 * SplitPathVersion). All input here is hostile: it comes from URLs, go.mod files and zips.
 */
import { invalidModule, shown } from './faults.ts';
import { isLetter } from './letters.ts';
import { buildOf, majorOf } from './semver.ts';

/** Unescaped, e.g. "golang.org/x/text"; only parseModulePath makes one. */
export type ModulePath = string & { readonly brand: 'ModulePath' };

type PathKind = 'module' | 'file';

const WINDOWS_NAME = /^(?:con|prn|aux|nul|com[1-9]|lpt[1-9])$/i;
const WINDOWS_SHORT_NAME = /~[0-9]+$/;
const MODULE_RUNE = /^[-._~0-9A-Za-z]$/;
const FILE_RUNE = /^[!#$%&()+,\-.=@[\]^_{}~ 0-9A-Za-z]$/;
const MODULE_ELEMENT = /^[-._~0-9A-Za-z]+$/;
const FILE_ELEMENT = /^[!#$%&()+,\-.=@[\]^_{}~ 0-9A-Za-z]+$/;
const DOTS = /^\.+$/;

/** The path as a ModulePath; INVALID_MODULE with the fault where it is none. */
export function parseModulePath(text: string): ModulePath {
  const fault = modulePathFault(text);
  if (fault !== undefined) throw invalidModule('malformed module path', text, fault);
  return text as ModulePath; // the one place that makes the brand
}

/** What is wrong with a module path, undefined where nothing is (module.CheckPath). */
export function modulePathFault(text: string): string | undefined {
  const fault = pathFault(text, 'module');
  if (fault !== undefined) return fault;
  const slash = text.indexOf('/');
  const first = slash < 0 ? text : text.slice(0, slash);
  if (!first.includes('.')) return 'missing dot in first path element';
  const bad = /[^-.0-9a-z]/.exec(first);
  if (bad !== null) return `invalid char ${shown(bad[0])} in first path element`;
  return splitPathMajor(text) === undefined ? 'invalid version in the last path element' : undefined;
}

/** What is wrong with the name of a file in a module, undefined where nothing is (module.CheckFilePath). */
export function checkFilePath(name: string): string | undefined {
  return pathFault(name, 'file');
}

function pathFault(path: string, kind: PathKind): string | undefined {
  if (path === '') return 'empty string';
  if (kind === 'module' && path.startsWith('-')) return 'leading dash';
  if (path.includes('//')) return 'double slash';
  if (path.endsWith('/')) return 'trailing slash';
  for (const element of path.split('/')) {
    const fault = elementFault(element, kind);
    if (fault !== undefined) return fault;
  }
  return undefined;
}

/** module.checkElem. Also the rule for a version that is no semver, with kind 'file'. */
export function elementFault(element: string, kind: PathKind): string | undefined {
  if (element === '') return 'empty path element';
  if (DOTS.test(element)) return `invalid path element ${shown(element)}`;
  if (kind === 'module' && element.startsWith('.')) return 'leading dot in path element';
  if (element.endsWith('.')) return 'trailing dot in path element';
  const rune = badRune(element, kind);
  if (rune !== undefined) return `invalid char ${shown(rune)}`;
  const dot = element.indexOf('.');
  const short = dot < 0 ? element : element.slice(0, dot);
  if (WINDOWS_NAME.test(short)) return `${shown(short)} disallowed as path element component on Windows`;
  if (kind === 'module' && WINDOWS_SHORT_NAME.test(short)) return 'trailing tilde and digits in path element';
  return undefined;
}

function badRune(element: string, kind: PathKind): string | undefined {
  // Nearly every element is ASCII: one test instead of one per rune.
  if ((kind === 'module' ? MODULE_ELEMENT : FILE_ELEMENT).test(element)) return undefined;
  for (const rune of element) {
    const ok = kind === 'module' ? MODULE_RUNE.test(rune) : FILE_RUNE.test(rune) || isLetter(rune);
    if (!ok) return rune;
  }
  return undefined;
}

/**
 * Cuts a path into prefix and major suffix: "/v2" and up, or ".v1" for gopkg.in; pathMajor is "" where there
 * is none. Undefined where the suffix breaks the rules, e.g. "/v1", "/v02", "/v2.1" (module.SplitPathVersion).
 */
export function splitPathMajor(path: string): { prefix: string; pathMajor: string } | undefined {
  if (path.startsWith('gopkg.in/')) return splitGopkgIn(path);
  let start = path.length;
  while (start > 0 && isDigitOrDot(path.charCodeAt(start - 1))) start--;
  const none = { prefix: path, pathMajor: '' };
  if (start <= 1 || start === path.length) return none;
  if (path[start - 1] !== 'v' || path[start - 2] !== '/') return none;
  const pathMajor = path.slice(start - 2);
  if (pathMajor.includes('.') || pathMajor[2] === '0' || pathMajor === '/v1') return undefined;
  return { prefix: path.slice(0, start - 2), pathMajor };
}

function isDigitOrDot(code: number): boolean {
  return code === 0x2e || (code >= 0x30 && code <= 0x39);
}

const UNSTABLE = '-unstable';

/** Every gopkg.in path ends in .vN, N without leading zero, or that and "-unstable". */
function splitGopkgIn(path: string): { prefix: string; pathMajor: string } | undefined {
  const stable = path.endsWith(UNSTABLE) ? path.slice(0, -UNSTABLE.length) : path;
  let start = stable.length;
  while (start > 0 && /[0-9]/.test(stable.charAt(start - 1))) start--;
  if (start <= 1 || start === stable.length) return undefined;
  if (stable[start - 1] !== 'v' || stable[start - 2] !== '.') return undefined;
  const pathMajor = path.slice(start - 2);
  // As in Go, where "-unstable" counts: ".v0-unstable" is refused, ".v0" is not.
  if (pathMajor[2] === '0' && pathMajor !== '.v0') return undefined;
  return { prefix: path.slice(0, start - 2), pathMajor };
}

/** Whether a version fits the major suffix of a path (module.MatchPathMajor). */
export function matchPathMajor(version: string, pathMajor: string): boolean {
  return checkPathMajor(version, pathMajor) === undefined;
}

/** What is wrong between a version and the major suffix of its path, undefined where nothing is. */
export function checkPathMajor(version: string, pathMajor: string): string | undefined {
  const suffix = withoutUnstable(pathMajor);
  // An old bug made v0.0.0- pseudo-versions for gopkg.in's .v1; modules still require them.
  if (suffix === '.v1' && version.startsWith('v0.0.0-')) return undefined;
  const major = majorOf(version);
  if (suffix === '') {
    if (major === 'v0' || major === 'v1' || buildOf(version) === '+incompatible') return undefined;
    return `should be v0 or v1, not ${major}`;
  }
  if (/^[/.]/.test(suffix) && major === suffix.slice(1)) return undefined;
  return `should be ${suffix.replace(/^[/.]/, '')}, not ${major}`;
}

/** The major version that tags for this suffix begin with; "" allows v0 and v1 (module.PathMajorPrefix). */
export function pathMajorPrefix(pathMajor: string): string {
  return withoutUnstable(pathMajor).slice(1);
}

function withoutUnstable(pathMajor: string): string {
  return pathMajor.startsWith('.v') && pathMajor.endsWith(UNSTABLE)
    ? pathMajor.slice(0, -UNSTABLE.length)
    : pathMajor;
}
