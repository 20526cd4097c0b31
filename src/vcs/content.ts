import type { Readable } from 'node:stream';
import { ModgateError } from '../errors/index.ts';
import { Flights } from '../sync/index.ts';
import { archiveStream } from './archive.ts';
import { CONTENT } from './copy.ts';
import { GitFault } from './fault.ts';
import type { Held } from './locks.ts';
import { type BatchObject, BatchReader, commitTime, parseTree } from './objects.ts';
import { refOf } from './refs.ts';
import type { Refs, TreeFile } from './repository.ts';
import { formatOf } from './skeleton.ts';
import type { Workshop } from './workshop.ts';

/** Commits that this process has seen in the copy; a date each. */
const MAX_KNOWN = 4096;
/** bytes of a commit; its message may be anything */
const MAX_COMMIT = 16 << 20;
/** All of the history: the number that `git fetch --unshallow` sends. */
const WHOLE = '--depth=2147483647';

const nameOf = (hash: string) => `refs/modgate/${hash}`;

/**
 * `content.git`: single commits with all their files, each under a ref of its own. That a commit is there says nothing
 * about whether the remote stands for it; whoever asks has made sure that a branch or a tag reaches it.
 */
export class Content {
  readonly #shop: Workshop;
  readonly #refs: (signal: AbortSignal) => Promise<Refs>;
  readonly #flights = new Flights<Date>();
  readonly #known = new Map<string, Date>();

  /** @param refs what the remote names, for a host that hands out no commit by its hash */
  constructor(shop: Workshop, refs: (signal: AbortSignal) => Promise<Refs>) {
    this.#shop = shop;
    this.#refs = refs;
  }

  /** Fetches the commit unless it is here. Returns the time of its committer. */
  async ensure(hash: string, signal: AbortSignal): Promise<Date> {
    const known = this.#known.get(hash);
    if (known !== undefined) return known;
    const time = await this.#flights.join(hash, signal, (shared) =>
      this.#shop.mending(CONTENT, shared, () => this.#find(hash, shared)),
    );
    if (this.#known.size >= MAX_KNOWN) this.#known.clear();
    this.#known.set(hash, time);
    return time;
  }

