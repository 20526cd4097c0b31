import { setTimeout as delay } from 'node:timers/promises';
import { toModgateError } from '../errors/index.ts';
import type { Counter, CounterCell, Logger, Metrics } from '../observe/index.ts';
import type { Storeroom } from '../store/index.ts';
import { Selection } from './selection.ts';
import type { Verified, Verifier } from './verify.ts';

/** ms; the longest pause between two files, so that a small store is seen more often than it need be */
const LONGEST = 60 * 60 * 1000;
/** ms between two passes, and between two looks whose turn it is */
const BETWEEN = 60_000;
const UNTIL_MINE = 1_000;
/** bytes that opening a file counts as, in its share of the time */
const OVERHEAD = 64 << 10;
/** ms after a pass that could not go on */
const AFTER_FAULT = 5 * 60_000;
/** files after which the place is noted */
const NOTE_EVERY = 32;

interface Deps {
  readonly room: Storeroom;
  readonly verifier: Verifier;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/**
 * Checks every stored file once within a period, one at a time and with pauses in between. Where it is stands in the
 * catalogue, so that it goes on there after a restart.
 */
export class Scrub {
  readonly #deps: Deps;
  /** ms */
  readonly #period: number;
  readonly #files: Counter;
  readonly #bytes: CounterCell;

  /** @param period ms */
  constructor(deps: Deps, period: number) {
    this.#deps = deps;
    this.#period = period;
    const { metrics, room } = deps;
    this.#files = metrics.counter('modgate_scrub_files_total', 'Stored files checked in the background.', [
      'outcome',
    ]);
    this.#bytes = metrics
      .counter('modgate_scrub_bytes_total', 'Bytes of stored files checked in the background.')
      .with();
    metrics.gauge(
      'modgate_scrub_last_pass_seconds',
      'When every stored file had been checked last, seconds since the epoch; 0: not yet.',
      [],
      (gauge) => gauge.with().set(Date.parse(room.catalog.meta('scrubbed') ?? '1970-01-01') / 1000),
      // Each process reads it in the same catalogue.
      'max',
    );
  }

  /** Runs until it is aborted. @param mine false while another process does it */
  async run(mine: () => boolean, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        const turn = mine();
        if (turn) await this.#pass(mine, signal);
        await delay(turn ? BETWEEN : UNTIL_MINE, undefined, { signal, ref: false });
      } catch (thrown) {
        if (signal.aborted) return;
        this.#deps.logger.warn({ err: toModgateError(thrown) }, 'the background check of the store stopped');
        await delay(AFTER_FAULT, undefined, { signal, ref: false }).catch(() => undefined);
      }
    }
  }

  /** From where the last one stopped to the end. */
  async #pass(mine: () => boolean, signal: AbortSignal): Promise<void> {
    const { room, verifier, logger } = this.#deps;
    const after = room.catalog.meta('scrub') ?? '';
    let seen = 0;
    const options = { quarantine: true, signal, after, parallel: 1 };
    for await (const verified of verifier.run(new Selection([]), options)) {
      this.#count(verified);
      if (!mine()) return;
      seen++;
      const pause = this.#pauseFor(verified.file.size);
      if (seen % NOTE_EVERY === 0 || pause > 10_000) await room.setMeta('scrub', verified.file.key);
      await delay(pause, undefined, { signal, ref: false });
    }
    await room.setMeta('scrub', '');
    await room.setMeta('scrubbed', new Date().toISOString());
    if (seen > 0) logger.info({ files: seen }, 'every stored file was checked');
  }

  #count({ file, findings }: Verified): void {
    for (const { outcome } of findings) this.#files.with(outcome).inc();
    this.#bytes.inc(file.size);
  }

  /** A file's share of the period, by its part of all bytes. */
  #pauseFor(size: number): number {
    const { bytes, versions } = this.#deps.room.catalog.totals();
    const whole = bytes + versions * 4 * OVERHEAD;
    return Math.min(LONGEST, (this.#period * (size + OVERHEAD)) / Math.max(whole, size + OVERHEAD));
  }
}
