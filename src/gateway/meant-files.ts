import { type ModuleVersion, parseModulePath, parseVersion } from '../module/index.ts';
import { keys, partsOf, type StoredFile, type Storeroom, type TreeKey } from '../store/index.ts';
import type { Selection } from './selection.ts';

/** files that are passed over before others get their turn */
const FILES_AT_ONCE = 200;

/**
 * The stored files that are meant. Looked at is what the tree has, catalogued or not, but only where it can lie: of one
 * version its files, of one module its folder. undefined now and then, so that who walks can let others have their turn.
 * @param after a key behind which it begins, where everything is meant
 */
export function* meantFiles(
  room: Storeroom,
  selection: Selection,
  after: string,
): Generator<StoredFile | undefined, void, void> {
  let seen = 0;
  for (const file of candidates(room, selection, after)) {
    if (++seen % FILES_AT_ONCE === 0) yield undefined;
    if (isMeant(file.key, selection)) yield file;
  }
}

function* candidates(
  room: Storeroom,
  selection: Selection,
  after: string,
): Generator<StoredFile, void, void> {
  if (selection.all) {
    yield* room.files(after);
    return;
  }
  const below = selection.places.filter(({ exact }) => !exact).map(({ path }) => folderOf(path));
  const folders = new Set(below);
  for (const folder of [...folders].sort())
    if (!isInside(folder, folders)) yield* folder === '' ? room.files() : room.filesBelow(folder);
  const modules = new Set(selection.places.filter(({ exact }) => exact).map(({ path }) => path));
  for (const path of [...modules].sort())
    if (!isInside(`${escaped(path)}/@v`, folders)) yield* filesOf(room, selection, path);
}

/** Of one module, none of those whose paths begin with its own. */
function* filesOf(room: Storeroom, selection: Selection, text: string): Generator<StoredFile, void, void> {
  const path = valid(() => parseModulePath(text));
  if (path === undefined) return;
  const versions = selection.versionsOf(text);
  if (versions === undefined) {
    yield* present(room, [keys.latest(path)]);
    yield* room.filesBelow(keys.versions(path));
    return;
  }
  for (const one of versions) {
    const m = valid((): ModuleVersion => ({ path, version: parseVersion(path, one) }));
    if (m !== undefined) yield* present(room, [...room.filesOf(m), ...room.marksOf(m)]);
  }
}

function* present(room: Storeroom, files: readonly TreeKey[]): Generator<StoredFile, void, void> {
  for (const key of files) {
    const file = room.stat(key);
    if (file !== undefined) yield file;
  }
}

/** The lowest folder in which lies whatever begins so; '' for the whole tree. */
function folderOf(prefix: string): string {
  return escaped(prefix.slice(0, Math.max(0, prefix.lastIndexOf('/'))));
}

/** As keys have it. What is no path has no file. */
function escaped(path: string): string {
  return path.replace(/[A-Z]/g, (letter) => `!${letter.toLowerCase()}`);
}

function isInside(place: string, folders: ReadonlySet<string>): boolean {
  return [...folders].some((one) => one !== place && (one === '' || place.startsWith(`${one}/`)));
}

function valid<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}

export function isMeant(key: string, selection: Selection): boolean {
  if (selection.all) return true;
  const parts = partsOf(key);
  if ('m' in parts) return selection.matches(parts.m);
  if ('of' in parts) return selection.matches(parts.of);
  return 'path' in parts && selection.coversModule(parts.path);
}
