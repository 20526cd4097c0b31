import { readdir, readFile } from 'node:fs/promises';

/** In the environment of every git that changes a copy: which hold of its lock it works for. */
export const LOCK_VARIABLE = 'MODGATE_VCS_LOCK';

/** ms between two looks, and how many */
const PAUSE = 10;
const LOOKS = 500;

/**
 * Kills what still works for a hold whose process is dead: git leads a group of its own, so it outlives us. The mark is in
 * the environment, which all that git starts inherits, and of which a process of the same user can read (proc(5)).
 * Returns how many there were. Where there is no /proc nothing is found: there, git ends when it writes to a closed pipe.
 */
export async function endOrphans(nonce: string): Promise<number> {
  const killed = new Set<number>();
  for (let look = 0; look < LOOKS; look++) {
    const found = await marked(`${LOCK_VARIABLE}=${nonce}\0`);
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

async function marked(mark: string): Promise<number[]> {
  const pids = (await readdir('/proc').catch(() => [])).filter((name) => /^\d+$/.test(name));
  const found = pids.map(async (pid) => {
    const environment = await readFile(`/proc/${pid}/environ`, 'latin1').catch(() => '');
    return environment.includes(mark) ? [Number(pid)] : [];
  });
  return (await Promise.all(found)).flat();
}
