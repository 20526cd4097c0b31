/** Names that a case-insensitive file system cannot tell apart, and names of a file that is also a folder. */
import { shown } from './fault.ts';
import { MAX_PATHS } from './limits.ts';

interface Known {
  readonly path: string;
  readonly folder: boolean;
}

export class Collisions {
  readonly #known = new Map<string, Known>();

  /** Adds a path and its folders; what is wrong where it collides with an earlier one (zip.collisionChecker). */
  add(path: string, folder: boolean): string | undefined {
    let key = fold(path);
    let at = path;
    let isFolder = folder;
    for (;;) {
      const known = this.#known.get(key);
      if (known !== undefined) return collision(known, at, isFolder);
      if (this.#known.size >= MAX_PATHS) return `more than ${MAX_PATHS} files and folders`;
      this.#known.set(key, { path: at, folder: isFolder });
      const slash = at.lastIndexOf('/');
      if (slash < 0) return undefined;
      at = at.slice(0, slash);
      key = key.slice(0, key.lastIndexOf('/'));
      isFolder = true;
    }
  }
}

/** Undefined for a folder that is known as one: then all folders above it are known too. */
function collision(known: Known, path: string, folder: boolean): string | undefined {
  if (known.path !== path) return `case-insensitive name collision: ${shown(known.path)} and ${shown(path)}`;
  if (known.folder !== folder) return `${shown(path)} is both a file and a folder`;
  return folder ? undefined : `multiple entries for file ${shown(path)}`;
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
