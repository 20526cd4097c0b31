import { posix } from 'node:path';
import { checkFilePath } from '../module/index.ts';
import { Collisions } from './collisions.ts';
import { badModule, shown, tooLarge } from './fault.ts';
import {
  MAX_ENTRIES,
  MAX_GOMOD_BYTES,
  MAX_LICENSE_BYTES,
  MAX_NAME_BYTES,
  MAX_NAMES_BYTES,
  MAX_ZIP_BYTES,
} from './limits.ts';
import { isVendored, NestedModules, type OmitReason, type VendorRule, vendorRuleOf } from './omitted.ts';

/** A file that a module zip may hold. */
export interface Candidate {
  /** below the module's root, with "/" */
  readonly name: string;
  readonly kind: 'file' | 'symlink' | 'submodule' | 'irregular';
  /** bytes, uncompressed */
  readonly size: number;
}

export interface Omitted {
  readonly name: string;
  readonly reason: OmitReason;
}

export interface Choice<C extends Candidate> {
  /** in the order in which they were given */
  readonly chosen: readonly C[];
  readonly omitted: readonly Omitted[];
}

/** names in a message */
const MAX_NAMED = 3;
/** after which nothing more is looked at */
const MAX_FAULTS = 1000;

/**
 * Which of the files at and below a module's root belong in its zip (x/mod zip.CheckFiles): left out are vendored
 * packages, nested modules, symbolic links, submodules and what is no regular file. BAD_MODULE where no zip can be
 * made: a name that the rules forbid, names that differ only by case, GO.MOD, more than 500 MiB together, go.mod or
 * LICENSE of more than 16 MiB, or more files than our own bounds (see limits.ts) allow.
 *
 * @param goMod content of the root's go.mod, undefined where there is none: its go directive decides which files
 *   count as vendored
 */
export function chooseFiles<C extends Candidate>(files: readonly C[], goMod?: Uint8Array): Choice<C> {
  const isRegular = files.some(({ name, kind }) => name === 'go.mod' && kind === 'file');
  const chooser = new Chooser(files, vendorRuleOf(isRegular ? goMod : undefined));
  const chosen: C[] = [];
  const omitted: Omitted[] = [];
  for (const file of files) {
    const verdict = chooser.judge(file);
    if (verdict === undefined) chosen.push(file);
    else if ('reason' in verdict) omitted.push({ name: file.name, reason: verdict.reason });
  }
  chooser.finish();
  return { chosen, omitted };
}

/** Undefined: the file belongs in the zip. */
type Verdict = { readonly reason: OmitReason } | { readonly fault: string } | undefined;

class Chooser {
  readonly #rule: VendorRule;
  readonly #nested = new NestedModules();
  readonly #collisions = new Collisions();
  /** names that were left out for what they are */
  readonly #special = new Map<string, OmitReason>();
  /** what is wrong with the first few files */
  readonly #faults: string[] = [];
  #faulty = 0;
  #chosen = 0;
  /** bytes of the names of the chosen */
  #names = 0;
  /** bytes of the chosen */
  #total = 0;
  #largest: Candidate | undefined;

  constructor(files: readonly Candidate[], rule: VendorRule) {
    this.#rule = rule;
    for (const { name, kind } of files) if (kind === 'file') this.#nested.add(name);
  }

  judge(file: Candidate): Verdict {
    // git's archive shows a submodule as an empty folder, which nobody looks at.
    if (file.kind === 'submodule') return { reason: 'a submodule' };
    const verdict = this.#byName(file.name) ?? this.#byKind(file);
    if (verdict !== undefined && 'fault' in verdict) {
      this.#faulty++;
      if (this.#faults.length < MAX_NAMED) this.#faults.push(`${shown(file.name)}: ${verdict.fault}`);
      if (this.#faulty === MAX_FAULTS) throw this.#invalid();
    }
    return verdict;
  }

  #byName(name: string): Verdict {
    const unclean = uncleanness(name);
    if (unclean !== undefined) return { fault: unclean };
    if (isVendored(name, this.#rule)) return { reason: 'in a vendor folder' };
    if (this.#nested.hold(name)) return { reason: 'in another module' };
    if (name === '.hg_archival.txt') return { reason: 'made by hg archive' };
    const fault = nameFault(name) ?? this.#collisions.add(name, false);
    if (fault === undefined) return undefined;
    // As in x/mod, which tells one thing of a name: the second file of a hostile tree that has it twice is left out too.
    const reason = this.#special.get(name);
    return reason === undefined ? { fault } : { reason };
  }

  #byKind(file: Candidate): Verdict {
    const { name, kind, size } = file;
    if (kind !== 'file') {
      const reason = kind === 'symlink' ? 'a symbolic link' : 'not a regular file';
      this.#special.set(name, reason);
      return { reason };
    }
    this.#chosen++;
    this.#names += Buffer.byteLength(name);
    this.#total += size;
    if (size > (this.#largest?.size ?? -1)) this.#largest = file;
    if (name === 'go.mod' && size > MAX_GOMOD_BYTES) return { fault: larger(MAX_GOMOD_BYTES) };
    if (name === 'LICENSE' && size > MAX_LICENSE_BYTES) return { fault: larger(MAX_LICENSE_BYTES) };
    return undefined;
  }

  /** BAD_MODULE where the files, or all together, break a rule. */
  finish(): void {
    if (this.#total > MAX_ZIP_BYTES) throw tooLarge('the source tree of the module', this.#largest);
    if (this.#faulty > 0) throw this.#invalid();
    if (this.#chosen > MAX_ENTRIES) throw tooMany(`more than ${MAX_ENTRIES} files`);
    if (this.#names > MAX_NAMES_BYTES) throw tooMany(`file names of more than ${MAX_NAMES_BYTES} bytes`);
  }

  #invalid() {
    const more = this.#faulty - this.#faults.length;
    const lines = ['files that no module zip may hold:', ...this.#faults];
    if (more > 0) lines.push(`and ${more} ${this.#faulty === MAX_FAULTS ? 'or more' : 'more'}`);
    return badModule(lines.join('\n'), 'rename or remove them in a new version of the module');
  }
}

/** @param limit bytes */
function larger(limit: number): string {
  return `larger than ${limit >> 20} MiB`;
}

function tooMany(what: string) {
  return badModule(`the module has ${what}`, 'release a version of the module with fewer files');
}

/** What is wrong with a name that Go's path.Clean would change, or that is not relative. */
function uncleanness(name: string): string | undefined {
  if (name.startsWith('/')) return 'the path is not relative';
  return posix.normalize(name) !== name || name.endsWith('/') ? 'the path is not clean' : undefined;
}

function nameFault(name: string): string | undefined {
  if (Buffer.byteLength(name) > MAX_NAME_BYTES) return `a name of more than ${MAX_NAME_BYTES} bytes`;
  const fault = checkFilePath(name);
  if (fault !== undefined) return fault;
  return name !== 'go.mod' && name.toLowerCase() === 'go.mod'
    ? 'go.mod must have a lower-case name'
    : undefined;
}
