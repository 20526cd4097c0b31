/**
 * `direct`: modules from version control, made as the go command makes them: where their code lives, which versions its
 * tags are, which folder is the module, and what is in its zip. Left out: other systems than git, and every check that
 * the gateway makes of any source.
 */
export { type DirectDeps, type DirectOptions, DirectSource } from './direct-source.ts';
export type { Mapping } from './mapping.ts';
export type { RootRules } from './meta-pages.ts';
export { ModProxies } from './mod-proxies.ts';
export { commitIn } from './origin.ts';
export { RootFinder, type RootOptions } from './root-finder.ts';
export type { Root, Roots } from './roots.ts';
