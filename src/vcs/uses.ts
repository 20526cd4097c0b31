import { mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { liveness, ownerOf, ownerPrefix, self } from '../observe/index.ts';
import type { Copy } from './copy.ts';

const PINS = 'in-use';
/** ms; a pin of another machine or container says no more than its age */
const OLD_PIN = 3_600_000;

/**
 * Who reads a copy now: `in-use/<owner>pin` for each process that does. It keeps the copy from being evicted, and is
 * worth nothing when its process is dead. Its coming and going is also what dates the last use. Written and removed in
 * one go, without waiting, so that no two uses meet halfway.
 */
export class Uses {
  readonly #copy: Copy;
  readonly #pin: string;
  #count = 0;

  constructor(copy: Copy) {
    this.#copy = copy;
    this.#pin = copy.path(join(PINS, `${ownerPrefix(self())}pin`));
  }

  /** Until the returned function is called; a second call of it does nothing. */
  begin(): () => void {
    this.#count += 1;
    if (this.#count === 1) this.#set();
    let used = true;
    return () => {
      if (!used) return;
      used = false;
      this.#count -= 1;
      if (this.#count === 0) rmSync(this.#pin, { force: true });
    };
  }

  #set(): void {
    mkdirSync(this.#copy.path(PINS), { recursive: true, mode: 0o750 });
    writeFileSync(this.#pin, '');
  }
}

/** ms since the epoch; 0: never, as far as is known */
export function usedAt(folder: string): number {
  return statSync(join(folder, PINS), { throwIfNoEntry: false })?.mtimeMs ?? 0;
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
