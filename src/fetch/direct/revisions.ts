/**
 * From what somebody asks for to a version. A commit gets the highest release that is tagged on it; otherwise a
 * pseudo-version above the highest release that is tagged before it. Retracted ones do not count. What costs more is
 * asked later: an exact tag needs its own commit only, the history is asked for last.
 */
import { ModgateError } from '../../errors/index.ts';
import {
  compareVersions,
  isCanonicalVersion,
  isPseudoVersion,
  pseudoVersion,
  type Version,
} from '../../module/index.ts';
import type { Commit, Repository } from '../../vcs/index.ts';
import { Candidate, type Revision } from './candidate.ts';
import { about } from './faults.ts';
import { listVersions } from './listing.ts';
import type { Place } from './place.ts';
import { checkPseudo, shortHash } from './pseudo.ts';
import { type IsRetracted, retractedBy } from './retractions.ts';
import { revisionOf, versionOfTag } from './tags.ts';

/**
 * What a version, tag, branch or hash stands for. NOT_FOUND where the repository has no such revision, or the revision
 * does not hold the module; BAD_MODULE where a version is asked for that it cannot have.
 */
export async function findRevision(
  repository: Repository,
  place: Place,
  asked: string,
  signal: AbortSignal,
): Promise<Revision> {
  const commit = await about(place, asked, () => repository.resolve(revisionOf(place, asked), signal));
  const candidate = new Candidate(repository, place, commit, asked, signal);
  if (!isPseudoVersion(asked)) return new Naming(candidate).name();
  // Asked before the tags are: they may need the whole history.
  const found = await candidate.as(asked, isCanonicalVersion(asked));
  await checkPseudo(repository, place, commit, asked, signal);
  return found;
}

/** The newest commit of the default branch. NOT_FOUND where there is none. */
export async function findHead(repository: Repository, place: Place, signal: AbortSignal): Promise<Revision> {
  const { head } = await repository.refs(signal);
  if (head === undefined)
    throw new ModgateError('NOT_FOUND', `module ${place.path}: ${repository.url} has no commits`, {
      next: 'push a first commit to its default branch',
    });
  const commit = await repository.resolve('HEAD', signal);
  return new Naming(new Candidate(repository, place, commit, '', signal)).name();
}

/** Finds the version of one commit. */
class Naming {
  readonly #candidate: Candidate;
  /** whether a canonical version was asked for */
  readonly #canonical: boolean;
  #retracted: Promise<IsRetracted> | undefined;

  constructor(candidate: Candidate) {
    this.#candidate = candidate;
    this.#canonical = isCanonicalVersion(candidate.asked);
  }

  async name(): Promise<Revision> {
    const { place, commit } = this.#candidate;
    const meant = this.#meant(commit);
    if (meant?.exact === true) return this.#as(meant.version);
    const highest = await this.#highestOn(commit);
    if (highest !== undefined) return this.#as(highest);
    const base = meant?.version ?? (await this.#highestBefore(commit)) ?? '';
    return this.#as(pseudoVersion(place.major, base, commit.time, shortHash(commit)));
  }

  #as(version: string): Promise<Revision> {
    return this.#candidate.as(version, this.#canonical);
  }

  /** The commit's tag that equals the version that was asked for; "v1.0.0+meta" only stands for what comes after it. */
  #meant({ tags }: Commit): { version: string; exact: boolean } | undefined {
    const { place, asked } = this.#candidate;
    if (asked === '') return undefined;
    const equal = tags
      .map((tag) => versionOfTag(place, tag))
      .filter((found) => found !== undefined)
      .filter(({ version }) => compareVersions(version, asked) === 0);
    return equal.find(({ exact }) => exact) ?? equal.at(-1);
  }

  async #highestOn({ tags }: Commit): Promise<string | undefined> {
    const { place } = this.#candidate;
    const versions = tags.map((tag) => versionOfTag(place, tag)).filter((found) => found?.exact === true);
    return this.#highest(versions.map((found) => found?.version ?? ''));
  }

  /** The history is asked for only where some tag of the repository would count. */
  async #highestBefore(commit: Commit): Promise<string | undefined> {
    const { repository, signal } = this.#candidate;
    const { tags } = await repository.refs(signal);
    const plausible = await this.#highest(this.#versionsOf([...tags.keys()]));
    if (plausible === undefined) return undefined;
    return this.#highest(this.#versionsOf(await repository.tagsUpTo(commit, signal)));
  }

  #versionsOf(tags: readonly string[]): string[] {
    const { place } = this.#candidate;
    return tags.map((tag) => versionOfTag(place, tag)?.version ?? '').filter((version) => version !== '');
  }

  /** The highest one that the path allows and that is not retracted. */
  async #highest(versions: readonly string[]): Promise<string | undefined> {
    const descending = [...new Set(versions)].sort((a, b) => compareVersions(b, a));
    for (const version of descending) {
      if (!(await this.#candidate.allows(version))) continue;
      if (!(await this.#isRetracted(version))) return version;
    }
    return undefined;
  }

  async #isRetracted(version: string): Promise<boolean> {
    const { repository, place, signal } = this.#candidate;
    this.#retracted ??= listVersions(repository, place, signal).then((versions: readonly Version[]) =>
      retractedBy(repository, place, versions, signal),
    );
    return (await this.#retracted)(version);
  }
}
