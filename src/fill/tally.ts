import { type ModgateError, toModgateError } from '../errors/index.ts';

export type FileKind = 'info' | 'mod' | 'zip' | 'lookup' | 'tile';

/** One file that a run has dealt with, or found that it cannot. */
export interface FileEvent {
  /** "module@version", or where a file lies that belongs to none */
  readonly what: string;
  /** undefined: the version as a whole */
  readonly kind: FileKind | undefined;
  /** `added`: stored by this run; `stored`: was there; `planned`: would be taken; `skipped`: no file of a store */
  readonly result: 'added' | 'stored' | 'planned' | 'skipped' | 'failed';
  readonly bytes: number;
  readonly error: ModgateError | undefined;
  /** of what is skipped */
  readonly why?: string;
}

/** Watches a run: a bar for people, lines for programs. */
export interface Monitor {
  /** @param total units that the phase will deal with; undefined: not known yet */
  phase(name: string, total: number | undefined): void;
  begin(what: string): void;
  /** bytes more of what was begun */
  moved(what: string, bytes: number): void;
  /** what was begun is over */
  end(what: string): void;
  file(event: FileEvent): void;
}

/** failures, and files left out, whose text is kept; all are counted */
const MAX_KEPT = 10_000;

/** Counts what a run did, and keeps what failed. */
export class Tally {
  /** files */
  readonly counts: Record<FileEvent['result'], number> = {
    added: 0,
    stored: 0,
    planned: 0,
    skipped: 0,
    failed: 0,
  };
  /** bytes of all that was added */
  bytes = 0;
  readonly failures: FileEvent[] = [];
  /** failures by their code */
  readonly codes = new Map<string, number>();
  readonly skipped: { readonly what: string; readonly why: string }[] = [];
  readonly #monitor: Monitor;

  constructor(monitor: Monitor) {
    this.#monitor = monitor;
  }

  phase(name: string, total: number | undefined): void {
    this.#monitor.phase(name, total);
  }

  moved(what: string, bytes: number): void {
    this.#monitor.moved(what, bytes);
  }

  /** One unit of the phase. */
  async unit(what: string, work: () => Promise<void>): Promise<void> {
    this.#monitor.begin(what);
    try {
      await work();
    } finally {
      this.#monitor.end(what);
    }
  }

  add(what: string, kind: FileKind | undefined, result: 'added' | 'stored' | 'planned', bytes = 0): void {
    if (result === 'added') this.bytes += bytes;
    this.#note({ what, kind, result, bytes, error: undefined });
  }

  /** What is no file of a store, and is left where it is. */
  skip(what: string, why: string): void {
    if (this.skipped.length < MAX_KEPT) this.skipped.push({ what, why });
    this.#note({ what, kind: undefined, result: 'skipped', bytes: 0, error: undefined, why });
  }

  /** Notes a failure and lets the run go on; but not where it was canceled, or where the disk takes no more. */
  fail(what: string, kind: FileKind | undefined, thrown: unknown): void {
    const error = toModgateError(thrown);
    if (error.code === 'CANCELED' || error.code === 'DISK_FULL') throw error;
    this.#note({ what, kind, result: 'failed', bytes: 0, error });
  }

  #note(event: FileEvent): void {
    this.counts[event.result]++;
    const code = event.error?.code;
    if (code !== undefined) this.codes.set(code, (this.codes.get(code) ?? 0) + 1);
    if (event.result === 'failed' && this.failures.length < MAX_KEPT) this.failures.push(event);
    this.#monitor.file(event);
  }
}
