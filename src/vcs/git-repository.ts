import type { Readable } from 'node:stream';
import { ModgateError } from '../errors/index.ts';
import { Flights } from '../sync/index.ts';
import { Content } from './content.ts';
import { GitFault } from './fault.ts';
import { History } from './history.ts';
import { namedBy, parseRefs } from './refs.ts';
import type { RefsMemory } from './refs-memory.ts';
import type { Remote } from './remote.ts';
import type { Commit, Refs, Repository, TreeFile } from './repository.ts';
import type { Workshop } from './workshop.ts';

export interface RepositoryParts {
  readonly remote: Remote;
  readonly shop: Workshop;
  /** the last answers about refs, of all repositories */
  readonly listed: RefsMemory;
  /** told of each answer about refs */
  readonly seen: (refs: Refs) => void;
  /** keeps the copy from being evicted until the returned function is called */
  readonly use: () => () => void;
}

/** How often a question is asked again because the remote's refs changed meanwhile. */
const RELISTINGS = 2;
const HASH = /^(?:[0-9a-f]{7,40}|[0-9a-f]{64})$/;

/** A repository by the git command; see ADR 25 for what is kept of it. */
export class GitRepository implements Repository {
  readonly url: string;
  readonly #parts: RepositoryParts;
  readonly #content: Content;
  readonly #history: History;
  readonly #flights = new Flights<Refs>();

  constructor(parts: RepositoryParts) {
    this.url = parts.remote.url;
    this.#parts = parts;
    this.#content = new Content(parts.shop, (signal) => this.refs(signal));
    this.#history = new History(parts.shop);
  }

  async refs(signal: AbortSignal): Promise<Refs> {
    return (
      this.#parts.listed.get(this) ?? (await this.#flights.join('', signal, (shared) => this.#load(shared)))
    );
  }

  async resolve(revision: string, signal: AbortSignal): Promise<Commit> {
    return await this.#settled(() => this.#resolve(revision, signal));
  }

  files(commit: Commit, paths: readonly string[], limit: number, signal: AbortSignal) {
    return this.#using(() => this.#content.files(commit.hash, paths, limit, signal));
  }

  tagsUpTo(commit: Commit, signal: AbortSignal): Promise<readonly string[]> {
    return this.#settled(async () => this.#history.tagsUpTo(commit.hash, await this.refs(signal), signal));
  }

  async descendsFrom(commit: Commit, tag: string, signal: AbortSignal): Promise<boolean> {
    return await this.#settled(async () => {
      const refs = await this.refs(signal);
      const older = refs.tags.get(tag);
      return older !== undefined && (await this.#history.isAncestor(older, commit.hash, refs, signal));
    });
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

  /** Does the job by a new list of refs where one of them moved between its listing and its fetch. */
  async #settled<T>(job: () => Promise<T>): Promise<T> {
    return await this.#using(async () => {
      for (let left = RELISTINGS; ; left--) {
        try {
          return await job();
        } catch (error) {
          if (left === 0 || !(error instanceof GitFault) || error.remedy !== 'ref-gone') throw error;
        }
        this.#parts.listed.delete(this);
      }
    });
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
    const { remote, listed, seen } = this.#parts;
    const output = await remote.refs(signal);
    const refs = await parseRefs(output);
    listed.set(this, refs, output.length);
    seen(refs);
    return refs;
  }

  async #resolve(revision: string, signal: AbortSignal): Promise<Commit> {
    const refs = await this.refs(signal);
    const { hash, ref } = byName(revision, refs) ?? (await this.#byHash(revision, refs, signal));
    const time = await this.#content.ensure(hash, signal);
    const tags: string[] = [];
    for (const [name, at] of refs.tags) if (at === hash) tags.push(name);
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
