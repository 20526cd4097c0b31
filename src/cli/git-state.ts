import { type ModgateError, toModgateError } from '../errors/index.ts';
import type { PartState } from '../http/index.ts';
import { hasProgram } from './programs.ts';

export const SSH_MISSING =
  'vcs.credentials has an SSH key, and there is no program "ssh" in PATH; install the OpenSSH client';
/** ms; git has been looked at before, unless it is not there */
const PATIENCE = 1000;

/**
 * What /readyz says of the programs that repositories are asked with.
 * @param noGit why there is none that can be used
 */
export async function gitState(
  noGit: () => Promise<ModgateError | undefined>,
  needsSsh: boolean,
): Promise<PartState> {
  const error = await Promise.race([noGit().catch(toModgateError), late()]);
  const state = (ok: boolean, detail: string) => ({ name: 'git', ok, detail });
  if (error === 'late') return state(false, `git did not say its version within ${PATIENCE} ms`);
  if (error !== undefined)
    return {
      ...state(false, 'repositories cannot be asked, what is stored is served: no git that can be used'),
      inside: error.message,
    };
  if (needsSsh && !hasProgram('ssh'))
    return state(false, 'repositories cannot be asked by SSH: there is no program "ssh"');
  return state(true, needsSsh ? 'git and ssh are there' : 'git is there');
}

function late(): Promise<'late'> {
  return new Promise((resolve) => setTimeout(resolve, PATIENCE, 'late' as const).unref());
}
