import { type Code, ModgateError, toModgateError } from '../errors/index.ts';
import type { Chain, SourceFile } from '../fetch/index.ts';
import type { ModuleVersion } from '../module/index.ts';
import { type AheadCheck, MAX_ZIP_BYTES, type ZipChecker } from '../modzip/index.ts';
import type { Clock, Logger } from '../observe/index.ts';
import { keys, type StagedFile, type Tree } from '../store/index.ts';
import { Flights } from '../sync/index.ts';
import type { Admissions } from './admission.ts';
import { notCached } from './answers.ts';
import type { Lists } from './lists.ts';
import type { Misses } from './misses.ts';
import { refusePublished } from './published-source.ts';
import { receive } from './receive.ts';
import {
  type AskOptions,
  type BytesReply,
  type ContentReply,
  storedReply,
  type TransferReply,
} from './reply.ts';
import type { Router } from './router.ts';
import { Stones } from './stones.ts';
import { Transfer } from './transfer.ts';
import { Verdicts } from './verdicts.ts';

/** ms during which a fetch that failed after its first bytes is not tried again, but explained */
const TOLD_AGAIN = 10_000;

/** What asking again cannot change. */
const LASTING: ReadonlySet<Code> = new Set(['BAD_ZIP', 'IMMUTABLE_CONFLICT', 'CHECKSUM_MISMATCH']);

interface Deps {
  readonly tree: Tree;
  readonly router: Router;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly checker: ZipChecker;
  readonly admissions: Admissions;
  readonly lists: Lists;
  readonly misses: Misses;
}

/** Zips: from the store, otherwise streamed to everybody who asks while they are stored and before they are checked. */
export class Zips {
  readonly #deps: Deps;
  readonly #stones: Stones;
  readonly #beginning = new Flights<Transfer>();
  readonly #running = new Map<string, Transfer>();
  readonly #refused: Verdicts;

  /** @param negative ms during which absence and refused zips are remembered */
  constructor(deps: Deps, negative: number) {
    this.#deps = deps;
    this.#stones = new Stones(deps.tree);
    this.#refused = new Verdicts(deps.clock, negative);
  }

  /** Refusals are asked for again. */
  forget(): void {
    this.#refused.clear();
  }

  async get(
    m: ModuleVersion,
    { signal, cachedOnly, hold }: AskOptions,
  ): Promise<BytesReply | ContentReply | TransferReply> {
    const key = keys.file(m, 'zip');
    // Joining comes before the look into the store: who asks while a fetch runs keeps it alive from that moment on.
    const joined = cachedOnly ? undefined : this.#join(key, signal);
    if (joined !== undefined) return reading(await joined);
    const content = await this.#deps.tree.open(key);
    if (content !== undefined) return storedReply(content);
    await this.#stones.check(m);
    if (cachedOnly) throw notCached(`${m.path}@${m.version}.zip`);
    await refusePublished(this.#deps.tree, this.#deps.router.find(m.path).chain, m);
    const verdict = this.#refused.get(key);
    if (verdict !== undefined) throw verdict;
    return reading(
      await (this.#join(key, signal) ?? this.#beginning.join(key, signal, (s) => this.#begin(m, s, hold))),
    );
  }

  #join(key: string, signal: AbortSignal): Promise<Transfer> | undefined {
    const running = this.#running.get(key);
    return running === undefined ? this.#beginning.joinRunning(key, signal) : Promise.resolve(running);
  }

  /** Resolves when the first source has answered; the transfer then goes on by itself until nobody reads it. */
  #begin(m: ModuleVersion, starter: AbortSignal, hold: AskOptions['hold']): Promise<Transfer> {
    const fetch = new AbortController();
    const onAbort = () => fetch.abort(starter.reason);
    starter.addEventListener('abort', onAbort, { once: true });
    return new Promise<Transfer>((resolve, reject) => {
      const begun = (transfer: Transfer) => {
        starter.removeEventListener('abort', onAbort);
        resolve(transfer);
        // Everybody may have left in the very moment of the first answer.
        setImmediate(() => transfer.abandonUnlessRead());
      };
      const { chain } = this.#deps.router.find(m.path);
      this.#deps.misses
        .run('zip', chain, fetch.signal, () => this.#fetch(m, chain, fetch, begun, hold))
        .catch(reject);
    });
  }

  async #fetch(
    m: ModuleVersion,
    chain: Chain,
    fetch: AbortController,
    begun: (transfer: Transfer) => void,
    hold: AskOptions['hold'],
  ): Promise<void> {
    const key = keys.file(m, 'zip');
    try {
      const open = () => chain.ask(`${m.path}@${m.version}`, (source) => source.file(m, 'zip', fetch.signal));
      const file = await open();
      if (file.length !== undefined && file.length > MAX_ZIP_BYTES) {
        file.body.destroy();
        throw tooLong(m, file.source);
      }
      await this.#record(m, file);
      const staged = await this.#stage(file, fetch.signal);
      const forget = () => {
        if (this.#running.get(key) === transfer) this.#running.delete(key);
      };
      const transfer = new Transfer(staged, file.length, file.trace, () => {
        // Whoever asks from now on begins anew instead of joining what is being given up.
        forget();
        fetch.abort(nobodyReads());
      });
      this.#running.set(key, transfer);
      begun(transfer);
      const ahead = this.#deps.checker.ahead();
      try {
        const last = await receive(file, {
          transfer,
          staged,
          limit: MAX_ZIP_BYTES,
          tooLong: (source) => tooLong(m, source),
          arrived: () => {
            const there = staged.flushed;
            if (there !== undefined) ahead.grow(there.file, there.size);
          },
          again: open,
        });
        transfer.received();
        await this.#admit(m, last, staged, ahead, hold);
        transfer.release();
      } catch (thrown) {
        const error = fetch.signal.aborted ? toModgateError(fetch.signal.reason) : toModgateError(thrown);
        transfer.fail(error);
        // They saw a broken connection and no reason; who tries again soon reads it.
        if (transfer.begun && error.code !== 'CANCELED') this.#refused.remember(key, error, TOLD_AGAIN);
        throw error;
      } finally {
        forget();
        ahead.close();
        await staged.release();
      }
    } catch (thrown) {
      const error = toModgateError(thrown);
      this.#remember(m, key, error, error.absent ? chain.lasts : Infinity);
      throw error;
    }
  }

  /** In time to break nothing off where it was made of something else than the `.mod` that clients have. */
  async #record(m: ModuleVersion, { source, origin, body }: SourceFile): Promise<void> {
    try {
      await this.#deps.admissions.origin(m, source, origin);
    } catch (thrown) {
      body.destroy();
      throw thrown;
    }
  }

