import { stat } from 'node:fs/promises';
import { systemCode } from '../errors/index.ts';
import { type FileStates, fileState } from './record.ts';

/** ms between two looks */
const EVERY = 2000;

/**
 * Tells when one of a set of files has changed and has then been the same for one look: whoever writes a file in
 * pieces, or several one after the other, is given the time. By stat, which follows links: a folder of secrets that is
 * swapped as a whole, as Kubernetes does it, is seen too, and no file system has to send events.
 */
export class FileWatch {
  readonly #every: number;
  readonly #changed: () => void;
  /** what the files were when they were last read */
  #read: FileStates = new Map();
  #last: string | undefined;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  /** @param every ms */
  constructor(changed: () => void, every = EVERY) {
    this.#changed = changed;
    this.#every = every;
  }

  watch(read: FileStates): void {
    this.#read = read;
    this.#last = undefined;
    if (this.#timer === undefined) this.#next();
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  #next(): void {
    if (this.#closed) return;
    this.#timer = setTimeout(() => void this.look().finally(() => this.#next()), this.#every).unref();
  }

  /** One look; the clock does it too. */
  async look(): Promise<void> {
    const read = this.#read;
    const now = await statesOf([...read.keys()]);
    // Read again since: nothing can be said about that.
    if (read !== this.#read || this.#closed) return;
    const settled = now === this.#last;
    this.#last = now;
    if (settled && now !== [...read.values()].join('\n')) this.#changed();
  }
}

async function statesOf(files: readonly string[]): Promise<string> {
  const states = await Promise.all(
    files.map((file) => stat(file).then(fileState, (error: unknown) => systemCode(error))),
  );
  return states.join('\n');
}
