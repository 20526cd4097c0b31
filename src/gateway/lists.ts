import { type ModgateError, toModgateError } from '../errors/index.ts';
import type { ModulePath, Version } from '../module/index.ts';
import {
  compareVersions,
  isCanonicalVersion,
  isPseudoVersion,
  parseVersion,
  unescapeVersion,
} from '../module/index.ts';
import type { Clock, Logger } from '../observe/index.ts';
import { keys, type Tree } from '../store/index.ts';
import type { Answers } from './answers.ts';
import type { Misses } from './misses.ts';
import { leadingPublished, servesPublished } from './published-source.ts';
import { type AskOptions, type BytesReply, liveReply } from './reply.ts';
import type { Router } from './router.ts';

/** ms without an arrival after which the tree's lists are written: not in the middle of somebody's first build */
const QUIET = 1000;
/** ms after which they are written however many arrive */
const LONGEST = 10_000;
/** how often a list is written anew that is found to be another one behind the write */
const TRIES = 5;

interface Deps {
  readonly tree: Tree;
  readonly clock: Clock;
  readonly router: Router;
  readonly answers: Answers;
  readonly misses: Misses;
  readonly logger: Logger;
}

/**
 * Version lists: what the sources name, and every version that is stored, since a stored version never becomes absent.
 * The tree's own list names only what is stored, so that the tree can stand in for the gateway as a GOPROXY.
 */
export class Lists {
  readonly #deps: Deps;
  readonly #arrived = new Set<ModulePath>();
  #timer: NodeJS.Timeout | undefined;
  /** ms, monotonic; of the oldest arrival that is not written yet */
  #deadline: number | undefined;
  #noting: Promise<void> = Promise.resolve();

  constructor(deps: Deps) {
    this.#deps = deps;
  }

  async get(path: ModulePath, options: AskOptions): Promise<BytesReply> {
    const published = await this.#published(path, options.signal);
    if (published !== undefined) return published;
    const known = this.#deps.answers.knowsAbsent(keys.namedList(path));
    const reply = await this.#named(path, options).catch(async (thrown: unknown) => {
      const error = toModgateError(thrown);
      if (!error.absent || (await this.stored(path)).length === 0) throw error;
      return ownReply(error, known);
    });
    return this.#withStored(path, reply);
  }

  /** As `get`, as long as no source has to be asked again. */
  async fresh(path: ModulePath, signal: AbortSignal): Promise<BytesReply | undefined> {
    const published = await this.#published(path, signal);
    if (published !== undefined) return published;
    const { lasts } = this.#deps.router.find(path).chain;
    const reply = await this.#deps.answers.fresh(keys.namedList(path), lasts);
    return reply === undefined ? undefined : this.#withStored(path, reply);
  }

  /** Looked up each time: what is published is to be listed at once, whichever process took it in. */
  async #published(path: ModulePath, signal: AbortSignal): Promise<BytesReply | undefined> {
    const source = leadingPublished(this.#deps.router.find(path).chain);
    if (source === undefined) return undefined;
    try {
      const { value } = await source.list(path, signal);
      return this.#withStored(path, liveReply(formatList(value)));
    } catch (thrown) {
      if (toModgateError(thrown).absent) return undefined;
      throw thrown;
    }
  }

  /** The store is read after the answer: whatever was stored or deleted meanwhile counts. */
  async #withStored(path: ModulePath, reply: BytesReply): Promise<BytesReply> {
    const { versions, deleted } = await this.#folder(path);
    const all = [...versionsIn(reply.bytes), ...versions].filter((version) => !deleted.has(version));
    // Where anything may be published at any time, nobody holds the list in memory.
    const fresh = servesPublished(this.#deps.router.find(path).chain) ? 0 : reply.fresh;
    return { ...reply, fresh, bytes: formatList(all) };
  }

  /** What the sources name, or, where none can be asked and none ever was, what is stored. */
  #named(path: ModulePath, options: AskOptions): Promise<BytesReply> {
    const { answers, misses, router } = this.#deps;
    const { chain } = router.find(path);
    const what = `the versions of ${path}`;
    return answers.get(
      {
        key: keys.namedList(path),
        what,
        waits: chain.beginsAtOrigin,
        lasts: chain.lasts,
        ask: async (signal) => {
          const { value, trace } = await misses.run('list', chain, signal, () =>
            chain.ask(what, (source) => source.list(path, signal)),
          );
          return { value: formatList(value), trace };
        },
        own: async () => {
          const own = await this.stored(path);
          return own.length === 0 ? undefined : formatList(own);
        },
      },
      options,
    );
  }

  /** The released versions in the store, in semver order. */
  async stored(path: ModulePath): Promise<Version[]> {
    return (await this.#folder(path)).versions;
  }

  async #folder(path: ModulePath): Promise<{ versions: Version[]; deleted: ReadonlySet<Version> }> {
    const names = new Set(await this.#deps.tree.names(keys.versions(path)));
    const versions = new Set<Version>();
    for (const name of names) {
      const version = isUnfinished(name, names) ? undefined : versionOfFile(path, name);
      if (version !== undefined) versions.add(version);
    }
    const deleted = deletedOf(path, names);
    for (const version of deleted) versions.delete(version);
    return { versions: [...versions].sort(compareVersions), deleted };
  }

  /** A version of the module has been stored; the tree's list will name it soon. */
  note(path: ModulePath): void {
    this.#arrived.add(path);
    const now = this.#deps.clock.monotonic();
    this.#deadline ??= now + LONGEST;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#flush(), Math.min(QUIET, this.#deadline - now)).unref();
  }

  async close(): Promise<void> {
    this.#flush();
    await this.#noting;
  }

  #flush(): void {
    clearTimeout(this.#timer);
    this.#deadline = undefined;
    const paths = [...this.#arrived];
    this.#arrived.clear();
    this.#noting = this.#noting.then(() => this.#writeAll(paths));
  }

  async #writeAll(paths: readonly ModulePath[]): Promise<void> {
    for (const path of paths) {
      // It is only a copy of what the folder says: failing to write it loses nothing.
      await this.#write(path).catch((err: unknown) =>
        this.#deps.logger.warn({ module: path, err }, 'cannot write the list in the tree'),
      );
    }
  }

  async #write(path: ModulePath): Promise<void> {
    const { tree, clock } = this.#deps;
    await writeTreeList(tree, path, clock.now());
  }
}

