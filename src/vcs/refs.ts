import { ModgateError } from '../errors/index.ts';
import type { Refs } from './repository.ts';

/** lines; the largest public repositories have some hundred thousand refs, most of them pull requests */
const MAX_LINES = 1_000_000;
/** bytes of a line: a hash, a tab, and a name that is a path of files on most servers */
const MAX_LINE = 4096;

const LINE = /^([0-9a-f]{40}|[0-9a-f]{64})\t(HEAD|refs\/(heads|tags)\/(.+?))(\^\{\})?$/;
/** git-check-ref-format(1), as far as a name could do harm: what a path or a refspec would read as its own. */
const FOREIGN_NAME = /[\p{Cc} ~^:?*[\\]|\.\.|\/\/|@\{|\.lock(?:\/|$)|(?:^|\/)\.|[./]$|^@$/u;

/**
 * What `git ls-remote` prints: `<hash> TAB <ref>` a line, and `<ref>^{}` for what an annotated tag stands for. All of it
 * is the remote's. Refs other than HEAD, branches and tags are passed over, as are names that git would refuse.
 * Throws UPSTREAM_BAD_ANSWER where it is not of that form, or has no bound.
 */
export function parseRefs(output: Buffer): Refs {
  let head: string | undefined;
  const branches = new Map<string, string>();
  const tags = new Map<string, string>();
  const peeled = new Map<string, string>();
  let length = 0;
  for (const line of linesOf(output)) {
    if (!OTHER.test(line)) throw badRefs('a line of it names no ref');
    const [, hash = line.slice(0, line.indexOf('\t')), ref, space, name = '', deref] = LINE.exec(line) ?? [];
    length ||= hash.length;
    if (hash.length !== length) throw badRefs('hashes of two lengths');
    if (ref === 'HEAD') head = hash;
    else if (space === undefined || FOREIGN_NAME.test(name)) continue;
    else if (space === 'heads') branches.set(name, hash);
    else (deref === undefined ? tags : peeled).set(name, hash);
  }
  for (const [name, hash] of peeled) if (tags.has(name)) tags.set(name, hash);
  return { head, branches, tags };
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
