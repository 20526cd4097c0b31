/**
 * Pattern lists as GOPRIVATE has them: globs with commas between, each compared with as many leading elements
 * of the path as it has itself (module.MatchPrefixPatterns, path.Match).
 */
import { ModgateError } from '../errors/index.ts';
import { shown } from './faults.ts';

type Step =
  | { readonly kind: 'rune'; readonly rune: string }
  | { readonly kind: 'any' }
  | {
      readonly kind: 'class';
      readonly negated: boolean;
      readonly ranges: readonly (readonly [number, number])[];
    };

/** Steps that take one rune each, behind a `*` or not. */
interface Chunk {
  readonly star: boolean;
  readonly steps: readonly Step[];
}

interface Glob {
  /** path elements that it is compared with */
  readonly elements: number;
  readonly chunks: readonly Chunk[];
}

export class PathPatterns {
  readonly #globs: readonly Glob[];

  /**
   * @param list globs with commas between; empty ones are passed over and space around one is dropped. (The go
   *   command keeps the space and then matches nothing, which would let a private path out.) BAD_REQUEST for a
   *   malformed glob, which the go command would ignore.
   */
  constructor(list: string) {
    this.#globs = splitPatterns(list).map(compile);
  }

  /** True where a leading part of the path matches one of the globs. Time is at most glob × path. */
  matches(path: string): boolean {
    return this.#globs.some(({ elements, chunks }) => {
      const prefix = leading(path, elements);
      return prefix !== undefined && matchChunks(chunks, Array.from(prefix));
    });
  }
}

/** The globs of a list, as the go command must be given them: without space and empty ones. */
export function splitPatterns(list: string): string[] {
  return list
    .split(',')
    .map((glob) => glob.trim().replace(/\/$/, ''))
    .filter((glob) => glob !== '');
}

/** The first n elements of a path, undefined where it has fewer. */
function leading(path: string, n: number): string | undefined {
  let end = -1;
  for (let i = 0; i < n; i++) {
    end = path.indexOf('/', end + 1);
    if (end < 0) return i === n - 1 ? path : undefined;
  }
  return path.slice(0, end);
}

function matchChunks(chunks: readonly Chunk[], name: readonly string[]): boolean {
  let at = 0;
  for (const [i, chunk] of chunks.entries()) {
    // A chunk's length is fixed, so the leftmost place leaves most to the next star: no need to come back.
    const found = place(chunk, name, at, i === chunks.length - 1);
    if (found === undefined) return false;
    at = found + chunk.steps.length;
  }
  return at === name.length;
}

function place(chunk: Chunk, name: readonly string[], from: number, last: boolean): number | undefined {
  for (let start = from; ; start++) {
    const fits = chunk.steps.every((step, i) => matchStep(step, name[start + i]));
    if (fits && (!last || start + chunk.steps.length === name.length)) return start;
    if (!chunk.star || start >= name.length || name[start] === '/') return undefined;
  }
}

function matchStep(step: Step, rune: string | undefined): boolean {
  if (rune === undefined) return false;
  switch (step.kind) {
    case 'rune':
      return step.rune === rune;
    case 'any':
      return rune !== '/';
    case 'class': {
      const code = rune.codePointAt(0) ?? 0;
      return step.ranges.some(([low, high]) => low <= code && code <= high) !== step.negated;
    }
  }
}

function compile(glob: string): Glob {
  const runes = Array.from(glob);
  const chunks: Chunk[] = [];
  let at = 0;
  while (at < runes.length) {
    const star = runes[at] === '*';
    while (runes[at] === '*') at++;
    const steps: Step[] = [];
    while (at < runes.length && runes[at] !== '*') {
      const { step, next } = readStep(runes, at, glob);
      steps.push(step);
      at = next;
    }
    chunks.push({ star, steps });
  }
  return { elements: glob.split('/').length, chunks };
}

interface Read<T> {
  readonly step: T;
  readonly next: number;
}

function readStep(runes: readonly string[], at: number, glob: string): Read<Step> {
  const rune = runes[at];
  if (rune === '?') return { step: { kind: 'any' }, next: at + 1 };
  if (rune === '[') return readClass(runes, at + 1, glob);
  const index = rune === '\\' ? at + 1 : at;
  const literal = runes[index];
  if (literal === undefined) throw malformed(glob, 'nothing follows "\\"');
  return { step: { kind: 'rune', rune: literal }, next: index + 1 };
}

function readClass(runes: readonly string[], start: number, glob: string): Read<Step> {
  const negated = runes[start] === '^';
  let at = negated ? start + 1 : start;
  const ranges: [number, number][] = [];
  while (runes[at] !== ']' || ranges.length === 0) {
    const low = readClassRune(runes, at, glob);
    const high = runes[low.next] === '-' ? readClassRune(runes, low.next + 1, glob) : low;
    ranges.push([low.step, high.step]);
    at = high.next;
  }
  return { step: { kind: 'class', negated, ranges }, next: at + 1 };
}

function readClassRune(runes: readonly string[], at: number, glob: string): Read<number> {
  const rune = runes[at];
  if (rune === '-' || rune === ']') throw malformed(glob, `misplaced "${rune}" in a character class`);
  const index = rune === '\\' ? at + 1 : at;
  const code = runes[index]?.codePointAt(0);
  // A class needs at least its "]" behind every rune.
  if (code === undefined || index + 1 >= runes.length)
    throw malformed(glob, 'the character class does not end');
  return { step: code, next: index + 1 };
}

function malformed(glob: string, why: string): ModgateError {
  return new ModgateError('BAD_REQUEST', `malformed module pattern ${shown(glob)}: ${why}`);
}
