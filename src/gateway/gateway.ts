import { ModgateError, toModgateError } from '../errors/index.ts';
import { parseQueryInfo, Yielded } from '../fetch/index.ts';
import type { ModulePath, ModuleVersion, Version } from '../module/index.ts';
import { compareVersions, isPrerelease } from '../module/index.ts';
import type { ZipChecker } from '../modzip/index.ts';
import type { Clock, Logger, Metrics } from '../observe/index.ts';
import { keys, type Tree } from '../store/index.ts';
import { Admissions } from './admission.ts';
import { Answers, type AnswerTimes } from './answers.ts';
import { Intake } from './intake.ts';
import { Lists } from './lists.ts';
import { Misses } from './misses.ts';
import { isAboveRepositories } from './prefixes.ts';
import { refusePrivateLookup } from './private-lookups.ts';
import { leadingPublished, servesPublished } from './published-source.ts';
import {
  type AskOptions,
  type BytesReply,
  type ContentReply,
  liveReply,
  type Reply,
  storedReply,
} from './reply.ts';
import type { Router } from './router.ts';
import { SmallFiles } from './small-files.ts';
import { Stones } from './stones.ts';
import { type PassedDatabase, SumdbPass } from './sumdb-pass.ts';
import { Zips } from './zips.ts';

/** ms that fetches may still take for storing what they have when the gateway stops */
const LAST_ADMISSIONS = 5_000;

/** What the GOPROXY protocol can ask for. */
export type Ask =
  | { readonly kind: 'list' | 'latest'; readonly path: ModulePath }
  | { readonly kind: 'query'; readonly path: ModulePath; readonly query: string }
  | { readonly kind: 'info' | 'mod' | 'zip'; readonly m: ModuleVersion }
  | { readonly kind: 'sumdb'; readonly name: string; readonly endpoint: string };

export interface GatewayDeps {
  readonly tree: Tree;
  readonly router: Router;
  readonly databases: readonly PassedDatabase[];
  readonly checker: ZipChecker;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

export interface GatewayLimits {
  readonly times: AnswerTimes;
  /** fetches that run at once, and that wait for their turn */
  readonly fetches: number;
  readonly queue: number;
}

/** Admits and serves modules. Every failure that leaves it is a coded error. */
export class Gateway {
  /** for files that no source is asked for */
  readonly intake: Intake;
  /** for modules that are published here */
  readonly admissions: Admissions;
  readonly #stones: Stones;
  readonly #tree: Tree;
  readonly #router: Router;
  readonly #answers: Answers;
  readonly #lists: Lists;
  readonly #files: SmallFiles;
  readonly #zips: Zips;
  readonly #sumdb: SumdbPass;
  readonly #misses: Misses;

  constructor(deps: GatewayDeps, limits: GatewayLimits) {
    const answers = new Answers(deps, limits.times);
    const misses = new Misses(limits, deps);
    const lists = new Lists({ ...deps, answers, misses });
    const admissions = new Admissions(deps);
    this.intake = new Intake({ ...deps, admissions, lists });
    this.admissions = admissions;
    this.#stones = new Stones(deps.tree);
    this.#tree = deps.tree;
    this.#router = deps.router;
    this.#answers = answers;
    this.#lists = lists;
    this.#misses = misses;
    this.#files = new SmallFiles({ ...deps, lists, misses, admissions }, limits.times.negative);
    this.#zips = new Zips({ ...deps, lists, misses, admissions }, limits.times.negative);
    this.#sumdb = new SumdbPass(deps.databases, { ...deps, answers, misses });
  }

  async answer(ask: Ask, options: AskOptions): Promise<Reply> {
    try {
      return await this.#answer(ask, options);
    } catch (thrown) {
      throw thrown instanceof Yielded ? thrown.absence : this.#passDenial(ask, toModgateError(thrown));
    }
  }

  /** Whatever is remembered beside the tree, for a tree from which files were removed. */
  forget(): void {
    this.#answers.forget();
    this.#files.forget();
    this.#zips.forget();
  }

