/** A repository of the tests' own in memory: commits, files, tags and branches, and what was asked of it. */
import { createHash } from 'node:crypto';
import type { Readable } from 'node:stream';
import { ModgateError } from '../../errors/index.ts';
import { parseModulePath } from '../../module/index.ts';
import type { Commit, Refs, Repository, TreeFile } from '../../vcs/index.ts';
import { type Place, placeOf } from './place.ts';

interface Made {
  readonly hash: string;
  readonly time: Date;
  readonly parents: readonly string[];
  readonly files: Readonly<Record<string, string>>;
}

interface Wanted {
  readonly files?: Readonly<Record<string, string>>;
  readonly tags?: readonly string[];
  /** default: the last commit */
  readonly parents?: readonly string[];
  /** default main, which HEAD is */
  readonly branch?: string;
}

const FIRST = Date.parse('2024-01-02T03:04:05Z');
const DAY = 86_400_000;

export class MemoryRepository implements Repository {
  readonly url = 'https://git.example/repo';
  /** method and argument of each call, in order */
  readonly calls: string[] = [];
  /** thrown by every call from now on */
  outage: ModgateError | undefined;
  readonly #commits = new Map<string, Made>();
  readonly #tags = new Map<string, string>();
  readonly #branches = new Map<string, string>();
  #last: string | undefined;

  /** The hash. One commit a day, the first on 2024-01-02. */
  commit({ files = {}, tags = [], parents, branch = 'main' }: Wanted): string {
    const number = this.#commits.size;
    const hash = createHash('sha1').update(`commit ${number}`).digest('hex');
    const before = parents ?? (this.#last === undefined ? [] : [this.#last]);
    const kept = this.#commits.get(before[0] ?? '')?.files ?? {};
    const time = new Date(FIRST + number * DAY);
    this.#commits.set(hash, { hash, time, parents: before, files: { ...kept, ...files } });
    for (const tag of tags) this.tag(tag, hash);
    this.#branches.set(branch, hash);
    this.#last = hash;
    return hash;
  }

  tag(name: string, hash: string): void {
    this.#tags.set(name, hash);
  }

  branch(name: string, hash: string): void {
    this.#branches.set(name, hash);
  }

  refs(): Promise<Refs> {
    return this.#answer('refs', () => ({
      head: this.#branches.get('main'),
      branches: this.#branches,
      tags: this.#tags,
    }));
  }

  resolve(revision: string): Promise<Commit> {
    return this.#answer(`resolve ${revision}`, () => {
      const [hash, ref] = this.#find(revision);
      const made = this.#commits.get(hash ?? '');
      if (made === undefined) throw new ModgateError('NOT_FOUND', `unknown revision ${revision}`);
      const tags = [...this.#tags].filter(([, at]) => at === made.hash).map(([tag]) => tag);
      return { hash: made.hash, time: made.time, tags: tags.sort(), ref };
    });
  }

  files(commit: Commit, paths: readonly string[]): Promise<readonly (Buffer | undefined)[]> {
    return this.#answer(`files ${paths.join(' ')}`, () => {
      const files = this.#commits.get(commit.hash)?.files ?? {};
      return paths.map((path) => (files[path] === undefined ? undefined : Buffer.from(files[path])));
    });
  }

  tagsUpTo({ hash }: Commit): Promise<readonly string[]> {
    return this.#answer('tagsUpTo', () => {
      const before = this.#before(hash);
      return [...this.#tags].filter(([, at]) => before.has(at)).map(([tag]) => tag);
    });
  }

  descendsFrom({ hash }: Commit, tag: string): Promise<boolean> {
    return this.#answer(`descendsFrom ${tag}`, () => this.#before(hash).has(this.#tags.get(tag) ?? ''));
  }

  tree(): Promise<readonly TreeFile[]> {
    throw new Error('not for zips');
  }

  archive(): Promise<Readable> {
    throw new Error('not for zips');
  }

  async #answer<T>(call: string, answer: () => T): Promise<T> {
    this.calls.push(call);
    if (this.outage !== undefined) throw this.outage;
    return answer();
  }

  #find(revision: string): [hash: string | undefined, ref: string | undefined] {
    const tag = this.#tags.get(revision);
    if (tag !== undefined) return [tag, `refs/tags/${revision}`];
    const branch = this.#branches.get(revision);
    if (branch !== undefined) return [branch, `refs/heads/${revision}`];
    if (revision === 'HEAD') return [this.#branches.get('main'), 'HEAD'];
    const hashes = [...this.#commits.keys()].filter((hash) => hash.startsWith(revision));
    return [revision.length >= 7 && hashes.length === 1 ? hashes[0] : undefined, undefined];
  }

  #before(hash: string): Set<string> {
    const found = new Set<string>();
    const left = [hash];
    for (let one = left.pop(); one !== undefined; one = left.pop()) {
      if (found.has(one)) continue;
      found.add(one);
      left.push(...(this.#commits.get(one)?.parents ?? []));
    }
    return found;
  }
}

/** Where a module lives, by default in the repository that its path is without what stands behind the "!". */
export function placeAt(text: string, subdirectory = ''): Place {
  const [root = '', below = ''] = text.split('!');
  const path = parseModulePath(root + below);
  return placeOf(path, {
    kind: 'repository',
    vcs: 'git',
    path: root,
    url: 'https://git.example/repo',
    subdirectory,
  });
}

export const never: AbortSignal = new AbortController().signal;
