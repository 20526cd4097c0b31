import type { Readable } from 'node:stream';

/** A commit that a branch or a tag of the remote reaches. */
export interface Commit {
  /** 40 lower-case hex digits, 64 in a SHA-256 repository */
  readonly hash: string;
  /** of its committer, in whole seconds */
  readonly time: Date;
  /** every tag of the remote that names it, by name, sorted; annotated ones without their object */
  readonly tags: readonly string[];
  /** the ref by which it was found, e.g. "refs/tags/v1.0.0", "refs/heads/main", "HEAD"; undefined: by its hash */
  readonly ref: string | undefined;
}

/** What the remote names at one moment. */
export interface Refs {
  /** commit of HEAD; undefined in a repository without commits */
  readonly head: string | undefined;
  /** name without "refs/heads/" → commit */
  readonly branches: ReadonlyMap<string, string>;
  /** name without "refs/tags/" → commit; of an annotated tag what it stands for */
  readonly tags: ReadonlyMap<string, string>;
}

export interface TreeFile {
  /** from the repository's root, with "/"; bytes that are no UTF-8 are U+FFFD */
  readonly path: string;
  readonly kind: 'file' | 'symlink' | 'submodule';
  /** bytes in the repository, before line ends are changed; 0 for a submodule */
  readonly size: number;
}

/**
 * One remote repository, and what is kept of it here. Every answer of the remote is foreign: names, hashes and
 * files are whatever its owner, or whoever answers in its place, wants them to be.
 *
 * Failures: NOT_FOUND where the remote itself says so, UPSTREAM_* for all that is between, VCS_FAILED, CANCELED.
 */
export interface Repository {
  /** as an `.info` may name it: without user info, before any rewriting */
  readonly url: string;

  /** Asked of the remote, and shared for a short time by everybody who asks. */
  refs(signal: AbortSignal): Promise<Refs>;

  /**
   * In this order: a tag, a branch, "HEAD", a hash or at least 7 of its first digits. NOT_FOUND for a revision that
   * is unknown, ambiguous, or a commit that no branch and no tag reaches, such as one of a pull request only.
   */
  resolve(revision: string, signal: AbortSignal): Promise<Commit>;

  /** One answer for each path; undefined where no file has it. Throws BAD_MODULE for one of more than `limit` bytes. */
  files(
    commit: Commit,
    paths: readonly string[],
    limit: number,
    signal: AbortSignal,
  ): Promise<readonly (Buffer | undefined)[]>;

  /** The tags of the commit and of all before it. It needs the history, but no content of it. */
  tagsUpTo(commit: Commit, signal: AbortSignal): Promise<readonly string[]>;

  /** True where the tag is on the commit or on one before it; false also for a tag that does not exist. */
  descendsFrom(commit: Commit, tag: string, signal: AbortSignal): Promise<boolean>;

  /** All below a folder, "" for the root; what does not exist holds nothing. Folders themselves are left out. */
  tree(commit: Commit, folder: string, signal: AbortSignal): Promise<readonly TreeFile[]>;

  /**
   * The zip that `git archive --format=zip --prefix=prefix/` makes of a folder, without export-ignore and
   * export-subst, and with the line ends that the go command asks for. Destroying it ends git.
   */
  archive(commit: Commit, folder: string, signal: AbortSignal): Promise<Readable>;
}

/** Begins of URLs → what stands in their place: git's url.<base>.insteadOf, the longest match counts. */
export type Rewrites = ReadonlyMap<string, string>;

/** On whose behalf a remote is asked. */
export interface Terms {
  readonly rewrites: Rewrites;
  /** true: no credentials at all, whatever the book has for it; a stranger may have named the URL */
  readonly anonymous: boolean;
}

/** All remotes, and the folder in which something is kept of them. */
export interface Remotes {
  /**
   * The same one for the same URL and terms; what was fetched with credentials is never read without.
   * VCS_REFUSED for a scheme or form that is not allowed.
   */
  open(url: string, terms: Terms): Repository;
  /** Ends every git that runs. */
  close(): Promise<void>;
}
