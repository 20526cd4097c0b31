import type { ModulePath, Version } from '../module/index.ts';
import type { Clock, Logger } from '../observe/index.ts';
import { type CatalogVersion, keys, type Storeroom, type TreeKey } from '../store/index.ts';
import { SOFT_PURGED } from './answers.ts';
import { changingAnswers, turnOf } from './deletion.ts';
import { isListed, paths, rowsOf, versions } from './inventory.ts';
import { writeTreeList } from './lists.ts';
import type { Selection } from './selection.ts';

export interface PurgeOptions {
  /** true: the files are removed; false: what may change is asked again, and the versions are the first to be evicted */
  readonly hard: boolean;
  /** true: nothing is done but telling */
  readonly dryRun: boolean;
  readonly signal: AbortSignal;
}

export interface PurgedModule {
  readonly module: string;
  readonly versions: readonly string[];
  /** bytes on the disk of these versions */
  readonly bytes: number;
  /** versions that stay: published or deleted here, so that nothing would bring them back as they are */
  readonly kept: readonly string[];
}

interface Deps {
  readonly room: Storeroom;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** How often a zip that comes back while its version is being removed is removed again. */
const TRIES = 5;
/** versions that are removed in one turn, for which those wait who publish the module */
const AT_ONCE = 100;

/** Removes, or softens, the versions that are meant; one answer for each module, several for a large one. */
export async function* purge(
  deps: Deps,
  selection: Selection,
  options: PurgeOptions,
): AsyncGenerator<PurgedModule, void, void> {
  const { room } = deps;
  for await (const path of paths(room, selection)) {
    const answers = new Answers();
    for await (const all of rowsOf(room, selection, path)) {
      for (let at = 0; at < all.length; at += AT_ONCE) {
        options.signal.throwIfAborted();
        const some = all.slice(at, at + AT_ONCE);
        yield* await exclusively(deps, path, options, () =>
          take(deps, selection, path, some, answers, options),
        );
      }
    }
  }
}

/** Whether what was answered about the module went already, which happens once. */
class Answers {
  gone = false;
}

/** Nobody publishes, deletes or brings back a version of the module while some are removed. */
function exclusively<T>(
  { room }: Deps,
  path: ModulePath,
  { hard, dryRun, signal }: PurgeOptions,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  if (!hard || dryRun) return work(signal);
  return room.exclusively(turnOf(path), signal, work);
}

async function take(
  { room, clock, logger }: Deps,
  selection: Selection,
  path: ModulePath,
  all: readonly CatalogVersion[],
  answers: Answers,
  { hard, dryRun, signal }: PurgeOptions,
): Promise<PurgedModule[]> {
  // The files and not the catalogue, which may not know yet.
  const kept = all.filter((one) => stays(room, one));
  const meant = all.filter((one) => !kept.includes(one));
  const purged = meant.map(({ version }) => version);
  const fields = { module: path, versions: purged.slice(0, 100) };
  const first = !answers.gone;
  answers.gone ||= purged.length > 0;
  if (purged.length === 0) {
    // Nothing is to be done.
  } else if (dryRun) {
    logger.info({ ...fields, hard }, 'a purge was tried by the administrator: nothing was done');
  } else if (hard) {
    await removeVersions(room, path, meant, first, selection.coversModule(path), clock.now(), signal);
    logger.warn(fields, 'removed by the administrator');
  } else {
    await soften(room, path, meant, first);
    logger.warn(fields, 'marked by the administrator to be asked for again and evicted first');
  }
  const shown = kept.filter(isListed).map(({ version }) => version);
  const bytes = meant.reduce((sum, { disk }) => sum + disk, 0);
  return purged.length + shown.length === 0 ? [] : [{ module: path, versions: purged, bytes, kept: shown }];
}

/** A purge is for what can come again. */
function stays(room: Storeroom, m: CatalogVersion): boolean {
  return room.marksOf(m).some((key) => room.stat(key) !== undefined);
}

/**
 * The list first, so that whoever uses the tree as a GOPROXY sees no version with a part of its files; the zip before
 * its ziphash, so that none lies beside no h1.
 * @param first of the module: what was answered about it goes too, of a whole one everything
 */
async function removeVersions(
  room: Storeroom,
  path: ModulePath,
  meant: readonly CatalogVersion[],
  first: boolean,
  whole: boolean,
  now: number,
  signal: AbortSignal,
): Promise<void> {
  const { tree } = room;
  const without = new Set<Version>(meant.map(({ version }) => version));
  await writeTreeList(tree, path, now, without);
  const some = whole ? await answersOf(room, path) : [keys.namedList(path), keys.latest(path)];
  const answers = first ? some : [];
  for (const { version } of meant) {
    signal.throwIfAborted();
    await removeVersion(room, { path, version });
  }
  for (const key of answers) await tree.delete(key);
  // What noted an arrival may have written the list while they were still there.
  await writeTreeList(tree, path, now);
  // Only what holds nothing goes, and a writer that wants it makes it again.
  room.removeEmptyFolders(path);
  await room.settle([...meant.flatMap(({ version }) => room.filesOf({ path, version })), ...answers]);
}

async function removeVersion(room: Storeroom, m: { path: ModulePath; version: Version }): Promise<void> {
  const [zip, ziphash] = [keys.file(m, 'zip'), keys.file(m, 'ziphash')];
  await room.tree.delete(keys.file(m, 'info'));
  await room.tree.delete(keys.file(m, 'mod'));
  for (let tries = 0; tries < TRIES; tries++) {
    await room.tree.delete(zip);
    await room.tree.delete(ziphash);
    // A fetch that claimed its h1 before may have brought the zip in between the two.
    if (room.stat(zip) === undefined) return;
  }
}

/** Every other file of the module: lists and answers to queries. */
async function answersOf(room: Storeroom, path: ModulePath): Promise<TreeKey[]> {
  return [keys.list(path), ...(await changingAnswers(room, path))];
}

/** Nothing is removed: answers count as due, and stand in where no source answers. */
async function soften(
  room: Storeroom,
  path: ModulePath,
  meant: readonly CatalogVersion[],
  first: boolean,
): Promise<void> {
  const { tree } = room;
  for (const key of first ? await answersOf(room, path) : []) {
    const content = key === keys.list(path) ? undefined : await tree.open(key);
    if (content === undefined) continue;
    try {
      await tree.put(key, await content.bytes(), { kind: 'replace', fetchedAt: SOFT_PURGED });
    } finally {
      await content.close();
    }
  }
  await room.mark(meant.map(({ version }) => ({ path, version, used: 0 })));
}

/** How many versions, modules and bytes a purge would meet. */
export async function countMeant(
  room: Storeroom,
  selection: Selection,
): Promise<{ versions: number; modules: number; bytes: number }> {
  const sum = { versions: 0, modules: 0, bytes: 0 };
  let path = '';
  for await (const found of versions(room, selection)) {
    // A large module comes in several pages.
    if (found[0]?.path !== path) sum.modules++;
    path = found[0]?.path ?? path;
    sum.versions += found.length;
    for (const { disk } of found) sum.bytes += disk;
  }
  return sum;
}
