/**
 * Fills the store in advance: whole build lists from the sources (prefetch), and what lies in a folder already
 * (import). All of it goes through the gateway's checks and admission. Left out: choosing what is worth having, and
 * removing anything.
 */

export { type ImportOptions, importFolder } from './import.ts';
export { failureText, formatBytes, JsonLines, Monitors, Progress, printable } from './monitors.ts';
export { findOrigin, type OriginKind } from './origin.ts';
export { type PrefetchDeps, type PrefetchOptions, prefetch } from './prefetch.ts';
export { type FileEvent, type Monitor, Tally } from './tally.ts';
export { readTarget, type Target } from './targets.ts';
export { ownPlatform, readPlatforms } from './toolchains.ts';
