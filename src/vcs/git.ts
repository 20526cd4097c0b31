import type { Readable } from 'node:stream';
import { ModgateError, toModgateError } from '../errors/index.ts';
import type { Access } from './access.ts';
import { gitEnvironment, type Surroundings } from './environment.ts';
import { checkGitVersion, notStarted } from './git-version.ts';
import { ProcessGroup } from './process-group.ts';

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
    const group = new ProcessGroup(this.#program, call.args, {
      cwd: home,
      env: { ...env, ...call.env },
      stderr: 'pipe',
    });
    const running = new Running(group, call, this.#program);
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
  readonly #group: ProcessGroup;
  readonly #timers: NodeJS.Timeout[] = [];
  #idle: NodeJS.Timeout | undefined;
  #look: NodeJS.Timeout | undefined;
  #stderr = '';
  #ending: Ending = 'exit';
  #reason: unknown;
  #over = false;

  constructor(group: ProcessGroup, call: GitCall, program: string) {
    this.#group = group;
    const { stdin, stdout, stderr } = group;
    this.stdout = stdout;
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

  /** SIGTERM to the group, then SIGKILL. The first reason counts; after the end there is nothing to do. */
  stop(ending: Exclude<Ending, 'exit'>, reason?: unknown): void {
    if (this.#over || this.#ending !== 'exit') return;
    this.#ending = ending;
    this.#reason = reason;
    this.#group.signal('SIGTERM');
    this.#timers.push(setTimeout(() => this.#group.signal('SIGKILL'), GRACE));
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

  async #ended(signal: AbortSignal, program: string): Promise<End> {
    const onAbort = () => this.stop('stopped', signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    // What it left behind in its group has nobody to work for.
    void this.#group.exited.then(() => {
      if (this.#ending !== 'exit') this.#group.signal('SIGKILL');
    });
    try {
      const { code } = await this.#group.closed.catch((error: unknown) => {
        throw notStarted(program, error);
      });
      if (this.#ending === 'stopped') throw toModgateError(this.#reason);
      return { code: code ?? -1, ending: this.#ending, stderr: this.#stderr, reason: this.#reason };
    } finally {
      this.#over = true;
      signal.removeEventListener('abort', onAbort);
      clearTimeout(this.#idle);
      clearTimeout(this.#look);
      for (const timer of this.#timers) clearTimeout(timer);
    }
  }
}
