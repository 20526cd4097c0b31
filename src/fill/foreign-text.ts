import { open } from 'node:fs/promises';
import { ModgateError, systemCode } from '../errors/index.ts';

/** bytes of a go.mod, go.work or go.sum; the largest known go.sum files have some hundred kB */
const MAX_TEXT = 16 << 20;

/** A text that the user named; undefined where there is no such file. */
export async function readText(file: string): Promise<string | undefined> {
  try {
    const handle = await open(file);
    try {
      const { size } = await handle.stat();
      if (size > MAX_TEXT) throw unreadable(file, `it is longer than ${MAX_TEXT} bytes`);
      return await handle.readFile('utf8');
    } finally {
      await handle.close();
    }
  } catch (thrown) {
    if (thrown instanceof ModgateError) throw thrown;
    const code = systemCode(thrown);
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw unreadable(file, code, thrown);
  }
}

function unreadable(file: string, why: string, cause?: unknown): ModgateError {
  return new ModgateError('BAD_REQUEST', `cannot read ${file}: ${why}`, {
    cause,
    next: 'check the name and the permissions of that file',
  });
}
