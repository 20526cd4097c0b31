import { createHash } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { ModgateError } from '../errors/index.ts';
import type { FsOps } from './fs-ops.ts';
import type { Temps } from './temps.ts';

/** ms */
const PATIENCE = 10_000;
/** ms; the longest wait between two tries */
const MAX_PAUSE = 50;

/**
 * One writer of a key at a time where link(2) is missing, so that nothing but rename(2) can bring a file in.
 *
 * A writer creates a file of its own name for the key, then lists the folder. If it sees no other's, it has
 * the key; otherwise it takes its own away, waits a moment and begins again. Of two writers, each of whom
 * creates before it lists, at least one sees the other. A dead writer's file is removed by whoever meets it,
 * which is safe as no one else ever uses that name; a lock under one shared name could not be taken over so.
 */
export class Claims {
  readonly #temps: Temps;
  readonly #ops: FsOps;
  /** Who comes last for a key in this process; never rejects. */
  readonly #last = new Map<string, Promise<void>>();

  constructor(temps: Temps, ops: FsOps) {
    this.#temps = temps;
    this.#ops = ops;
  }

  async run<T>(key: string, task: () => Promise<T>): Promise<T> {
    const turn = (this.#last.get(key) ?? Promise.resolve()).then(() => this.#run(key, task));
    const end = turn.then(
      () => undefined,
      () => undefined,
    );
    this.#last.set(key, end);
    try {
      return await turn;
    } finally {
      if (this.#last.get(key) === end) this.#last.delete(key);
    }
  }

  async #run<T>(key: string, task: () => Promise<T>): Promise<T> {
    const suffix = `.claim-${createHash('sha256').update(key).digest('hex').slice(0, 32)}`;
    const deadline = performance.now() + PATIENCE;
    for (;;) {
      const claim = await this.#temps.create(suffix);
      try {
        await this.#ops.close(claim.fd);
        if ((await this.#temps.claimsOfOthers(suffix)) === 0) return await task();
      } finally {
        await this.#temps.remove(claim.file);
      }
      if (performance.now() > deadline) {
        throw new ModgateError('STORE_FAILED', `the module store failed: another process is writing ${key}`);
      }
      await delay(1 + Math.random() * MAX_PAUSE);
    }
  }
}