  async files(
    hash: string,
    paths: readonly string[],
    limit: number,
    signal: AbortSignal,
  ): Promise<readonly (Buffer | undefined)[]> {
    // git reads `./x` as relative to a work tree, and a line feed as the end of a name; no file can be meant.
    const asked = paths.filter((path) => path !== '' && !/^\.\.?\/|\n/.test(path));
    const objects = await this.#reading(hash, signal, async () => {
      const [commit, ...blobs] = await this.#batch(hash, asked, limit, signal);
      return commit === undefined ? undefined : blobs;
    });
    const found = new Map(asked.map((path, i) => [path, objects[i]]));
    return paths.map((path) => {
      const object = found.get(path);
      return object?.type === 'blob' ? object.body : undefined;
    });
  }

  tree(hash: string, folder: string, signal: AbortSignal): Promise<readonly TreeFile[]> {
    const below = folder === '' ? [] : [`${folder}/`];
    return this.#reading(hash, signal, async () => {
      const args = ['ls-tree', '-r', '-z', '-l', '--full-tree', '--end-of-options', nameOf(hash), ...below];
      const { code, stdout } = await this.#shop.local(CONTENT, args, signal);
      return code === 0 ? parseTree(stdout) : undefined;
    });
  }

  archive(hash: string, folder: string, signal: AbortSignal): Promise<Readable> {
    const below = folder === '' ? [] : [folder];
    const args = ['archive', '--format=zip', '--prefix=prefix/', '--end-of-options', hash, ...below];
    const config = [['core.autocrlf', 'input'] as const, ['core.eol', 'lf'] as const];
    return this.#reading(hash, signal, () =>
      archiveStream(this.#shop.start(CONTENT, args, signal, config), this.#shop.url),
    );
  }

  /** Reads of a commit that is here; undefined of the job: it is not here any more, so it is fetched again, once. */
  async #reading<T>(hash: string, signal: AbortSignal, job: () => Promise<T | undefined>): Promise<T> {
    return await this.#shop.mending(CONTENT, signal, async () => {
      for (let left = 1; left >= 0; left--) {
        await this.ensure(hash, signal);
        const found = await job().catch((error: unknown) => {
          this.#known.clear();
          throw error;
        });
        if (found !== undefined) return found;
        this.#known.clear();
      }
      throw new ModgateError('VCS_FAILED', `repository ${this.#shop.url}: its local copy vanished twice`, {
        next: 'check that vcs.cap is larger than the repositories that are in use',
      });
    });
  }

  async #find(hash: string, signal: AbortSignal): Promise<Date> {
    return (
      (await this.#look(hash, signal)) ??
      (await this.#shop.locked(signal, async (held) => {
        // Another process may have been quicker.
        const there = await this.#look(hash, signal);
        return there ?? (await this.#fetch(hash, held, signal));
      }))
    );
  }

  async #fetch(hash: string, held: Held, signal: AbortSignal): Promise<Date> {
    await this.#shop.copy.makeRepository(CONTENT, formatOf(hash));
    await this.#fetchBy(hash, held, signal);
    const time = await this.#look(hash, signal);
    if (time === undefined) {
      throw new GitFault(
        'NOT_FOUND',
        this.#shop.url,
        `${hash} is no commit`,
        'ask for a tag or branch of a commit',
      );
    }
    return time;
  }

  /**
   * By its hash: no list of refs is asked for again, and a tag that moves meanwhile does no harm. Hosts that refuse that
   * are asked for a ref that names it, or in the end for everything.
   */
  async #fetchBy(hash: string, held: Held, signal: AbortSignal): Promise<void> {
    try {
      await this.#shop.fetch(CONTENT, held, ['--depth=1'], [`+${hash}:${nameOf(hash)}`], [], signal);
      return;
    } catch (error) {
      if (!(error instanceof GitFault) || error.remedy !== 'by-ref') throw error;
    }
    const ref = refOf(await this.#refs(signal), hash);
    if (ref === undefined) return await this.#fetchAll(hash, held, signal);
    await this.#shop.fetch(CONTENT, held, ['--depth=1'], [`+${ref}:${nameOf(hash)}`], [], signal);
    if ((await this.#commitAt(hash, signal))?.hash === hash) return;
    await this.#shop.local(CONTENT, ['update-ref', '-d', nameOf(hash)], signal);
    throw new GitFault(
      'UPSTREAM_BAD_ANSWER',
      this.#shop.url,
      `${ref} names another commit than a moment ago`,
      'ask again',
      '',
      'ref-gone',
    );
  }

  async #fetchAll(hash: string, held: Held, signal: AbortSignal): Promise<void> {
    const all = ['+refs/heads/*:refs/all/heads/*', '+refs/tags/*:refs/all/tags/*'];
    await this.#shop.fetch(CONTENT, held, [WHOLE, '--prune'], all, [], signal);
    const { code } = await this.#shop.local(CONTENT, ['update-ref', nameOf(hash), hash], signal);
    if (code === 0) return;
    throw new GitFault(
      'NOT_FOUND',
      this.#shop.url,
      `no branch or tag reaches ${hash}`,
      'ask for a commit of a branch',
    );
  }

  /** undefined where it is not here, or no commit */
  async #look(hash: string, signal: AbortSignal): Promise<Date | undefined> {
    if (!this.#shop.copy.has(CONTENT)) return undefined;
    const commit = await this.#commitAt(hash, signal);
    return commit?.hash === hash ? (commitTime(commit.body) ?? new Date(0)) : undefined;
  }

  async #commitAt(hash: string, signal: AbortSignal): Promise<BatchObject | undefined> {
    const [commit] = await this.#batch(hash, [], 0, signal);
    return commit;
  }

  /** The commit, then the blobs of the paths; BAD_MODULE where one of those is too large, before its bytes are taken. */
  async #batch(hash: string, paths: readonly string[], limit: number, signal: AbortSignal) {
    const name = nameOf(hash);
    const names = [`${name}^{commit}`, ...paths.map((path) => `${name}:${path}`)];
    const reader = new BatchReader([MAX_COMMIT, ...paths.map(() => limit)]);
    await this.#shop.local(CONTENT, ['cat-file', '--batch'], signal, {
      input: `${names.join('\n')}\n`,
      reader: (piece) => {
        reader.push(piece);
        return reader.tooLarge === undefined;
      },
    });
    const path = paths[(reader.tooLarge?.index ?? 0) - 1];
    if (path !== undefined) throw this.#tooLarge(path, limit);
    return reader.answers;
  }

  #tooLarge(path: string, limit: number): ModgateError {
    return new ModgateError(
      'BAD_MODULE',
      `repository ${this.#shop.url}: ${path} has more than ${limit} bytes`,
      {
        next: 'make the file smaller in the repository',
      },
    );
  }
}
