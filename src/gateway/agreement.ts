import { ModgateError, toModgateError } from '../errors/index.ts';
import type { ModuleVersion } from '../module/index.ts';
import { type CheckedZip, hashGoMod, type ZipChecker } from '../modzip/index.ts';
import { keys, type Tree } from '../store/index.ts';
import { readWhole } from './stones.ts';

interface Deps {
  readonly tree: Tree;
  readonly checker: ZipChecker;
}

type Hashes = Pick<CheckedZip, 'h1' | 'goModH1'>;

/** zips whose check is remembered */
const MOST = 1000;

/**
 * Holds `.mod` and zip of a version together, whichever comes first and wherever each comes from: versions are chosen by
 * the one and built from the other. Each side is asked before its file is stored, and where the other one was not there,
 * once more afterwards: two processes that store one each at the same time cannot both miss the other's. What is stored
 * by then stays, since somebody may have been given it. Failures: CHECKSUM_MISMATCH.
 */
export class Agreement {
  readonly #deps: Deps;
  /** by the key of the zip, in the order of their admission */
  readonly #checked = new Map<string, Hashes>();

  constructor(deps: Deps) {
    this.#deps = deps;
  }

  /** @param store stores the zip */
  async zip(
    m: ModuleVersion,
    source: string,
    checked: CheckedZip,
    store: () => Promise<void>,
  ): Promise<void> {
    const before = await this.#mod(m);
    if (before !== undefined && !agree(m, checked, before)) throw unlikeMod(m, source);
    await store();
    this.#remember(m, checked);
    const late = before === undefined ? await this.#mod(m) : undefined;
    if (late !== undefined && !agree(m, checked, late)) throw bothStored(m, source);
  }

  /** @param store stores the `.mod` */
  async mod(m: ModuleVersion, source: string, mod: Buffer, store: () => Promise<void>): Promise<void> {
    // Where one is stored, this one must be the same, which storing it finds out.
    if ((await this.#mod(m)) !== undefined) return store();
    const before = await this.#zip(m);
    if (before !== undefined && !agree(m, before, mod)) throw unlikeZip(m, source);
    await store();
    const late = before === undefined ? await this.#zip(m) : undefined;
    if (late !== undefined && !agree(m, late, mod)) throw bothStored(m, source);
  }

  #mod(m: ModuleVersion): Promise<Buffer | undefined> {
    return readWhole(this.#deps.tree, keys.file(m, 'mod'));
  }

  /** Undefined where no zip is stored, or a broken one, which says nothing. */
  async #zip(m: ModuleVersion): Promise<Hashes | undefined> {
    const { tree, checker } = this.#deps;
    const key = keys.file(m, 'zip');
    const content = await tree.open(key);
    await content?.close();
    if (content?.file === undefined) return undefined;
    const known = this.#checked.get(key);
    const h1 = (await readWhole(tree, keys.file(m, 'ziphash')))?.toString('utf8').trim();
    if (known !== undefined && known.h1 === h1) return known;
    try {
      const checked = await checker.check(content.file, m);
      this.#remember(m, checked);
      return checked;
    } catch (thrown) {
      const error = toModgateError(thrown);
      if (error.code === 'BAD_ZIP') return undefined;
      throw error;
    }
  }

  #remember(m: ModuleVersion, { h1, goModH1 }: CheckedZip): void {
    const key = keys.file(m, 'zip');
    this.#checked.delete(key);
    this.#checked.set(key, { h1, goModH1 });
    const [oldest] = this.#checked.keys();
    if (this.#checked.size > MOST && oldest !== undefined) this.#checked.delete(oldest);
  }
}

/** A zip without a go.mod goes with the one that the go command makes up. */
function agree({ path }: ModuleVersion, { goModH1 }: Hashes, mod: Buffer): boolean {
  if (goModH1 === undefined) return mod.toString('utf8').trim() === `module ${path}`;
  return spellings(mod).some((bytes) => hashGoMod(bytes) === goModH1);
}

/** A go.mod with the line ends of either system: a checkout, or an attribute of git, may have changed them in one. */
function spellings(mod: Buffer): Buffer[] {
  const lines = mod.toString('latin1').replaceAll('\r\n', '\n');
  return [mod, Buffer.from(lines, 'latin1'), Buffer.from(lines.replaceAll('\n', '\r\n'), 'latin1')];
}

function unlikeMod(m: ModuleVersion, source: string): ModgateError {
  const what = `${m.path}@${m.version}`;
  return mismatch(
    source,
    `the go.mod in the zip of ${what} is not the .mod that is stored`,
    `fetch the version from where it came; only if the stored one is wrong, remove it by modgate store purge --hard ${what}`,
  );
}

function unlikeZip(m: ModuleVersion, source: string): ModgateError {
  return mismatch(
    source,
    `the .mod of ${m.path}@${m.version} is not the go.mod in its zip`,
    'do not trust this copy; fetch the version from where it came',
  );
}

function bothStored(m: ModuleVersion, source: string): ModgateError {
  const what = `${m.path}@${m.version}`;
  return mismatch(
    source,
    `.mod and zip of ${what} were stored at the same time, and the go.mod in the zip is not that .mod`,
    `remove both by modgate store purge --hard ${what}, then fetch the version from where it came`,
  );
}

function mismatch(source: string, what: string, next: string): ModgateError {
  return new ModgateError('CHECKSUM_MISMATCH', `source "${source}": ${what}`, { source, next });
}
