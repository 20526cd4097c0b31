/**
 * Pseudo-versions, versions of commits without a tag (x/mod module/pseudo.go):
 *
 *     vX.0.0-yyyymmddhhmmss-abcdef123456              no earlier tag
 *     vX.Y.(Z+1)-0.yyyymmddhhmmss-abcdef123456        after vX.Y.Z
 *     vX.Y.Z-pre.0.yyyymmddhhmmss-abcdef123456        after vX.Y.Z-pre
 *
 * the last two also with "+incompatible" at the end.
 */
import { invalidModule } from './faults.ts';
import { buildOf, canonicalSemver, isValidSemver, prereleaseOf } from './semver.ts';
import { isCanonicalVersion, type Version } from './version.ts';

const SHAPE =
  /^v[0-9]+\.(?:0\.0-|[0-9]+\.[0-9]+-(?:[^+]*\.)?0\.)[0-9]{14}-[A-Za-z0-9]+(?:\+[-.0-9A-Za-z]+)?$/;

/** True by its form alone; its time or base may still be impossible, see parsePseudoVersion. */
export function isPseudoVersion(v: string): boolean {
  return SHAPE.test(v) && isValidSemver(v);
}

export interface PseudoVersion {
  /** the tagged version before it, with its "+incompatible"; "" where there is none */
  readonly base: string;
  /** of the commit */
  readonly time: Date;
  /** usually the first 12 hex digits of the commit's hash */
  readonly revision: string;
}

/** Undefined for what is no pseudo-version, has an impossible time, or a base that cannot exist. */
export function parsePseudoVersion(v: string): PseudoVersion | undefined {
  if (!isPseudoVersion(v)) return undefined;
  const build = buildOf(v);
  const text = v.slice(0, v.length - build.length);
  const revisionAt = text.lastIndexOf('-');
  const head = text.slice(0, revisionAt);
  // "vX.0.0-TIME", else ".0.TIME" or "-0.TIME": the time stands behind the last "-" or ".".
  const timeAt = Math.max(head.lastIndexOf('-'), head.lastIndexOf('.'));
  const base = baseOf(head.slice(0, timeAt), build);
  const time = parseTime(head.slice(timeAt + 1));
  if (base === undefined || time === undefined) return undefined;
  return { base, time, revision: text.slice(revisionAt + 1) };
}

function baseOf(text: string, build: string): string | undefined {
  const prerelease = prereleaseOf(text);
  // "+incompatible" speaks of a tag, which the first form says does not exist.
  if (prerelease === '') return build === '' ? '' : undefined;
  if (prerelease !== '-0') return text.slice(0, -'.0'.length) + build;
  const release = text.slice(0, -'-0'.length);
  const dot = release.lastIndexOf('.') + 1;
  const patch = decrement(release.slice(dot));
  return patch === undefined ? undefined : `${release.slice(0, dot)}${patch}${build}`;
}

/** Decimal digits of any length minus one, undefined for zero. */
function decrement(digits: string): string | undefined {
  let zeros = 0;
  while (zeros < digits.length && digits[digits.length - 1 - zeros] === '0') zeros++;
  if (zeros === digits.length) return undefined;
  const at = digits.length - 1 - zeros;
  const less = `${digits.slice(0, at)}${Number(digits[at]) - 1}${'9'.repeat(zeros)}`;
  return less.length > 1 && less.startsWith('0') ? less.slice(1) : less;
}

/** Decimal digits of any length plus one. */
function increment(digits: string): string {
  let nines = 0;
  while (nines < digits.length && digits[digits.length - 1 - nines] === '9') nines++;
  const at = digits.length - 1 - nines;
  return `${digits.slice(0, Math.max(at, 0))}${Number(digits[at] ?? 0) + 1}${'0'.repeat(nines)}`;
}

const TIME = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)$/;

function parseTime(digits: string): Date | undefined {
  const time = new Date(digits.replace(TIME, '$1-$2-$3T$4:$5:$6Z'));
  // Date takes 24:00:00 and, by engine, 30 February; Go takes neither.
  return Number.isNaN(time.getTime()) || formatTime(time) !== digits ? undefined : time;
}

/** yyyymmddhhmmss in UTC; for the years 0 to 9999 */
function formatTime(time: Date): string {
  return time
    .toISOString()
    .replace(/\.\d+Z$/, '')
    .replace(/[-T:]/g, '');
}

/**
 * The pseudo-version of a commit.
 *
 * @param major such as "v2"; "" means v0. It counts only where there is no base.
 * @param base the newest tagged version before the commit, "" where there is none
 * @param time of the commit; INVALID_MODULE outside of the years 0 to 9999
 * @param revision letters and digits, usually 12 hex digits; INVALID_MODULE otherwise
 */
export function pseudoVersion(major: string, base: string, time: Date, revision: string): Version {
  if (Number.isNaN(time.getTime())) throw invalidModule('pseudo-version', revision, 'no valid time');
  const segment = `${formatTime(time)}-${revision}`;
  const text = `${pseudoPrefix(major === '' ? 'v0' : major, base)}${segment}${buildOf(base)}`;
  if (!isPseudoVersion(text) || !isCanonicalVersion(text)) {
    throw invalidModule('pseudo-version', text, 'not of the form that the go command knows');
  }
  return text;
}

function pseudoPrefix(major: string, base: string): string {
  const canonical = canonicalSemver(base);
  if (canonical === '') return `${major}.0.0-`;
  if (prereleaseOf(canonical) !== '') return `${canonical}.0.`;
  const dot = canonical.lastIndexOf('.') + 1;
  return `${canonical.slice(0, dot)}${increment(canonical.slice(dot))}-0.`;
}
