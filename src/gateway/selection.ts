import { ModgateError } from '../errors/index.ts';
import { PathPatterns } from '../module/index.ts';

/** characters of a pattern */
const MAX_PATTERN = 1000;
/** patterns of one selection */
const MAX_PATTERNS = 1000;

interface Pattern {
  readonly text: string;
  readonly path: (path: string) => boolean;
  /** undefined: every version */
  readonly version: ((version: string) => boolean) | undefined;
}

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

  /** True where all of the module's versions are meant, stored or not. */
  coversModule(path: string): boolean {
    return this.all || this.#patterns.some((one) => one.version === undefined && one.path(path));
  }
}

function compile(text: string): Pattern {
  if (text.length > MAX_PATTERN) throw bad(`a pattern longer than ${MAX_PATTERN} characters`);
  const at = text.lastIndexOf('@');
  const path = at < 0 ? text : text.slice(0, at);
  const version = at < 0 ? undefined : text.slice(at + 1);
  if (path === '' || version === '' || /[\s,]/.test(text))
    throw bad(`${JSON.stringify(text.slice(0, 80))} is not module, module@version or a glob of them`);
  return {
    text,
    path: pathMatcher(path),
    version: version === undefined ? undefined : versionMatcher(version),
  };
}

function pathMatcher(path: string): Pattern['path'] {
  if (!/[*?[]/.test(path)) return (other) => other === path;
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
