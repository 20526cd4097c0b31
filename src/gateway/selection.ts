import { ModgateError } from '../errors/index.ts';
import { PathPatterns } from '../module/index.ts';
import type { PathRange } from '../store/index.ts';

/** characters of a pattern */
const MAX_PATTERN = 1000;
/** patterns of one selection */
const MAX_PATTERNS = 1000;

interface Pattern {
  readonly path: (path: string) => boolean;
  /** undefined: every version */
  readonly version: ((version: string) => boolean) | undefined;
  /** the path, or what all paths that it matches begin with */
  readonly prefix: string;
  readonly exactPath: boolean;
  /** the one version that it means */
  readonly exactVersion: string | undefined;
}

/** Behind a path and before every other one: no path holds it. */
const NEXT = '\u0001';
/** behind every path */
const END = '\u{10ffff}';
const GLOB = /[*?[\\]/;

/**
 * Which stored versions are meant: `example.com/lib` is that module alone, a path with `*`, `?` or `[` is a glob in the
 * syntax of GOPRIVATE, which holds for everything below what it matches too. `@v1.2.3` or a glob such as `@v1.*` behind
 * it picks versions. Several are a union; none at all is everything.
 */
export class Selection {
  readonly #patterns: readonly Pattern[];

  /** BAD_REQUEST for what is no pattern. */
  constructor(patterns: readonly string[]) {
    if (patterns.length > MAX_PATTERNS) throw bad(`more than ${MAX_PATTERNS} patterns`);
    this.#patterns = patterns.map(compile);
  }

  get all(): boolean {
    return this.#patterns.length === 0;
  }

  matches({ path, version }: { readonly path: string; readonly version: string }): boolean {
    if (this.all) return true;
    return this.#patterns.some((one) => one.path(path) && (one.version?.(version) ?? true));
  }

  /** True where some of its versions may be meant. */
  matchesPath(path: string): boolean {
    return this.all || this.#patterns.some((one) => one.path(path));
  }

  /** Where the paths lie that may be meant, in order and apart. @param after a path: only what comes behind it */
  ranges(after = ''): PathRange[] {
    const wanted = this.all ? [{ from: '', below: END }] : this.#patterns.map(rangeOf);
    const ranges: PathRange[] = [];
    for (const { from, below } of wanted.sort((a, b) => (a.from < b.from ? -1 : 1))) {
      const last = ranges.at(-1);
      if (last === undefined || from >= last.below) ranges.push({ from, below });
      else if (below > last.below) ranges[ranges.length - 1] = { from: last.from, below };
    }
    const start = after === '' ? '' : after + NEXT;
    return ranges
      .filter(({ below }) => below > start)
      .map(({ from, below }) => (from < start ? { from: start, below } : { from, below }));
  }

  /** The versions of a module that may be meant, by their text; undefined where only all of them can tell. */
  versionsOf(path: string): readonly string[] | undefined {
    if (this.all) return undefined;
    const versions = new Set<string>();
    for (const { exactVersion } of this.#patterns.filter((one) => one.path(path))) {
      if (exactVersion === undefined) return undefined;
      versions.add(exactVersion);
    }
    return [...versions].sort();
  }

  /** Modules that are named, and beginnings of paths, which hold everything of the selection. */
  get places(): readonly { readonly path: string; readonly exact: boolean }[] {
    return this.#patterns.map(({ prefix, exactPath }) => ({ path: prefix, exact: exactPath }));
  }

  /** True where all of the module's versions are meant, stored or not. */
  coversModule(path: string): boolean {
    return this.all || this.#patterns.some((one) => one.version === undefined && one.path(path));
  }
}

function compile(text: string): Pattern {
  if (text.length > MAX_PATTERN) throw bad(`a pattern longer than ${MAX_PATTERN} characters`);
  const at = text.lastIndexOf('@');
  const named = at < 0 ? text : text.slice(0, at);
  // As the go command reads GOPRIVATE: a path that is completed by a shell or taken from a URL may end so.
  const path = named.replace(/\/+$/, '');
  const version = at < 0 ? undefined : text.slice(at + 1);
  if (path === '' || version === '' || /[\s,]/.test(text))
    throw bad(`${JSON.stringify(text.slice(0, 80))} is not module, module@version or a glob of them`);
  const exactPath = !GLOB.test(path);
  return {
    path: pathMatcher(path),
    version: version === undefined ? undefined : versionMatcher(version),
    prefix: exactPath ? path : path.slice(0, path.search(GLOB)),
    exactPath,
    exactVersion: version === undefined || GLOB.test(version) ? undefined : version,
  };
}

function rangeOf({ prefix, exactPath }: Pattern): PathRange {
  return { from: prefix, below: prefix + (exactPath ? NEXT : END) };
}

function pathMatcher(path: string): Pattern['path'] {
  if (!GLOB.test(path)) return (other) => other === path;
  const patterns = new PathPatterns(path);
  return (other) => patterns.matches(other);
}

/** Versions have no slash, so that a glob of one path element does. */
function versionMatcher(version: string): Pattern['path'] {
  if (version.includes('/')) throw bad(`${JSON.stringify(version.slice(0, 80))} is no version`);
  return pathMatcher(version);
}

function bad(why: string): ModgateError {
  return new ModgateError('BAD_REQUEST', `cannot tell which versions are meant: ${why}`, {
    next: 'write for example example.com/lib, example.com/lib@v1.2.3 or "example.com/*@v1.*"',
  });
}
