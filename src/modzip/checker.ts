import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { errorOf, ModgateError, toModgateError } from '../errors/index.ts';
import type { ModuleVersion } from '../module/index.ts';
import { AheadCheck } from './ahead-check.ts';
import type { CheckedZip } from './check.ts';
import type { CheckReply, CheckRequest } from './messages.ts';

export interface ZipCheckerOptions {
  /** threads; by default as many as the machine runs at once, at most 2 */
  readonly workers?: number;
  /** ms that one check may take, from when a thread gets it; by default 120 s */
  readonly deadline?: number;
  /** the file that the threads run, for tests */
  readonly script?: URL;
}

export interface CheckOptions {
  readonly signal?: AbortSignal;
  readonly ahead?: AheadCheck;
  /** true: the result has the go.mod too */
  readonly goMod?: boolean;
}

interface Job {
  readonly request: Extract<CheckRequest, { kind: 'check' }>;
  /** the thread that has digests of the file already */
  readonly ahead: AheadCheck | undefined;
  readonly resolve: (checked: CheckedZip) => void;
  readonly reject: (error: ModgateError) => void;
  /** runs while a thread has the job */
  timer?: NodeJS.Timeout;
}

/** Files at the same time; each holds up to 32 MiB in its thread. */
const MAX_AHEAD = 4;
const DEFAULT_WORKERS = 2;
/** ms; the biggest zip allowed takes some seconds. */
const DEFAULT_DEADLINE = 120_000;
/**
 * MiB of JavaScript heap of a thread: enough for the most names that a check allows, and little for what is young, so
 * that the contents of files are freed soon.
 */
const HEAP = { maxOldGenerationSizeMb: 512, maxYoungGenerationSizeMb: 4 };

/**
 * Checks zips in worker threads, each one zip at a time, the others waiting in order. Threads start when they are
 * needed first and keep the process alive only while they work. A thread that dies takes its check with it, as
 * INTERNAL, and the next check gets a new one. A check that takes too long, or that nobody wants any more, loses
 * its thread at once and does not wait for the thread's end, which a dead disk can put off for ever.
 */
export class ZipChecker {
  readonly #limit: number;
  readonly #deadline: number;
  readonly #script: URL;
  readonly #queue: Job[] = [];
  /** every living thread, and what it does */
  readonly #threads = new Map<Worker, Job | undefined>();
  /** by number: the files whose check has begun while they arrive */
  readonly #ahead = new Map<number, AheadCheck>();
  #lastAhead = 0;
  #closed = false;

  constructor(options: ZipCheckerOptions = {}) {
    this.#limit = options.workers ?? Math.min(availableParallelism(), DEFAULT_WORKERS);
    this.#deadline = options.deadline ?? DEFAULT_DEADLINE;
    this.#script = options.script ?? new URL('./worker.js', import.meta.url);
  }

  /** Checks that run or wait. */
  get pending(): number {
    let running = 0;
    for (const job of this.#threads.values()) if (job !== undefined) running++;
    return running + this.#queue.length;
  }

  /**
   * As checkZip, but every failure is a ModgateError; BAD_ZIP after the deadline, SHUTTING_DOWN after close.
   * @param options.signal gives the check up, running or waiting; the failure is then its reason
   * @param options.ahead of the same file
   */
  check(file: string, m: ModuleVersion, options: CheckOptions = {}): Promise<CheckedZip> {
    const { signal, ahead, goMod = false } = options;
    if (this.#closed) return Promise.reject(shuttingDown());
    if (signal?.aborted) return Promise.reject(toModgateError(signal.reason));
    return new Promise((resolve, reject) => {
      const abort = () => this.#giveUp(job, toModgateError(signal?.reason));
      const settled = () => {
        clearTimeout(job.timer);
        signal?.removeEventListener('abort', abort);
      };
      const job: Job = {
        request: { kind: 'check', file, path: m.path, version: m.version, ahead: ahead?.id, goMod },
        ahead,
        resolve: (checked) => {
          settled();
          resolve(checked);
        },
        reject: (error) => {
          settled();
          reject(error);
        },
      };
      signal?.addEventListener('abort', abort, { once: true });
      this.#queue.push(job);
      this.#dispatch();
    });
  }

  /** Begins a check whose file is still arriving. */
  ahead(): AheadCheck {
    this.#lastAhead++;
    return new AheadCheck(this.#lastAhead, {
      begin: (ahead) => this.#beginAhead(ahead),
      end: (ahead) => this.#endAhead(ahead),
    });
  }

  /** Stops the threads; what still runs or waits is refused with SHUTTING_DOWN. */
  async close(): Promise<void> {
    this.#closed = true;
    const threads = [...this.#threads];
    this.#threads.clear();
    for (const job of [...threads.map(([, running]) => running), ...this.#queue.splice(0)]) {
      job?.reject(shuttingDown());
    }
    await Promise.all(threads.map(([thread]) => thread.terminate()));
  }

  #dispatch(): void {
    const waiting = this.#queue.splice(0);
    this.#queue.push(...waiting.filter((job) => !this.#give(job)));
  }

  /** False where no thread can take the job now. */
  #give(job: Job): boolean {
    const thread = this.#threadFor(job);
    if (thread === undefined) return false;
    this.#threads.set(thread, job);
    job.timer = setTimeout(() => this.#giveUp(job, tookTooLong(this.#deadline)), this.#deadline);
    thread.ref();
    thread.postMessage(job.request);
    return true;
  }

  /** Digests that are there are worth waiting for their thread. */
  #threadFor({ ahead }: Job): Worker | undefined {
    const own = ahead?.thread;
    if (own === undefined) return this.#idle();
    return this.#threads.get(own) === undefined ? own : undefined;
  }

  /** A thread without a check; one without a step ahead is the better one. */
  #idle(): Worker | undefined {
    const idle = [...this.#threads].filter(([, job]) => job === undefined).map(([thread]) => thread);
    const free = idle.find((thread) => this.#stepsOf(thread) === 0);
    if (free !== undefined) return free;
    return this.#threads.size < this.#limit ? this.#start() : idle[0];
  }

  #stepsOf(thread: Worker): number {
    let steps = 0;
    for (const ahead of this.#ahead.values()) if (ahead.thread === thread && ahead.running) steps++;
    return steps;
  }

  #beginAhead(ahead: AheadCheck): void {
    if (ahead.told === 0 && !this.#closed && this.#ahead.size < MAX_AHEAD) {
      ahead.thread = this.#idle();
      if (ahead.thread !== undefined) this.#ahead.set(ahead.id, ahead);
    }
    this.#step(ahead);
  }

  #step(ahead: AheadCheck): void {
    const { id, file, size, thread } = ahead;
    if (thread === undefined) return;
    ahead.running = true;
    ahead.told = size;
    thread.postMessage({ kind: 'grow', ahead: id, file, size } satisfies CheckRequest);
  }

