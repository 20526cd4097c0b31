import { ModgateError, toModgateError } from '../errors/index.ts';
import { isPseudoVersion, type ModuleVersion, modulePathOf, parseGoMod } from '../module/index.ts';
import { type CheckedZip, hashGoMod, MAX_ZIP_BYTES, type ZipChecker } from '../modzip/index.ts';
import type { Clock, Counter, Logger, Metrics } from '../observe/index.ts';
import {
  type AuditEntry,
  keys,
  PUBLISHED,
  type StagedFile,
  type Storeroom,
  type TreeKey,
} from '../store/index.ts';
import type { Admissions } from './admission.ts';
import { type Actor, changingAnswers, turnOf } from './deletion.ts';
import { writeTreeList } from './lists.ts';
import { factsOf, publicationBytes, readSaid, type Said } from './publication.ts';
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
 * Takes in modules that are published here. Nobody else publishes, deletes, purges or evicts a version of the module
 * meanwhile. Each step is on the disk before the next one:
 *
 * 1. `audit.jsonl`: from here on it may be seen. A crash leaves a line without an effect.
 * 2. `V.published` fixes h1, go.mod and time: from here on no other content, and no source, gets in.
 * 3. `V.mod`, the one thing that a fetch which was under way may have stored meanwhile. Then it stays, the mark goes
 *    again, and the record says so.
 * 4. `V.ziphash`, and 5. `V.zip`. Whoever names the version is given `.mod` and `.zip`; nothing lists it.
 * 6. `V.deleted` goes, of a version that returns. Until then a crash leaves it deleted, and what came in is taken away
 *    again; see deletion.ts.
 * 7. `V.info`: it is listed. 8. Lists, answers and the catalogue follow; a crash leaves that to the look at the tree.
 *
 * From step 2 on the same upload completes it, at any time, and no other can.
 */
export class Publisher {
  readonly #deps: Deps;
  readonly #outcomes: Counter;

