/**
 * Sources of modules: module proxies over HTTP and trees of files, in chains of GOPROXY syntax. Left out: retries,
 * time limits and breakers (net), and every check that needs more than one answer (gateway).
 */
export { checkInfo, checkMod, MAX_INFO_BYTES, parseQueryInfo } from './answers.ts';
export type { ChainLink } from './chain.ts';
export { Chain } from './chain.ts';
export type { Mapping } from './direct/mapping.ts';
export type { RootRules } from './direct/meta-pages.ts';
export { RootFinder, type RootOptions } from './direct/root-finder.ts';
export type { Root, Roots } from './direct/roots.ts';
export { pieces, readSmall } from './file.ts';
export { FileSource } from './file-source.ts';
export { FetchGate } from './gate.ts';
export { ProxySource, SumdbOrigin } from './proxy-source.ts';
export type { FileKind, Source, SourceFile, SumdbSource, Trace, Traced, VersionInfo } from './source.ts';
