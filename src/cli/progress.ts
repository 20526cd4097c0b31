import { percent, sizeText } from './store-view.ts';

const WIDTH = 30;
/** ms between two lines where no terminal is */
const PLAIN_EVERY = 10_000;

/** How far something long has come: one line that is written again on a terminal, a line now and then elsewhere. */
export class Progress {
  readonly #out: NodeJS.WriteStream;
  readonly #what: string;
  readonly #start = performance.now();
  /** bytes */
  readonly #whole: number;
  #told = performance.now();

  constructor(what: string, whole: number, out: NodeJS.WriteStream = process.stderr) {
    this.#what = what;
    this.#whole = whole;
    this.#out = out;
  }

  show(files: number, bytes: number): void {
    const done = Math.min(bytes, this.#whole);
    const seconds = (performance.now() - this.#start) / 1000;
    const rate = bytes / Math.max(seconds, 0.001);
    const left = rate === 0 ? '' : `, ${Math.ceil((this.#whole - done) / rate)} s left`;
    const facts = `${percent(done, this.#whole)}  ${sizeText(bytes)} of ${sizeText(this.#whole)}, ${files} files, ${sizeText(rate)}/s${left}`;
    if (this.#out.isTTY) {
      const filled = Math.round((WIDTH * done) / Math.max(this.#whole, 1));
      this.#out.write(`\r${this.#what} [${'#'.repeat(filled)}${'.'.repeat(WIDTH - filled)}] ${facts}\x1b[K`);
    } else if (performance.now() - this.#told >= PLAIN_EVERY) {
      this.#told = performance.now();
      this.#out.write(`${this.#what}: ${facts}\n`);
    }
  }

  /** Makes room for other lines. */
  clear(): void {
    if (this.#out.isTTY) this.#out.write('\r\x1b[K');
  }
}
