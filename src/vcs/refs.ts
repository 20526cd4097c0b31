import { createHash } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import { ModgateError } from '../errors/index.ts';
import type { Refs } from './repository.ts';

/** lines; the largest public repositories have some hundred thousand refs, most of them pull requests */
const MAX_LINES = 1_000_000;
/** bytes of a line: a hash, a tab, and a name that is a path of files on most servers */
const MAX_LINE = 4096;

const LINE = /^([0-9a-f]{40}|[0-9a-f]{64})\t(HEAD|refs\/(heads|tags)\/(.+?))(\^\{\})?$/;
/** git-check-ref-format(1), as far as a name could do harm: what a path or a refspec would read as its own. */
const FOREIGN_NAME = /[\p{Cc} ~^:?*[\\]|\.\.|\/\/|@\{|\.lock(?:\/|$)|(?:^|\/)\.|[./]$|^@$/u;

/** Of a list, in the order in which the remote gave it. */
interface Digests {
  /** of HEAD, branches and tags */
  readonly all: string;
  readonly tags: string;
}

const digests = new WeakMap<Refs, Digests>();

/** @param refs of parseRefs */
export function digestsOf(refs: Refs): Digests {
  const found = digests.get(refs);
  if (found === undefined) throw new ModgateError('INTERNAL', 'a list of refs that nobody has read');
  return found;
}

/** lines that are read before others get their turn */
const SLICE = 2000;

/**
 * What `git ls-remote` prints: `<hash> TAB <ref>` a line, and `<ref>^{}` for what an annotated tag stands for. All of it
 * is the remote's. Refs other than HEAD, branches and tags are passed over, as are names that git would refuse.
 * Throws UPSTREAM_BAD_ANSWER where it is not of that form, or has no bound. A long list is read in slices.
 */
export async function parseRefs(output: Buffer): Promise<Refs> {
  const list = new RefList();
  let count = 0;
  for (const line of linesOf(output)) {
    list.add(line);
    count += 1;
    if (count % SLICE === 0) await setImmediate();
  }
  return list.end();
}

class RefList {
  #head: string | undefined;
  readonly #branches = new Map<string, string>();
  readonly #tags = new Map<string, string>();
  readonly #peeled = new Map<string, string>();
  readonly #all = createHash('sha256');
  readonly #ofTags = createHash('sha256');
  #length = 0;

  add(line: string): void {
    if (!OTHER.test(line)) throw badRefs('a line of it names no ref');
    const [, hash = line.slice(0, line.indexOf('\t')), ref, space, name = '', deref] = LINE.exec(line) ?? [];
    this.#length ||= hash.length;
    if (hash.length !== this.#length) throw badRefs('hashes of two lengths');
    if (ref === 'HEAD') this.#head = hash;
    else if (space === undefined || FOREIGN_NAME.test(name)) return;
    else if (space === 'heads') this.#branches.set(name, hash);
    else (deref === undefined ? this.#tags : this.#peeled).set(name, hash);
    this.#all.update(`${line}\n`);
    if (space === 'tags') this.#ofTags.update(`${line}\n`);
  }

  end(): Refs {
    const tags = this.#tags;
    for (const [name, hash] of this.#peeled) if (tags.has(name)) tags.set(name, hash);
    const refs: Refs = { head: this.#head, branches: this.#branches, tags };
    digests.set(refs, { all: this.#all.digest('hex'), tags: this.#ofTags.digest('hex') });
    return refs;
  }
}

const OTHER = /^(?:[0-9a-f]{40}|[0-9a-f]{64})\t[^\t]+$/;

function* linesOf(output: Buffer): Generator<string> {
  let at = 0;
  for (let count = 0; at < output.length; count++) {
    if (count === MAX_LINES) throw badRefs(`more than ${MAX_LINES} lines`);
    const found = output.indexOf(10, at);
    const end = found < 0 ? output.length : found;
    if (end - at > MAX_LINE) throw badRefs(`a line of more than ${MAX_LINE} bytes`);
    yield output.toString('utf8', at, end);
    at = end + 1;
  }
}

function badRefs(what: string): ModgateError {
  return new ModgateError(
    'UPSTREAM_BAD_ANSWER',
    `the remote's list of branches and tags is malformed: ${what}`,
    {
      next: 'run git ls-remote against the repository, and tell whoever runs its host',
    },
  );
}

/** Every commit that a ref names. */
export function namedBy(refs: Refs): Set<string> {
  const all = new Set([...refs.branches.values(), ...refs.tags.values()]);
  if (refs.head !== undefined) all.add(refs.head);
  return all;
}

/** The ref to ask for a commit, the least likely to move first: a tag, a branch, HEAD. */
export function refOf(refs: Refs, hash: string): string | undefined {
  for (const [name, at] of refs.tags) if (at === hash) return `refs/tags/${name}`;
  for (const [name, at] of refs.branches) if (at === hash) return `refs/heads/${name}`;
  return refs.head === hash ? 'HEAD' : undefined;
}
