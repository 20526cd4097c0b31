/**
 * What outlives a request: the module tree. Files below one folder today; the interface has no word that an
 * object store could not keep. It leaves out eviction, locks and checks of what is read.
 */
export type { AuditEntry } from './audit.ts';
export type {
  Catalog,
  CatalogAnswer,
  CatalogVersion,
  FileFacts,
  Listed,
  ModulePart,
  PathRange,
  Totals,
} from './catalog.ts';
export { type CatalogOrder, type CatalogReply, type Mark, type Note, PUBLISHED } from './catalog-writer.ts';
export { FileTree, type FileTreeOptions } from './file-tree.ts';
export type { FsOps } from './fs-ops.ts';
export type { TreeKey } from './key.ts';
export { type KeyParts, partsOf, type VersionFile, type VersionMark } from './key-parts.ts';
export { keys } from './keys.ts';
export type { QuarantinedFile } from './quarantine.ts';
export { type Reconciled, type StoredFile, Storeroom } from './storeroom.ts';
export type { Content, Expect, Outcome, Probe, StagedFile, Tree } from './tree.ts';
