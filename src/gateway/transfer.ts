import { EventEmitter } from 'node:events';
import { ModgateError, toModgateError } from '../errors/index.ts';
import type { Trace } from '../fetch/index.ts';
import type { StagedFile } from '../store/index.ts';
import { orAbort } from '../sync/index.ts';

/**
 * bytes that nobody gets before the whole file has been checked. More than a zip's directory end needs, so that a
 * small zip is refused with a text instead of an aborted connection.
 */
const HELD_BACK = 64 << 10;

type State =
  | { kind: 'flowing' }
  | { kind: 'received' }
  | { kind: 'released' }
  | { kind: 'failed'; error: ModgateError };

/**
 * A file that is being fetched, stored and read at the same time. The writer appends to the staged file; each reader
 * reads from there at its own pace, so a slow one neither slows the others nor costs memory.
 */
export class Transfer {
  /** bytes in all, where the source told */
  readonly length: number | undefined;
  readonly trace: Trace;
  readonly #staged: StagedFile;
  readonly #progress = new EventEmitter();
  readonly #abandon: () => void;
  #state: State = { kind: 'flowing' };
  #readers = 0;

  /** @param abandon called when the last reader left before the release */
  constructor(staged: StagedFile, length: number | undefined, trace: Trace, abandon: () => void) {
    this.#staged = staged;
    this.length = length;
    this.trace = trace;
    this.#abandon = abandon;
    this.#progress.setMaxListeners(0);
  }

  /** True where readers may have had bytes already: then a failure reaches them as a broken connection, not as a text. */
  get begun(): boolean {
    return this.#staged.size > HELD_BACK;
  }

  async append(chunk: Uint8Array): Promise<void> {
    await this.#staged.write(chunk);
    this.#progress.emit('progress');
  }

  /** All bytes are here: from now on it is admitted even if nobody waits for it any more. */
  received(): void {
    if (this.#state.kind === 'flowing') this.#state = { kind: 'received' };
  }

  /** The file is checked and stored: everybody may have the rest. */
  release(): void {
    this.#state = { kind: 'released' };
    this.#progress.emit('progress');
  }

  fail(error: ModgateError): void {
    this.#state = { kind: 'failed', error };
    this.#progress.emit('progress');
  }

  /** A reader's place; it must be closed. */
  reader(): TransferReader {
    this.#readers++;
    this.#staged.retain();
    let open = true;
    return {
      trace: this.trace,
      read: (buffer, position, signal) => this.#read(buffer, position, signal),
      ready: (signal) => this.#available(0, signal).then(() => this.#size()),
      done: (signal) => this.#done(signal),
      close: async () => {
        if (!open) return;
        open = false;
        this.#readers--;
        this.abandonUnlessRead();
        await this.#staged.release();
      },
    };
  }

  abandonUnlessRead(): void {
    if (this.#readers > 0 || this.#state.kind !== 'flowing') return;
    this.fail(new ModgateError('CANCELED', 'everybody who waited for this file has left'));
    this.#abandon();
  }

  async #read(buffer: Uint8Array, position: number, signal: AbortSignal): Promise<number> {
    const available = await this.#available(position, signal);
    const wanted = Math.min(available, buffer.byteLength);
    return wanted === 0 ? 0 : this.#staged.read(buffer.subarray(0, wanted), position);
  }

  /** Bytes that may be read at a position, 0 at the end; waits until there are some. */
  async #available(position: number, signal: AbortSignal): Promise<number> {
    for (;;) {
      if (signal.aborted) throw toModgateError(signal.reason);
      const state = this.#state;
      if (state.kind === 'failed') throw state.error;
      if (state.kind === 'released') return this.#staged.size - position;
      const available = this.#staged.size - HELD_BACK - position;
      if (available > 0) return available;
      await this.#nextProgress(signal);
    }
  }

  async #done(signal: AbortSignal): Promise<void> {
    while (this.#state.kind !== 'released') {
      if (this.#state.kind === 'failed') throw this.#state.error;
      await this.#nextProgress(signal);
    }
  }

  #nextProgress(signal: AbortSignal): Promise<void> {
    let onProgress: () => void = () => {};
    const next = new Promise<void>((resolve) => {
      onProgress = resolve;
      this.#progress.once('progress', onProgress);
    });
    return orAbort(next, signal).finally(() => this.#progress.off('progress', onProgress));
  }

  /** The size in all once it is known for certain. */
  #size(): number | undefined {
    return this.#state.kind === 'released' ? this.#staged.size : this.length;
  }
}

export interface TransferReader {
  readonly trace: Trace;
  /** Waits until a first byte may be read; the size in all where it is known. Throws what made the transfer fail. */
  ready(signal: AbortSignal): Promise<number | undefined>;
  /** Waits until the file is checked and stored. Throws what made the transfer fail. */
  done(signal: AbortSignal): Promise<void>;
  /** Bytes read into the buffer, 0 at the end of the checked file. Throws what made the transfer fail. */
  read(buffer: Uint8Array, position: number, signal: AbortSignal): Promise<number>;
  close(): Promise<void>;
}
