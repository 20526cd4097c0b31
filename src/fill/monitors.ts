import { explain } from '../errors/index.ts';
import type { FileEvent, Monitor } from './tally.ts';

/** Where a monitor writes: process.stderr or process.stdout. */
export interface Output {
  write(text: string): unknown;
  readonly columns?: number | undefined;
}

/** ms between two pictures of the bar, and between two lines of a log */
const BAR_EVERY = 100;
const LINE_EVERY = 5000;
/** characters of the bar itself */
const BAR_WIDTH = 24;
/** ms over which the rate is measured */
const RATE_OVER = 5000;

/** Progress for people: a bar on a terminal, otherwise a line every few seconds. */
export class Progress implements Monitor {
  readonly #out: Output;
  readonly #terminal: boolean;
  readonly #timer: NodeJS.Timeout;
  readonly #running = new Set<string>();
  readonly #rate = new Rate();
  #phase = '';
  #total: number | undefined;
  #done = 0;
  #failed = 0;
  #shown = '';

  constructor(out: Output, terminal: boolean) {
    this.#out = out;
    this.#terminal = terminal;
    this.#timer = setInterval(() => this.#show(), terminal ? BAR_EVERY : LINE_EVERY).unref();
  }

  phase(name: string, total: number | undefined): void {
    this.#show();
    this.#newLine();
    this.#phase = name;
    this.#total = total;
    this.#done = 0;
  }

  begin(what: string): void {
    this.#running.add(what);
  }

  moved(_what: string, bytes: number): void {
    this.#rate.add(bytes);
  }

  end(what: string): void {
    this.#running.delete(what);
    this.#done++;
  }

  file({ result, kind, bytes }: FileEvent): void {
    if (result === 'failed') this.#failed++;
    // A zip's bytes have been told as they came.
    if (result === 'added' && kind !== 'zip') this.#rate.add(bytes);
  }

  /** The last picture; nothing is written afterwards. */
  close(): void {
    clearInterval(this.#timer);
    this.#show();
    this.#newLine();
  }

  #show(): void {
    if (this.#phase === '' || (this.#done === 0 && this.#total === undefined)) return;
    const text = this.#terminal ? this.#bar() : this.#line();
    if (text === this.#shown) return;
    this.#shown = text;
    this.#out.write(this.#terminal ? `\r${text}\u001b[K` : `${text}\n`);
  }

  #newLine(): void {
    if (this.#terminal && this.#shown !== '') this.#out.write('\n');
    this.#shown = '';
  }

  #line(): string {
    const failed = this.#failed === 0 ? '' : `, ${this.#failed} failed`;
    return `${this.#phase} ${this.#share()}, ${formatBytes(this.#rate.total)}, ${formatBytes(this.#rate.perSecond)}/s${failed}`;
  }

  #bar(): string {
    const share = this.#total === undefined || this.#total === 0 ? 0 : this.#done / this.#total;
    const filled = Math.min(Math.floor(share * BAR_WIDTH), BAR_WIDTH);
    const bar = this.#total === undefined ? '' : ` [${'#'.repeat(filled)}${'-'.repeat(BAR_WIDTH - filled)}]`;
    const failed = this.#failed === 0 ? '' : `  ${this.#failed} failed`;
    const [oldest] = this.#running;
    const others = this.#running.size > 1 ? ` +${this.#running.size - 1}` : '';
    const running = oldest === undefined ? '' : `  ${printable(oldest)}${others}`;
    const text = `${this.#phase}${bar} ${this.#share()}  ${formatBytes(this.#rate.total)}  ${formatBytes(this.#rate.perSecond)}/s${failed}${running}`;
    return text.slice(0, Math.max((this.#out.columns ?? 80) - 1, 20));
  }

  #share(): string {
    return this.#total === undefined ? `${this.#done}` : `${this.#done}/${this.#total}`;
  }
}

class Rate {
  /** bytes */
  total = 0;
  readonly #past: { readonly at: number; readonly total: number }[] = [{ at: performance.now(), total: 0 }];

  add(bytes: number): void {
    this.total += bytes;
  }

  get perSecond(): number {
    const at = performance.now();
    this.#past.push({ at, total: this.total });
    while (this.#past.length > 2 && (this.#past[0]?.at ?? at) < at - RATE_OVER) this.#past.shift();
    const first = this.#past[0] ?? { at, total: 0 };
    return at === first.at ? 0 : ((this.total - first.total) * 1000) / (at - first.at);
  }
}

/** Every event as a line of JSON, for programs. */
export class JsonLines implements Monitor {
  readonly #out: Output;

  constructor(out: Output) {
    this.#out = out;
  }

  phase(name: string, total: number | undefined): void {
    this.#write({ event: 'phase', name, total });
  }

  begin(): void {}

  moved(): void {}

  end(): void {}

  file({ what, kind, result, bytes, error, why }: FileEvent): void {
    const { code, message = why, next } = error ?? {};
    this.#write({ event: 'file', what, kind, result, bytes, code, message, next });
  }

  #write(line: Readonly<Record<string, unknown>>): void {
    this.#out.write(`${JSON.stringify(line)}\n`);
  }
}

/** Hands everything on to several. */
export class Monitors implements Monitor {
  readonly #all: readonly Monitor[];

  constructor(all: readonly Monitor[]) {
    this.#all = all;
  }

  phase(name: string, total: number | undefined): void {
    for (const one of this.#all) one.phase(name, total);
  }

  begin(what: string): void {
    for (const one of this.#all) one.begin(what);
  }

  moved(what: string, bytes: number): void {
    for (const one of this.#all) one.moved(what, bytes);
  }

  end(what: string): void {
    for (const one of this.#all) one.end(what);
  }

  file(event: FileEvent): void {
    for (const one of this.#all) one.file(event);
  }
}

/** A failure for people: what, why, the next step, the code. */
export function failureText({ what, kind, error }: FileEvent): string {
  const why =
    error === undefined
      ? ''
      : explain(error)
          .trimEnd()
          .replace(/^modgate: /, '');
  return `failed: ${printable(what)}${kind === undefined ? '' : ` ${kind}`}\n  ${why.replaceAll('\n', '\n  ')}\n`;
}

/** A name that others chose, without what a terminal would act on. */
export function printable(text: string): string {
  return text.replace(/[^\p{L}\p{M}\p{N}\p{P}\p{S} ]/gu, '?');
}

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'] as const;

export function formatBytes(bytes: number): string {
  let [value, unit] = [bytes, 0];
  while (value >= 1024 && unit < UNITS.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${unit === 0 ? Math.round(value) : value.toFixed(1)} ${UNITS[unit]}`;
}
