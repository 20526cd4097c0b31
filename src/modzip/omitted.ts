/** The files that are left out of a module zip without anybody being told (x/mod zip). */
import { parseGoMod } from '../module/index.ts';

/** Why a file is not in the zip of its module. */
export type OmitReason =
  | 'in a vendor folder'
  | 'in another module'
  | 'made by hg archive'
  | 'a symbolic link'
  | 'a submodule'
  | 'not a regular file'
  | 'a folder of a version control system'
  | 'not tracked by git';

/** How the vendor folders of a module are read: differently since Go 1.24, so that older sums stay what they are. */
export type VendorRule = 'before 1.24' | 'since 1.24';

const GO_VERSION = /^([0-9]+)\.([0-9]+)(?:\.[0-9]+|[a-z]+(?:0|[1-9][0-9]*))?$/;

/**
 * By the go directive of the module; a go.mod that cannot be parsed counts as one without.
 *
 * @param goMod content of the root's go.mod, undefined where there is none
 */
export function vendorRuleOf(goMod: Uint8Array | undefined): VendorRule {
  if (goMod === undefined) return 'before 1.24';
  const [, major, minor] = GO_VERSION.exec(goVersion(goMod) ?? '') ?? [];
  const is124 = Number(major) > 1 || (Number(major) === 1 && Number(minor) >= 24);
  return is124 ? 'since 1.24' : 'before 1.24';
}

function goVersion(goMod: Uint8Array): string | undefined {
  try {
    return parseGoMod(Buffer.from(goMod).toString('utf8')).go;
  } catch {
    return undefined;
  }
}

const FIRST = 'vendor/';
const INNER = '/vendor/';

/**
 * Whether a file belongs to a vendored package: one in a folder below a vendor folder. Before 1.24 whatever is in a
 * vendor folder that is not the root's counts (golang.org/issue/37397), and vendor/modules.txt does not.
 *
 * @param name from the module's root
 */
export function isVendored(name: string, rule: VendorRule): boolean {
  if (name.startsWith(FIRST)) {
    return name.includes('/', FIRST.length) || (rule === 'since 1.24' && name === 'vendor/modules.txt');
  }
  const inner = name.indexOf(INNER);
  if (inner < 0) return false;
  return rule === 'before 1.24' || name.includes('/', inner + INNER.length);
}

interface Folder {
  isModule: boolean;
  readonly folders: Map<string, Folder>;
}

/** The folders, besides the root, that are modules of their own. */
export class NestedModules {
  readonly #root: Folder = { isModule: false, folders: new Map() };
  #any = false;

  /** @param name of a file; it makes its folder a module where it is a go.mod in any case */
  add(name: string): void {
    const slash = name.lastIndexOf('/');
    if (slash < 0 || name.slice(slash + 1).toLowerCase() !== 'go.mod') return;
    let at = this.#root;
    for (const element of name.slice(0, slash).split('/')) {
      let folder = at.folders.get(element);
      if (folder === undefined) {
        folder = { isModule: false, folders: new Map() };
        at.folders.set(element, folder);
      }
      at = folder;
    }
    at.isModule = true;
    this.#any = true;
  }

  /** Whether the file is in such a folder. The work grows with the length of the name, however deep it lies. */
  hold(name: string): boolean {
    if (!this.#any) return false;
    let at: Folder | undefined = this.#root;
    for (let start = 0; ; ) {
      const slash = name.indexOf('/', start);
      if (slash < 0) return false;
      at = at.folders.get(name.slice(start, slash));
      if (at === undefined) return false;
      if (at.isModule) return true;
      start = slash + 1;
    }
  }
}
