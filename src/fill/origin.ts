import { lstat } from 'node:fs/promises';
import { join } from 'node:path';
import { ModgateError } from '../errors/index.ts';
import { ForeignFolder } from './foreign-folder.ts';

/**
 * `proxy`: the layout of a module cache's cache/download, of GOPROXY=file:// and of another modgate's tree.
 * `athens`: that of an Athens disk store.
 */
export type Layout = 'proxy' | 'athens';

/** What `--kind` can say. */
export type OriginKind = 'auto' | 'cache' | 'tree' | 'athens';

export interface Origin {
  readonly folder: ForeignFolder;
  readonly layout: Layout;
}

/** Where, below the folder that is named, the modules of each kind begin; "": right there. */
const BEGINNINGS: Readonly<Record<Exclude<OriginKind, 'auto'>, readonly string[]>> = {
  cache: ['pkg/mod/cache/download', 'cache/download', ''],
  tree: ['tree', ''],
  athens: [''],
};
/** entries that are looked at before the look is given up */
const MAX_LOOKED_AT = 100_000;

export async function findOrigin(folder: string, kind: OriginKind): Promise<Origin> {
  const beginnings = kind === 'auto' ? [...BEGINNINGS.cache.slice(0, -1), 'tree'] : BEGINNINGS[kind];
  for (const beginning of beginnings) {
    if (!(await isFolderBelow(folder, beginning))) continue;
    const path = join(folder, beginning);
    return { folder: await ForeignFolder.open(path), layout: kind === 'athens' ? 'athens' : 'proxy' };
  }
  const opened = await ForeignFolder.open(folder);
  const layout = await look(opened);
  if (layout !== undefined) return { folder: opened, layout };
  throw new ModgateError(
    'BAD_REQUEST',
    `${folder} is no module cache, no Athens store and no tree of modgate: there is no @v folder and no source.zip in it`,
    { next: 'name the right folder, or say by --kind cache, tree or athens what it is' },
  );
}

/** Whoever wrote the folder may have put a link to somewhere else into it: none is followed on the way down. */
async function isFolderBelow(folder: string, beginning: string): Promise<boolean> {
  let path = folder;
  for (const element of beginning === '' ? [] : beginning.split('/')) {
    path = join(path, element);
    const facts = await lstat(path).catch(() => undefined);
    if (facts?.isDirectory() !== true) return false;
  }
  return true;
}

/** By the first thing that only one of the layouts has, level by level. */
async function look(folder: ForeignFolder): Promise<Layout | undefined> {
  let seen = 0;
  for (let level = ['']; level.length > 0; ) {
    const below: string[] = [];
    for (const path of level) {
      const entries = await folder.entries(path);
      seen += entries.length;
      if (entries.some((entry) => entry.name === '@v' && entry.isDirectory())) return 'proxy';
      if (entries.some((entry) => entry.name === 'source.zip' && entry.isFile())) return 'athens';
      if (seen > MAX_LOOKED_AT) return undefined;
      for (const entry of entries) if (entry.isDirectory()) below.push(join(path, entry.name));
    }
    level = below;
  }
  return undefined;
}
