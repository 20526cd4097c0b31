import { setImmediate as turn } from 'node:timers/promises';
import { compareVersions, type ModulePath } from '../module/index.ts';
import type { CatalogVersion, Storeroom, Totals } from '../store/index.ts';
import type { Selection } from './selection.ts';

/** rows that are read before others get their turn */
const PAGE = 1000;

/** A stored version, as people and programs are told of it. */
export interface VersionEntry {
  readonly module: string;
  readonly version: string;
  /** bytes of the file, null where it is not stored */
  readonly info: number | null;
  readonly mod: number | null;
  readonly zip: number | null;
  /** bytes on the disk */
  readonly disk: number;
  /** when it became visible, RFC 3339 */
  readonly stored: string;
  /** last use, RFC 3339; null: marked to be evicted first */
  readonly used: string | null;
  readonly source: string;
}

export interface UsageEntry {
  /** a module path, or the first elements of several */
  readonly path: string;
  readonly modules: number;
  readonly versions: number;
  /** on the disk */
  readonly bytes: number;
  /** last use, RFC 3339; null: never */
  readonly used: string | null;
}

export interface StoreStats extends Totals {
  readonly modules: number;
  /** bytes on the disk of files that belong to no version: lists, answers to queries, the checksum database */
  readonly otherBytes: number;
  /** bytes of what was moved away because it was not what it should be */
  readonly quarantinedFiles: number;
  readonly quarantinedBytes: number;
  /** bytes; 0: none */
  readonly cap: number;
  /** RFC 3339; when every stored file had been checked last; null: never */
  readonly scrubbed: string | null;
}

/**
 * The versions that are meant, by path, at most `size` of one module at a time, and those in Go's order.
 * @param after the path of the module behind which it begins, or cursorOf() a page
 */
export async function* versions(
  { catalog }: Storeroom,
  selection: Selection,
  after = '',
  size = PAGE,
): AsyncGenerator<CatalogVersion[], void, void> {
  const [first = '', version] = after.split('@');
  if (version !== undefined) yield* versionsOf(catalog, selection, { path: first, version }, size);
  for (let path = first; ; ) {
    const modules = catalog.modulesAfter(path, PAGE);
    for (const module of modules) {
      path = module.path;
      if (!selection.matchesPath(path)) continue;
      yield* versionsOf(catalog, selection, { path, version: '' }, size);
    }
    if (modules.length < PAGE) return;
    await turn();
  }
}

async function* versionsOf(
  catalog: Storeroom['catalog'],
  selection: Selection,
  { path, version }: { path: string; version: string },
  size: number,
): AsyncGenerator<CatalogVersion[], void, void> {
  const rows = Math.min(size, PAGE);
  for (let after = version; ; ) {
    const page = catalog.versionsOf(path, after, rows);
    after = page.at(-1)?.version ?? after;
    const found = page.filter((one) => isListed(one) && selection.matches(one));
    if (found.length > 0) yield found.sort((a, b) => compareVersions(a.version, b.version));
    if (page.length < rows) return;
    await turn();
  }
}

/** Where the next page begins. */
export function cursorOf(page: readonly CatalogVersion[]): string {
  const [last = ''] = page.map(({ version }) => version).sort((a, b) => (a < b ? 1 : -1));
  return `${page[0]?.path ?? ''}@${last}`;
}

/** A version of which only the ziphash is left was evicted; nobody can get it from here. */
function isListed({ info, mod, zip }: CatalogVersion): boolean {
  return info !== undefined || mod !== undefined || zip !== undefined;
}

export function entryOf(one: CatalogVersion): VersionEntry {
  const { path, version, info, mod, zip, disk, time, used, source } = one;
  return {
    module: path,
    version,
    info: info?.size ?? null,
    mod: mod?.size ?? null,
    zip: zip?.size ?? null,
    disk,
    stored: new Date(time / 1000).toISOString(),
    used: used === 0 ? null : new Date(used * 1000).toISOString(),
    source,
  };
}

/**
 * What each module takes, the largest first.
 * @param depth path elements by which modules are put together; 0: each module for itself
 */
export async function usage(
  { catalog }: Storeroom,
  selection: Selection,
  depth: number,
): Promise<UsageEntry[]> {
  const sums = new Map<string, { modules: number; versions: number; bytes: number; used: number }>();
  for (let path = ''; ; ) {
    const modules = catalog.modulesAfter(path, PAGE);
    for (const module of modules) {
      path = module.path;
      if (!selection.matchesPath(path)) continue;
      const name = depth === 0 ? path : path.split('/').slice(0, depth).join('/');
      const sum = sums.get(name) ?? { modules: 0, versions: 0, bytes: 0, used: 0 };
      sum.modules++;
      sum.versions += module.versions;
      sum.bytes += module.bytes;
      sum.used = Math.max(sum.used, module.used);
      sums.set(name, sum);
    }
    if (modules.length < PAGE) break;
    await turn();
  }
  return [...sums]
    .map(([path, { used, ...rest }]) => ({
      path,
      ...rest,
      used: used === 0 ? null : new Date(used * 1000).toISOString(),
    }))
    .sort((a, b) => b.bytes - a.bytes || (a.path < b.path ? -1 : 1));
}

export async function stats(room: Storeroom, everything: Selection, cap: number): Promise<StoreStats> {
  const totals = room.catalog.totals();
  const modules = await usage(room, everything, 0);
  let quarantinedFiles = 0;
  let quarantinedBytes = 0;
  for (const { size } of room.files('', 'quarantine')) {
    quarantinedFiles++;
    quarantinedBytes += size;
    if (quarantinedFiles % PAGE === 0) await turn();
  }
  const scrubbed = room.catalog.meta('scrubbed');
  return {
    ...totals,
    modules: modules.filter((one) => one.versions > 0).length,
    otherBytes: totals.bytes - modules.reduce((sum, { bytes }) => sum + bytes, 0),
    quarantinedFiles,
    quarantinedBytes,
    cap,
    scrubbed: scrubbed === undefined ? null : scrubbed,
  };
}

/** The paths that the catalogue knows and the selection may mean, in pages. */
export function* paths({ catalog }: Storeroom, selection: Selection): Generator<ModulePath, void, void> {
  for (let path = ''; ; ) {
    const modules = catalog.modulesAfter(path, PAGE);
    for (const module of modules) {
      path = module.path;
      // A row's path was parsed when it was written.
      if (selection.matchesPath(path)) yield path as ModulePath;
    }
    if (modules.length < PAGE) return;
  }
}
