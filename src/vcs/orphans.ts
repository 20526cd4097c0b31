import { readdir, readFile } from 'node:fs/promises';
import { liveness, ownerOf, ownerPrefix, self } from '../observe/index.ts';

/** In the environment of every git that changes a copy: which hold of its lock it works for. */
export const LOCK_VARIABLE = 'MODGATE_VCS_LOCK';

/** In the environment of every git: which process it works for. */
const OWNER_VARIABLE = 'MODGATE_VCS_OWNER';

/** ms between two looks, and how many */
const PAUSE = 10;
const LOOKS = 500;

export function ownerMark(): Readonly<Record<string, string>> {
  return { [OWNER_VARIABLE]: ownerPrefix(self()) };
}

/**
 * Kills what still works for a hold whose process is dead: git leads a group of its own, so it outlives us. The mark is in
 * the environment, which all that git starts inherits, and of which a process of the same user can read (proc(5)).
 * Returns how many there were. Where there is no /proc nothing is found: there, git ends when it writes to a closed pipe,
 * or when its remote has been silent for long.
 */
export function endOrphans(nonce: string): Promise<number> {
  return endAll((environment) => environment.includes(`${LOCK_VARIABLE}=${nonce}\0`));
}

/**
 * Kills every git whose process is dead, whatever it does. Returns how many there were.
 *
 * @param home that only they have
 */
export function endOrphansOfTheDead(home: string): Promise<number> {
  const me = self();
  const mark = new RegExp(`(?:^|\\0)${OWNER_VARIABLE}=([^\\0]*)`);
  return endAll((environment) => {
    if (!environment.includes(`HOME=${home}\0`)) return false;
    const owner = ownerOf(mark.exec(environment)?.[1] ?? '');
    return owner !== undefined && liveness(owner, me) === 'dead';
  });
}

async function endAll(isOrphan: (environment: string) => boolean): Promise<number> {
  const killed = new Set<number>();
  for (let look = 0; look < LOOKS; look++) {
    const found = await processes(isOrphan);
    if (found.length === 0) break;
    for (const pid of found) {
      killed.add(pid);
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // It ended by itself.
      }
    }
    await new Promise((resolve) => setTimeout(resolve, PAUSE));
  }
  return killed.size;
}

/** All but this one, by what is in their environment: `NAME=value\0` one after the other. */
async function processes(isWanted: (environment: string) => boolean): Promise<number[]> {
  const pids = (await readdir('/proc').catch(() => [])).filter((name) => /^\d+$/.test(name));
  const found = pids.map(async (pid) => {
    const environment = await readFile(`/proc/${pid}/environ`, 'latin1').catch(() => '');
    return Number(pid) !== process.pid && isWanted(environment) ? [Number(pid)] : [];
  });
  return (await Promise.all(found)).flat();
}