  async #stage(file: SourceFile, signal: AbortSignal): Promise<StagedFile> {
    let staged: StagedFile | undefined;
    try {
      staged = await this.#deps.tree.stage();
      signal.throwIfAborted();
      return staged;
    } catch (thrown) {
      file.body.destroy();
      await staged?.release();
      throw thrown;
    }
  }

  async #admit(
    m: ModuleVersion,
    { source }: SourceFile,
    staged: StagedFile,
    ahead: AheadCheck,
    hold: AskOptions['hold'],
  ): Promise<void> {
    const file = await staged.onDisk();
    const checked = await this.#deps.checker.check(file, m, { ahead }).catch((thrown: unknown) => {
      const error = toModgateError(thrown);
      throw error.code === 'BAD_ZIP' ? badZip(m, source, error.message, error) : error;
    });
    hold?.(checked.h1);
    await this.#deps.admissions.zip(m, source, staged, checked);
    this.#deps.lists.note(m.path);
  }

  /** Only what asking again cannot change is remembered. @param lasts ms, at the most */
  #remember(m: ModuleVersion, key: string, error: ModgateError, lasts: number): void {
    if (error.absent || LASTING.has(error.code)) this.#refused.remember(key, error, lasts);
    if (error.absent || error.code === 'CANCELED') return;
    this.#deps.logger.warn(
      { module: m.path, version: m.version, code: error.code, err: error },
      'a zip was not admitted',
    );
  }
}

function tooLong(m: ModuleVersion, source: string): ModgateError {
  return badZip(m, source, 'it is larger than 500 MiB, the limit of a module zip');
}

function reading(transfer: Transfer): TransferReply {
  const { trace } = transfer;
  return {
    kind: 'transfer',
    reader: transfer.reader(),
    cached: 'miss',
    modified: undefined,
    fresh: Infinity,
    trace,
  };
}

function badZip(m: ModuleVersion, source: string, why: string, cause?: ModgateError): ModgateError {
  return new ModgateError(
    'BAD_ZIP',
    `source "${source}": the zip of ${m.path}@${m.version} is refused\n${why}`,
    {
      cause,
      source,
      next: 'look at what the source serves; nothing of it was stored',
    },
  );
}

function nobodyReads(): ModgateError {
  return new ModgateError('CANCELED', 'everybody who waited for this file has left');
}
