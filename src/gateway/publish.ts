import { ModgateError, toModgateError } from '../errors/index.ts';
import { isPseudoVersion, type ModuleVersion, modulePathOf } from '../module/index.ts';
import { type CheckedZip, MAX_ZIP_BYTES, type ZipChecker } from '../modzip/index.ts';
import type { Clock, Counter, Logger, Metrics } from '../observe/index.ts';
import { keys, PUBLISHED, type StagedFile, type Storeroom } from '../store/index.ts';
import type { Admissions } from './admission.ts';
import { type Actor, changingAnswers, turnOf } from './deletion.ts';
import { writeTreeList } from './lists.ts';
import { leadingPublished, servesPublished } from './published-source.ts';
import type { Router } from './router.ts';
import { readWhole } from './stones.ts';

export interface Published extends ModuleVersion {
  readonly h1: string;
  /** unchanged: it was there, as it is */
  readonly status: 'published' | 'unchanged';
}

interface Deps {
  readonly room: Storeroom;
  readonly router: Router;
  readonly checker: ZipChecker;
  readonly admissions: Admissions;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** drops what this process holds in memory of the store */
  readonly forget: () => void;
}

/**
 * Takes in modules that are published here. A version is claimed by its h1, marked as published, and becomes visible with
 * its `.info`, the last of its files: whatever a crash leaves is completed by the same upload, and can be by no other.
 */
export class Publisher {
  readonly #deps: Deps;
  readonly #outcomes: Counter;

  constructor(deps: Deps) {
    this.#deps = deps;
    this.#outcomes = deps.metrics.counter(
      'modgate_published_total',
      'Uploads of modules, by outcome: published, unchanged, conflict, refused, failed.',
      ['outcome'],
    );
  }

  /**
   * Throws where such a version can be published by nobody: FORBIDDEN, BAD_REQUEST, BODY_TOO_LARGE.
   * @param length bytes of its zip, where that is known
   */
  check(m: ModuleVersion, length = 0): void {
    if (length > MAX_ZIP_BYTES) throw tooLarge();
    if (isPseudoVersion(m.version))
      throw new ModgateError('BAD_REQUEST', `${m.version} is a pseudo-version: it stands for a commit`, {
        next: 'publish it with a version of its own, such as v1.2.3 or v1.2.3-rc.1',
      });
    if (servesPublished(this.#deps.router.find(m.path).chain)) return;
    throw new ModgateError(
      'FORBIDDEN',
      `nothing can be published below ${m.path} here: "published" is not in the chain of its route`,
      {
        next: `add this to routes of the gateway: { match: "${m.path.split('/', 1)[0]}/*", chain: published }`,
      },
    );
  }

  /**
   * Failures: those of check(); BAD_REQUEST for a zip that breaks the rules, BODY_TOO_LARGE, ALREADY_PUBLISHED.
   * @param pieces of the zip; failing where it is cut off
   */
  async publish(
    m: ModuleVersion,
    pieces: AsyncIterable<Uint8Array>,
    actor: Actor,
    signal: AbortSignal,
  ): Promise<Published> {
    const { room } = this.#deps;
    try {
      this.check(m);
      const staged = await room.tree.stage();
      try {
        await receive(staged, pieces, signal);
        const checked = await this.#inspect(m, staged, signal);
        const published = await room.exclusively(turnOf(m.path), signal, () =>
          this.#commit(m, staged, checked, actor),
        );
        this.#outcomes.with(published.status).inc();
        return published;
      } finally {
        await staged.release();
      }
    } catch (thrown) {
      const error = toModgateError(thrown);
      this.#outcomes.with(outcomeOf(error)).inc();
      throw error;
    }
  }

  async #inspect(m: ModuleVersion, staged: StagedFile, signal: AbortSignal): Promise<Inspected> {
    const file = await staged.onDisk();
    const checked = await this.#deps.checker.check(file, m, { signal, goMod: true }).catch(badZip);
    if (checked.goMod === undefined)
      throw refused(
        `the zip of ${m.path}@${m.version} holds no go.mod`,
        'put a go.mod into the root of the module',
      );
    const mod = Buffer.from(checked.goMod);
    const named = modulePathOf(mod.toString('utf8'));
    if (named !== m.path)
      throw refused(
        `the go.mod in the zip says "module ${(named ?? '').slice(0, 200)}", and it was sent as ${m.path}`,
        'send it to the path that its go.mod has, or correct that one',
      );
    return { ...checked, mod };
  }

  /** No other one publishes or deletes a version of this module meanwhile. */
  async #commit(m: ModuleVersion, staged: StagedFile, checked: Inspected, actor: Actor): Promise<Published> {
    const { h1 } = checked;
    await this.#refuseOther(m, checked);
    const isDeleted = this.#isThere(m, 'deleted');
    const status = this.#isComplete(m) ? 'unchanged' : 'published';
    if (status === 'published') {
      await this.#store(m, staged, checked).catch((thrown: unknown) => this.#lostRace(m, checked, thrown));
      const { room, clock } = this.#deps;
      const action = isDeleted ? 'restore' : 'publish';
      await room.audit.append(
        { action, module: m.path, version: m.version, h1, reason: null, ...actor },
        clock.now(),
      );
      await room.tree.delete(keys.mark(m, 'deleted'));
      await this.#reveal(m);
      this.#deps.logger.info({ module: m.path, version: m.version, h1, action }, 'a version was published');
    }
    await this.#announce(m, status === 'published');
    return { ...m, h1, status };
  }

  async #store(m: ModuleVersion, staged: StagedFile, { mod, ...checked }: Inspected): Promise<void> {
    const { admissions, room } = this.#deps;
    await admissions.claim(m, PUBLISHED, checked.h1);
    const mark = `${JSON.stringify({ version: m.version, h1: checked.h1 })}\n`;
    // Before the zip, so that it is known of that one where it came from, and that it is not complete yet.
    await room.tree.put(keys.mark(m, 'published'), Buffer.from(mark), { kind: 'keep' });
    await admissions.zip(m, PUBLISHED, staged, checked);
    await admissions.file(m, PUBLISHED, 'mod', mod);
  }

  /** From here on it is listed and served. */
  async #reveal(m: ModuleVersion): Promise<void> {
    const time = new Date(this.#deps.clock.now()).toISOString().replace(/\.\d+/, '');
    const info = Buffer.from(JSON.stringify({ Version: m.version, Time: time }));
    await this.#deps.admissions.file(m, PUBLISHED, 'info', info);
  }

  /** Lets lists, index and every process that answers from memory know of it. */
  async #announce(m: ModuleVersion, isNew: boolean): Promise<void> {
    const { room, clock, forget } = this.#deps;
    const answers = isNew ? await changingAnswers(room, m.path) : [];
    for (const key of answers) await room.tree.delete(key);
    await writeTreeList(room.tree, m.path, clock.now());
    await room.settle([...room.filesOf(m), ...room.marksOf(m), ...answers, keys.list(m.path)]);
    // Where what is published comes first, it is looked up each time: nothing of it is remembered anywhere.
    const isLive = leadingPublished(this.#deps.router.find(m.path).chain) !== undefined;
    if (!isNew || isLive) return;
    forget();
    await room.changes.tell();
  }

  #isComplete(m: ModuleVersion): boolean {
    const { room } = this.#deps;
    if (!this.#isThere(m, 'published') || this.#isThere(m, 'deleted')) return false;
    return room.filesOf(m).every((key) => room.stat(key) !== undefined);
  }

  #isThere(m: ModuleVersion, mark: 'published' | 'deleted'): boolean {
    return this.#deps.room.stat(keys.mark(m, mark)) !== undefined;
  }

  /** Before anything is stored: what was there first, from wherever it came, stays. */
  async #refuseOther(m: ModuleVersion, { h1, mod }: Inspected): Promise<void> {
    const { tree } = this.#deps.room;
    const known = (await readWhole(tree, keys.file(m, 'ziphash')))?.toString('utf8').trim();
    if (known !== undefined && known !== h1) throw already(m, h1, known);
    const stored = await readWhole(tree, keys.file(m, 'mod'));
    if (stored !== undefined && !stored.equals(mod))
      throw already(m, h1, known ?? 'another one, as its stored go.mod says');
  }

  /** A fetch on the same route may have stored another content a moment before. */
  async #lostRace(m: ModuleVersion, { h1 }: Inspected, thrown: unknown): Promise<never> {
    const error = toModgateError(thrown);
    if (error.code !== 'IMMUTABLE_CONFLICT') throw error;
    const known = await readWhole(this.#deps.room.tree, keys.file(m, 'ziphash'));
    throw already(m, h1, known?.toString('utf8').trim() ?? 'another one');
  }
}

