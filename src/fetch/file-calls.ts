import type { Stats } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';
import { ModgateError } from '../errors/index.ts';
import { Limiter } from '../net/index.ts';

/**
 * The file system as one source sees it. A call to a mount that hangs holds a thread of the pool that all of the
 * gateway shares until it ends, so there is one call at a time. Whoever waits leaves at once with its signal.
 */
export class FileCalls {
  readonly #turns = new Limiter(1, Number.POSITIVE_INFINITY);

  open(path: string, signal: AbortSignal): Promise<FileHandle> {
    return this.#run(
      signal,
      () => open(path, 'r'),
      (late) => void this.close(late),
    );
  }

  stat(file: string | FileHandle, signal: AbortSignal): Promise<Stats> {
    return this.#run(signal, () => (typeof file === 'string' ? stat(file) : file.stat()));
  }

  /** The bytes read, 0 at the end. The buffer may be written to until the call ends, even after an abort. */
  async read(file: FileHandle, buffer: Buffer, position: number, signal: AbortSignal): Promise<number> {
    const { bytesRead } = await this.#run(signal, () => file.read(buffer, 0, buffer.length, position));
    return bytesRead;
  }

  /** When it is its turn. Never fails: nothing was written. */
  async close(file: FileHandle): Promise<void> {
    await this.#run(new AbortController().signal, () => file.close()).catch(() => {});
  }

  /** @param late gets what came after the abort, when nobody waits for it */
  async #run<T>(
    signal: AbortSignal,
    call: () => Promise<T>,
    late: (value: T) => void = () => {},
  ): Promise<T> {
    const release = await this.#turns.acquire(signal)?.catch(() => undefined);
    if (release === undefined || signal.aborted) {
      release?.();
      throw canceled(signal);
    }
    return new Promise((resolve, reject) => {
      const leave = () => reject(canceled(signal));
      signal.addEventListener('abort', leave, { once: true });
      const settle = () => {
        signal.removeEventListener('abort', leave);
        release();
      };
      call().then(
        (value) => {
          settle();
          if (signal.aborted) late(value);
          resolve(value);
        },
        (error) => {
          settle();
          reject(error);
        },
      );
    });
  }
}

/** A caller may give its own coded reason; anything else means that it left. */
export function canceled({ reason }: AbortSignal): ModgateError {
  if (reason instanceof ModgateError) return reason;
  return new ModgateError('CANCELED', 'the request was canceled', { cause: reason });
}
