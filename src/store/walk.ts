import type { Dirent } from 'node:fs';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { isAbsent } from './fault.ts';

/** A folder below tree/, and the names of the files directly in it, in order of their UTF-16 units; there may be none. */
export interface WalkedFolder {
  /** as in a key; '' for tree/ itself */
  readonly folder: string;
  readonly files: readonly string[];
}

/**
 * Every folder below `root`, depth first, in the order of their names, so that a walk can go on where
 * another one ended. What goes away meanwhile is passed over. One call of readdir at a time: whoever walks sets the pace.
 * @param after a key: what comes before it in this order, and itself, is passed over
 */
export function* walkFolders(root: string, after = ''): Generator<WalkedFolder, void, void> {
  yield* below(root, '', after === '' ? undefined : after.split('/'));
}

function* below(
  root: string,
  folder: string,
  after: readonly string[] | undefined,
): Generator<WalkedFolder, void, void> {
  const entries = readFolder(join(root, folder)).sort((a, b) => order(a.name, b.name));
  const [first = '', ...rest] = after ?? [];
  const inside = rest.length > 0;
  const files = entries.filter((entry) => entry.isFile()).map(({ name }) => name);
  // Files come before folders: a place inside a folder lies behind all of them, one at a file before all folders.
  const left = after === undefined ? files : inside ? [] : files.filter((name) => order(name, first) > 0);
  if (!inside) yield { folder, files: left };
  for (const entry of entries) {
    if (!entry.isDirectory()) continue;
    const compared = inside ? order(entry.name, first) : 1;
    if (compared < 0) continue;
    const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
    yield* below(root, path, compared === 0 ? rest : undefined);
  }
}

const order = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** Nothing where there is no such folder any more. */
export function readFolder(path: string): Dirent[] {
  try {
    return readdirSync(path, { withFileTypes: true });
  } catch (error) {
    if (isAbsent(error)) return [];
    throw error;
  }
}
