import { ModgateError, systemCode, toModgateError } from '../errors/index.ts';

const ABSENT: ReadonlySet<string> = new Set(['ENOENT', 'ENOTDIR', 'EISDIR']);

/** True where the system says that there is no such file, and not that it cannot tell. */
export function isAbsent(error: unknown): boolean {
  return ABSENT.has(systemCode(error));
}

const NEXT: Readonly<Record<string, string>> = {
  ENOSPC: 'Free space on the disk of the data folder, then try again.',
  EDQUOT: "Raise the quota of the gateway's user, or free space, then try again.",
  EACCES: "Give the gateway's user the right to read and write the data folder.",
  EPERM: "Give the gateway's user the right to read and write the data folder.",
  EROFS: 'Mount the file system of the data folder for writing.',
  EXDEV: 'Keep tree/ and tmp/ of the data folder on one file system.',
  EMFILE: "Raise the gateway's limit of open files.",
  ENFILE: "Raise the machine's limit of open files.",
};

/**
 * A fault of the file system as a coded error: DISK_FULL, OVERLOADED, else STORE_FAILED. The message has no
 * path of this machine: clients read it; the cause has it.
 * @param doing what failed, e.g. "writing golang.org/x/text/@v/v0.14.0.mod"
 */
export function storeFault(error: unknown, doing: string): ModgateError {
  if (error instanceof ModgateError) return error;
  const known = toModgateError(error);
  const system = systemCode(error);
  if (system === '' && known.code === 'INTERNAL') return known;
  const code = known.code === 'INTERNAL' ? 'STORE_FAILED' : known.code;
  const what = code === 'STORE_FAILED' ? `the module store failed: ${system}` : known.message;
  return new ModgateError(code, `${what}, while ${doing}`, { cause: error, next: NEXT[system] });
}
