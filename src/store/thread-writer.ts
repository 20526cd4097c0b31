import { Worker } from 'node:worker_threads';
import { errorOf, ModgateError } from '../errors/index.ts';
import { ownerPrefix, self } from '../observe/index.ts';
import type { CatalogOrder, CatalogReply } from './catalog-writer.ts';
import type { TreeKey } from './key.ts';
import type { StoreLog } from './temps.ts';
import type { Expect, Outcome } from './tree.ts';
import type { Temp, Writer } from './writer.ts';
import type { WriterCall, WriterReply, WriterThreadData, WriterValue } from './writer-messages.ts';

export interface ThreadWriterOptions extends Omit<WriterThreadData, 'prefix'> {
  readonly log: StoreLog;
  /** discards a temporary file whose thread is gone */
  readonly discard: (temp: Temp) => Promise<void>;
  /** removes the temporary files of a thread that died */
  readonly lost: (prefix: string) => Promise<void>;
  /** the file that the thread runs, for tests */
  readonly script?: URL;
}

interface Pending {
  /** ms, monotonic */
  readonly since: number;
  resolve(value: WriterValue): void;
  reject(error: ModgateError): void;
}

/** MiB of JavaScript heap: the thread holds what is being written and the names of folders it has seen. */
const HEAP = { maxOldGenerationSizeMb: 256, maxYoungGenerationSizeMb: 16 };

/** ms */
const LAST_NOTES = 2_000;

/**
 * Writes in a thread of its own, which starts with the first call and keeps the process alive only while there is
 * something to do. A disk that hangs holds that thread and no other, so it delays no hit. A thread that dies takes its
 * calls with it, as INTERNAL, and the next call gets a new one.
 */
export class ThreadWriter implements Writer {
  readonly #options: ThreadWriterOptions;
  readonly #pending = new Map<number, Pending>();
  /** open temporary files, and the thread that has them */
  readonly #temps = new Map<number, { readonly temp: Temp; readonly thread: Worker }>();
  #thread: Worker | undefined;
  #closed = false;
  #count = 0;

  constructor(options: ThreadWriterOptions) {
    this.#options = options;
  }

  async put(key: TreeKey, bytes: Uint8Array, expect: Expect): Promise<Outcome> {
    return outcomeOf(await this.#ask({ kind: 'put', key, bytes, expect }));
  }

  async delete(key: TreeKey): Promise<void> {
    await this.#ask({ kind: 'delete', key });
  }

  async quarantine(key: TreeKey): Promise<string | undefined> {
    const reply = await this.#ask({ kind: 'quarantine', key });
    if (reply === undefined) return undefined;
    if (typeof reply === 'object' && 'moved' in reply) return reply.moved;
    throw unexpected();
  }

  async catalog(order: CatalogOrder): Promise<CatalogReply> {
    const reply = await this.#ask({ kind: 'catalog', order });
    if (reply === undefined || typeof reply === 'boolean') return reply;
    if (typeof reply === 'object' && 'done' in reply) return reply;
    throw unexpected();
  }

  async create(): Promise<Temp> {
    const thread = this.#running();
    const temp = await this.#ask({ kind: 'create' });
    if (typeof temp !== 'object' || !('fd' in temp)) throw unexpected();
    this.#temps.set(temp.fd, { temp, thread });
    return temp;
  }

  async write(fd: number, bytes: Uint8Array, position: number): Promise<void> {
    this.#checkOwned(fd);
    await this.#ask({ kind: 'write', fd, bytes, position });
  }

  async adopt(key: TreeKey, fd: number, size: number, expect: Expect): Promise<Outcome> {
    this.#checkOwned(fd);
    return outcomeOf(await this.#ask({ kind: 'adopt', key, fd, size, expect }));
  }

  async discard(fd: number): Promise<void> {
    const held = this.#temps.get(fd);
    if (held === undefined) return;
    this.#temps.delete(fd);
    if (held.thread === this.#thread) await this.#ask({ kind: 'discard', fd });
    else await this.#options.discard(held.temp);
  }

  /**
   * Ends the thread; what it still had to do fails, but for what the catalogue is still to note. Temporary files can be
   * read and discarded all the same.
   */
  async close(): Promise<void> {
    this.#closed = true;
    const thread = this.#thread;
    if (thread === undefined) return;
    // A disk that hangs keeps nobody from ending: the next look at the tree finds what was not noted.
    if (this.#pending.size === 0) await Promise.race([this.#lastNotes(), after(LAST_NOTES)]);
    this.#gone(thread, shuttingDown());
    await thread.terminate();
  }

  async #lastNotes(): Promise<void> {
    await this.#ask({ kind: 'catalog', order: { kind: 'flush' } }).catch(() => undefined);
  }

  get waiting(): number {
    const [oldest] = this.#pending.values();
    return oldest === undefined ? 0 : performance.now() - oldest.since;
  }

  #ask(call: WriterCall): Promise<WriterValue> {
    return new Promise((resolve, reject) => {
      const thread = this.#running();
      const id = ++this.#count;
      this.#pending.set(id, { since: performance.now(), resolve, reject });
      if (this.#pending.size === 1) thread.ref();
      thread.postMessage({ id, call });
    });
  }

  #running(): Worker {
    if (this.#thread !== undefined) return this.#thread;
    if (this.#closed) throw shuttingDown();
    const { data, threads, script = new URL('./writer-worker.js', import.meta.url) } = this.#options;
    const prefix = ownerPrefix(self());
    const workerData: WriterThreadData = { data, threads, prefix };
    // The thread opens temporary files that are read here, so that its end must not close them.
    const thread = new Worker(script, { workerData, resourceLimits: HEAP, trackUnmanagedFds: false });
    this.#thread = thread;
    let cause: unknown;
    thread.on('message', (reply: WriterReply) => this.#take(thread, reply));
    thread.on('error', (error) => {
      cause = error;
    });
    thread.on('exit', (code) => {
      if (!this.#closed) void this.#options.lost(prefix).catch(() => undefined);
      this.#gone(
        thread,
        new ModgateError('INTERNAL', 'the thread that writes files ended', {
          cause: cause ?? `exit code ${code}`,
        }),
      );
    });
    thread.unref();
    return thread;
  }

  #take(thread: Worker, reply: WriterReply): void {
    if (reply.kind === 'log') {
      this.#options.log[reply.level](reply.fields, reply.message);
      return;
    }
    const pending = this.#pending.get(reply.id);
    if (!this.#pending.delete(reply.id)) return;
    if (this.#pending.size === 0) thread.unref();
    if (reply.kind === 'done') pending?.resolve(reply.value);
    else pending?.reject(errorOf(reply.error));
  }

  #gone(thread: Worker, error: ModgateError): void {
    if (this.#thread !== thread) return;
    this.#thread = undefined;
    const lost = [...this.#pending.values()];
    this.#pending.clear();
    for (const pending of lost) pending.reject(error);
  }

  #checkOwned(fd: number): void {
    if (this.#temps.get(fd)?.thread === this.#thread && this.#thread !== undefined) return;
    throw new ModgateError('INTERNAL', 'the thread that writes files ended in the middle of this one');
  }
}

function after(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms).unref());
}

function shuttingDown(): ModgateError {
  return new ModgateError('SHUTTING_DOWN', 'the gateway is shutting down');
}

function outcomeOf(value: WriterValue): Outcome {
  if (value === 'stored' || value === 'same') return value;
  throw unexpected();
}

function unexpected(): ModgateError {
  return new ModgateError('INTERNAL', 'the thread that writes files gave a wrong answer');
}
