import { percent, sizeText } from './store-view.ts';

/** characters of the bar itself: at most, and at least, below which there is none */
const WIDTH = 30;
const LEAST = 5;
/** columns of a terminal that does not tell */
const COLUMNS = 80;
/** ms between two lines where no terminal is */
const PLAIN_EVERY = 10_000;

/** Where it is shown: process.stderr. */
export interface Output {
  write(text: string): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
}

/** How far something long has come: one line that is written again on a terminal, a line now and then elsewhere. */
export class Progress {
  readonly #out: Output;
  readonly #what: string;
  readonly #start = performance.now();
  /** bytes */
  readonly #whole: number;
  #told = performance.now();

  constructor(what: string, whole: number, out: Output = process.stderr) {
    this.#what = what;
    this.#whole = whole;
    this.#out = out;
  }

  show(files: number, bytes: number): void {
    const done = Math.min(bytes, this.#whole);
    const seconds = (performance.now() - this.#start) / 1000;
    const rate = bytes / Math.max(seconds, 0.001);
    const left = rate === 0 ? '' : `, ${Math.ceil((this.#whole - done) / rate)} s left`;
    const share = percent(done, this.#whole);
    const facts = `${share}  ${sizeText(bytes)} of ${sizeText(this.#whole)}, ${files} files, ${sizeText(rate)}/s${left}`;
    if (this.#out.isTTY) {
      // One column stays free: a line that fills the last one begins the next, and could not be written again.
      const columns = (this.#out.columns ?? COLUMNS) - 1;
      // A bar that says something, or the facts in its stead.
      const bar = this.#bar(done, columns - facts.length) || this.#bar(done, columns - share.length);
      const line = bar.length + facts.length <= columns ? bar + facts : bar + share;
      this.#out.write(`\r${line.slice(0, columns)}\x1b[K`);
    } else if (performance.now() - this.#told >= PLAIN_EVERY) {
      this.#told = performance.now();
      this.#out.write(`${this.#what}: ${facts}\n`);
    }
  }

  /** As wide as fits into that many columns; nothing where it would say nothing. */
  #bar(done: number, columns: number): string {
    const width = Math.min(WIDTH, columns - this.#what.length - 4);
    if (width < LEAST) return '';
    const filled = Math.round((width * done) / Math.max(this.#whole, 1));
    return `${this.#what} [${'#'.repeat(filled)}${'.'.repeat(width - filled)}] `;
  }

  /** Makes room for other lines. */
  clear(): void {
    if (this.#out.isTTY) this.#out.write('\r\x1b[K');
  }
}
