import {
  compareVersions,
  isPrerelease,
  parseGoMod,
  type Retraction,
  type Version,
} from '../../module/index.ts';
import type { Repository } from '../../vcs/index.ts';
import { isRefusal } from './faults.ts';
import { newestOf } from './listing.ts';
import { findModule } from './module-folder.ts';
import type { Place } from './place.ts';
import { isIncompatible, revisionOf } from './tags.ts';

export type IsRetracted = (version: string) => boolean;

/**
 * What the go.mod of the newest release takes back. One that does not exist or cannot be read takes back nothing; an
 * outage is thrown.
 * @param versions as the module's list has them
 */
export async function retractedBy(
  repository: Repository,
  place: Place,
  versions: readonly Version[],
  signal: AbortSignal,
): Promise<IsRetracted> {
  // A version with "+incompatible" has no go.mod.
  const newest = newestOf(
    versions.filter((version) => !isIncompatible(version)),
    isPrerelease,
  );
  if (newest === undefined) return () => false;
  const retractions = await readRetractions(repository, place, newest, signal);
  return (version) =>
    retractions.some(
      ({ low, high }) => compareVersions(low, version) <= 0 && compareVersions(version, high) <= 0,
    );
}

async function readRetractions(
  repository: Repository,
  place: Place,
  version: Version,
  signal: AbortSignal,
): Promise<readonly Retraction[]> {
  try {
    const commit = await repository.resolve(revisionOf(place, version), signal);
    const { goMod } = await findModule(repository, place, commit, version, signal);
    return goMod === undefined ? [] : parseGoMod(goMod.toString('utf8')).retract;
  } catch (thrown) {
    if (isRefusal(thrown)) return [];
    throw thrown;
  }
}