  /**
   * Whether a caller may have a file of a module, without fetching it: throws what `answer` would. What is no such
   * file is answered by the gateway alone, so that nobody else needs to know.
   */
  async allow(ask: Ask): Promise<void> {
    if (ask.kind === 'sumdb') refusePrivateLookup(ask.endpoint, this.#router);
    if (!('m' in ask)) return;
    const { path, version } = ask.m;
    await this.#stones.check(ask.m);
    const refusal = this.#router.find(path).chain.refusal(`${path}@${version}.${ask.kind}`);
    if (refusal === undefined) return;
    const content = await this.#tree.open(keys.file(ask.m, ask.kind));
    if (content === undefined) throw refusal;
    await content.close();
  }

  /**
   * What the store answers by itself, as long as that is fresh; undefined where a source would be asked, or something
   * is remembered of one that was.
   */
  async stored(ask: Ask, signal: AbortSignal): Promise<BytesReply | ContentReply | undefined> {
    switch (ask.kind) {
      case 'sumdb':
        refusePrivateLookup(ask.endpoint, this.#router);
        return this.#sumdb.stored(ask.name, ask.endpoint);
      case 'info':
      case 'mod':
      case 'zip': {
        const content = await this.#tree.open(keys.file(ask.m, ask.kind));
        return content === undefined ? undefined : storedReply(content);
      }
      case 'list':
        return isAboveRepositories(ask.path) ? undefined : this.#lists.fresh(ask.path, signal);
      case 'latest':
        return this.#storedQuery(ask.path, 'latest', signal);
      case 'query':
        return this.#storedQuery(ask.path, ask.query, signal);
    }
  }

  /** Lets what has been received be stored, and then be named in its list. */
  async close(): Promise<void> {
    this.#answers.close();
    await this.#misses.settled(LAST_ADMISSIONS);
    await this.#lists.close();
  }

  #answer(ask: Ask, options: AskOptions): Promise<Reply> {
    switch (ask.kind) {
      case 'sumdb':
        refusePrivateLookup(ask.endpoint, this.#router);
        return this.#sumdb.get(ask.name, ask.endpoint, options);
      case 'info':
      case 'mod':
        return this.#files.get(ask.m, ask.kind, options);
      case 'zip':
        return this.#zips.get(ask.m, options);
      case 'list':
        if (isAboveRepositories(ask.path)) throw noRepository(ask.path);
        return this.#lists.get(ask.path, options);
      case 'latest':
        return this.#query(ask.path, 'latest', options);
      case 'query':
        return this.#query(ask.path, ask.query, options);
    }
  }

  async #query(path: ModulePath, query: string, options: AskOptions): Promise<BytesReply> {
    if (isAboveRepositories(path)) throw noRepository(path);
    const published = await this.#published(path, query, options.signal);
    return published ?? this.#unlessDeleted(path, query, await this.#asked(path, query, options), options);
  }

  async #storedQuery(path: ModulePath, query: string, signal: AbortSignal): Promise<BytesReply | undefined> {
    const published = await this.#published(path, query, signal);
    if (published !== undefined) return published;
    const key = query === 'latest' ? keys.latest(path) : keys.query(path, query);
    const reply = await this.#answers.fresh(key, this.#router.find(path).chain.lasts);
    // What it names may be deleted: who asks sources finds out.
    const isSure = reply !== undefined && (await this.#deletionOf(path, query, reply)) === undefined;
    return isSure ? reply : undefined;
  }

  /** Looked up each time: what is published is to be found at once, whichever process took it in. */
  async #published(path: ModulePath, query: string, signal: AbortSignal): Promise<BytesReply | undefined> {
    const source = leadingPublished(this.#router.find(path).chain);
    try {
      return source === undefined
        ? undefined
        : liveReply((await source.query(path, query, signal)).value.bytes);
    } catch (thrown) {
      if (toModgateError(thrown).absent) return undefined;
      throw thrown;
    }
  }

  /** A source may name a version that was deleted here. */
  async #unlessDeleted(
    path: ModulePath,
    query: string,
    reply: BytesReply,
    options: AskOptions,
  ): Promise<BytesReply> {
    const fresh = servesPublished(this.#router.find(path).chain) ? 0 : reply.fresh;
    const refusal = await this.#deletionOf(path, query, reply);
    if (refusal === undefined) return { ...reply, fresh };
    const bytes = query === 'latest' ? await this.#newestStored(path, options) : undefined;
    if (bytes === undefined) throw refusal;
    return liveReply(bytes);
  }

  async #deletionOf(
    path: ModulePath,
    query: string,
    { bytes }: BytesReply,
  ): Promise<ModgateError | undefined> {
    const version = versionIn(path, query, bytes);
    return version === undefined ? undefined : this.#stones.refusal({ path, version });
  }

  #asked(path: ModulePath, query: string, options: AskOptions): Promise<BytesReply> {
    const what = `${path}@${query}`;
    const { chain } = this.#router.find(path);
    return this.#answers.get(
      {
        key: query === 'latest' ? keys.latest(path) : keys.query(path, query),
        what,
        waits: chain.beginsAtOrigin,
        lasts: chain.lasts,
        ask: (signal) =>
          this.#misses.run('query', chain, signal, async () => {
            const { value, trace } = await chain.ask(what, (source) => source.query(path, query, signal));
            return { value: value.bytes, trace };
          }),
        own: async () => (query === 'latest' ? this.#newestStored(path, options) : undefined),
      },
      options,
    );
  }

  /** The `.info` of the newest stored version, releases before pre-releases: what `latest` means to the go command. */
  async #newestStored(path: ModulePath, { signal }: AskOptions): Promise<Buffer | undefined> {
    const stored = await this.#lists.stored(path);
    const ranked = stored.sort(
      (a, b) => Number(isPrerelease(b)) - Number(isPrerelease(a)) || compareVersions(a, b),
    );
    const version = ranked.at(-1);
    if (version === undefined) return undefined;
    try {
      const reply = await this.#files.get({ path, version }, 'info', { signal, cachedOnly: true });
      if (reply.kind === 'bytes') return reply.bytes;
      await reply.content.close();
    } catch (thrown) {
      // Only its zip is stored; that says nothing about what a source would answer.
      if (toModgateError(thrown).code !== 'NOT_CACHED') throw thrown;
    }
    return undefined;
  }

  /** A route may say that callers see a source's refusal of credentials as what it is. */
  #passDenial(ask: Ask, error: ModgateError): ModgateError {
    if (error.code !== 'UPSTREAM_DENIED' || ask.kind === 'sumdb') return error;
    const path = 'm' in ask ? ask.m.path : ask.path;
    if (this.#router.find(path).denied !== 'pass') return error;
    const { message, cause, next, source } = error;
    return new ModgateError('UPSTREAM_DENIED_PASSED', message, { cause, next, source });
  }
}

/** Undefined where a copied tree holds what no source has answered. */
function versionIn(path: ModulePath, query: string, bytes: Buffer): Version | undefined {
  try {
    return parseQueryInfo(path, query, bytes, 'the store').version;
  } catch {
    return undefined;
  }
}

function noRepository(path: ModulePath): ModgateError {
  return new ModgateError(
    'NOT_FOUND',
    `no module can have the path ${path}: it is above the repositories of that host`,
  );
}
