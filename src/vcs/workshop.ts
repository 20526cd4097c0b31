import { CONTENT, type Copy, HISTORY } from './copy.ts';
import { damaged, GitFault, localFault, tooLarge } from './fault.ts';
import type { Git, GitCall, GitResult } from './git.ts';
import type { Held, Locks } from './locks.ts';
import type { Remote } from './remote.ts';

/** Local commands end by themselves, but a hostile repository may have them work for hours. ms */
const LOCAL = { idle: 600_000, total: 600_000 };
const FETCH = ['fetch', '--progress', '--no-tags', '--no-write-fetch-head', '--no-recurse-submodules'];

export interface WorkshopParts {
  readonly git: Git;
  readonly remote: Remote;
  readonly copy: Copy;
  readonly locks: Locks;
  /** name of the repository's lock */
  readonly id: string;
  /** bytes of the copy; 0: no bound */
  readonly largest: number;
  /** told after fetches, when the lock is free */
  readonly fetched: () => void;
}

/** How a command says no, which is an answer: by its exit status and its words. All else but 0 is a failure. */
export interface No {
  readonly code: number;
  readonly says: RegExp;
}

interface LocalCall extends Pick<GitCall, 'input' | 'reader' | 'config' | 'env'> {
  readonly no?: readonly No[];
}

/** Runs git in the copy of one remote. */
export class Workshop {
  readonly copy: Copy;
  readonly url: string;
  readonly #parts: WorkshopParts;
  #grown = false;

  constructor(parts: WorkshopParts) {
    this.#parts = parts;
    this.copy = parts.copy;
    this.url = parts.remote.url;
  }

  /** One at a time in all processes: whatever changes the copy. */
  async locked<T>(signal: AbortSignal, job: (held: Held) => Promise<T>): Promise<T> {
    const { locks, id, fetched } = this.#parts;
    try {
      return await locks.hold(id, signal, job);
    } finally {
      // Not before the lock is free: what is done about it needs the lock.
      if (this.#grown) fetched();
      this.#grown = false;
    }
  }

  /** Fetches into a bare repository that is there, under the lock. Throws GitFault. */
  async fetch(
    name: string,
    held: Held,
    options: readonly string[],
    refspecs: readonly string[],
    config: GitCall['config'],
    signal: AbortSignal,
  ): Promise<void> {
    const { remote, copy, largest } = this.#parts;
    try {
      await remote.command({
        args: [...FETCH, ...options, '--end-of-options', 'origin', ...refspecs],
        dir: copy.path(name),
        env: held.env,
        config: config ?? [],
        exceeded: largest === 0 ? undefined : () => this.#isTooLarge(),
        largest,
        signal,
      });
    } catch (error) {
      await copy.sweep();
      // The remote may say what it likes: the copy is thrown away only where git finds the damage in the copy itself.
      const doubtful = error instanceof GitFault && error.remedy === 'corrupt';
      throw doubtful && (await this.#isDamaged(name, signal)) ? damaged(this.url, error) : error;
    }
    this.#grown = true;
    // It may have been quicker than the looks at what it writes.
    if (await this.#isTooLarge()) {
      for (const part of [CONTENT, HISTORY]) await copy.discard(part);
      throw tooLarge(this.url, largest);
    }
  }

  async #isTooLarge(): Promise<boolean> {
    const { copy, largest } = this.#parts;
    return largest > 0 && (await copy.objects()) > largest;
  }

  async #isDamaged(name: string, signal: AbortSignal): Promise<boolean> {
    try {
      await this.checkWhole(name, signal);
      return false;
    } catch (error) {
      return error instanceof GitFault && error.remedy === 'copy';
    }
  }

  /** Throws GitFault where objects that should be here are missing; a file of a commit is not read, only looked for. */
  async checkWhole(name: string, signal: AbortSignal): Promise<void> {
    const objects = name === CONTENT ? ['--objects'] : [];
    await this.local(name, ['rev-list', '--quiet', '--all', ...objects], signal);
  }

  /**
   * Runs git where no transport is allowed. Resolves where it did well, said no, or its reader had enough. Throws GitFault:
   * of a damaged copy with the remedy "copy", VCS_FAILED for what says nothing about the repository.
   */
  async local(
    name: string,
    args: readonly string[],
    signal: AbortSignal,
    { no = [], ...more }: LocalCall = {},
  ): Promise<GitResult> {
    const { git, copy } = this.#parts;
    const result = await git.run({ args, dir: copy.path(name), timeouts: LOCAL, signal, ...more });
    if (result.ending === 'enough') return result;
    const { code, stderr } = result;
    const answered =
      result.ending === 'exit' &&
      (code === 0 || no.some((one) => one.code === code && one.says.test(stderr)));
    const fault = localFault(this.url, args[0] ?? '', result, LOCAL);
    // Of a ref that it cannot read git warns only, and goes on without.
    if (!answered || fault.remedy === 'copy') throw fault;
    return result;
  }

  /** A process whose stdout the caller reads. */
  start(name: string, args: readonly string[], signal: AbortSignal, config: GitCall['config'] = []) {
    const { git, copy } = this.#parts;
    return git.start({ args, dir: copy.path(name), config: config ?? [], signal });
  }

  /**
   * Does a job on a part of the copy. Where that part turns out to be damaged, or the copy with what is fetched now too
   * large, it is thrown away and the job is done once more.
   */
  async mending<T>(name: string, signal: AbortSignal, job: () => Promise<T>): Promise<T> {
    const before = await this.copy.identity(name);
    try {
      return await job();
    } catch (error) {
      const parts = error instanceof GitFault ? spoiled(error, name, before !== undefined) : [];
      if (parts.length === 0) throw error;
      const read = before ?? (await this.copy.identity(name));
      await this.locked(signal, async () => {
        // Who met the same damage may have been quicker, and then another one is there by now.
        if ((await this.copy.identity(name)) !== read) return;
        for (const part of parts) await this.copy.discard(part);
      });
    }
    return await job();
  }
}

/** Which parts of the copy are to blame, as far as the fault tells. */
function spoiled(fault: GitFault, name: string, had: boolean): readonly string[] {
  if (fault.remedy === 'copy') return [name];
  return fault.code === 'REPOSITORY_TOO_LARGE' && had ? [CONTENT, HISTORY] : [];
}
