/**
 * Sources of modules: module proxies over HTTP, trees of files, version control, in chains of GOPROXY syntax. Left out:
 * retries, time limits and breakers (net), git (vcs), and every check that needs more than one answer (gateway).
 */
export { checkInfo, checkMod, MAX_INFO_BYTES, parseQueryInfo } from './answers.ts';
export type { ChainLink } from './chain.ts';
export { Chain, Yielded } from './chain.ts';
export {
  type DirectDeps,
  type DirectOptions,
  DirectSource,
  type Mapping,
  ModProxies,
  type Root,
  RootFinder,
  type RootOptions,
  type RootRules,
  type Roots,
} from './direct/index.ts';
export { pieces, readSmall } from './file.ts';
export { FileSource } from './file-source.ts';
export { FetchGate } from './gate.ts';
export { ProxySource, SumdbOrigin } from './proxy-source.ts';
export type { FileKind, Source, SourceFile, SumdbSource, Trace, Traced, VersionInfo } from './source.ts';
