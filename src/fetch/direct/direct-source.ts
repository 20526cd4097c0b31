import { Readable } from 'node:stream';
import { ModgateError, toModgateError } from '../../errors/index.ts';
import {
  isPseudoVersion,
  type ModulePath,
  type ModuleVersion,
  parseVersion,
  type Version,
} from '../../module/index.ts';
import type { Clock, Counter, Logger, Metrics } from '../../observe/index.ts';
import type { Remotes, Repository, Terms } from '../../vcs/index.ts';
import type {
  FileKind,
  FileOrigin,
  Source,
  SourceFile,
  Trace,
  Traced,
  TraceLinks,
  VersionInfo,
} from '../source.ts';
import type { Revision } from './candidate.ts';
import { isOutOfReach, isRootUnknown, Unasked } from './faults.ts';
import { listVersions } from './listing.ts';
import { commitIn, infoOf } from './origin.ts';
import { type Place, placeOf } from './place.ts';
import { newestVersion } from './queries.ts';
import { findHead, findRevision } from './revisions.ts';
import type { Root, Roots } from './roots.ts';
import { TimedRepository } from './timed-repository.ts';
import { zipOf } from './zip.ts';

/** the source's name in logs, metrics and messages */
export const DIRECT = 'direct';

export interface DirectDeps {
  readonly roots: Roots;
  readonly remotes: Remotes;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly clock: Clock;
  /** The commit that the stored `.info` of a version names; undefined where none is stored, or it names none. */
  recorded(m: ModuleVersion): Promise<string | undefined>;
  /** Who answers for a `mod` entry. Its maker closes it. */
  proxies(url: string): Source;
}

export interface DirectOptions {
  /** how repositories are asked */
  readonly terms: Terms;
  /**
   * true: where nobody can be asked about a module, the absence stands that a source before told. The go command
   * probes every prefix of a package's path, and one that fails otherwise fails the whole query.
   */
  readonly yields: boolean;
}

interface Exact {
  readonly revision: Revision;
  /** the commit that is stored for the version */
  readonly recorded: string | undefined;
}

interface Module {
  readonly repository: Repository;
  readonly place: Place;
  /** of the answer that it is asked for */
  readonly trace: Trace;
}

/**
 * Version control as a source, as `GOPROXY=direct` is one for the go command. What it makes is the same each time it is
 * asked: the bytes of a zip too. It holds nothing, so there is nothing to close.
 */
export class DirectSource implements Source {
  readonly name = DIRECT;
  readonly isOrigin = true;
  readonly state = 'closed';
  readonly #deps: DirectDeps;
  readonly #options: DirectOptions;
  readonly #moved: Counter;

