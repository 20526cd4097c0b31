import { randomBytes } from 'node:crypto';
import { stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

const NAME = 'changes';
/** ms between two looks */
const LOOK_EVERY = 1000;

/**
 * Tells every process on a data folder that stored files were removed, so that none goes on answering from memory: a
 * small file that is rewritten, and its time and inode, which each looks at once a second.
 */
export class Changes {
  readonly #file: string;
  #seen: string | undefined;
  #timer: NodeJS.Timeout | undefined;
  #looking = false;
  readonly #watchers = new Set<() => void>();

  constructor(data: string) {
    this.#file = join(data, NAME);
  }

  /** The content only makes it differ; it need not outlive a crash, after which no memory is left either. */
  async tell(): Promise<void> {
    await writeFile(this.#file, `${new Date().toISOString()} ${randomBytes(8).toString('hex')}\n`, {
      mode: 0o640,
    });
    this.#seen = await this.#state();
    this.#callBack();
  }

  /** Calls back after each change, whichever process told it. @returns what ends it */
  watch(changed: () => void): () => void {
    this.#watchers.add(changed);
    if (this.#timer === undefined) {
      this.#timer = setInterval(() => void this.#look(), LOOK_EVERY).unref();
      void this.#look();
    }
    return () => this.#watchers.delete(changed);
  }

  close(): void {
    clearInterval(this.#timer);
    this.#watchers.clear();
  }

  async #look(): Promise<void> {
    // A disk that hangs collects one look, not one each second.
    if (this.#looking) return;
    this.#looking = true;
    const now = await this.#state();
    this.#looking = false;
    const before = this.#seen;
    this.#seen = now;
    if (before !== undefined && before !== now) this.#callBack();
  }

  #callBack(): void {
    for (const changed of this.#watchers) changed();
  }

  async #state(): Promise<string> {
    try {
      const { mtimeNs, ctimeNs, ino } = await stat(this.#file, { bigint: true });
      return `${ino} ${mtimeNs} ${ctimeNs}`;
    } catch {
      return '';
    }
  }
}
