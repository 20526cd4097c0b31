/**
 * Module zips: checked as the go command checks them, hashed (h1), and made: of files, of git's archives, of folders.
 *
 * Every name in the zip begins with "<module>@<version>/"; the rest is a valid file path, not twice, not twice
 * but for case. go.mod only in the root and in lower case. Folders may be there: they are not unpacked, but they
 * count in the h1. The zip and all its files together have at most 500 MiB, go.mod and LICENSE 16 MiB each.
 */
export type { AheadCheck } from './ahead-check.ts';
export { type ArchiveEntry, archiveEntries } from './archive.ts';
export { type CheckedZip, checkZip } from './check.ts';
export { ZipChecker, type ZipCheckerOptions } from './checker.ts';
export { type Candidate, type Choice, chooseFiles, type Omitted } from './choose.ts';
export { createZip, type ZipSource } from './create.ts';
export type { ZipEntry } from './entry.ts';
export type { FolderFile } from './folder-files.ts';
export { type FolderZip, zipFolder } from './folder-zip.ts';
export { type HashedFile, hashFiles, hashGoMod, isH1 } from './hash.ts';
export { MAX_GOMOD_BYTES, MAX_LICENSE_BYTES, MAX_ZIP_BYTES } from './limits.ts';
export type { OmitReason } from './omitted.ts';
export { writeModuleZip } from './write.ts';
