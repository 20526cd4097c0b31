import type { Worker } from 'node:worker_threads';

/** bytes; a smaller file is checked in less time than a thread takes to begin with it */
const FROM = 1 << 20;
/** bytes that must have come since the last step */
const STEP = 512 << 10;

/** Who makes the steps. */
interface Steps {
  /** Tells a thread how much of the file is there; does nothing where none is to be had. */
  begin(ahead: AheadCheck): void;
  end(ahead: AheadCheck): void;
}

/** A check that begins while its file arrives: `grow` as it does, then ZipChecker.check, and `close` in any case. */
export class AheadCheck {
  readonly id: number;
  readonly #steps: Steps;
  /** that has begun with it; undefined before, and when it is gone */
  thread: Worker | undefined;
  file = '';
  /** bytes that are there */
  size = 0;
  /** bytes that the thread was told of */
  told = 0;
  /** the thread has not answered yet */
  running = false;

  constructor(id: number, steps: Steps) {
    this.id = id;
    this.#steps = steps;
  }

  /** So many bytes of the file are there. Cheap; most calls do nothing. */
  grow(file: string, size: number): void {
    this.file = file;
    this.size = size;
    if (size >= FROM && !this.running && size - this.told >= STEP) this.#steps.begin(this);
  }

  /** Nobody asks for the check any more, or it is done. */
  close(): void {
    this.#steps.end(this);
  }
}
