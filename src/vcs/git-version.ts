import { ModgateError, systemCode } from '../errors/index.ts';
import { shortage } from './process-group.ts';

/**
 * What git has to know: GIT_CONFIG_GLOBAL, which keeps the configuration of the user out (2.32), GIT_CONFIG_COUNT
 * (2.31), `rev-parse --end-of-options` (2.30), `fetch --no-write-fetch-head` and SHA-256 (2.29).
 */
const LEAST: readonly [major: number, minor: number] = [2, 32];

/** There is no program to run git with, or not one that can be used. */
export class NoGit extends ModgateError {
  constructor(program: string, why: string, cause?: unknown) {
    super('VCS_FAILED', `there is no git to ask repositories with: ${why.replace('%', `"${program}"`)}`, {
      cause,
      next: `install git ${LEAST.join('.')} or newer on the machine of modgate, or put its path into vcs.git`,
    });
  }
}

/** @param said what `git version` prints */
export function checkGitVersion(program: string, said: string): void {
  const [, text = '', major, minor] = /^git version ((\d+)\.(\d+)\S*)/.exec(said) ?? [];
  if (text === '') throw new NoGit(program, '% does not say which version of git it is');
  const [least, leastMinor] = LEAST;
  const enough = Number(major) > least || (Number(major) === least && Number(minor) >= leastMinor);
  if (!enough)
    throw new NoGit(program, `% is git ${text.slice(0, 40)}, which is older than ${LEAST.join('.')}`);
}

export function notStarted(program: string, error: unknown): ModgateError {
  const code = systemCode(error);
  if (code === 'ENOENT') return new NoGit(program, 'the program % is not found', error);
  if (code === 'EACCES') return new NoGit(program, 'the program % may not be run', error);
  return (
    shortage('git', error) ??
    new ModgateError('VCS_FAILED', `the git command cannot be started: ${code}`, { cause: error })
  );
}
