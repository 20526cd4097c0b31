import { ModgateError } from '../errors/index.ts';
import type { Chain, Source, SourceFile, Trace, Traced, VersionInfo } from '../fetch/index.ts';
import {
  compareVersions,
  type GoMod,
  isPrerelease,
  type ModulePath,
  type ModuleVersion,
  parseGoMod,
  parseVersion,
  sortVersions,
  unescapeVersion,
  type Version,
} from '../module/index.ts';
import { keys, PUBLISHED, type Tree } from '../store/index.ts';
import { readWhole } from './stones.ts';

const PREFIX = /^v\d+(?:\.\d+)?$/;

/**
 * The versions that were published here, as the tree tells: a source of lists and queries. Files it has none: what is
 * stored is served before any source is asked, so that whatever is asked of it is not there.
 */
export class PublishedSource implements Source {
  readonly name = PUBLISHED;
  readonly state = 'closed';
  readonly #tree: Tree;
  readonly #trace: Trace = { source: PUBLISHED, links: {} };

  constructor(tree: Tree) {
    this.#tree = tree;
  }

  async list(path: ModulePath): Promise<Traced<readonly Version[]>> {
    const value = await this.#versions(path);
    if (value.length === 0) throw absent(`no version of ${path} is published`);
    return { value, trace: this.#trace };
  }

  /**
   * `latest`, `v1` and `v1.2` as the go command understands them (go.dev/ref/mod#version-queries): releases before
   * pre-releases, without what the newest go.mod retracts.
   */
  async query(path: ModulePath, query: string): Promise<Traced<VersionInfo>> {
    const isPrefix = PREFIX.test(query);
    const all = query === 'latest' || isPrefix ? await this.#versions(path) : [];
    const version = await this.#best(path, all, isPrefix ? `${query}.` : '');
    const bytes =
      version === undefined ? undefined : await readWhole(this.#tree, keys.file({ path, version }, 'info'));
    if (version === undefined || bytes === undefined)
      throw absent(`no published version of ${path} is meant by ${query}`);
    return { value: { version, bytes }, trace: this.#trace };
  }

  file(m: ModuleVersion): Promise<SourceFile> {
    return Promise.reject(absent(`${m.path}@${m.version} is not published`));
  }

  sumdb(): Promise<Traced<Buffer>> {
    return Promise.reject(absent('no checksum database is published'));
  }

  async close(): Promise<void> {}

  /** In ascending order; those that were published to their end, and are not deleted. */
  async #versions(path: ModulePath): Promise<Version[]> {
    const names = new Set(await this.#tree.names(keys.versions(path)));
    const found: Version[] = [];
    for (const name of names) {
      const escaped = /^(.+)\.published$/.exec(name)?.[1];
      if (escaped === undefined || !names.has(`${escaped}.info`) || names.has(`${escaped}.deleted`)) continue;
      const version = versionOf(path, escaped);
      if (version !== undefined) found.push(version);
    }
    return sortVersions(found);
  }

  async #best(path: ModulePath, all: readonly Version[], prefix: string): Promise<Version | undefined> {
    const newest = preferred(all);
    if (newest === undefined) return undefined;
    const mod = await readWhole(this.#tree, keys.file({ path, version: newest }, 'mod'));
    const retract = retractedIn(mod?.toString('utf8') ?? '');
    const isRetracted = (version: Version) =>
      retract.some(
        ({ low, high }) => compareVersions(low, version) <= 0 && compareVersions(version, high) <= 0,
      );
    const meant = all.filter((version) => version.startsWith(prefix));
    // Where all are retracted, the go command is to say so, and not that there is none.
    return preferred(meant.filter((version) => !isRetracted(version))) ?? preferred(meant);
  }
}

/** Whether what is published here is served on a route with this chain. */
export function servesPublished({ sources }: Chain): boolean {
  return sources.some(({ name }) => name === PUBLISHED);
}

/**
 * Throws for a version that is published here, one of whose files is not there: it comes from nowhere else, neither while
 * it is being published nor where one was lost. Looked at only where something can be published.
 */
export async function refusePublished(tree: Tree, chain: Chain, m: ModuleVersion): Promise<void> {
  if (!servesPublished(chain) || (await readWhole(tree, keys.mark(m, 'published'))) === undefined) return;
  if ((await readWhole(tree, keys.file(m, 'info'))) === undefined)
    throw absent(`${m.path}@${m.version} is being published, and not complete yet`);
  throw new ModgateError(
    'STORE_FAILED',
    `${m.path}@${m.version} was published here, and this file of it is lost`,
    {
      next: 'publish the same content again, or bring the file back from a backup',
    },
  );
}

/** The source of what is published here, where it is the first that a chain asks. */
export function leadingPublished({ links: [first] }: Chain): Source | undefined {
  const step = first?.step;
  return typeof step === 'object' && step.name === PUBLISHED ? step : undefined;
}

/** @param versions in ascending order */
function preferred(versions: readonly Version[]): Version | undefined {
  return versions.findLast((version) => !isPrerelease(version)) ?? versions.at(-1);
}

/** What cannot be read retracts nothing: it must not hide the other versions. */
function retractedIn(text: string): GoMod['retract'] {
  try {
    return parseGoMod(text).retract;
  } catch {
    return [];
  }
}

function versionOf(path: ModulePath, escaped: string): Version | undefined {
  try {
    return parseVersion(path, unescapeVersion(escaped));
  } catch {
    return undefined;
  }
}

function absent(why: string): ModgateError {
  return new ModgateError('NOT_FOUND', `source "${PUBLISHED}": ${why}`, {
    source: PUBLISHED,
    next: 'check path and version; what is missing is released with modgate publish',
  });
}
