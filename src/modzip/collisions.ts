/** Names that a case-insensitive file system cannot tell apart, and names of a file that is also a folder. */
import { shown } from './fault.ts';
import { MAX_PATHS } from './limits.ts';

/** A file or folder. */
interface Known {
  readonly id: number;
  /** its last element */
  readonly name: string;
  readonly folder: boolean;
}

/** The work for a path grows with its length, however deep it lies. */
export class Collisions {
  /** by the id of the folder, "/", and the folded last element: a map for each folder would take twice the memory */
  readonly #known = new Map<string, Known>();

  /** Adds a path and its folders; what is wrong where it collides with an earlier one (zip.collisionChecker). */
  add(path: string, folder: boolean): string | undefined {
    const folded = fold(path);
    let within = 0;
    for (let start = 0, foldedStart = 0; ; ) {
      const end = endOfElement(path, start);
      const foldedEnd = endOfElement(folded, foldedStart);
      const name = path.slice(start, end);
      const isFolder = folder || end < path.length;
      const key = `${within}/${folded.slice(foldedStart, foldedEnd)}`;
      const known = this.#known.get(key);
      const fault =
        known === undefined ? this.#full() : collision(known, path.slice(0, start), name, isFolder);
      if (fault !== undefined) return fault;
      within = known?.id ?? this.#put(key, name, isFolder);
      if (end === path.length) return undefined;
      start = end + 1;
      foldedStart = foldedEnd + 1;
    }
  }

  #full(): string | undefined {
    return this.#known.size < MAX_PATHS ? undefined : `more than ${MAX_PATHS} files and folders`;
  }

  #put(key: string, name: string, folder: boolean): number {
    const id = this.#known.size + 1;
    this.#known.set(key, { id, name, folder });
    return id;
  }
}

function endOfElement(path: string, start: number): number {
  const slash = path.indexOf('/', start);
  return slash < 0 ? path.length : slash;
}

/** @param prefix of both, with "/" at its end unless it is empty */
function collision(known: Known, prefix: string, name: string, folder: boolean): string | undefined {
  if (known.name === name && known.folder && folder) return undefined;
  const path = shown(prefix + name);
  if (known.name !== name)
    return `case-insensitive name collision: ${shown(prefix + known.name)} and ${path}`;
  if (known.folder !== folder) return `${path} is both a file and a folder`;
  return `multiple entries for file ${path}`;
}

const NO_FOLDING = /^[^A-Z\u0080-\uffff]*$/;

/**
 * Equal for two names if and only if Go's strings.EqualFold says that they are; for the letters that file
 * names may have, upper and then lower case of each rune alone gives exactly Unicode's simple case folding,
 * but for the dotless i, which folds to itself.
 */
export function fold(name: string): string {
  if (NO_FOLDING.test(name)) return name;
  let folded = '';
  for (const rune of name) {
    if (rune === '\u0131') {
      folded += rune;
      continue;
    }
    const upper = single(rune.toUpperCase(), rune);
    folded += single(upper.toLowerCase(), upper);
  }
  return folded;
}

/** The mapped form if it is one rune: simple folding knows no others ("ß" stays, though its upper case is "SS"). */
function single(mapped: string, rune: string): string {
  return Array.from(mapped).length === 1 ? mapped : rune;
}
