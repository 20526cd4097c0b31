import { type Code, ModgateError, toModgateError } from '../../errors/index.ts';
import { NoGit } from '../../vcs/index.ts';
import type { Place } from './place.ts';

/** Nobody could be asked: no git, no page, no repository that is in reach or that talks to a stranger. */
export class Unasked extends ModgateError {
  constructor({ code, message, cause, next, retryAfter, source }: ModgateError) {
    super(code, message, { cause, next, retryAfter, source: source ?? 'direct' });
  }
}

/** A failure to find where the code is, whatever it is but absence: nothing is known of the module then. */
export function isRootUnknown({ code }: ModgateError): boolean {
  return code.startsWith('UPSTREAM_') || code === 'VCS_REFUSED';
}

const OUT_OF_REACH: ReadonlySet<Code> = new Set([
  'UPSTREAM_UNREACHABLE',
  'UPSTREAM_TIMEOUT',
  'UPSTREAM_TLS',
  'UPSTREAM_DENIED',
]);

/** A failure of the first question to a repository that says nothing of whether it exists. */
export function isOutOfReach(error: ModgateError): boolean {
  return error instanceof NoGit || OUT_OF_REACH.has(error.code);
}

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
