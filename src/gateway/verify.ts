import { setImmediate as turn } from 'node:timers/promises';
import type { ZipChecker } from '../modzip/index.ts';
import type { Clock, Counter, Logger, Metrics } from '../observe/index.ts';
import { keys, partsOf, type StoredFile, type Storeroom, type TreeKey } from '../store/index.ts';
import { completeDeletion } from './deletion.ts';
import { writeTreeList } from './lists.ts';
import { meantFiles } from './meant-files.ts';
import { vouchedH1 } from './publication.ts';
import type { Selection } from './selection.ts';
import { FileChecker, type Finding } from './verify-file.ts';

export interface VerifyOptions {
  /** false: what does not fit is told and left where it is */
  readonly quarantine: boolean;
  readonly signal: AbortSignal;
  /** a key behind which it begins */
  readonly after?: string;
  /** files that are checked side by side */
  readonly parallel: number;
}

/** A file that was checked, and what became of it. */
export interface Verified {
  readonly file: StoredFile;
  readonly findings: readonly Judged[];
}

export type Judged = Finding & {
  /** where it was moved to, below the data folder */
  readonly moved?: string | undefined;
  /** true: it is whole again, made from what else is stored */
  readonly mended?: boolean;
};

export interface VerifierDeps {
  readonly room: Storeroom;
  readonly checker: ZipChecker;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** called when stored files were removed */
  readonly changed: () => Promise<void>;
}

/** Reads everything again, and moves away what is not what was stored; the next request for it fetches it anew. */
export class Verifier {
  readonly #deps: VerifierDeps;
  readonly #files: FileChecker;
  readonly #quarantined: Counter;

  constructor(deps: VerifierDeps) {
    this.#deps = deps;
    this.#files = new FileChecker(deps.room, deps.checker);
    this.#quarantined = deps.metrics.counter(
      'modgate_quarantined_total',
      'Stored files that were moved away because they were not what was stored.',
    );
  }

  /** In the order of their keys. Throws the signal's reason when it is aborted. */
  async *run(selection: Selection, options: VerifyOptions): AsyncGenerator<Verified, void, void> {
    const { signal, parallel, after = '' } = options;
    const running: Promise<Verified>[] = [];
    try {
      for (const file of meantFiles(this.#deps.room, selection, after)) {
        if (file === undefined) {
          await turn();
          continue;
        }
        const one = this.#one(file, options);
        // Its turn to be looked at may come after it failed.
        one.catch(() => undefined);
        running.push(one);
        const first = running.length >= parallel ? running.shift() : undefined;
        if (first !== undefined) yield await first;
        signal.throwIfAborted();
      }
      while (running.length > 0) {
        const first = running.shift();
        if (first !== undefined) yield await first;
      }
    } finally {
      await Promise.allSettled(running);
    }
  }

  async #one(file: StoredFile, { quarantine, signal }: VerifyOptions): Promise<Verified> {
    const parts = partsOf(file.key);
    // A crash may have left what was to go with it.
    if (quarantine && parts.kind === 'deleted' && (await completeDeletion(this.#deps, parts.of)))
      await this.#deps.changed();
    const findings = await this.#files.check(file, signal);
    const judged: Judged[] = [];
    for (const finding of findings) judged.push(quarantine ? await this.#act(finding, signal) : finding);
    return { file, findings: judged };
  }

  async #act(finding: Finding, signal: AbortSignal): Promise<Judged> {
    const { key } = finding;
    if (finding.outcome === 'odd' || finding.outcome === 'unreadable')
      this.#deps.logger.warn({ key, why: finding.why }, `a stored file is ${finding.outcome}`);
    if (finding.outcome !== 'bad') return finding;
    const { room, clock, changed, logger } = this.#deps;
    const parts = partsOf(key);
    if (parts.kind === 'info' || parts.kind === 'mod')
      await writeTreeList(room.tree, parts.m.path, clock.now(), new Set([parts.m.version]));
    const moved = await room.tree.quarantine(key);
    await room.settle([key]);
    this.#quarantined.with().inc();
    logger.error({ key, why: finding.why, moved }, 'a stored file is not what was stored: moved away');
    const mended = await this.#mend(key, signal);
    await changed();
    return { ...finding, moved, mended };
  }

  /** What can be made again from what else is stored; the rest comes with the next request. */
  async #mend(key: TreeKey, signal: AbortSignal): Promise<boolean> {
    const { room, clock } = this.#deps;
    const parts = partsOf(key);
    if (parts.kind === 'list') {
      await writeTreeList(room.tree, parts.path, clock.now());
      return true;
    }
    if (parts.kind !== 'ziphash') return false;
    const vouched = await vouchedH1(room, parts.m);
    if (vouched !== undefined) {
      await room.tree.put(key, Buffer.from(vouched), { kind: 'keep' });
      return true;
    }
    const zip = keys.file(parts.m, 'zip');
    const file = room.stat(zip);
    if (file === undefined) return false;
    // A zip without its h1 must not stay: the h1 is made from it where its bytes are those that were stored.
    const trusted = room.catalog.version(parts.m)?.zip?.crc !== undefined;
    // Checking it puts the h1 beside it.
    if (trusted && (await this.#fits(file, signal))) return true;
    await room.tree.quarantine(zip);
    await room.settle([zip]);
    return false;
  }

  async #fits(file: StoredFile, signal: AbortSignal): Promise<boolean> {
    const [{ outcome }] = await this.#files.check(file, signal);
    return outcome === 'fits';
  }
}
