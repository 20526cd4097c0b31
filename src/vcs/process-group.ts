import { type ChildProcess, spawn } from 'node:child_process';
import { PassThrough, type Readable, type Writable } from 'node:stream';
import { ModgateError, systemCode } from '../errors/index.ts';

export interface ProcessOptions {
  readonly cwd?: string;
  readonly env: NodeJS.ProcessEnv;
  readonly stderr: 'pipe' | 'ignore';
}

export interface Exit {
  /** null where a signal ended it */
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** errno(3): what is short, here or on the whole machine, and may be there again in a moment */
const SHORT: ReadonlySet<string> = new Set(['EMFILE', 'ENFILE', 'EAGAIN', 'ENOMEM']);
/** seconds */
const RETRY_AFTER = 5;

/** A program with all that it starts, as far as that makes no group of its own. */
export class ProcessGroup {
  readonly stdin: Writable;
  readonly stdout: Readable;
  readonly stderr: Readable;
  /** when the program itself is gone; never where it was not started */
  readonly exited: Promise<void>;
  /** when nobody has its pipes any more; rejects with what the system says where it cannot be started */
  readonly closed: Promise<Exit>;
  readonly #child: ChildProcess | undefined;
  #gone = false;

  constructor(program: string, args: readonly string[], { cwd, env, stderr }: ProcessOptions) {
    const child = started(() =>
      spawn(program, args, { cwd, env, stdio: ['pipe', 'pipe', stderr], detached: true }),
    );
    this.#child = child instanceof Error ? undefined : child;
    this.closed = child instanceof Error ? Promise.reject(child) : closed(child);
    // Whoever reads stdout alone may never look at it.
    this.closed.catch(() => undefined);
    this.exited = new Promise((resolve) => {
      this.#child?.on('exit', () => {
        // What is left keeps the number; of a group that is gone it may be given to somebody else at any time.
        this.#gone = !this.#send(0);
        resolve();
      });
    });
    // Without descriptors Node makes no streams at all.
    this.stdin = this.#child?.stdin ?? new PassThrough().resume();
    this.stdout = this.#child?.stdout ?? new PassThrough().end();
    this.stderr = this.#child?.stderr ?? new PassThrough().end();
    // It may end before it has read its input, and its exit status says why.
    this.stdin.on('error', () => undefined);
  }

  /** To all that is left of it, if anything. */
  signal(signal: NodeJS.Signals): void {
    if (!this.#gone) this.#send(signal);
  }

  #send(signal: NodeJS.Signals | 0): boolean {
    const pid = this.#child?.pid;
    if (pid === undefined) return false;
    try {
      return process.kill(-pid, signal);
    } catch (error) {
      return systemCode(error) !== 'ESRCH';
    }
  }
}

/** Some failures Node throws, others it tells by an event. */
function started(start: () => ChildProcess): ChildProcess | Error {
  try {
    return start();
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}

function closed(child: ChildProcess): Promise<Exit> {
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => resolve({ code, signal }));
  });
}

/** OVERLOADED where a program cannot be started for want of descriptors, processes or memory; else undefined. */
export function shortage(what: string, cause: unknown): ModgateError | undefined {
  const code = systemCode(cause);
  if (!SHORT.has(code)) return undefined;
  return new ModgateError(
    'OVERLOADED',
    `${what} cannot be started: no descriptors, processes or memory are left (${code})`,
    {
      cause,
      next: 'try again soon; its keeper can raise how many files and processes modgate may have (ulimit -n, ulimit -u)',
      retryAfter: RETRY_AFTER,
    },
  );
}
