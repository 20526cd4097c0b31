import { posix } from 'node:path';
import { ModgateError } from '../../errors/index.ts';
import { type ModulePath, pathMajorPrefix, splitPathMajor } from '../../module/index.ts';
import type { Root } from './roots.ts';

/** Where in a repository a module lives, as its path and the repository's root say. */
export interface Place {
  readonly path: ModulePath;
  /** import path of the repository's root */
  readonly root: string;
  /** the path without its major suffix; the whole path where it is the root's */
  readonly prefix: string;
  /** "/v2", ".v1", ".v1-unstable"; "" where there is none */
  readonly pathMajor: string;
  /** major version that a pseudo-version without a tag before it begins with; "" allows v0 only */
  readonly major: string;
  /** folder in the repository, "" for its root; a module with "/v2" may be in "v2" below it instead */
  readonly folder: string;
  /** what stands before the version in the name of a tag: the folder and "/", or nothing */
  readonly tagPrefix: string;
}

/** NOT_FOUND where the root cannot hold such a module. */
export function placeOf(path: ModulePath, root: Root & { readonly kind: 'repository' }): Place {
  const split = splitPathMajor(path);
  if (split === undefined || !isBelow(path, root.path)) throw elsewhere(path, root.path);
  const { pathMajor } = split;
  // A root may be the whole path, its major suffix included: gopkg.in, and meta tags for one major version.
  const prefix = path === root.path ? path : split.prefix;
  if (!isBelow(prefix, root.path)) throw elsewhere(path, root.path);
  const below = posix.join(prefix.slice(root.path.length), root.subdirectory).replace(/^\/+|\/+$/g, '');
  const folder = below === '.' ? '' : below;
  return {
    path,
    root: root.path,
    prefix,
    pathMajor,
    major: pathMajorPrefix(pathMajor),
    folder,
    tagPrefix: folder === '' ? '' : `${folder}/`,
  };
}

function isBelow(path: string, root: string): boolean {
  return path === root || path.startsWith(`${root}/`);
}

function elsewhere(path: string, root: string): ModgateError {
  return new ModgateError('NOT_FOUND', `repository rooted at ${root} cannot contain module ${path}`, {
    next: 'look at the import path, and at the go-import tag or the mapping that names this root',
  });
}

/** True where "vN/go.mod" below the folder may be the module's, beside the folder's own go.mod. */
export function hasMajorFolder({ path, root, pathMajor }: Place): boolean {
  return pathMajor.startsWith('/') && root !== path;
}
