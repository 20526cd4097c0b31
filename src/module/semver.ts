/**
 * Semantic versions as golang.org/x/mod/semver reads and orders them: with a leading "v", "v1" and "v1.2" as
 * shorthands, numbers of any length.
 */

interface Parsed {
  readonly major: string;
  readonly minor: string;
  readonly patch: string;
  /** with the leading "-", "" where there is none */
  readonly prerelease: string;
  /** with the leading "+", "" where there is none */
  readonly build: string;
  /** what makes a shorthand whole: ".0.0", ".0" or "" */
  readonly short: string;
}

// Each class ends where the next part begins, so that a match takes linear time.
const SHAPE = /^v([0-9]+)(?:\.([0-9]+)(?:\.([0-9]+)(-[-.0-9A-Za-z]*)?(\+[-.0-9A-Za-z]*)?)?)?$/;
const NUMBER = /^[0-9]+$/;

function parse(text: string): Parsed | undefined {
  const match = SHAPE.exec(text);
  if (match === null) return undefined;
  const [, major = '', minor, patch, prerelease = '', build = ''] = match;
  if (leadingZero(major) || leadingZero(minor ?? '') || leadingZero(patch ?? '')) return undefined;
  if (prerelease !== '' && !prerelease.slice(1).split('.').every(isPrereleaseIdentifier)) return undefined;
  if (build !== '' && build.slice(1).split('.').includes('')) return undefined;
  const short = minor === undefined ? '.0.0' : patch === undefined ? '.0' : '';
  return { major, minor: minor ?? '0', patch: patch ?? '0', prerelease, build, short };
}

function leadingZero(digits: string): boolean {
  return digits.length > 1 && digits.startsWith('0');
}

function isPrereleaseIdentifier(text: string): boolean {
  return text !== '' && !(NUMBER.test(text) && leadingZero(text));
}

export function isValidSemver(v: string): boolean {
  return parse(v) !== undefined;
}

/** Without build metadata, shorthands filled up: "v1.2" → "v1.2.0"; "" for what is no version. */
export function canonicalSemver(v: string): string {
  const parsed = parse(v);
  if (parsed === undefined) return '';
  return parsed.build === '' ? v + parsed.short : v.slice(0, -parsed.build.length);
}

/** As canonicalSemver, but "+incompatible" stays (module.CanonicalVersion). */
export function canonicalVersion(v: string): string {
  const canonical = canonicalSemver(v);
  return buildOf(v) === '+incompatible' ? `${canonical}+incompatible` : canonical;
}

/** "v2.1.0" → "v2"; "" for what is no version. */
export function majorOf(v: string): string {
  const parsed = parse(v);
  return parsed === undefined ? '' : `v${parsed.major}`;
}

/** "v2.1.0" → "v2.1"; "" for what is no version. */
export function majorMinorOf(v: string): string {
  const parsed = parse(v);
  return parsed === undefined ? '' : `v${parsed.major}.${parsed.minor}`;
}

/** "v1.0.0-rc.1+b" → "-rc.1"; "" where there is none. */
export function prereleaseOf(v: string): string {
  return parse(v)?.prerelease ?? '';
}

export function isPrerelease(v: string): boolean {
  return prereleaseOf(v) !== '';
}

/** "v1.0.0+meta" → "+meta"; "" where there is none. */
export function buildOf(v: string): string {
  return parse(v)?.build ?? '';
}

/**
 * Go's order: -1, 0 or 1. Build metadata does not count; what is no version is less than every version, and
 * equal to every other such text.
 */
export function compareVersions(a: string, b: string): number {
  return compareParsed(parse(a), parse(b));
}

/** A new list in Go's order, equal ones by their text (semver.Sort); each version is parsed once. */
export function sortVersions<T extends string>(versions: readonly T[]): T[] {
  const keyed = versions.map((text) => ({ text, parsed: parse(text) }));
  keyed.sort((a, b) => compareParsed(a.parsed, b.parsed) || compareText(a.text, b.text));
  return keyed.map(({ text }) => text);
}

function compareParsed(a: Parsed | undefined, b: Parsed | undefined): number {
  if (a === undefined || b === undefined) return Number(a !== undefined) - Number(b !== undefined);
  return (
    compareNumbers(a.major, b.major) ||
    compareNumbers(a.minor, b.minor) ||
    compareNumbers(a.patch, b.patch) ||
    comparePrereleases(a.prerelease, b.prerelease)
  );
}

/** Digits without leading zeros: the longer number is the greater one. */
function compareNumbers(a: string, b: string): number {
  return a.length === b.length ? compareText(a, b) : Math.sign(a.length - b.length);
}

function compareText(a: string, b: string): number {
  return a === b ? 0 : a < b ? -1 : 1;
}

function comparePrereleases(a: string, b: string): number {
  if (a === b) return 0;
  // A release comes after its pre-releases.
  if (a === '') return 1;
  if (b === '') return -1;
  const left = a.slice(1).split('.');
  const right = b.slice(1).split('.');
  for (const [i, x] of left.entries()) {
    const y = right[i];
    if (y === undefined) return 1;
    if (x !== y) return compareIdentifiers(x, y);
  }
  return -1;
}

function compareIdentifiers(x: string, y: string): number {
  const xIsNumber = NUMBER.test(x);
  const yIsNumber = NUMBER.test(y);
  if (xIsNumber !== yIsNumber) return xIsNumber ? -1 : 1;
  return xIsNumber ? compareNumbers(x, y) : compareText(x, y);
}