/**
 * Writes the list that the tree itself has of a module: the versions whose `.info` and `.mod` are stored. None where
 * there is none.
 * @param now ms since the epoch
 * @param without versions that are about to be removed, so that whoever uses the tree as a GOPROXY sees them go first
 */
export async function writeTreeList(
  tree: Tree,
  path: ModulePath,
  now: number,
  without: ReadonlySet<Version> = new Set(),
): Promise<void> {
  // Another one may remove a version between the look and the write: whoever writes last looks again.
  for (let tries = 0; tries < TRIES; tries++) if (await isWritten(tree, path, now, without)) return;
}

/** True where the list was right already. */
async function isWritten(
  tree: Tree,
  path: ModulePath,
  now: number,
  without: ReadonlySet<Version>,
): Promise<boolean> {
  const names = new Set(await tree.names(keys.versions(path)));
  const usable = [...names].filter(
    (name) => name.endsWith('.info') && names.has(name.replace(/info$/, 'mod')),
  );
  const deleted = deletedOf(path, names);
  const versions = usable
    .flatMap((name) => versionOfFile(path, name) ?? [])
    .filter((version) => !without.has(version) && !deleted.has(version));
  const key = keys.list(path);
  const list = formatList(versions);
  const none = list.length === 0 && (usable.length > 0 || ![...names].some(isOfVersion));
  const present = await tree.open(key);
  const same = none
    ? present === undefined
    : present?.size === list.length && (await present.bytes()).equals(list);
  await present?.close();
  if (same) return true;
  if (none) await tree.delete(key);
  else await tree.put(key, list, { kind: 'replace', fetchedAt: now });
  return false;
}

/**
 * Absence, where versions are stored nevertheless.
 * @param known without asking
 */
function ownReply({ source }: ModgateError, known: boolean): BytesReply {
  const cached = known ? 'hit' : 'miss';
  const trace = known ? undefined : { source: source ?? '', links: {} };
  return { kind: 'bytes', bytes: Buffer.alloc(0), cached, modified: undefined, fresh: 0, trace };
}

/** A zip that is being published: its `.info` comes last. */
function isUnfinished(name: string, names: ReadonlySet<string>): boolean {
  const version = /^(.+)\.zip$/.exec(name)?.[1];
  return version !== undefined && names.has(`${version}.published`) && !names.has(`${version}.info`);
}

function deletedOf(path: ModulePath, names: ReadonlySet<string>): Set<Version> {
  const found = [...names].flatMap((name) => {
    const escaped = /^(.+)\.deleted$/.exec(name)?.[1];
    return escaped === undefined ? [] : (versionOfFile(path, `${escaped}.info`) ?? []);
  });
  return new Set(found);
}

function isOfVersion(name: string): boolean {
  return /\.(?:info|mod|zip)$/.test(name);
}

/** Answers to queries lie in the same folder (`main.info`, `v2.0.0.info` of a module without /v2): they are none. */
function versionOfFile(path: ModulePath, name: string): Version | undefined {
  const escaped = /^(.+)\.(?:info|zip)$/.exec(name)?.[1];
  if (escaped === undefined) return undefined;
  try {
    const version = parseVersion(path, unescapeVersion(escaped));
    return isPseudoVersion(version) ? undefined : version;
  } catch {
    return undefined;
  }
}

function versionsIn(list: Buffer): Version[] {
  return list.toString('utf8').split('\n').filter(isCanonicalVersion);
}

function formatList(versions: readonly Version[]): Buffer {
  const sorted = [...new Set(versions)].sort(compareVersions);
  return Buffer.from(sorted.map((version) => `${version}\n`).join(''));
}
