import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { ModgateError } from '../errors/index.ts';
import { CONTENT, type Copy, HISTORY } from './copy.ts';
import type { Git, GitCall } from './git.ts';
import { PARTIAL } from './history.ts';
import type { Locks } from './locks.ts';

/** Each fetch makes a pack, and each look-up of an object may look into all of them. */
const MAX_PACKS = 24;
/** ms */
const TIMEOUTS = { idle: 600_000, total: 1_800_000 };
const STEPS = [
  ['pack-refs', '--all', '--prune'],
  ['repack', '-a', '-d', '-q'],
];

/**
 * Makes one pack of many. Returns how many repositories were packed. Throws CANCELED where somebody needs the copy,
 * VCS_FAILED where git fails; then nothing of it is left.
 */
export async function packIfMany(copy: Copy, id: string, git: Git, locks: Locks): Promise<number> {
  let packed = 0;
  for (const name of [CONTENT, HISTORY]) {
    const files = await readdir(join(copy.path(name), 'objects', 'pack')).catch(() => []);
    if (files.filter((file) => file.endsWith('.pack')).length <= MAX_PACKS) continue;
    await locks.yielding(id, async ({ env }, signal) => {
      const config = name === HISTORY ? PARTIAL : [];
      await pack(git, copy, { dir: copy.path(name), config, env, timeouts: TIMEOUTS, signal });
      packed += 1;
    });
  }
  return packed;
}

async function pack(git: Git, copy: Copy, call: Omit<GitCall, 'args'>): Promise<void> {
  try {
    for (const args of STEPS) {
      const { code, ending, stderr } = await git.run({ ...call, args });
      if (code !== 0 || ending !== 'exit')
        throw new ModgateError(
          'VCS_FAILED',
          `git ${args[0]} ended with ${code} (${ending}): ${stderr.slice(-500)}`,
        );
    }
  } catch (error) {
    // Half a pack may be as large as all that was there.
    await copy.sweep();
    throw error;
  }
}
