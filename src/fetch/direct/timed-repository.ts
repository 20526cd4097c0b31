import type { Readable } from 'node:stream';
import type { Clock } from '../../observe/index.ts';
import type { Commit, Refs, Repository, TreeFile } from '../../vcs/index.ts';
import type { TraceLinks } from '../source.ts';

/** A repository for one answer: counts how long that answer waits for it, other fetches of the repository included. */
export class TimedRepository implements Repository {
  readonly url: string;
  readonly #repository: Repository;
  readonly #clock: Clock;
  readonly #links: TraceLinks;
  /** calls that are under way, and when the first of them began */
  #calls = 0;
  #since = 0;

  /** @param links `git` grows while the repository works */
  constructor(repository: Repository, clock: Clock, links: TraceLinks) {
    this.url = repository.url;
    this.#repository = repository;
    this.#clock = clock;
    this.#links = links;
  }

  refs(signal: AbortSignal): Promise<Refs> {
    return this.#timed(() => this.#repository.refs(signal));
  }

  resolve(revision: string, signal: AbortSignal): Promise<Commit> {
    return this.#timed(() => this.#repository.resolve(revision, signal));
  }

  files(commit: Commit, paths: readonly string[], limit: number, signal: AbortSignal) {
    return this.#timed(() => this.#repository.files(commit, paths, limit, signal));
  }

  tagsUpTo(commit: Commit, signal: AbortSignal): Promise<readonly string[]> {
    return this.#timed(() => this.#repository.tagsUpTo(commit, signal));
  }

  descendsFrom(commit: Commit, tag: string, signal: AbortSignal): Promise<boolean> {
    return this.#timed(() => this.#repository.descendsFrom(commit, tag, signal));
  }

  tree(commit: Commit, folder: string, signal: AbortSignal): Promise<readonly TreeFile[]> {
    return this.#timed(() => this.#repository.tree(commit, folder, signal));
  }

  async archive(commit: Commit, folder: string, signal: AbortSignal): Promise<Readable> {
    const stream = await this.#timed(() => this.#repository.archive(commit, folder, signal));
    const begun = this.#clock.monotonic();
    return stream.once('close', () => {
      this.#links.body = this.#clock.monotonic() - begun;
    });
  }

  async #timed<T>(work: () => Promise<T>): Promise<T> {
    if (this.#calls++ === 0) this.#since = this.#clock.monotonic();
    try {
      return await work();
    } finally {
      if (--this.#calls === 0)
        this.#links.git = (this.#links.git ?? 0) + this.#clock.monotonic() - this.#since;
    }
  }
}
