import { existsSync, mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { systemCode } from '../errors/index.ts';
import { liveness, ownerOf, ownerPrefix, self } from '../observe/index.ts';

const PINS = 'in-use';
/** ms; a pin of another machine or container says no more than its age */
const OLD_PIN = 3_600_000;

/**
 * Who reads a copy now: `in-use/<owner>pin` for each process that does. It keeps the copy from being evicted, and is
 * worth nothing when its process is dead. Its coming and going is also what dates the last use. Written and removed in
 * one go, without waiting, so that no two uses meet halfway.
 */
export class Uses {
  readonly #folder: string;
  readonly #pin: string;
  #count = 0;
  #pinned = false;

  constructor(folder: string) {
    this.#folder = join(folder, PINS);
    this.#pin = join(this.#folder, `${ownerPrefix(self())}pin`);
  }

  /** Until the returned function is called; a second call of it does nothing. A copy that does not exist stays so. */
  begin(): () => void {
    if (!this.#pinned) this.#pinned = this.#set();
    this.#count += 1;
    let used = true;
    return () => {
      if (!used) return;
      used = false;
      this.#count -= 1;
      if (this.#count > 0) return;
      this.#pinned = false;
      rmSync(this.#pin, { force: true });
    };
  }

  /** To be called when the copy was made: from now on it is kept for those who had begun before. */
  renew(): void {
    if (this.#count > 0) this.#pinned = this.#set();
  }

  /** False where there is no copy, or no more. */
  #set(): boolean {
    try {
      if (!existsSync(this.#folder)) makeUnlessThere(this.#folder);
      writeFileSync(this.#pin, '');
      return true;
    } catch (error) {
      if (systemCode(error) === 'ENOENT') return false;
      throw error;
    }
  }
}

/** Not with its parents, and another process may be quicker. */
function makeUnlessThere(folder: string): void {
  try {
    mkdirSync(folder, { mode: 0o750 });
  } catch (error) {
    if (systemCode(error) !== 'EEXIST') throw error;
  }
}

/** ms since the epoch: when it was last read, or made where it never was; 0 where there is none */
export function usedAt(folder: string): number {
  const facts =
    statSync(join(folder, PINS), { throwIfNoEntry: false }) ?? statSync(folder, { throwIfNoEntry: false });
  return facts?.mtimeMs ?? 0;
}

/** True where a process that lives, or may live, reads the copy. */
export async function isUsed(folder: string): Promise<boolean> {
  const me = self();
  for (const name of await readdir(join(folder, PINS)).catch(() => [])) {
    const pin = join(folder, PINS, name);
    const owner = ownerOf(name);
    const state = owner === undefined ? 'dead' : liveness(owner, me);
    if (state === 'alive') return true;
    const facts = await stat(pin).catch(() => undefined);
    if (state === 'unknown' && facts !== undefined && Date.now() - facts.mtimeMs < OLD_PIN) return true;
    await rm(pin, { force: true });
  }
  return false;
}
