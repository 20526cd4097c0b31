import { mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { systemCode } from '../errors/index.ts';
import { liveness, ownerOf, ownerPrefix, self } from '../observe/index.ts';

/** ms since something was moved here, after which nobody is at work on it, wherever its owner was or is */
const OLD = 3_600_000;

/** Where folders vanish: moved there at once, which is atomic; their bytes go afterwards. */
export class Trash {
  readonly #folder: string;

  /** @param folder in the same file system as what goes there; made when it is needed */
  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Moves it here. Returns where it is now; undefined where it was gone already. */
  async take(path: string): Promise<string | undefined> {
    await mkdir(this.#folder, { recursive: true, mode: 0o750 });
    const away = join(this.#folder, `${ownerPrefix(self())}gone`);
    try {
      await rename(path, away);
      return away;
    } catch (error) {
      if (systemCode(error) === 'ENOENT') return undefined;
      throw error;
    }
  }

  /** @param away as `take` returned it */
  async empty(away: string): Promise<void> {
    await rm(away, { recursive: true, force: true, maxRetries: 3 });
  }

  /** Removes what was left half removed: by processes that are dead, and what is old. */
  async sweep(): Promise<void> {
    for (const name of await readdir(this.#folder).catch(() => [])) {
      const owner = ownerOf(name);
      const away = join(this.#folder, name);
      if (owner === undefined || liveness(owner, self()) === 'dead' || (await isOld(away)))
        await this.empty(away);
    }
  }
}

async function isOld(path: string): Promise<boolean> {
  // What is moved keeps the time of its content; its inode has that of the move.
  const facts = await stat(path).catch(() => undefined);
  return facts !== undefined && Date.now() - facts.ctimeMs > OLD;
}
