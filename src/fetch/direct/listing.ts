import {
  compareVersions,
  isCanonicalVersion,
  isPseudoVersion,
  majorOf,
  matchPathMajor,
  sortVersions,
  type Version,
} from '../../module/index.ts';
import { MAX_GOMOD_BYTES } from '../../modzip/index.ts';
import type { Repository } from '../../vcs/index.ts';
import type { Place } from './place.ts';
import { INCOMPATIBLE, revisionOf, versionOfTag } from './tags.ts';

/**
 * The versions that the repository's tags name, in semver order: retracted ones too, pseudo-versions never. A tag
 * above v1 of a repository without modules is a version with "+incompatible".
 */
export async function listVersions(
  repository: Repository,
  place: Place,
  signal: AbortSignal,
): Promise<readonly Version[]> {
  // The tags v2.x.y belong to "….v2"; nothing is ever tagged for "….v2-unstable".
  if (place.pathMajor.endsWith('-unstable')) return [];
  const { tags } = await repository.refs(signal);
  const own: Version[] = [];
  const above: Version[] = [];
  for (const tag of tags.keys()) {
    const found = versionOfTag(place, tag);
    if (found?.exact !== true || isPseudoVersion(found.version)) continue;
    if (!isCanonicalVersion(found.version)) continue;
    if (matchPathMajor(found.version, place.pathMajor)) own.push(found.version);
    else if (place.folder === '' && place.pathMajor === '') above.push(found.version);
  }
  const list = own.sort(compareVersions);
  return [...list, ...(await incompatible(repository, place, list.at(-1), sortVersions(above), signal))];
}

/**
 * Of the tags above v1 those that stand for no module of their own. Where the newest one below has a go.mod, its
 * author uses modules, and none of them is meant; where the newest one of a major version has, none of that major is.
 */
async function incompatible(
  repository: Repository,
  place: Place,
  newest: Version | undefined,
  above: readonly Version[],
  signal: AbortSignal,
): Promise<Version[]> {
  if (above.length === 0) return [];
  const hasGoMod = async (version: Version) => {
    const commit = await repository.resolve(revisionOf(place, version), signal);
    const [goMod] = await repository.files(commit, ['go.mod'], MAX_GOMOD_BYTES, signal);
    return goMod !== undefined;
  };
  if (newest !== undefined && (await hasGoMod(newest))) return [];
  const list: Version[] = [];
  for (const versions of byMajor(above)) {
    const last = versions.at(-1);
    if (last === undefined || (await hasGoMod(last))) continue;
    list.push(...versions.map((version) => `${version}${INCOMPATIBLE}`).filter(isCanonicalVersion));
  }
  return list;
}

function byMajor(sorted: readonly Version[]): Iterable<Version[]> {
  const groups = new Map<string, Version[]>();
  for (const version of sorted) {
    const major = majorOf(version);
    const group = groups.get(major);
    if (group === undefined) groups.set(major, [version]);
    else group.push(version);
  }
  return groups.values();
}

/** The newest release, or where there is none the newest pre-release; what comes later in the list is newer. */
export function newestOf(
  versions: readonly Version[],
  isPrerelease: (v: string) => boolean,
): Version | undefined {
  return versions.findLast((version) => !isPrerelease(version)) ?? versions.at(-1);
}