  constructor(deps: DirectDeps, options: DirectOptions) {
    this.#deps = deps;
    this.#options = options;
    this.#moved = deps.metrics.counter(
      'modgate_moved_tag_requests_total',
      'Requests for a version whose tag names another commit than when it was stored.',
    );
  }

  list(path: ModulePath, signal: AbortSignal): Promise<Traced<readonly Version[]>> {
    return this.#ask(
      path,
      signal,
      async ({ repository, place, trace }) => ({
        value: await listVersions(repository, place, signal),
        trace,
      }),
      (proxy) => proxy.list(path, signal),
    );
  }

  /** `latest`, "v1" and "v1.2" are the newest version that is not retracted; all else is a revision. */
  query(path: ModulePath, query: string, signal: AbortSignal): Promise<Traced<VersionInfo>> {
    return this.#ask(
      path,
      signal,
      async (module) => ({ value: await this.#query(module, query, signal), trace: module.trace }),
      (proxy) => proxy.query(path, query, signal),
    );
  }

  file(m: ModuleVersion, kind: FileKind, signal: AbortSignal): Promise<SourceFile> {
    return this.#ask(
      m.path,
      signal,
      (module) => this.#file(module, m, kind, signal),
      (proxy) => proxy.file(m, kind, signal),
    );
  }

  yields(error: ModgateError): boolean {
    if (!this.#options.yields || !(error instanceof Unasked)) return false;
    this.#deps.logger.info({ code: error.code, err: error }, 'direct was passed over');
    return true;
  }

  async sumdb(name: string, endpoint: string): Promise<Traced<Buffer>> {
    throw new ModgateError('NOT_FOUND', `version control has no checksum database: ${name}/${endpoint}`, {
      source: DIRECT,
    });
  }

  async close(): Promise<void> {}

  async #ask<T>(
    path: ModulePath,
    signal: AbortSignal,
    repository: (module: Module) => Promise<T>,
    proxy: (source: Source) => Promise<T>,
  ): Promise<T> {
    try {
      const links: TraceLinks = {};
      const begun = this.#deps.clock.monotonic();
      const root = await unasked(this.#deps.roots.find(path, signal), isRootUnknown);
      links.root = this.#deps.clock.monotonic() - begun;
      if (root.kind === 'proxy') return await proxy(this.#deps.proxies(root.url));
      const module = this.#module(path, root, links);
      // Every question begins with its refs, which are shared for a while.
      if (this.#options.yields) await unasked(module.repository.refs(signal), isOutOfReach);
      return await repository(module);
    } catch (thrown) {
      throw named(thrown);
    }
  }

  #module(path: ModulePath, root: Root & { readonly kind: 'repository' }, links: TraceLinks): Module {
    const place = placeOf(path, root);
    const shared = this.#deps.remotes.open(root.url, this.#options.terms);
    const repository = new TimedRepository(shared, this.#deps.clock, links);
    return { place, repository, trace: { source: DIRECT, links, repository: repository.url } };
  }

  async #query(module: Module, query: string, signal: AbortSignal): Promise<VersionInfo> {
    const { repository, place } = module;
    const version = await newestVersion(repository, place, query, signal);
    const revision =
      query === 'latest' && version === undefined
        ? await findHead(repository, place, signal)
        : await findRevision(repository, place, version ?? query, signal);
    const bytes = await this.#info(module, revision, version ?? query, signal);
    return { version: parseVersion(place.path, revision.version), bytes };
  }

  async #file(module: Module, m: ModuleVersion, kind: FileKind, signal: AbortSignal): Promise<SourceFile> {
    const { repository, trace } = module;
    const found = await this.#exact(module, m, signal);
    const { revision } = found;
    const { url } = repository;
    const origin = kind === 'info' ? undefined : await this.#origin(module, m, found, signal);
    const file = { source: DIRECT, url, trace, origin };
    if (kind === 'zip')
      return { ...file, body: await zipOf(repository, m, revision, signal), length: undefined };
    const bytes =
      kind === 'mod' ? goModOf(m, revision) : await this.#info(module, revision, m.version, signal);
    return { ...file, body: Readable.from([bytes], { objectMode: false }), length: bytes.length };
  }

  /** The commit of a version. A tag must name the one that it named before. */
  async #exact({ repository, place }: Module, m: ModuleVersion, signal: AbortSignal): Promise<Exact> {
    const revision = await findRevision(repository, place, m.version, signal);
    const recorded = isPseudoVersion(m.version) ? undefined : await this.#deps.recorded(m);
    this.#hold(repository, m, revision, recorded);
    return { revision, recorded };
  }

  /** A tag may move between two files of its version: the commit of the first one is recorded. */
  async #origin(
    module: Module,
    m: ModuleVersion,
    { revision, recorded }: Exact,
    signal: AbortSignal,
  ): Promise<FileOrigin | undefined> {
    if (recorded !== undefined || isPseudoVersion(m.version)) return undefined;
    const info = await this.#info(module, revision, m.version, signal);
    return { info, hold: (stored) => this.#hold(module.repository, m, revision, commitIn(stored)) };
  }

  #hold(repository: Repository, m: ModuleVersion, revision: Revision, recorded: string | undefined): void {
    if (recorded !== undefined && recorded !== revision.commit.hash)
      throw this.#movedTag(repository, m, revision, recorded);
  }

  #movedTag({ url }: Repository, m: ModuleVersion, { commit }: Revision, from: string): ModgateError {
    const ref = commit.ref ?? 'the tag';
    this.#moved.with().inc();
    this.#deps.logger.error(
      { module: m.path, version: m.version, url, ref, from, to: commit.hash },
      'a tag names another commit than when its version was stored',
    );
    return new ModgateError(
      'TAG_MOVED',
      [
        `${m.path}@${m.version}: ${ref} of ${url} was moved`,
        `from ${from}, which is stored,`,
        `to ${commit.hash}`,
        'what is stored stays, and nothing of the other commit is served under this version',
      ].join('\n'),
      {
        next: `ask its author for a new version; an administrator takes the new commit by modgate store purge --hard ${m.path}@${m.version}`,
      },
    );
  }

  #info(
    { repository, place }: Module,
    revision: Revision,
    asked: string,
    signal: AbortSignal,
  ): Promise<Buffer> {
    return infoOf(repository.url, place, revision, asked, () => repository.refs(signal));
  }
}

/** A module older than modules gets the go.mod that the go command makes up for it. */
function goModOf({ path }: ModuleVersion, { goMod }: Revision): Buffer {
  // Nothing that a module path may hold has to be quoted in a go.mod.
  return goMod ?? Buffer.from(`module ${path}\n`);
}

/** Marks the failures of a first question after which nothing is known. */
async function unasked<T>(question: Promise<T>, isSuch: (error: ModgateError) => boolean): Promise<T> {
  try {
    return await question;
  } catch (thrown) {
    const error = toModgateError(thrown);
    throw isSuch(error) ? new Unasked(error) : error;
  }
}

function named(thrown: unknown): ModgateError {
  const error = toModgateError(thrown);
  if (error.source !== undefined) return error;
  const { code, message, cause, next, retryAfter } = error;
  return new ModgateError(code, message, { cause, next, retryAfter, source: DIRECT });
}
