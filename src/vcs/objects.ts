/** What git prints of objects, whose content is the repository's owner's. */
import { ModgateError } from '../errors/index.ts';
import type { TreeFile } from './repository.ts';

/** One answer of `git cat-file --batch`. */
export interface BatchObject {
  readonly hash: string;
  readonly type: string;
  /** bytes */
  readonly size: number;
  readonly body: Buffer;
}

const HEADER = /^([0-9a-f]{40}|[0-9a-f]{64}) (commit|tree|blob|tag) (\d{1,15})$/;
/** bytes; a name is at most as long as what we asked for, and we ask for paths */
const MAX_HEADER = 8192;

interface Body {
  readonly hash: string;
  readonly type: string;
  readonly size: number;
  readonly pieces: Buffer[];
  left: number;
}

/**
 * Reads the answers of `git cat-file --batch` as they come: `<hash> SP <type> SP <size> LF <bytes> LF`, or a line that
 * ends in "missing" or "ambiguous". An object of more bytes than its limit is told by `tooLarge` before they are kept.
 */
export class BatchReader {
  readonly #limits: readonly number[];
  readonly #answers: (BatchObject | undefined)[] = [];
  #rest: Buffer = Buffer.alloc(0);
  #body: Body | undefined;
  #tooLarge: { readonly index: number; readonly size: number } | undefined;

  /** @param limits bytes of each object */
  constructor(limits: readonly number[]) {
    this.#limits = limits;
  }

  /** undefined for what is missing */
  get answers(): readonly (BatchObject | undefined)[] {
    return this.#answers;
  }

  get tooLarge(): { readonly index: number; readonly size: number } | undefined {
    return this.#tooLarge;
  }

  /** Throws VCS_FAILED for what cat-file does not print. */
  push(piece: Buffer): void {
    let rest = this.#rest.length === 0 ? piece : Buffer.concat([this.#rest, piece]);
    while (rest.length > 0 && this.#tooLarge === undefined) {
      const taken = this.#body === undefined ? this.#header(rest) : this.#take(this.#body, rest);
      if (taken === 0) break;
      rest = rest.subarray(taken);
    }
    this.#rest = rest;
  }

  #header(rest: Buffer): number {
    const end = rest.indexOf(10);
    if (end < 0) {
      if (rest.length > MAX_HEADER) throw malformed();
      return 0;
    }
    const line = rest.toString('utf8', 0, end);
    const match = HEADER.exec(line);
    if (match === null) {
      if (!/ (?:missing|ambiguous)$/.test(line)) throw malformed();
      this.#answers.push(undefined);
      return end + 1;
    }
    const [, hash = '', type = '', digits = ''] = match;
    const size = Number(digits);
    if (size > (this.#limits[this.#answers.length] ?? 0))
      this.#tooLarge = { index: this.#answers.length, size };
    // The line feed behind the bytes counts as one of them until they are all there.
    else this.#body = { hash, type, size, pieces: [], left: size + 1 };
    return end + 1;
  }

  #take(body: Body, rest: Buffer): number {
    const piece = rest.subarray(0, body.left);
    body.pieces.push(piece);
    body.left -= piece.length;
    if (body.left === 0) {
      const { hash, type, size, pieces } = body;
      this.#answers.push({ hash, type, size, body: Buffer.concat(pieces).subarray(0, size) });
      this.#body = undefined;
    }
    return piece.length;
  }
}

function malformed(): ModgateError {
  return new ModgateError('VCS_FAILED', 'git cat-file printed what it never prints');
}

/** ms; the last moment that RFC 3339, and so an `.info`, can tell */
const LAST_TIME = Date.UTC(9999, 11, 31, 23, 59, 59);

/**
 * The committer's time, in whole seconds, as `git log --format=%ct` reads it: from behind the last ">", of any zone; of two
 * such lines the last one. undefined where there is none, or one that no `.info` can tell.
 */
export function commitTime(body: Buffer): Date | undefined {
  const [headers = ''] = body.toString('latin1').split('\n\n', 1);
  const line = headers.split('\n').findLast((header) => header.startsWith('committer ')) ?? '';
  const digits = /^.*>[ \t]*(\d{1,20})[ \t]+[+-]\d/s.exec(line)?.[1];
  const ms = Number(digits ?? Number.NaN) * 1000;
  return ms <= LAST_TIME ? new Date(ms) : undefined;
}

const ENTRY = /^(\d{6}) (blob|commit|tree) [0-9a-f]+ +(-|\d{1,15})\t/;

/** What `git ls-tree -r -z -l` prints; entries of other kinds than files, links and submodules are passed over. */
export function parseTree(output: Buffer): TreeFile[] {
  const files: TreeFile[] = [];
  for (let at = 0; at < output.length; ) {
    const end = output.indexOf(0, at);
    if (end < 0) throw new ModgateError('VCS_FAILED', 'git ls-tree printed half an entry');
    // The part before the tab is ASCII, so its length in bytes is the match's.
    const [head = '', mode = '', , size = ''] =
      ENTRY.exec(output.toString('latin1', at, Math.min(end, at + 160))) ?? [];
    const kind = KINDS[mode.slice(0, 2)];
    if (head !== '' && kind !== undefined) {
      const path = output.toString('utf8', at + head.length, end);
      files.push({ path, kind, size: size === '-' ? 0 : Number(size) });
    }
    at = end + 1;
  }
  return files;
}

/** By the first two digits of the mode: a regular file, a symbolic link, a commit of another repository. */
const KINDS: Readonly<Record<string, TreeFile['kind']>> = {
  '10': 'file',
  '12': 'symlink',
  '16': 'submodule',
};
