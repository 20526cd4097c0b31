/** The files of a folder on disk that x/mod's zip.CreateFromDir looks at. */
import type { Dirent, Stats } from 'node:fs';
import { lstat, readdir } from 'node:fs/promises';
import path from 'node:path';
import { systemCode } from '../errors/index.ts';
import type { Candidate, Omitted } from './choose.ts';
import { badModule, shown } from './fault.ts';
import { MAX_PATHS } from './limits.ts';
import { isVendored, type VendorRule } from './omitted.ts';

export interface FolderFile extends Candidate {
  /** in the file system */
  readonly place: string;
  /** as it was listed */
  readonly stats: Stats;
}

export interface FolderFiles {
  /** in the order of their names, folder by folder */
  readonly files: readonly FolderFile[];
  /** folders that were not looked into, and what is no regular file */
  readonly omitted: readonly Omitted[];
}

const VERSION_CONTROL: ReadonlySet<string> = new Set(['.bzr', '.git', '.hg', '.svn']);

/**
 * Everything in the folder but what belongs to version control systems, other modules and vendored packages. BAD_MODULE
 * where there is more than can be; a system error where a folder cannot be read.
 * @param tracked names of files, from the folder; all other ones are left out. undefined: none is for that
 */
export async function listFolder(
  folder: string,
  rule: VendorRule,
  tracked?: ReadonlySet<string>,
): Promise<FolderFiles> {
  const lister = new Lister(folder, rule, tracked);
  await lister.list('');
  return lister;
}

class Lister {
  readonly files: FolderFile[] = [];
  readonly omitted: Omitted[] = [];
  readonly #folder: string;
  readonly #rule: VendorRule;
  /** files and the folders above them */
  readonly #tracked: ReadonlySet<string> | undefined;
  #seen = 0;

  constructor(folder: string, rule: VendorRule, tracked: ReadonlySet<string> | undefined) {
    this.#folder = folder;
    this.#rule = rule;
    this.#tracked = tracked === undefined ? undefined : new Set([...tracked].flatMap(withFolders));
  }

  /** @param prefix "" for the folder itself, otherwise its name and "/" */
  async list(prefix: string): Promise<void> {
    const entries = await readdir(path.join(this.#folder, prefix), { withFileTypes: true });
    this.#seen += entries.length;
    if (this.#seen > MAX_PATHS) {
      throw badModule(
        `more than ${MAX_PATHS} files and folders`,
        'publish a folder that holds the module only',
      );
    }
    entries.sort((a, b) => (a.name < b.name ? -1 : 1));
    for (const entry of entries) {
      const name = prefix + entry.name;
      if (entry.isDirectory()) await this.#addFolder(name, entry);
      else await this.#addFile(name, entry);
    }
  }

  async #addFolder(name: string, entry: Dirent): Promise<void> {
    if (VERSION_CONTROL.has(entry.name)) {
      this.omitted.push({ name, reason: 'a folder of a version control system' });
    } else if (this.#tracked?.has(name) === false) {
      this.omitted.push({ name, reason: 'not tracked by git' });
    } else if (isVendored(`${name}/x`, this.#rule)) {
      this.omitted.push({ name, reason: 'in a vendor folder' });
    } else if (await isModule(path.join(this.#folder, name))) {
      this.omitted.push({ name, reason: 'in another module' });
    } else {
      await this.list(`${name}/`);
    }
  }

  async #addFile(name: string, entry: Dirent): Promise<void> {
    if (this.#tracked?.has(name) === false) {
      this.omitted.push({ name, reason: 'not tracked by git' });
      return;
    }
    if (isVendored(name, this.#rule)) {
      this.omitted.push({ name, reason: 'in a vendor folder' });
      return;
    }
    if (!entry.isFile()) {
      this.omitted.push({ name, reason: entry.isSymbolicLink() ? 'a symbolic link' : 'not a regular file' });
      return;
    }
    // Such a name cannot be opened, and no module zip may have it.
    if (name.includes('\ufffd')) throw badName(name);
    const place = path.join(this.#folder, name);
    const stats = await lstat(place);
    this.files.push({ name, kind: 'file', size: stats.size, place, stats });
  }
}

function withFolders(name: string): string[] {
  const elements = name.split('/');
  return elements.map((_, i) => elements.slice(0, i + 1).join('/'));
}

/** Whether the folder has a go.mod, in lower case, that is no folder. */
async function isModule(folder: string): Promise<boolean> {
  try {
    return !(await lstat(path.join(folder, 'go.mod'))).isDirectory();
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return false;
    throw error;
  }
}

function badName(name: string) {
  return badModule(`a file name that is not UTF-8: ${shown(name)}`, 'rename or remove the file');
}
