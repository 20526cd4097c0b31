/**
 * The rules of Go modules: paths, versions, escaping, Go's semver order, pseudo-versions, go.mod files and
 * GOPRIVATE patterns. To TypeScript what golang.org/x/mod/module, semver and modfile are to Go, without their
 * editing of go.mod files. What breaks a rule throws INVALID_MODULE.
 */
export { escapePath, escapeVersion, unescapePath, unescapeVersion } from './escape.ts';
export {
  type Exclusion,
  type GoMod,
  modulePathOf,
  parseGoMod,
  type Replacement,
  type Requirement,
  type Retraction,
} from './gomod.ts';
export { parseGoSum, type SumLine } from './gosum.ts';
export { type GoWork, parseGoWork } from './gowork.ts';
export {
  checkFilePath,
  checkPathMajor,
  type ModulePath,
  matchPathMajor,
  parseModulePath,
  pathMajorPrefix,
  splitPathMajor,
} from './path.ts';
export { PathPatterns, splitPatterns } from './patterns.ts';
export { isPseudoVersion, type PseudoVersion, parsePseudoVersion, pseudoVersion } from './pseudo.ts';
export { RemotePatterns, type RemotePlace, splitRemotePatterns } from './remote-patterns.ts';
export {
  buildOf,
  canonicalSemver,
  canonicalVersion,
  compareVersions,
  isPrerelease,
  isValidSemver,
  majorMinorOf,
  majorOf,
  prereleaseOf,
  sortVersions,
} from './semver.ts';
export { isCanonicalVersion, type ModuleVersion, parseVersion, type Version } from './version.ts';
