/**
 * Tags and versions. A tag of a module is its folder, "/", and a version. Only a canonical version counts as one;
 * "v1.0.0+meta" is at least something that a pseudo-version may follow, "v1" and "v1.2" are nothing.
 */
import {
  buildOf,
  canonicalSemver,
  isPseudoVersion,
  isValidSemver,
  parsePseudoVersion,
} from '../../module/index.ts';
import type { Place } from './place.ts';

export interface TagVersion {
  /** canonical, never with "+incompatible" */
  readonly version: string;
  /** true: the tag is this very version */
  readonly exact: boolean;
}

/** What version a tag stands for; undefined for none of this folder's. */
export function versionOfTag({ tagPrefix }: Place, tag: string): TagVersion | undefined {
  if (!tag.startsWith(tagPrefix) || isPseudoVersion(tag)) return undefined;
  const text = tag.slice(tagPrefix.length);
  const version = canonicalSemver(text);
  if (version === '' || !text.startsWith(version)) return undefined;
  return { version, exact: version === text };
}

export const INCOMPATIBLE = '+incompatible';

export function isIncompatible(version: string): boolean {
  return version.endsWith(INCOMPATIBLE);
}

export function withoutIncompatible(version: string): string {
  return isIncompatible(version) ? version.slice(0, -INCOMPATIBLE.length) : version;
}

/** What the repository is asked for a version or any other revision: a tag, the hash in a pseudo-version, or itself. */
export function revisionOf({ tagPrefix }: Place, version: string): string {
  if (!isValidSemver(version)) return version;
  if (isPseudoVersion(version)) return pseudoRevision(version);
  return tagPrefix + (buildOf(version) === INCOMPATIBLE ? withoutIncompatible(version) : version);
}

/** The hash's digits in a pseudo-version, also in one whose time or base is impossible. */
export function pseudoRevision(version: string): string {
  const parsed = parsePseudoVersion(version);
  if (parsed !== undefined) return parsed.revision;
  const text = version.slice(0, version.length - buildOf(version).length);
  return text.slice(text.lastIndexOf('-') + 1);
}
