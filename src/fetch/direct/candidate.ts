/**
 * Versions that a commit may have, and which of them the module path allows. One candidate is one commit that one
 * caller asks about by one text; what is read of the commit for it is read once.
 */
import { majorOf, matchPathMajor } from '../../module/index.ts';
import { MAX_GOMOD_BYTES } from '../../modzip/index.ts';
import type { Commit, Repository } from '../../vcs/index.ts';
import { invalidVersion } from './faults.ts';
import { findModule, type ModuleFolder } from './module-folder.ts';
import type { Place } from './place.ts';
import { INCOMPATIBLE, isIncompatible, withoutIncompatible } from './tags.ts';

/** A commit as a version of the module. */
export interface Revision extends ModuleFolder {
  readonly commit: Commit;
  readonly version: string;
}

export class Candidate {
  readonly repository: Repository;
  readonly place: Place;
  readonly commit: Commit;
  /** what was asked for: a version, or another revision */
  readonly asked: string;
  readonly signal: AbortSignal;
  #rootGoMod: Promise<boolean> | undefined;
  readonly #majorGoMod = new Map<string, Promise<boolean>>();

  constructor(repository: Repository, place: Place, commit: Commit, asked: string, signal: AbortSignal) {
    this.repository = repository;
    this.place = place;
    this.commit = commit;
    this.asked = asked;
    this.signal = signal;
  }

  /** Whether the commit may carry this version, as it is or with "+incompatible". */
  async allows(version: string): Promise<boolean> {
    return matchPathMajor(version, this.place.pathMajor) || (await this.#mayBeIncompatible(version));
  }

  /**
   * The commit as this version, which gets "+incompatible" where it needs that. NOT_FOUND where the commit does not hold
   * the module; BAD_MODULE where the version is none for the module's path, or is not what was asked for.
   *
   * @param canonical whether what was asked for is a canonical version, which only resolves to itself
   */
  async as(version: string, canonical: boolean): Promise<Revision> {
    const { place, commit, asked, signal } = this;
    const found = await findModule(this.repository, place, commit, version, signal);
    const spelled = version === withoutIncompatible(asked) ? asked : version;
    const base = withoutIncompatible(spelled);
    const compatible = matchPathMajor(base, place.pathMajor);
    const incompatible = !compatible && (await this.#mayBeIncompatible(base));
    const result = incompatible ? `${base}${INCOMPATIBLE}` : spelled;
    if (canonical && withoutIncompatible(asked) !== base)
      throw this.#no(asked, `resolves to version ${result} (${withoutIncompatible(asked)} is not a tag)`);
    if (!compatible && !incompatible) throw this.#no(spelled, this.#mismatch(spelled));
    if (compatible && isIncompatible(spelled))
      throw this.#no(
        spelled,
        `${INCOMPATIBLE} suffix not allowed: major version ${majorOf(spelled)} is compatible`,
      );
    return { ...found, commit, version: result };
  }

  #mismatch(version: string): string {
    const { prefix, pathMajor } = this.place;
    return pathMajor === ''
      ? `module contains a go.mod file, so module path must match major version ("${prefix}/${majorOf(version)}")`
      : 'module path includes a major version suffix, so major version must match';
  }

  #no(version: string, why: string): Error {
    return invalidVersion(this.place, version, why, 'BAD_MODULE');
  }

  /**
   * A tag above v1 stands for the module without suffix only where its tree knows no modules. Whoever says
   * "+incompatible" gets it beside a "vN/go.mod" too, which older go commands did not look at (go.dev/issue/51324).
   */
  async #mayBeIncompatible(version: string): Promise<boolean> {
    const { folder, pathMajor } = this.place;
    if (folder !== '' || pathMajor !== '') return false;
    this.#rootGoMod ??= this.#has('go.mod');
    if (await this.#rootGoMod) return false;
    if (isIncompatible(this.asked)) return true;
    const major = majorOf(version);
    const known = this.#majorGoMod.get(major) ?? this.#has(`${major}/go.mod`);
    this.#majorGoMod.set(major, known);
    return !(await known);
  }

  async #has(file: string): Promise<boolean> {
    const [bytes] = await this.repository.files(this.commit, [file], MAX_GOMOD_BYTES, this.signal);
    return bytes !== undefined;
  }
}