interface Inspected extends CheckedZip {
  /** the go.mod in the zip */
  readonly mod: Buffer;
}

/** All of it into the staged file, and no more than a module zip may have. */
async function receive(
  staged: StagedFile,
  pieces: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): Promise<void> {
  for await (const piece of pieces) {
    signal.throwIfAborted();
    if (staged.size + piece.length > MAX_ZIP_BYTES) throw tooLarge();
    await staged.write(piece);
  }
  signal.throwIfAborted();
}

function tooLarge(): ModgateError {
  return new ModgateError(
    'BODY_TOO_LARGE',
    `the zip has more than ${MAX_ZIP_BYTES >> 20} MiB, the limit of a module zip`,
    { next: 'leave large files out of the module' },
  );
}

function badZip(thrown: unknown): never {
  const error = toModgateError(thrown);
  if (error.code !== 'BAD_ZIP') throw error;
  throw refused(error.message, 'correct the zip, or let modgate publish make it from the folder', error);
}

function refused(why: string, next: string, cause?: unknown): ModgateError {
  return new ModgateError('BAD_REQUEST', why, { next, cause });
}

function already({ path, version }: ModuleVersion, sent: string, stored: string): ModgateError {
  return new ModgateError(
    'ALREADY_PUBLISHED',
    `${path}@${version} is here already, with another content\nstored: ${stored}\nsent:   ${sent}`,
    { next: 'publish the change as a new version: what builds have seen never changes' },
  );
}

function outcomeOf({ code, status }: ModgateError): string {
  if (code === 'ALREADY_PUBLISHED') return 'conflict';
  return status < 500 ? 'refused' : 'failed';
}
