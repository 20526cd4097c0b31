import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { CONTENT, type Copy, HISTORY } from './copy.ts';
import type { Git, GitCall } from './git.ts';
import { PARTIAL } from './history.ts';
import type { Held, Locks } from './locks.ts';

/** Each fetch makes a pack, and each look-up of an object may look into all of them. */
const MAX_PACKS = 24;
/** ms */
const TIMEOUTS = { idle: 600_000, total: 1_800_000 };

/** Makes one pack of many, unless somebody needs the copy. Returns how many repositories were packed. */
export async function packIfMany(copy: Copy, id: string, git: Git, locks: Locks): Promise<number> {
  let packed = 0;
  for (const name of [CONTENT, HISTORY]) {
    const files = await readdir(join(copy.path(name), 'objects', 'pack')).catch(() => []);
    if (files.filter((file) => file.endsWith('.pack')).length <= MAX_PACKS) continue;
    await locks.yielding(id, async (held, signal) => {
      await pack({ git, held, signal, dir: copy.path(name), config: name === HISTORY ? PARTIAL : [] });
      packed += 1;
    });
  }
  return packed;
}

interface Packing {
  readonly git: Git;
  readonly held: Held;
  readonly dir: string;
  readonly config: GitCall['config'];
  readonly signal: AbortSignal;
}

async function pack({ git, held, dir, config = [], signal }: Packing): Promise<void> {
  const run = (...args: string[]) =>
    git.run({ args, dir, config, env: held.env, timeouts: TIMEOUTS, signal });
  await run('pack-refs', '--all', '--prune');
  await run('repack', '-a', '-d', '-q');
}
