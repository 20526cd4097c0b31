import { type FSWatcher, mkdirSync, watch } from 'node:fs';
import { join } from 'node:path';
import { ModgateError, toModgateError } from '../errors/index.ts';
import { Limiter } from '../net/index.ts';
import { checkAborted } from '../sync/index.ts';
import { type FileHold, LockFile } from './lock-file.ts';
import { LOCK_VARIABLE } from './orphans.ts';

/** What the holder of a lock is given. */
export interface Held {
  /** for every git that changes the copy, so that it can be found when we are gone */
  readonly env: Readonly<Record<string, string>>;
}

/** What a holder that died, or was killed, in the middle of something has left is put in order, before anybody goes on. */
export type Recover = (name: string) => Promise<void>;

/** ms; a holder's death makes no event */
const LOOK_AGAIN = 250;

interface Waiter {
  readonly name: string;
  readonly wake: () => void;
}

/**
 * Work that gives way, by the path of its lock: after the configuration was read again, old and new locks of one folder are
 * in use side by side for a while.
 */
const yielding = new Map<string, { readonly owner: Locks; readonly controller: AbortController }>();

/** One holder per name in all processes that share the folder; within a process first come, first served. */
export class Locks {
  readonly #folder: string;
  readonly #recover: Recover;
  readonly #queues = new Map<string, Limiter>();
  readonly #waiting = new Set<Waiter>();
  #watcher: FSWatcher | undefined;
  #closed = false;

  constructor(folder: string, recover: Recover) {
    mkdirSync(folder, { recursive: true, mode: 0o750 });
    this.#folder = folder;
    this.#recover = recover;
  }

  /** Does the job while nobody else holds the name. Rejects with the signal's reason while it waits. */
  async hold<T>(name: string, signal: AbortSignal, job: (held: Held) => Promise<T>): Promise<T> {
    const wanted = new ModgateError('CANCELED', 'somebody needs the repository');
    yielding.get(join(this.#folder, name))?.controller.abort(wanted);
    const queue = this.#queues.get(name) ?? new Limiter(1, Number.POSITIVE_INFINITY);
    this.#queues.set(name, queue);
    try {
      const release = await queue.acquire(signal);
      try {
        return await this.#held(name, await this.#between(name, signal), job);
      } finally {
        release?.();
      }
    } catch (error) {
      throw signal.aborted ? toModgateError(signal.reason) : error;
    } finally {
      if (queue.taken === 0) this.#queues.delete(name);
    }
  }

  /** As `hold`, but not where anybody else holds it: then it returns undefined at once. */
  async holdIfFree<T>(name: string, job: (held: Held) => Promise<T>): Promise<T | undefined> {
    if (this.#queues.has(name)) return undefined;
    const queue = new Limiter(1, Number.POSITIVE_INFINITY);
    this.#queues.set(name, queue);
    const release = await queue.acquire(new AbortController().signal);
    try {
      const hold = await new LockFile(join(this.#folder, name)).attempt();
      return hold === undefined ? undefined : await this.#held(name, hold, job);
    } finally {
      release?.();
      if (queue.taken === 0) this.#queues.delete(name);
    }
  }

  /** As `hold`, for work that can be done at any other time: its signal is aborted when this process wants the name. */
  async yielding(name: string, job: (held: Held, signal: AbortSignal) => Promise<void>): Promise<void> {
    const path = join(this.#folder, name);
    if (this.#queues.has(name) || yielding.has(path)) return;
    const controller = new AbortController();
    const held = this.hold(name, controller.signal, (hold) => job(hold, controller.signal));
    yielding.set(path, { owner: this, controller });
    await held.finally(() => yielding.delete(path));
  }

  /** Whoever waits is told SHUTTING_DOWN; what is held stays held until its job ends. */
  close(): void {
    this.#closed = true;
    for (const { owner, controller } of yielding.values()) if (owner === this) controller.abort();
    for (const { wake } of this.#waiting) wake();
    this.#watcher?.close();
    this.#watcher = undefined;
  }

  async #between(name: string, signal: AbortSignal): Promise<FileHold> {
    const file = new LockFile(join(this.#folder, name));
    const free = await file.attempt();
    if (free !== undefined) return free;
    for (;;) {
      checkAborted(signal);
      if (this.#closed) throw new ModgateError('SHUTTING_DOWN', 'the gateway is shutting down');
      const changed = this.#next(name, signal);
      try {
        const hold = await file.attempt();
        if (hold !== undefined) return hold;
        await changed.promise;
      } finally {
        changed.forget();
      }
    }
  }

  /** The next change of the lock, or a moment. Asked before the look, so that no change is missed. */
  #next(name: string, signal: AbortSignal): { promise: Promise<void>; forget: () => void } {
    this.#watcher ??= this.#watch();
    let wake = () => {};
    let timer: NodeJS.Timeout | undefined;
    const promise = new Promise<void>((resolve) => {
      wake = () => resolve();
      timer = setTimeout(resolve, LOOK_AGAIN);
    });
    const waiter: Waiter = { name, wake };
    this.#waiting.add(waiter);
    signal.addEventListener('abort', wake, { once: true });
    const forget = () => {
      clearTimeout(timer);
      this.#waiting.delete(waiter);
      signal.removeEventListener('abort', wake);
    };
    return { promise, forget };
  }

  /** undefined where there is no watch to be had (inotify(7) has a limit): looking again and again does as well. */
  #watch(): FSWatcher | undefined {
    if (this.#closed) return undefined;
    try {
      const watcher = watch(this.#folder, { persistent: false }, (_event, changed) => {
        // Some systems do not say what changed.
        for (const { name, wake } of this.#waiting) if (changed === null || changed === name) wake();
      });
      return watcher.on('error', () => undefined);
    } catch {
      return undefined;
    }
  }

  async #held<T>(name: string, hold: FileHold, job: (held: Held) => Promise<T>): Promise<T> {
    try {
      if (hold.takenOver) await this.#recover(name);
      return await job({ env: { [LOCK_VARIABLE]: hold.nonce } });
    } finally {
      await hold.release();
    }
  }
}
