import { type Code, ModgateError, toModgateError } from '../../errors/index.ts';
import type { Place } from './place.ts';

const NEXT: Partial<Record<Code, string>> = {
  NOT_FOUND: 'look at the tags and the go.mod files of the repository; a new tag is seen within seconds',
  BAD_MODULE: 'ask for a version that the repository has, or ask its author to release a new one',
};

/** What cannot be a version of the module, in the words of the go command. */
export function invalidVersion(
  { path }: Place,
  version: string,
  why: string,
  code: 'NOT_FOUND' | 'BAD_MODULE',
  kind: 'version' | 'pseudo-version' = 'version',
): ModgateError {
  return new ModgateError(code, `${path}@${version}: invalid ${kind}: ${why}`, { next: NEXT[code] });
}

/** Runs a question about one version; absence gets the version that it is about, an outage stays what it is. */
export async function about<T>({ path }: Place, version: string, question: () => Promise<T>): Promise<T> {
  try {
    return await question();
  } catch (thrown) {
    const error = toModgateError(thrown);
    if (error.code !== 'NOT_FOUND') throw error;
    const { message, cause, next } = error;
    throw new ModgateError('NOT_FOUND', `${path}@${version}: invalid version: ${message}`, {
      cause,
      next: next ?? NEXT.NOT_FOUND,
    });
  }
}

/** True for a version that cannot be, or is not; false for an outage. */
export function isRefusal(thrown: unknown): boolean {
  const { absent, code } = toModgateError(thrown);
  return absent || code === 'BAD_MODULE';
}
