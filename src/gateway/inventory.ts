import { setImmediate as turn } from 'node:timers/promises';
import { compareVersions, type ModulePath } from '../module/index.ts';
import type { CatalogVersion, ModulePart, Storeroom, Totals } from '../store/index.ts';
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

/** Some of the stored versions. */
export interface VersionsPage {
  /** by path, those of a module in Go's order */
  readonly versions: readonly CatalogVersion[];
  /** where the next page begins; undefined at the end */
  readonly next: string | undefined;
}

/** At most `limit` of the versions that are meant. @param after a module's path, or the `next` of a page */
export async function versionsPage(
  room: Storeroom,
  selection: Selection,
  after: string,
  limit: number,
): Promise<VersionsPage> {
  const found: CatalogVersion[] = [];
  for await (const some of versions(room, selection, after, limit)) {
    const left = limit - found.length;
    // The order of pages is that of the texts, by which the catalogue goes on.
    const fitting = some.length <= left ? some : inOrder([...some].sort(byText).slice(0, left));
    found.push(...fitting);
    if (found.length >= limit) return { versions: found, next: cursorOf(fitting) };
  }
  return { versions: found, next: undefined };
}

/**
 * The versions that are meant, by path, at most `size` of one module at a time, and those in Go's order.
 * @param after the path of the module behind which it begins, or cursorOf() a page
 */
export async function* versions(
  room: Storeroom,
  selection: Selection,
  after = '',
  size = PAGE,
): AsyncGenerator<CatalogVersion[], void, void> {
  const [first = '', version] = after.split('@');
  if (version !== undefined && selection.matchesPath(first))
    yield* listedOf(room, selection, first, version, size);
  for await (const path of paths(room, selection, first)) yield* listedOf(room, selection, path, '', size);
}

async function* listedOf(
  room: Storeroom,
  selection: Selection,
  path: string,
  after: string,
  size: number,
): AsyncGenerator<CatalogVersion[], void, void> {
  for await (const rows of rowsOf(room, selection, path, after, size)) {
    const found = rows.filter(isListed);
    if (found.length > 0) yield inOrder(found);
  }
}

/** The rows of a module that are meant, by the text of the version, in pages. */
export async function* rowsOf(
  { catalog }: Storeroom,
  selection: Selection,
  path: string,
  after = '',
  size = PAGE,
): AsyncGenerator<CatalogVersion[], void, void> {
  const exact = selection.versionsOf(path)?.filter((version) => version > after);
  if (exact !== undefined) {
    const found = exact.flatMap((version) => catalog.version({ path, version }) ?? []);
    if (found.length > 0) yield found;
    return;
  }
  const limit = Math.min(size, PAGE);
  for (let last = after; ; ) {
    const page = catalog.versionsOf(path, last, limit);
    last = page.at(-1)?.version ?? last;
    const meant = page.filter((one) => selection.matches(one));
    if (meant.length > 0) yield meant;
    if (page.length < limit) return;
    await turn();
  }
}

const byText = (a: CatalogVersion, b: CatalogVersion) => (a.version < b.version ? -1 : 1);

function inOrder(found: CatalogVersion[]): CatalogVersion[] {
  return found.sort((a, b) => compareVersions(a.version, b.version));
}

/** Where the next page begins. */
export function cursorOf(page: readonly CatalogVersion[]): string {
  const [last = ''] = page.map(({ version }) => version).sort((a, b) => (a < b ? 1 : -1));
  return `${page[0]?.path ?? ''}@${last}`;
}

/** A version of which only the ziphash is left was evicted; nobody can get it from here. */
export function isListed({ info, mod, zip }: CatalogVersion): boolean {
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
export async function usage(room: Storeroom, selection: Selection, depth: number): Promise<UsageEntry[]> {
  const sums = new Map<string, { modules: number; versions: number; bytes: number; used: number }>();
  let before = '';
  for await (const { path, versions, bytes, used } of partsOf(room, selection)) {
    const name = depth === 0 ? path : path.split('/').slice(0, depth).join('/');
    const sum = sums.get(name) ?? { modules: 0, versions: 0, bytes: 0, used: 0 };
    // A large module comes in several parts.
    if (path !== before) sum.modules++;
    before = path;
    sum.versions += versions;
    sum.bytes += bytes;
    sum.used = Math.max(sum.used, used);
    sums.set(name, sum);
  }
  return [...sums]
    .map(([path, { used, ...rest }]) => ({
      path,
      ...rest,
      used: used === 0 ? null : new Date(used * 1000).toISOString(),
    }))
    .sort((a, b) => b.bytes - a.bytes || (a.path < b.path ? -1 : 1));
}

type Part = Pick<ModulePart, 'path' | 'versions' | 'bytes' | 'used'>;

/** What each module takes of what is meant, in one or several parts that follow one another. */
async function* partsOf(room: Storeroom, selection: Selection): AsyncGenerator<Part, void, void> {
  let counted = '';
  for await (const part of modulesOf(room, selection)) {
    if (selection.coversModule(part.path)) yield part;
    // A pattern names versions of it: the other ones do not count.
    else if (part.path !== counted)
      for await (const rows of rowsOf(room, selection, part.path)) yield partOf(part.path, rows);
    counted = part.path;
  }
}

function partOf(path: string, rows: readonly CatalogVersion[]): Part {
  return {
    path,
    versions: rows.filter(isListed).length,
    bytes: rows.reduce((sum, { disk }) => sum + disk, 0),
    used: Math.max(...rows.map(({ used }) => used)),
  };
}

async function* modulesOf(
  { catalog }: Storeroom,
  selection: Selection,
): AsyncGenerator<ModulePart, void, void> {
  for (const { from, below } of selection.ranges()) {
    let after = { path: from, version: '' };
    for (let rows = PAGE; rows === PAGE; await turn()) {
      const parts = catalog.parts(after, below, PAGE);
      rows = parts.reduce((sum, part) => sum + part.rows, 0);
      for (const part of parts) {
        after = { path: part.path, version: part.last };
        if (selection.matchesPath(part.path)) yield part;
      }
    }
  }
}

export async function stats(room: Storeroom, everything: Selection, cap: number): Promise<StoreStats> {
  const totals = room.catalog.totals();
  const modules = await usage(room, everything, 0);
  let quarantinedFiles = 0;
  let quarantinedBytes = 0;
  for (const { size } of room.quarantined()) {
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

/** The paths that the catalogue knows and the selection may mean, in order. @param after only those behind this one */
export async function* paths(
  { catalog }: Storeroom,
  selection: Selection,
  after = '',
): AsyncGenerator<ModulePath, void, void> {
  let ranges = selection.ranges(after);
  for (let [range] = ranges; range !== undefined; [range] = ranges) {
    const page = catalog.paths(range, PAGE);
    for (const path of page) if (selection.matchesPath(path)) yield path;
    ranges = page.length < PAGE ? ranges.slice(1) : selection.ranges(page.at(-1));
    await turn();
  }
}
