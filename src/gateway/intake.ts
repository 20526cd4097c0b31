import { ModgateError, toModgateError } from '../errors/index.ts';
import { checkInfo, checkMod } from '../fetch/index.ts';
import type { ModulePath, ModuleVersion } from '../module/index.ts';
import type { ZipChecker } from '../modzip/index.ts';
import {
  type Content,
  keys,
  type Outcome,
  type StagedFile,
  type Tree,
  type TreeKey,
} from '../store/index.ts';
import type { Admissions } from './admission.ts';
import type { Lists } from './lists.ts';
import { checkSumdbAnswer } from './sumdb-answers.ts';

interface Deps {
  readonly tree: Tree;
  readonly checker: ZipChecker;
  readonly admissions: Admissions;
  readonly lists: Pick<Lists, 'note'>;
}

/** A zip that is handed over, from where its bytes are read once. */
export interface HandedZip {
  readonly pieces: AsyncIterable<Uint8Array>;
  /** "h1:…" that its holder claims for it; undefined: no claim */
  readonly h1: string | undefined;
}

/**
 * Takes in files that no source was asked for, by the same checks and the same admission as fetched ones: what does
 * not fit is refused, and what is stored stays.
 */
export class Intake {
  readonly #deps: Deps;

  constructor(deps: Deps) {
    this.#deps = deps;
  }

  /** "h1:…" of a zip that is stored; undefined where none is. */
  async storedH1(m: ModuleVersion): Promise<string | undefined> {
    const zip = await this.#deps.tree.open(keys.file(m, 'zip'));
    await zip?.close();
    if (zip === undefined) return undefined;
    const hash = await this.#read(keys.file(m, 'ziphash'));
    return hash?.toString('utf8').trim();
  }

  /** The stored file, to compare with; whoever gets it closes it. */
  stored(m: ModuleVersion, kind: 'info' | 'mod' | 'zip'): Promise<Content | undefined> {
    return this.#deps.tree.open(keys.file(m, kind));
  }

  /**
   * Failures: BAD_ZIP, CHECKSUM_MISMATCH where it is not what its holder claims or its go.mod is not the stored `.mod`,
   * IMMUTABLE_CONFLICT.
   */
  async zip(m: ModuleVersion, origin: string, zip: HandedZip, signal: AbortSignal): Promise<void> {
    const staged = await this.#deps.tree.stage();
    try {
      for await (const piece of zip.pieces) {
        signal.throwIfAborted();
        await staged.write(piece);
      }
      await this.#admit(m, origin, zip.h1, staged, signal);
      this.#deps.lists.note(m.path);
    } finally {
      await staged.release();
    }
  }

  async #admit(
    m: ModuleVersion,
    origin: string,
    claimed: string | undefined,
    staged: StagedFile,
    signal: AbortSignal,
  ): Promise<void> {
    const file = await staged.onDisk();
    const checked = await this.#deps.checker.check(file, m, { signal }).catch((thrown: unknown) => {
      throw refused(m, origin, toModgateError(thrown));
    });
    if (claimed !== undefined && claimed !== checked.h1)
      throw new ModgateError(
        'CHECKSUM_MISMATCH',
        `source "${origin}": the zip of ${m.path}@${m.version} has ${checked.h1}, but the .ziphash beside it says ${claimed.slice(0, 80)}`,
        { source: origin, next: 'do not trust this copy; fetch the version from where it came' },
      );
    await this.#deps.admissions.zip(m, origin, staged, checked);
  }

  /**
   * Failures: UPSTREAM_BAD_ANSWER for what is no such file, CHECKSUM_MISMATCH for a `.mod` that is not the go.mod in the
   * zip, IMMUTABLE_CONFLICT.
   */
  async file(m: ModuleVersion, origin: string, kind: 'info' | 'mod', bytes: Buffer): Promise<Outcome> {
    (kind === 'info' ? checkInfo : checkMod)(m, bytes, origin);
    const before = await this.#read(keys.file(m, kind));
    // Sources word an `.info` differently: the first one stays.
    if (before !== undefined && (kind === 'info' || before.equals(bytes))) return 'same';
    await this.#deps.admissions.file(m, origin, kind, bytes);
    this.#deps.lists.note(m.path);
    return 'stored';
  }

  /** A look-up or a tile of a checksum database; unchecked but for its shape, as what is passed on is. */
  async sumdb(name: string, origin: string, endpoint: string, bytes: Buffer): Promise<Outcome> {
    const key = keys.sumdb(name, endpoint);
    checkSumdbAnswer(endpoint, bytes, origin);
    // The go command looks for this file first where the tree stands in for the gateway.
    await this.#deps.tree.put(keys.sumdb(name, 'supported'), Buffer.alloc(0), { kind: 'keep' });
    return this.#deps.tree.put(key, bytes, { kind: 'keep' });
  }

  async hasSumdb(name: string, endpoint: string): Promise<boolean> {
    const content = await this.#deps.tree.open(keys.sumdb(name, endpoint));
    await content?.close();
    return content !== undefined;
  }

  /** Lets the tree's list of a module be written again, though nothing new came in. */
  relist(path: ModulePath): void {
    this.#deps.lists.note(path);
  }

  async #read(key: TreeKey): Promise<Buffer | undefined> {
    const content = await this.#deps.tree.open(key);
    if (content === undefined) return undefined;
    try {
      return await content.bytes();
    } catch (thrown) {
      throw toModgateError(thrown);
    } finally {
      await content.close();
    }
  }
}

function refused(m: ModuleVersion, origin: string, cause: ModgateError): ModgateError {
  if (cause.code !== 'BAD_ZIP') return cause;
  const why = `source "${origin}": the zip of ${m.path}@${m.version} is refused\n${cause.message}`;
  const next = 'fetch the version from where it came; nothing of this copy was stored';
  return new ModgateError('BAD_ZIP', why, { cause, source: origin, next });
}
