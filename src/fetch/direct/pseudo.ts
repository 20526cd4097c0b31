/**
 * Holds a pseudo-version to its commit. Everything in it must be what the go command would have written: otherwise one
 * commit had any number of versions, and a version made by hand could outrank every release.
 */
import { compareVersions, majorOf, parsePseudoVersion, pseudoVersion } from '../../module/index.ts';
import type { Commit, Repository } from '../../vcs/index.ts';
import { invalidVersion } from './faults.ts';
import type { Place } from './place.ts';
import { pseudoRevision, withoutIncompatible } from './tags.ts';

/** hex digits of a hash in a pseudo-version */
const SHORT = 12;

export function shortHash({ hash }: Commit): string {
  return hash.slice(0, SHORT);
}

/** BAD_MODULE, in the words of the go command, for one that it would not have made. */
export async function checkPseudo(
  repository: Repository,
  place: Place,
  commit: Commit,
  version: string,
  signal: AbortSignal,
): Promise<void> {
  const fault =
    textFault(place, commit, version) ?? (await baseFault(repository, place, commit, version, signal));
  if (fault !== undefined) throw invalidVersion(place, version, fault, 'BAD_MODULE', 'pseudo-version');
}

/** What the commit alone can tell. */
function textFault({ major }: Place, commit: Commit, version: string): string | undefined {
  const revision = pseudoRevision(version);
  const short = shortHash(commit);
  if (revision !== short) return `${revisionFault(revision, short)} (expected ${short})`;
  const parsed = parsePseudoVersion(withoutIncompatible(version));
  if (parsed === undefined) return 'its time or the version before it is impossible';
  if (parsed.time.getTime() !== commit.time.getTime())
    return `does not match version-control timestamp (expected ${timestamp(commit.time)})`;
  if (parsed.base === '' && major === '' && majorOf(version) === 'v1')
    return 'major version without preceding tag must be v0, not v1';
  return undefined;
}

function revisionFault(revision: string, short: string): string {
  if (revision.startsWith(short)) return 'revision is longer than canonical';
  if (short.startsWith(revision)) return 'revision is shorter than canonical';
  return 'does not match short name of revision';
}

/** as a pseudo-version has it */
function timestamp(time: Date): string {
  return pseudoVersion('', '', time, '0').split('-')[1] ?? '';
}

/** Whether the version that it follows is tagged, on a commit before this one. */
async function baseFault(
  repository: Repository,
  { tagPrefix }: Place,
  commit: Commit,
  version: string,
  signal: AbortSignal,
): Promise<string | undefined> {
  const base = parsePseudoVersion(withoutIncompatible(version))?.base ?? '';
  if (base === '') return undefined;
  const revision = pseudoRevision(version);
  // A tag of the root counts for a module in a folder too, as in the go command.
  const canonical = commit.tags.find((tag) => tag === base || tag === `${tagPrefix}${base}`);
  if (canonical !== undefined)
    return `tag (${canonical}) found on revision ${revision} is already canonical, so should not be replaced with a pseudo-version derived from that tag`;
  const { tags } = await repository.refs(signal);
  const equal = [...tags.keys()]
    .filter((tag) => tag.startsWith(`${tagPrefix}${base}`))
    .filter((tag) => compareVersions(tag.slice(tagPrefix.length), base) === 0)
    .sort();
  for (const tag of equal) if (await repository.descendsFrom(commit, tag, signal)) return undefined;
  const last = equal.at(-1);
  return last === undefined
    ? `preceding tag (${base}) not found`
    : `revision ${revision} is not a descendent of preceding tag (${last})`;
}
