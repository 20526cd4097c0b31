import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { systemCode } from '../errors/index.ts';

/** The configuration itself, a PEM bundle, a token: none is larger. */
const MAX_BYTES = 1 << 20;

/** The text of a file, or why there is none. */
export type FileText =
  /** exposed: it is our user's own, and its group or others may use it too */
  { readonly text: string; readonly exposed: boolean } | { readonly code: string; readonly fault: string };

/** Reads one file, named by its absolute path. */
export type ReadFile = (file: string) => FileText;

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'no such file',
  EACCES: 'permission denied',
  EISDIR: 'is a folder',
};

/** Reads at most MAX_BYTES, whatever the file says of its size: it can be a pipe or a device. */
export function readText(file: string): FileText {
  let descriptor: number | undefined;
  try {
    descriptor = openSync(file, 'r');
    const buffer = Buffer.alloc(MAX_BYTES + 1);
    let length = 0;
    while (length < buffer.length) {
      const n = readSync(descriptor, buffer, length, buffer.length - length, null);
      if (n === 0) break;
      length += n;
    }
    if (length > MAX_BYTES) return { code: 'EFBIG', fault: 'is larger than 1 MiB' };
    const text = new TextDecoder('utf-8', { fatal: true }).decode(buffer.subarray(0, length));
    return { text, exposed: isExposed(descriptor) };
  } catch (error) {
    const code = systemCode(error);
    if (code === 'ERR_ENCODING_INVALID_ENCODED_DATA') return { code, fault: 'is not UTF-8' };
    return { code, fault: REASONS[code] ?? `cannot be read (${code === '' ? 'bad name' : code})` };
  } finally {
    if (descriptor !== undefined) closeSync(descriptor);
  }
}

/** What ssh refuses in a key: see sshkey_perm_ok of OpenSSH. */
function isExposed(descriptor: number): boolean {
  const { uid, mode } = fstatSync(descriptor);
  return uid === process.getuid?.() && (mode & 0o077) !== 0;
}
