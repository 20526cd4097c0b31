import { existsSync } from 'node:fs';
import { lstat, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { systemCode } from '../errors/index.ts';
import { HALF_MADE, IDENTITY, makeBareRepository, type ObjectFormat } from './skeleton.ts';
import { Trash } from './trash.ts';
import { Uses } from './uses.ts';

export const CONTENT = 'content.git';
export const HISTORY = 'history.git';
const REPOSITORIES = [CONTENT, HISTORY];

/** The folder of one remote: what is kept of it here. All of it can be fetched again. */
export class Copy {
  readonly folder: string;
  /** who reads it in this process, by this object */
  readonly uses: Uses;
  readonly #trash: Trash;
  readonly #url: string;

  /** @param trash a folder beside it, in which what is removed vanishes */
  constructor(folder: string, trash: string, url: string) {
    this.folder = folder;
    this.uses = new Uses(folder);
    this.#trash = new Trash(trash);
    this.#url = url;
  }

  path(name: string): string {
    return join(this.folder, name);
  }

  has(name: string): boolean {
    return existsSync(this.path(name));
  }

  /** Another one for each bare repository that was made; undefined where there is none. */
  async identity(name: string): Promise<string | undefined> {
    const file = join(this.path(name), IDENTITY);
    return await readFile(file, 'latin1').catch(() => (this.has(name) ? '' : undefined));
  }

  /** The folder itself, with a file that tells a person which remote it is of. */
  async make(): Promise<void> {
    await mkdir(this.folder, { recursive: true, mode: 0o750 });
    this.uses.renew();
    if (this.has('remote')) return;
    await writeFile(this.path('remote'), `${this.#url}\n`, { flag: 'wx' }).catch((error: unknown) => {
      if (systemCode(error) !== 'EEXIST') throw error;
    });
  }

  /** @param name of a bare repository; under the lock */
  async makeRepository(name: string, format: ObjectFormat): Promise<void> {
    await this.make();
    if (!this.has(name)) await makeBareRepository(this.path(name), format);
  }

  /** Takes a part, or with "" the whole folder, out of the way at once; its bytes go afterwards. */
  async discard(name: string): Promise<void> {
    const away = await this.#trash.take(join(this.folder, name));
    if (away !== undefined) await this.#trash.empty(away);
  }

  /** bytes, of the objects alone: what grows while git fetches */
  async objects(): Promise<number> {
    const sizes = REPOSITORIES.map((name) => sizeOf(join(this.folder, name, 'objects')));
    return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
  }

  /** What an ended git left behind; under the lock, with no git of ours at work. */
  async sweep(): Promise<void> {
    for (const name of await readdir(this.folder).catch(() => [])) {
      if (name.endsWith(HALF_MADE)) await rm(this.path(name), { recursive: true, force: true });
    }
    for (const name of REPOSITORIES) await sweep(this.path(name));
  }
}

/** bytes of all files below a folder; what vanishes meanwhile counts nothing */
export async function sizeOf(folder: string): Promise<number> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  let sum = 0;
  for (const entry of entries) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) sum += await sizeOf(path);
    else sum += (await lstat(path).catch(() => undefined))?.size ?? 0;
  }
  return sum;
}

/**
 * What a killed git leaves: locks anywhere (no ref's name ends in ".lock"), a half-written packed-refs, and among the
 * objects whatever begins with "tmp". Elsewhere such a name may be a branch.
 */
async function sweep(repository: string): Promise<void> {
  await removeBelow(repository, (name) => name.endsWith('.lock'));
  await removeBelow(join(repository, 'objects'), (name) => /^\.?tmp[-_]/.test(name));
  await rm(join(repository, 'packed-refs.new'), { force: true });
}

async function removeBelow(folder: string, isStale: (name: string) => boolean): Promise<void> {
  const entries = await readdir(folder, { withFileTypes: true, recursive: true }).catch(() => []);
  for (const { name, path } of entries) {
    if (isStale(name)) await rm(join(path, name), { recursive: true, force: true });
  }
}
