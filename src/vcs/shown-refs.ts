import type { Refs } from './repository.ts';

/** How much of what a remote listed is in a copy: every tag; every branch, tag, and HEAD. */
export interface Here {
  readonly tags: boolean;
  readonly all: boolean;
}

const LINE = /^([0-9a-f]{40,64}) (refs\/(?:(heads|tags)\/)?(.+?))(\^\{\})?$/;

/**
 * Holds what `git show-ref -d` prints of a copy to what its remote listed: `<hash> SP <ref>` a line, and `<ref>^{}` for
 * what an annotated tag stands for. Names that were not listed do not count.
 */
export class ShownRefs {
  readonly #refs: Refs;
  readonly #head: string | undefined;
  #rest: Buffer = Buffer.alloc(0);
  #found = { heads: 0, tags: 0, head: false };

  /** @param head name of the ref that has HEAD; undefined: HEAD is on a branch */
  constructor(refs: Refs, head: string | undefined) {
    this.#refs = refs;
    this.#head = head;
  }

  push(piece: Buffer): void {
    let rest = Buffer.concat([this.#rest, piece]);
    for (let end = rest.indexOf(10); end >= 0; end = rest.indexOf(10)) {
      this.#line(rest.toString('utf8', 0, end));
      rest = rest.subarray(end + 1);
    }
    this.#rest = rest;
  }

  get here(): Here {
    const { branches, tags } = this.#refs;
    const found = this.#found;
    const head = this.#head === undefined || found.head;
    const all = found.tags === tags.size && found.heads === branches.size && head;
    return { tags: found.tags === tags.size, all };
  }

  #line(line: string): void {
    const [, hash, ref, space, name = ''] = LINE.exec(line) ?? [];
    if (space === 'tags' && this.#refs.tags.get(name) === hash) this.#found.tags += 1;
    if (space === 'heads' && this.#refs.branches.get(name) === hash) this.#found.heads += 1;
    if (ref === this.#head && hash === this.#refs.head) this.#found.head = true;
  }
}
