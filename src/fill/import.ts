import { ModgateError } from '../errors/index.ts';
import { MAX_INFO_BYTES } from '../fetch/index.ts';
import type { Intake } from '../gateway/index.ts';
import type { ModuleVersion } from '../module/index.ts';
import { MAX_GOMOD_BYTES, MAX_ZIP_BYTES } from '../modzip/index.ts';
import { each } from './each.ts';
import { fileFault, IMPORT_SOURCE } from './file-fault.ts';
import type { ForeignFolder } from './foreign-folder.ts';
import { keyOf } from './graph.ts';
import type { Origin } from './origin.ts';
import type { Tally } from './tally.ts';
import { countFindings, type Finding, type Parts, walk } from './walk.ts';

export interface ImportOptions {
  readonly origin: Origin;
  readonly dryRun: boolean;
  /** versions at once */
  readonly places: number;
  readonly signal: AbortSignal;
}

/** bytes of a .ziphash; it holds 47 */
const MAX_ZIPHASH = 1024;
/** bytes of an answer of a checksum database; a full tile has 8 KiB */
const MAX_SUMDB = 1 << 20;

/**
 * Takes what lies in a folder into the store, checked as if a source had served it. Nothing in the folder is changed,
 * and nothing that is stored. Failures are in the tally, and the rest goes on; it throws CANCELED and DISK_FULL only.
 */
export async function importFolder(options: ImportOptions, intake: Intake, tally: Tally): Promise<void> {
  const { origin, places, signal } = options;
  tally.phase('looking', undefined);
  const total = await countFindings(origin, signal);
  if (total === 0)
    throw new ModgateError('BAD_REQUEST', `${origin.folder.root} holds no module and no checksum file`, {
      next: 'name the right folder, or say by --kind cache, tree or athens what it is',
    });
  tally.phase('versions', total);
  const importer = new Importer(options, intake, tally);
  await each(walk(origin), places, signal, (finding) => importer.take(finding));
}

class Importer {
  readonly #folder: ForeignFolder;
  readonly #dryRun: boolean;
  readonly #signal: AbortSignal;
  readonly #intake: Intake;
  readonly #tally: Tally;

  constructor({ origin, dryRun, signal }: ImportOptions, intake: Intake, tally: Tally) {
    this.#folder = origin.folder;
    this.#dryRun = dryRun;
    this.#signal = signal;
    this.#intake = intake;
    this.#tally = tally;
  }

  async take(finding: Finding): Promise<void> {
    switch (finding.kind) {
      case 'odd':
        this.#tally.skip(finding.path, finding.why);
        return;
      case 'fault':
        this.#tally.fail(finding.path, undefined, finding.error);
        return;
      case 'sumdb':
        await this.#tally.unit(finding.path, () => this.#sumdb(finding));
        return;
      case 'version':
        await this.#tally.unit(keyOf(finding.m), () => this.#version(finding.m, finding.parts));
    }
  }

  /** A version whose zip is refused is not trusted with anything else. */
  async #version(m: ModuleVersion, parts: Parts): Promise<void> {
    if (parts.zip !== undefined && !(await this.#zip(m, parts.zip, parts.ziphash))) return;
    if (parts.mod !== undefined && !(await this.#small(m, 'mod', parts.mod))) return;
    if (parts.info !== undefined && !(await this.#small(m, 'info', parts.info))) return;
    // Even where all was stored: a run that was killed may not have come to the list.
    if (!this.#dryRun) this.#intake.relist(m.path);
  }

  /** False where it was refused. */
  async #zip(m: ModuleVersion, path: string, ziphash: string | undefined): Promise<boolean> {
    const what = keyOf(m);
    try {
      const claimed = ziphash === undefined ? undefined : await this.#claim(ziphash);
      const stored = await this.#intake.storedH1(m);
      if (stored !== undefined && (stored === claimed || (await this.#isStored(m, path)))) {
        this.#tally.add(what, 'zip', 'stored');
      } else if (this.#dryRun) {
        this.#tally.add(what, 'zip', 'planned');
      } else {
        let size = 0;
        const pieces = this.#counted(path, (count) => {
          size += count;
          this.#tally.moved(what, count);
        });
        await this.#intake.zip(m, IMPORT_SOURCE, { pieces, h1: claimed }, this.#signal);
        this.#tally.add(what, 'zip', stored === undefined ? 'added' : 'stored', size);
      }
      return true;
    } catch (thrown) {
      this.#tally.fail(what, 'zip', fileFault(path, thrown));
      return false;
    }
  }

  /** A crash can leave an empty .ziphash in a module cache, of which the go command makes nothing either. */
  async #claim(path: string): Promise<string | undefined> {
    const text = (await this.#folder.bytes(path, MAX_ZIPHASH)).toString('utf8').trim();
    return text === '' ? undefined : text;
  }

  async *#counted(path: string, moved: (bytes: number) => void): AsyncGenerator<Buffer, void, void> {
    for await (const piece of this.#folder.pieces(path, MAX_ZIP_BYTES)) {
      moved(piece.length);
      yield piece;
    }
  }

  /** Byte by byte: cheaper than unpacking it for its h1. */
  async #isStored(m: ModuleVersion, path: string): Promise<boolean> {
    const content = await this.#intake.stored(m, 'zip');
    if (content === undefined) return false;
    try {
      let position = 0;
      for await (const piece of this.#folder.pieces(path, MAX_ZIP_BYTES)) {
        const own = Buffer.allocUnsafe(piece.length);
        const count = await content.read(own, position);
        if (count !== piece.length || !own.equals(piece)) return false;
        position += count;
      }
      return position === content.size;
    } finally {
      await content.close();
    }
  }

  async #small(m: ModuleVersion, kind: 'info' | 'mod', path: string): Promise<boolean> {
    const what = keyOf(m);
    try {
      const bytes = await this.#folder.bytes(path, kind === 'info' ? MAX_INFO_BYTES : MAX_GOMOD_BYTES);
      if (this.#dryRun) {
        const content = await this.#intake.stored(m, kind);
        await content?.close();
        this.#tally.add(what, kind, content === undefined ? 'planned' : 'stored');
        return true;
      }
      const outcome = await this.#intake.file(m, IMPORT_SOURCE, kind, bytes);
      this.#tally.add(what, kind, outcome === 'stored' ? 'added' : 'stored', bytes.length);
      return true;
    } catch (thrown) {
      this.#tally.fail(what, kind, fileFault(path, thrown));
      return false;
    }
  }

  async #sumdb({ name, endpoint, path }: Finding & { kind: 'sumdb' }): Promise<void> {
    // Which tree is the latest is an answer that ages; the other one says nothing.
    if (endpoint === 'latest' || endpoint === 'supported') return;
    const kind = endpoint.startsWith('lookup/') ? 'lookup' : 'tile';
    try {
      if (await this.#intake.hasSumdb(name, endpoint)) this.#tally.add(path, kind, 'stored');
      else if (this.#dryRun) this.#tally.add(path, kind, 'planned');
      else {
        const bytes = await this.#folder.bytes(path, MAX_SUMDB);
        const outcome = await this.#intake.sumdb(name, IMPORT_SOURCE, endpoint, bytes);
        this.#tally.add(path, kind, outcome === 'stored' ? 'added' : 'stored', bytes.length);
      }
    } catch (thrown) {
      this.#tally.fail(path, kind, fileFault(path, thrown));
    }
  }
}
