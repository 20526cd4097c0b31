/** bytes of a zip, and of all its files together: x/mod zip.MaxZipFile */
export const MAX_ZIP_BYTES = 500 << 20;
/** bytes: x/mod zip.MaxGoMod */
export const MAX_GOMOD_BYTES = 16 << 20;
/** bytes: x/mod zip.MaxLICENSE */
export const MAX_LICENSE_BYTES = 16 << 20;
/**
 * Entries of a zip. Ours: the go command has no such limit, but a zip of 500 MiB can hold ten million empty
 * files, which would take gigabytes of memory to check. The largest known modules have some ten thousand.
 */
export const MAX_ENTRIES = 500_000;
/** Files and folders together, by the same reasoning. */
export const MAX_PATHS = 1_000_000;
/**
 * bytes of one name. Ours: PATH_MAX of Linux, beyond which the go command cannot unpack a file there; it bounds
 * the work of a check.
 */
export const MAX_NAME_BYTES = 4096;
/** bytes of all names together. Ours, for the memory of a check. */
export const MAX_NAMES_BYTES = 64 << 20;
