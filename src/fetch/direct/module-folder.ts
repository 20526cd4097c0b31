/**
 * Which folder of a commit holds the module. Its author decides that, by go.mod files: the folder of the path, or for
 * a path with "/vN" also "vN" below it, but not both. A go.mod that says another major version than the path means
 * that the module is not there; the rest of the path may differ, since a fork can stand in for what it was forked from.
 */
import { majorOf, modulePathOf, pathMajorPrefix, splitPathMajor } from '../../module/index.ts';
import { MAX_GOMOD_BYTES } from '../../modzip/index.ts';
import type { Commit, Repository } from '../../vcs/index.ts';
import { invalidVersion } from './faults.ts';
import { hasMajorFolder, type Place } from './place.ts';
import { revisionOf } from './tags.ts';

/** characters of a foreign path that a message repeats */
const MAX_SHOWN = 200;

export interface ModuleFolder {
  /** from the repository's root, "" for itself */
  readonly folder: string;
  /** undefined: there is none, and the module is older than modules */
  readonly goMod: Buffer | undefined;
}

/** NOT_FOUND, in the words of the go command, where the commit does not hold the module. */
export async function findModule(
  repository: Repository,
  place: Place,
  commit: Commit,
  version: string,
  signal: AbortSignal,
): Promise<ModuleFolder> {
  const { folder, pathMajor, tagPrefix } = place;
  const below = hasMajorFolder(place) ? `${tagPrefix}${pathMajor.slice(1)}` : undefined;
  const names = [`${tagPrefix}go.mod`, ...(below === undefined ? [] : [`${below}/go.mod`])];
  const [own, other] = await repository.files(commit, names, MAX_GOMOD_BYTES, signal);
  const where = { place, version, revision: revisionOf(place, version) };
  const ownFits = own !== undefined && (fits(own, pathMajor) || replacesGopkgIn(own, pathMajor));
  if (other !== undefined && below !== undefined) {
    checkOther(where, `${below}/go.mod`, other, ownFits);
    return { folder: below, goMod: other };
  }
  if (ownFits) return { folder, goMod: own };
  if (own !== undefined) throw otherModule(where, own);
  if (folder === '' && !pathMajor.startsWith('/')) return { folder, goMod: undefined };
  throw missing(where);
}

interface Where {
  readonly place: Place;
  readonly version: string;
  readonly revision: string;
}

function no({ place, version, revision }: Where, what: string): Error {
  return invalidVersion(place, version, `${what} at revision ${revision}`, 'NOT_FOUND');
}

function checkOther(where: Where, name: string, other: Buffer, ownFits: boolean): void {
  const { prefix, pathMajor, root, tagPrefix } = where.place;
  const found = fits(other, pathMajor);
  if (ownFits && found)
    throw no(
      where,
      `${prefix}/${tagPrefix}go.mod and ...${pathMajor}/go.mod both have ...${pathMajor} module paths`,
    );
  if (found) return;
  const path = pathIn(other);
  if (path === undefined) throw no(where, `${root}/${name} is missing module path`);
  throw no(where, `${root}/${name} has non-...${pathMajor} module path ${shown(path)}`);
}

/** Why the folder's own go.mod is not that of the module. */
function otherModule(where: Where, own: Buffer): Error {
  const { place, version } = where;
  const { pathMajor, tagPrefix } = place;
  const file = `${tagPrefix}go.mod`;
  const alone = hasMajorFolder(place) ? ` (and ...${pathMajor}/go.mod does not exist)` : '';
  const path = pathIn(own);
  if (path === undefined) return no(where, `${file} is missing module path${alone}`);
  const kind =
    pathMajor !== ''
      ? `non-...${pathMajor}`
      : splitPathMajor(path) === undefined
        ? 'malformed'
        : `post-${majorOf(version)}`;
  return no(where, `${file} has ${kind} module path ${shown(path)}${alone}`);
}

function missing(where: Where): Error {
  const { place } = where;
  const { prefix, pathMajor } = place;
  const other = hasMajorFolder(place) ? ` and ...${pathMajor}/go.mod` : '';
  return no(where, `missing ${prefix}/go.mod${other}`);
}

/** A go.mod may say anything, at any length. */
function shown(path: string): string {
  return JSON.stringify(path.length > MAX_SHOWN ? `${path.slice(0, MAX_SHOWN)}…` : path);
}

function pathIn(goMod: Buffer): string | undefined {
  return modulePathOf(goMod.toString('utf8'));
}

/** Whether a go.mod speaks of the same major version as a path with this suffix. */
function fits(goMod: Buffer, pathMajor: string): boolean {
  const path = pathIn(goMod);
  const split = path === undefined ? undefined : splitPathMajor(path);
  if (split === undefined) return false;
  if (pathMajor === '') return ['', 'v0', 'v1'].includes(pathMajorPrefix(split.pathMajor));
  return split.pathMajor !== '' && split.pathMajor.slice(1) === pathMajor.slice(1);
}

/** Forks of gopkg.in modules at paths without a suffix were accepted by mistake once (golang.org/issue/34254). */
function replacesGopkgIn(goMod: Buffer, pathMajor: string): boolean {
  return pathMajor === '' && pathIn(goMod)?.startsWith('gopkg.in/') === true;
}
