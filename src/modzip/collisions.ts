/** Names that a case-insensitive file system cannot tell apart, and names of a file that is also a folder. */
import { badZip, shown } from './fault.ts';
import { MAX_PATHS } from './limits.ts';

interface Known {
  readonly path: string;
  readonly folder: boolean;
}

export class Collisions {
  readonly #known = new Map<string, Known>();

  /** Adds a path and its folders; BAD_ZIP where it collides with an earlier one (zip.collisionChecker). */
  add(path: string, folder: boolean): void {
    let key = fold(path);
    let known = this.#add(path, key, folder);
    // The folders of a known folder are known.
    for (let at = path; !known; ) {
      const slash = at.lastIndexOf('/');
      if (slash < 0) return;
      at = at.slice(0, slash);
      key = key.slice(0, key.lastIndexOf('/'));
      known = this.#add(at, key, true);
    }
  }

  #add(path: string, key: string, folder: boolean): boolean {
    const other = this.#known.get(key);
    if (other === undefined) {
      if (this.#known.size >= MAX_PATHS) throw badZip(`more than ${MAX_PATHS} files and folders`);
      this.#known.set(key, { path, folder });
      return false;
    }
    if (other.path !== path)
      throw badZip(`case-insensitive name collision: ${shown(other.path)} and ${shown(path)}`);
    if (other.folder !== folder) throw badZip(`${shown(path)} is both a file and a folder`);
    if (!folder) throw badZip(`multiple entries for file ${shown(path)}`);
    return true;
  }
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
