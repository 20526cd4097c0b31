import { compareVersions, isPrerelease, type Version } from '../../module/index.ts';
import type { Repository } from '../../vcs/index.ts';
import { listVersions, newestOf } from './listing.ts';
import type { Place } from './place.ts';
import { retractedBy } from './retractions.ts';

const PREFIX = /^v(0|[1-9][0-9]*)(\.(0|[1-9][0-9]*))?$/;

/**
 * The newest version that `latest` or a prefix such as "v1" or "v1.2" means, as `go list -m` finds it: a release where
 * there is one, and none that is retracted. Undefined where no tag is meant.
 */
export async function newestVersion(
  repository: Repository,
  place: Place,
  query: string,
  signal: AbortSignal,
): Promise<Version | undefined> {
  if (query !== 'latest' && !PREFIX.test(query)) return undefined;
  const versions = await listVersions(repository, place, signal);
  const isRetracted = await retractedBy(repository, place, versions, signal);
  // "v1.2" does not mean a pre-release of v1.2.0, which is less than it (golang.org/issue/31972).
  const fits = (version: Version) =>
    query === 'latest' || (version.startsWith(`${query}.`) && compareVersions(query, version) <= 0);
  return newestOf(
    versions.filter((version) => fits(version) && !isRetracted(version)),
    isPrerelease,
  );
}