  #grown(id: number, done: boolean): void {
    const ahead = this.#ahead.get(id);
    if (ahead === undefined) return;
    ahead.running = false;
    if (!done) this.#step(ahead);
  }

  #endAhead(ahead: AheadCheck): void {
    if (!this.#ahead.delete(ahead.id)) return;
    ahead.thread?.postMessage({ kind: 'drop', ahead: ahead.id } satisfies CheckRequest);
    ahead.thread = undefined;
  }

  #start(): Worker {
    const thread = new Worker(this.#script, { resourceLimits: HEAP });
    // A check that it gets keeps the process alive; one that has begun ahead does not.
    thread.unref();
    let cause: unknown;
    thread.on('message', (reply: CheckReply) => this.#finish(thread, reply));
    thread.on('error', (error) => {
      cause = error;
    });
    thread.on('exit', (code) => this.#buried(thread, cause ?? `exit code ${code}`));
    this.#threads.set(thread, undefined);
    return thread;
  }

  #finish(thread: Worker, reply: CheckReply): void {
    if (reply.kind === 'grown') {
      this.#grown(reply.ahead, reply.done);
      return;
    }
    const job = this.#threads.get(thread);
    if (job === undefined) return;
    this.#threads.set(thread, undefined);
    thread.unref();
    if (reply.ok) job.resolve(reply.result);
    else job.reject(errorOf(reply.error));
    this.#dispatch();
  }

  /** Does nothing where the job is settled. */
  #giveUp(job: Job, error: ModgateError): void {
    const place = this.#queue.indexOf(job);
    const thread = this.#threadOf(job);
    if (place >= 0) this.#queue.splice(place, 1);
    if (thread !== undefined) {
      this.#forget(thread);
      void thread.terminate();
      // A thread that cannot end must not keep the process alive.
      thread.unref();
    }
    job.reject(error);
    this.#dispatch();
  }

  /** What it knew of files that arrive is gone with it. */
  #forget(thread: Worker): boolean {
    for (const [id, ahead] of this.#ahead) {
      if (ahead.thread !== thread) continue;
      ahead.thread = undefined;
      this.#ahead.delete(id);
    }
    return this.#threads.delete(thread);
  }

  #threadOf(job: Job): Worker | undefined {
    for (const [thread, running] of this.#threads) if (running === job) return thread;
    return undefined;
  }

  #buried(thread: Worker, cause: unknown): void {
    const job = this.#threads.get(thread);
    if (!this.#forget(thread)) return;
    job?.reject(new ModgateError('INTERNAL', 'the thread that checks zips ended', { cause }));
    this.#dispatch();
  }
}

function shuttingDown(): ModgateError {
  return new ModgateError('SHUTTING_DOWN', 'the gateway is shutting down');
}

function tookTooLong(deadline: number): ModgateError {
  const message = `the check of the zip took longer than ${deadline / 1000} s and was given up`;
  return new ModgateError('BAD_ZIP', message, {
    next: 'check that the disk of the data folder answers; if it does, the zip is made to be slow: do not use it',
  });
}
