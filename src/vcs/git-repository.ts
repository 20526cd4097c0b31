import type { Readable } from 'node:stream';
import { ModgateError } from '../errors/index.ts';
import type { Clock } from '../observe/index.ts';
import { Flights } from '../sync/index.ts';
import { Content } from './content.ts';
import { GitFault } from './fault.ts';
import { History } from './history.ts';
import { namedBy, parseRefs } from './refs.ts';
import type { Remote } from './remote.ts';
import type { Commit, Refs, Repository, TreeFile } from './repository.ts';
import type { Workshop } from './workshop.ts';

export interface RepositoryParts {
  readonly remote: Remote;
  readonly shop: Workshop;
  readonly clock: Clock;
  /** ms that one answer about refs is shared */
  readonly fresh: number;
  /** told of each answer about refs */
  readonly seen: (refs: Refs) => void;
  /** keeps the copy from being evicted until the returned function is called */
  readonly use: () => () => void;
}

const HASH = /^(?:[0-9a-f]{7,40}|[0-9a-f]{64})$/;

/** A repository by the git command; see ADR 25 for what is kept of it. */
export class GitRepository implements Repository {
  readonly url: string;
  readonly #parts: RepositoryParts;
  readonly #content: Content;
  readonly #history: History;
  readonly #flights = new Flights<Refs>();
  #last: { readonly refs: Refs; readonly at: number } | undefined;

  constructor(parts: RepositoryParts) {
    this.url = parts.remote.url;
    this.#parts = parts;
    this.#content = new Content(parts.shop, (signal) => this.refs(signal));
    this.#history = new History(parts.shop);
  }

  async refs(signal: AbortSignal): Promise<Refs> {
    const { clock, fresh } = this.#parts;
    if (this.#last !== undefined && clock.monotonic() - this.#last.at < fresh) return this.#last.refs;
    return await this.#flights.join('', signal, (shared) => this.#load(shared));
  }

  async resolve(revision: string, signal: AbortSignal): Promise<Commit> {
    return await this.#using(async () => {
      try {
        return await this.#resolve(revision, signal);
      } catch (error) {
        if (!(error instanceof GitFault) || error.remedy !== 'ref-gone') throw error;
      }
      // A ref moved between its listing and its fetch.
      this.#last = undefined;
      return await this.#resolve(revision, signal);
    });
  }

  files(commit: Commit, paths: readonly string[], limit: number, signal: AbortSignal) {
    return this.#using(() => this.#content.files(commit.hash, paths, limit, signal));
  }

  tagsUpTo(commit: Commit, signal: AbortSignal): Promise<readonly string[]> {
    return this.#using(async () => this.#history.tagsUpTo(commit.hash, await this.refs(signal), signal));
  }

  async descendsFrom(commit: Commit, tag: string, signal: AbortSignal): Promise<boolean> {
    const refs = await this.refs(signal);
    const older = refs.tags.get(tag);
    if (older === undefined) return false;
    return await this.#using(() => this.#history.isAncestor(older, commit.hash, refs, signal));
  }

  tree(commit: Commit, folder: string, signal: AbortSignal): Promise<readonly TreeFile[]> {
    return this.#using(() => this.#content.tree(commit.hash, folder, signal));
  }

  async archive(commit: Commit, folder: string, signal: AbortSignal): Promise<Readable> {
    const release = this.#parts.use();
    try {
      const stream = await this.#content.archive(commit.hash, folder, signal);
      return stream.once('close', release);
    } catch (error) {
      release();
      throw error;
    }
  }

  async #using<T>(job: () => Promise<T>): Promise<T> {
    const release = this.#parts.use();
    try {
      return await job();
    } finally {
      release();
    }
  }

  async #load(signal: AbortSignal): Promise<Refs> {
    const { remote, clock, seen } = this.#parts;
    const refs = parseRefs(await remote.refs(signal));
    this.#last = { refs, at: clock.monotonic() };
    seen(refs);
    return refs;
  }

  async #resolve(revision: string, signal: AbortSignal): Promise<Commit> {
    const refs = await this.refs(signal);
    const { hash, ref } = byName(revision, refs) ?? (await this.#byHash(revision, refs, signal));
    const time = await this.#content.ensure(hash, signal);
    const tags = [...refs.tags].filter(([, at]) => at === hash).map(([name]) => name);
    return { hash, time, tags: tags.sort(), ref };
  }

  async #byHash(revision: string, refs: Refs, signal: AbortSignal): Promise<Found> {
    const named = [...namedBy(refs)];
    if (!HASH.test(revision) || named.length === 0) throw this.#unknown(revision, 'unknown revision');
    const matching = named.filter((hash) => hash.startsWith(revision));
    if (matching.length > 1) throw this.#unknown(revision, 'ambiguous revision');
    const hash = matching[0] ?? (await this.#history.reachable(revision, refs, signal));
    if (hash === undefined) throw this.#unknown(revision, 'no branch and no tag reaches');
    return { hash, ref: undefined };
  }

  #unknown(revision: string, what: string): ModgateError {
    const shown = revision.slice(0, 100).replace(/[^\x20-\x7e]/g, '?');
    return new ModgateError('NOT_FOUND', `repository ${this.url}: ${what} ${shown}`, {
      next: 'ask for a tag, a branch, or a commit of one of them',
    });
  }
}

interface Found {
  readonly hash: string;
  readonly ref: string | undefined;
}

function byName(revision: string, refs: Refs): Found | undefined {
  const tag = refs.tags.get(revision);
  if (tag !== undefined) return { hash: tag, ref: `refs/tags/${revision}` };
  const branch = refs.branches.get(revision);
  if (branch !== undefined) return { hash: branch, ref: `refs/heads/${revision}` };
  return revision === 'HEAD' && refs.head !== undefined ? { hash: refs.head, ref: 'HEAD' } : undefined;
}
