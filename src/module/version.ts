import { invalidModule } from './faults.ts';
import { checkPathMajor, type ModulePath, splitPathMajor } from './path.ts';
import { canonicalVersion, isValidSemver } from './semver.ts';

/** Canonical, e.g. "v0.14.0" or "v2.0.0+incompatible"; only parseVersion and isCanonicalVersion make one. */
export type Version = string & { readonly brand: 'Version' };

export interface ModuleVersion {
  readonly path: ModulePath;
  readonly version: Version;
}

/** A semantic version in canonical form, build metadata only "+incompatible" (module.CanonicalVersion). */
export function isCanonicalVersion(text: string): text is Version {
  return text !== '' && canonicalVersion(text) === text;
}

/**
 * A canonical version that fits the major suffix of the path (module.Check, zip.CheckZip's rule of canonical
 * form); INVALID_MODULE with the fault otherwise.
 */
export function parseVersion(path: ModulePath, text: string): Version {
  if (!isValidSemver(text)) throw invalidModule(`${path}: invalid version`, text, 'not a semantic version');
  if (!isCanonicalVersion(text)) {
    throw invalidModule(
      `${path}: invalid version`,
      text,
      `not canonical, should be ${canonicalVersion(text)}`,
    );
  }
  const pathMajor = splitPathMajor(path)?.pathMajor ?? '';
  const fault = checkPathMajor(text, pathMajor);
  if (fault !== undefined) throw invalidModule(`${path}: invalid version`, text, fault);
  return text;
}
