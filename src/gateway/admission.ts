import { ModgateError, toModgateError } from '../errors/index.ts';
import type { FileOrigin } from '../fetch/index.ts';
import type { ModuleVersion } from '../module/index.ts';
import type { CheckedZip, ZipChecker } from '../modzip/index.ts';
import type { Counter, CounterCell, Logger, Metrics } from '../observe/index.ts';
import { keys, PUBLISHED, type StagedFile, type Tree, type TreeKey } from '../store/index.ts';
import { Agreement } from './agreement.ts';
import { readWhole, Stones } from './stones.ts';

interface Deps {
  readonly tree: Tree;
  readonly checker: ZipChecker;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/**
 * The moment a checked file becomes part of the store. The h1 is claimed first, by a file that can be created once:
 * two gateways on one store, or an origin that changed its mind, cannot both win, and a zip is only ever found beside
 * the h1 that it was checked against.
 */
export class Admissions {
  readonly #deps: Deps;
  readonly #stones: Stones;
  readonly #agreement: Agreement;
  readonly #admitted: Counter;
  readonly #conflicts: CounterCell;

  constructor(deps: Deps) {
    this.#deps = deps;
    this.#stones = new Stones(deps.tree);
    this.#agreement = new Agreement(deps);
    this.#admitted = deps.metrics.counter(
      'modgate_admissions_total',
      'Files taken into the store, by kind.',
      ['kind'],
    );
    this.#conflicts = deps.metrics
      .counter(
        'modgate_store_conflicts_total',
        'Files refused because another content is stored for the same version.',
      )
      .with();
  }

  async zip(m: ModuleVersion, source: string, staged: StagedFile, checked: CheckedZip): Promise<void> {
    const key = keys.file(m, 'zip');
    await this.#unlessDeleted(m, source);
    await this.#claimStored(m, source);
    // Where a zip was stored before, its h1 decides.
    const isClaimed = await this.#isThere(keys.file(m, 'ziphash'));
    if (isClaimed) await this.#claim(m, source, checked.h1);
    await this.#agreement.zip(m, source, checked, async () => {
      // From here on the version has this h1, and no zip with another one comes in.
      if (!isClaimed) await this.#claim(m, source, checked.h1);
      // The claim is won or equal, so a zip that is already there has the same h1, whatever its compressor.
      await this.#deps.tree.adopt(key, staged, { kind: 'keep', source });
    });
    // A purge may have removed the claim in between.
    if (!(await this.#isThere(keys.file(m, 'ziphash')))) await this.#claim(m, source, checked.h1);
    await this.#unlessDeleted(m, source, key);
    this.#admitted.with('zip').inc();
  }

  /**
   * A version that was deleted comes back by being published alone.
   * @param stored what has come in, perhaps while it was deleted
   */
  async #unlessDeleted(m: ModuleVersion, source: string, stored?: TreeKey): Promise<void> {
    const refusal = source === PUBLISHED ? undefined : await this.#stones.refusal(m);
    if (refusal === undefined) return;
    if (stored !== undefined) await this.#deps.tree.delete(stored);
    throw refusal;
  }

  /** Before a file is stored of what may change while its version stays. Throws where it was made of something else. */
  async origin(m: ModuleVersion, source: string, origin: FileOrigin | undefined): Promise<void> {
    if (origin !== undefined) origin.hold(await this.file(m, source, 'info', origin.info));
  }

  /** Stores an `.info` or `.mod`; gives the bytes that are stored now. */
  async file(m: ModuleVersion, source: string, kind: 'info' | 'mod', bytes: Buffer): Promise<Buffer> {
    const key = keys.file(m, kind);
    await this.#unlessDeleted(m, source);
    const stored = await this.#file(m, source, kind, key, bytes);
    await this.#unlessDeleted(m, source, key);
    return stored;
  }

  async #file(
    m: ModuleVersion,
    source: string,
    kind: 'info' | 'mod',
    key: TreeKey,
    bytes: Buffer,
  ): Promise<Buffer> {
    if (kind === 'mod') {
      await this.#agreement.mod(m, source, bytes, () =>
        this.#once(m, source, kind, () => this.#deps.tree.put(key, bytes, { kind: 'immutable', source })),
      );
    } else if ((await this.#deps.tree.put(key, bytes, { kind: 'keep', source })) === 'same') {
      // Sources word an `.info` differently (with or without Origin): the first one stays.
      return (await readWhole(this.#deps.tree, key)) ?? bytes;
    }
    this.#admitted.with(kind).inc();
    return bytes;
  }

  /** A zip that was copied into the tree without its ziphash was there first. */
  async #claimStored(m: ModuleVersion, source: string): Promise<void> {
    const file = await this.#unclaimed(m);
    if (file === undefined) return;
    try {
      const { h1 } = await this.#deps.checker.check(file, m);
      await this.#claim(m, source, h1);
    } catch (thrown) {
      // A broken one claims nothing; the next look at all stored files moves it away.
      if (toModgateError(thrown).code !== 'BAD_ZIP') throw thrown;
    }
  }

  /** Where a stored zip without a ziphash lies. */
  async #unclaimed(m: ModuleVersion): Promise<string | undefined> {
    const zip = await this.#deps.tree.open(keys.file(m, 'zip'));
    await zip?.close();
    return zip === undefined || (await this.#isThere(keys.file(m, 'ziphash'))) ? undefined : zip.file;
  }

  async #isThere(key: TreeKey): Promise<boolean> {
    const content = await this.#deps.tree.open(key);
    await content?.close();
    return content !== undefined;
  }

  async #claim(m: ModuleVersion, source: string, h1: string): Promise<void> {
    const key = keys.file(m, 'ziphash');
    await this.#once(m, source, 'zip', () =>
      this.#deps.tree.put(key, Buffer.from(h1), { kind: 'immutable', source }),
    );
  }

  async #once(m: ModuleVersion, source: string, kind: string, put: () => Promise<unknown>): Promise<void> {
    try {
      await put();
    } catch (thrown) {
      const error = toModgateError(thrown);
      if (error.code !== 'IMMUTABLE_CONFLICT') throw error;
      this.#conflicts.inc();
      this.#deps.logger.error(
        { module: m.path, version: m.version, kind, err: error },
        'another content is stored: refused',
      );
      throw new ModgateError(
        'IMMUTABLE_CONFLICT',
        `source "${source}": the ${kind} of ${m.path}@${m.version} is not the one that was stored before\na stored version never changes: refused`,
        {
          cause: error,
          source,
          next: 'ask the author why the version changed; a new version is the honest way',
        },
      );
    }
  }
}
