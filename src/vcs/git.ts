import { type ChildProcess, spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import { ModgateError, toModgateError } from '../errors/index.ts';
import type { Access } from './access.ts';
import { gitEnvironment, type Surroundings } from './environment.ts';
import { checkGitVersion, notStarted } from './git-version.ts';

/** ms */
export interface GitTimeouts {
  /** without a byte on stdout and stderr */
  readonly idle: number;
  /** from the start to the end */
  readonly total: number;
}

export interface GitCall {
  /** the subcommand first; what is foreign stands behind `--end-of-options` */
  readonly args: readonly string[];
  /** the bare repository; undefined: none */
  readonly dir?: string | undefined;
  /** given: the command may talk to this remote, which it knows as "origin", and to no other */
  readonly access?: Access | undefined;
  readonly config?: readonly (readonly [key: string, value: string])[];
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string | undefined;
  /** bytes of stdout; more ends git */
  readonly limit?: number;
  /** takes stdout as it comes, in place of the result; false: no more is wanted, and git is ended */
  readonly reader?: (piece: Buffer) => boolean;
  readonly timeouts?: GitTimeouts | undefined;
  /** asked again and again while git runs; true ends it like a stdout that is too long */
  readonly exceeded?: (() => Promise<boolean>) | undefined;
  readonly signal: AbortSignal;
}

/** Why we ended git, or that it ended by itself. */
export type Ending = 'exit' | 'idle' | 'total' | 'limit' | 'enough' | 'stopped';

export interface GitResult {
  /** exit status; -1 where a signal ended it */
  readonly code: number;
  readonly ending: Ending;
  readonly stdout: Buffer;
  /** its last KiBs */
  readonly stderr: string;
  /** what `stop` was given */
  readonly reason: unknown;
}

/** bytes */
const STDERR_LIMIT = 16 << 10;
const STDOUT_LIMIT = 64 << 20;
/** of `git version` */
const VERSION: GitTimeouts = { idle: 30_000, total: 30_000 };
/** ms from SIGTERM to SIGKILL */
const GRACE = 2000;
/** ms between two looks at what git writes */
const LOOK = 200;

/** Starts git, and knows all that run. Every process leads a group of its own, which ends as a whole. */
export class Git {
  readonly #program: string;
  readonly #surroundings: Surroundings;
  readonly #running = new Set<Running>();
  #closed = false;
  #usable: Promise<void> | undefined;

  constructor(program: string, surroundings: Surroundings) {
    this.#program = program;
    this.#surroundings = surroundings;
  }

  /** Resolves however git ends; rejects with CANCELED, or with NoGit where it cannot be used at all. */
  async run(call: GitCall): Promise<GitResult> {
    await this.usable();
    return await this.#run(call);
  }

  /** Looks once which git it is; after a failure again, since one may be installed meanwhile. Throws NoGit. */
  usable(): Promise<void> {
    this.#usable ??= this.#look().catch((error: unknown) => {
      this.#usable = undefined;
      throw error;
    });
    return this.#usable;
  }

  async #look(): Promise<void> {
    const signal = new AbortController().signal;
    const { stdout } = await this.#run({ args: ['version'], timeouts: VERSION, limit: 1000, signal });
    checkGitVersion(this.#program, stdout.toString('latin1'));
  }

  async #run(call: GitCall): Promise<GitResult> {
    const running = this.start(call);
    const pieces: Buffer[] = [];
    let size = 0;
    const limit = call.limit ?? STDOUT_LIMIT;
    let fault: unknown;
    running.stdout.on('data', (piece: Buffer) => {
      size += piece.length;
      try {
        if (call.reader === undefined) pieces.push(piece);
        else if (!call.reader(piece)) running.stop('enough');
      } catch (error) {
        fault ??= error;
        running.stop('enough');
      }
      if (size > limit) running.stop('limit');
    });
    const end = await running.end;
    if (fault !== undefined) throw fault;
    return { ...end, stdout: Buffer.concat(pieces) };
  }

  /** The process itself; whoever calls reads its stdout. Throws CANCELED where the signal is aborted already. */
  start(call: GitCall): Running {
    if (call.signal.aborted) throw toModgateError(call.signal.reason);
    if (this.#closed) throw new ModgateError('SHUTTING_DOWN', 'the gateway is shutting down');
    const { home } = this.#surroundings;
    const env = gitEnvironment(this.#surroundings, call.dir, call.access, call.config ?? []);
    const child = spawn(this.#program, call.args, {
      cwd: home,
      env: { ...env, ...call.env },
      stdio: ['pipe', 'pipe', 'pipe'],
      detached: true,
    });
    const running = new Running(child, call, this.#program);
    this.#running.add(running);
    const forget = () => this.#running.delete(running);
    running.end.then(forget, forget);
    return running;
  }

  /** Ends all; resolves when none is left. */
  async close(): Promise<void> {
    this.#closed = true;
    const all = [...this.#running];
    for (const running of all)
      running.stop('stopped', new ModgateError('SHUTTING_DOWN', 'the gateway is shutting down'));
    await Promise.allSettled(all.map((running) => running.end));
  }
}

type End = Omit<GitResult, 'stdout'>;

export class Running {
  readonly stdout: Readable;
  /** when git and all that it started are gone, and stdout is read */
  readonly end: Promise<End>;
  readonly #child: ChildProcess;
  readonly #timers: NodeJS.Timeout[] = [];
  #idle: NodeJS.Timeout | undefined;
  #look: NodeJS.Timeout | undefined;
  #stderr = '';
  #ending: Ending = 'exit';
  #reason: unknown;
  #over = false;

  constructor(child: ChildProcess, call: GitCall, program: string) {
    this.#child = child;
    // stdio is piped, so the three streams are there.
    const { stdin, stdout, stderr } = child;
    if (stdin === null || stdout === null || stderr === null)
      throw new ModgateError('INTERNAL', 'git without pipes');
    this.stdout = stdout;
    // git may end before it has read its input, and its exit status says why.
    stdin.on('error', () => undefined);
    stdin.end(call.input ?? '');
    stderr.on('data', (piece: Buffer) => {
      this.#stderr = (this.#stderr + piece.toString('utf8')).slice(-STDERR_LIMIT);
    });
    this.#limit(call.timeouts, [stdout, stderr]);
    if (call.exceeded !== undefined) this.#watch(call.exceeded);
    this.end = this.#ended(call.signal, program);
    // Whoever reads stdout alone may never look at it.
    this.end.catch(() => undefined);
  }

  /** SIGTERM to the group, then SIGKILL. The first reason counts. */
  stop(ending: Exclude<Ending, 'exit'>, reason?: unknown): void {
    if (this.#ending !== 'exit') return;
    this.#ending = ending;
    this.#reason = reason;
    this.#kill('SIGTERM');
    this.#timers.push(setTimeout(() => this.#kill('SIGKILL'), GRACE));
    // A reader that has gone must not hold up the end.
    this.stdout.resume();
  }

  #limit(timeouts: GitTimeouts | undefined, streams: readonly Readable[]): void {
    if (timeouts === undefined) return;
    this.#timers.push(setTimeout(() => this.stop('total'), timeouts.total));
    const rewind = () => {
      clearTimeout(this.#idle);
      this.#idle = setTimeout(() => this.stop('idle'), timeouts.idle);
    };
    rewind();
    for (const stream of streams) stream.on('data', rewind);
  }

  #watch(exceeded: () => Promise<boolean>): void {
    const look = async () => {
      if (await exceeded().catch(() => false)) this.stop('limit');
      if (this.#ending === 'exit' && !this.#over) this.#look = setTimeout(look, LOOK);
    };
    this.#look = setTimeout(look, LOOK);
  }

  #ended(signal: AbortSignal, program: string): Promise<End> {
    const child = this.#child;
    const onAbort = () => this.stop('stopped', signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    const settle = () => {
      this.#over = true;
      signal.removeEventListener('abort', onAbort);
      clearTimeout(this.#idle);
      clearTimeout(this.#look);
      for (const timer of this.#timers) clearTimeout(timer);
    };
    child.on('exit', () => {
      // What it left behind in its group has nobody to work for.
      if (this.#ending !== 'exit') this.#kill('SIGKILL');
    });
    return new Promise((resolve, reject) => {
      child.on('error', (error) => {
        settle();
        reject(notStarted(program, error));
      });
      child.on('close', (code) => {
        settle();
        if (this.#ending === 'stopped') reject(toModgateError(this.#reason));
        else resolve({ code: code ?? -1, ending: this.#ending, stderr: this.#stderr, reason: this.#reason });
      });
    });
  }

  #kill(signal: NodeJS.Signals): void {
    const { pid } = this.#child;
    if (pid === undefined) return;
    try {
      process.kill(-pid, signal);
    } catch {
      // The group is gone already.
    }
  }
}
