/**
 * Flags, MODGATE_ variables and modgate.yaml, read once into one typed value. The file is at most 1 MiB of
 * YAML 1.2; secrets come from variables or files and are shown by nothing. Faults are told all together.
 */
export { type ChainElement, parseChain } from './chain.ts';
export { DEFAULT_SENDFILE_PREFIX } from './defaults.ts';
export type { ReadFile } from './files.ts';
export { type Loaded, type LoadOptions, loadConfig } from './load.ts';
export { printConfig } from './print.ts';
export { FileRecord, type FileStates, type Recorded } from './record.ts';
export { needsRestart } from './restart.ts';
export { configSchema } from './schema.ts';
export { sendfileToken } from './sendfile.ts';
export { SETTING_FLAGS } from './settings.ts';
export { defaultClient } from './sources.ts';
export type {
  Address,
  Config,
  ListenTls,
  Origins,
  RouteConfig,
  Sendfile,
  SourceAuth,
  SourceClient,
  SourceConfig,
  SourceTls,
  SumdbConfig,
} from './types.ts';
export { parseDuration, parseSize } from './units.ts';
export type { VcsConfig, VcsCredential } from './vcs-types.ts';
export { FileWatch } from './watch.ts';