  constructor(deps: Deps) {
    this.#deps = deps;
    this.#outcomes = deps.metrics.counter(
      'modgate_published_total',
      'Uploads of modules whose body was read, by outcome: published, unchanged, conflict, refused, failed.',
      ['outcome'],
    );
  }

  /**
   * Throws where such a version can be published by nobody: FORBIDDEN, BAD_REQUEST, BODY_TOO_LARGE.
   * @param length bytes of its zip, where that is known
   */
  check(m: ModuleVersion, length = 0): void {
    if (length > MAX_ZIP_BYTES) throw tooLarge();
    checkVersion(m);
    if (servesPublished(this.#deps.router.find(m.path).chain)) return;
    throw new ModgateError(
      'FORBIDDEN',
      `nothing can be published below ${m.path} here: "published" is not in the chain of its route`,
      {
        next: `add this to routes of the gateway: { match: "${m.path}", chain: published, private: true }`,
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
        const published = await room.exclusively(turnOf(m.path), signal, (held) =>
          this.#commit(m, staged, checked, actor, held),
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
    checkGoMod(m, mod.toString('utf8'));
    return { ...checked, mod, goModH1: hashGoMod(mod) };
  }

  async #commit(
    m: ModuleVersion,
    staged: StagedFile,
    checked: Inspected,
    actor: Actor,
    held: AbortSignal,
  ): Promise<Published> {
    const { room, clock, logger } = this.#deps;
    const { h1 } = checked;
    const said = await this.#saidOf(m);
    await this.#refuseOther(m, checked, said);
    const status = this.#isComplete(m) ? 'unchanged' : 'published';
    if (status === 'published') {
      const action = said.stone === undefined ? 'publish' : 'restore';
      const record = { module: m.path, version: m.version, h1, reason: null, ...actor };
      await room.audit.append({ action, ...record }, clock.now());
      const time = factsOf(said).time ?? new Date(clock.now()).toISOString().replace(/\.\d+/, '');
      held.throwIfAborted();
      await this.#store(m, staged, checked, time, record);
      held.throwIfAborted();
      await room.tree.delete(keys.mark(m, 'deleted'));
      await this.#reveal(m, time);
      logger.info({ module: m.path, version: m.version, h1, action }, 'a version was published');
    }
    await this.#announce(m);
    return { ...m, h1, status };
  }

  /** A mark that others came before, while its upload was cut, stands for nothing. */
  async #saidOf(m: ModuleVersion): Promise<Said> {
    const { room } = this.#deps;
    const said = await readSaid(room, m);
    const { publication } = said;
    const isBegun = ['info', 'zip'] as const;
    if (typeof publication !== 'object' || isBegun.some((kind) => this.#isThere(keys.file(m, kind))))
      return said;
    const mod = await readWhole(room.tree, keys.file(m, 'mod'));
    if (said.stone !== undefined || mod === undefined || hashGoMod(mod) === publication.go_mod_h1)
      return said;
    await room.tree.delete(keys.mark(m, 'published'));
    return { ...said, publication: undefined };
  }

  async #store(
    m: ModuleVersion,
    staged: StagedFile,
    { mod, ...checked }: Inspected,
    time: string,
    record: Omit<AuditEntry, 'action'>,
  ): Promise<void> {
    const { admissions, room, clock } = this.#deps;
    const mark = keys.mark(m, 'published');
    const made: TreeKey[] = [];
    const { h1, goModH1 } = checked;
    const bytes = publicationBytes({ version: m.version, h1, go_mod_h1: goModH1, time });
    if ((await room.tree.put(mark, bytes, { kind: 'keep' })) === 'stored') made.push(mark);
    const hadMod = this.#isThere(keys.file(m, 'mod'));
    try {
      await admissions.file(m, PUBLISHED, 'mod', mod);
      await admissions.zip(m, PUBLISHED, staged, checked);
    } catch (thrown) {
      const error = toModgateError(thrown);
      if (error.code !== 'IMMUTABLE_CONFLICT' && error.code !== 'CHECKSUM_MISMATCH') throw error;
      const stored = hadMod ? undefined : await readWhole(room.tree, keys.file(m, 'mod'));
      if (stored?.equals(mod) === true) made.push(keys.file(m, 'mod'));
      // A fetch on the same route has stored another content a moment before: that one was first.
      for (const key of made.reverse()) await room.tree.delete(key);
      await room.settle([...room.filesOf(m), ...room.marksOf(m)]);
      await room.audit.append({ action: 'withdraw', ...record }, clock.now());
      const known = await readWhole(room.tree, keys.file(m, 'ziphash'));
      throw already(m, h1, known?.toString('utf8').trim() ?? 'another one, as its stored go.mod says');
    }
  }

  /** From here on it is listed and served. */
  async #reveal(m: ModuleVersion, time: string): Promise<void> {
    const info = Buffer.from(JSON.stringify({ Version: m.version, Time: time }));
    await this.#deps.admissions.file(m, PUBLISHED, 'info', info);
  }

  /** Lets lists, index and every process that answers from memory know of it; again where a crash may have cut that. */
  async #announce(m: ModuleVersion): Promise<void> {
    const { room, clock, forget } = this.#deps;
    const answers = await changingAnswers(room, m.path);
    for (const key of answers) await room.tree.delete(key);
    await writeTreeList(room.tree, m.path, clock.now());
    await room.settle([...room.filesOf(m), ...room.marksOf(m), ...answers, keys.list(m.path)]);
    // Where what is published comes first, it is looked up each time: nothing of it is remembered anywhere.
    if (leadingPublished(this.#deps.router.find(m.path).chain) !== undefined) return;
    forget();
    await room.changes.tell();
  }

  #isComplete(m: ModuleVersion): boolean {
    const { room } = this.#deps;
    if (!this.#isThere(keys.mark(m, 'published')) || this.#isThere(keys.mark(m, 'deleted'))) return false;
    return room.filesOf(m).every((key) => this.#isThere(key));
  }

  #isThere(key: TreeKey): boolean {
    return this.#deps.room.stat(key) !== undefined;
  }

  /** Before anything is stored: what was there first, from wherever it came, stays; whatever still tells of it counts. */
  async #refuseOther(m: ModuleVersion, { h1, goModH1, mod }: Inspected, said: Said): Promise<void> {
    const { tree } = this.#deps.room;
    const { h1s, goModH1s } = factsOf(said);
    const claimed = (await readWhole(tree, keys.file(m, 'ziphash')))?.toString('utf8').trim();
    const known = claimed === undefined ? h1s : [claimed, ...h1s];
    const other = known.find((one) => one !== h1);
    if (other !== undefined) throw already(m, h1, other);
    const isBroken = said.publication === 'broken' || said.stone === 'broken';
    if (known.length === 0 && isBroken)
      throw already(m, h1, 'not known: what is kept of it can be read no more');
    const stored = await readWhole(tree, keys.file(m, 'mod'));
    const isOther = stored === undefined ? goModH1s.some((one) => one !== goModH1) : !stored.equals(mod);
    if (isOther) throw already(m, h1, known[0] ?? 'another one, as its go.mod says');
  }
}

interface Inspected extends CheckedZip {
  /** the go.mod in the zip */
  readonly mod: Buffer;
  readonly goModH1: string;
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

function checkVersion(m: ModuleVersion): void {
  const { path, version } = m;
  if (isPseudoVersion(version))
    throw refused(
      `${version} is a pseudo-version: it stands for a commit`,
      'publish it with a version of its own, such as v1.2.3 or v1.2.3-rc.1',
    );
  if (version.endsWith('+incompatible'))
    throw refused(
      `${version} is for modules without a go.mod, which cannot be published`,
      `publish ${version.split('.', 1)[0]} of it below a path such as ${path}/${version.split('.', 1)[0]}`,
    );
  try {
    keys.mark(m, 'published');
  } catch (thrown) {
    throw refused('the module path or the version is too long for a file', 'give it a shorter one', thrown);
  }
}

function checkGoMod({ path }: ModuleVersion, text: string): void {
  const named = modulePathOf(text);
  if (named !== path)
    throw refused(
      `the go.mod in the zip says "module ${(named ?? '').slice(0, 200)}", and it was sent as ${path}`,
      'send it to the path that its go.mod has, or correct that one',
    );
  try {
    parseGoMod(text);
  } catch (thrown) {
    throw refused(
      `the go.mod in the zip cannot be read\n${toModgateError(thrown).message}`,
      'correct it',
      thrown,
    );
  }
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
