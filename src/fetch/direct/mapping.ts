import { type ModulePath, PathPatterns } from '../../module/index.ts';
import type { Root } from './roots.ts';

/** Where the keeper of the gateway says that modules live. */
export interface Mapping {
  /** patterns in the syntax of GOPRIVATE; what one matches of a path is the root's path */
  readonly match: string;
  /** of the repository; `{n}` stands for the path's element at the n-th element of the pattern that holds a glob */
  readonly url: string;
  /** folder of the root in it, with `{n}` too; "" for the repository's own root */
  readonly subdirectory: string;
}

interface Compiled {
  readonly patterns: PathPatterns;
  readonly elements: number;
  /** indexes of the elements that hold a glob */
  readonly globs: readonly number[];
  readonly mapping: Mapping;
}

/** First match counts. Nobody is asked. */
export class MappedRoots {
  readonly #all: readonly Compiled[];

  constructor(mappings: readonly Mapping[]) {
    this.#all = mappings.flatMap((mapping) =>
      mapping.match.split(',').flatMap((one) => compile(one, mapping)),
    );
  }

  find(path: ModulePath): Root | undefined {
    const found = this.#all.find(({ patterns }) => patterns.matches(path));
    if (found === undefined) return undefined;
    const elements = path.split('/');
    const fill = (text: string) =>
      text.replace(/\{(\d+)\}/g, (_whole, n: string) => elements[found.globs[Number(n) - 1] ?? -1] ?? '');
    return {
      kind: 'repository',
      path: elements.slice(0, found.elements).join('/'),
      vcs: 'git',
      url: fill(found.mapping.url),
      subdirectory: fill(found.mapping.subdirectory),
    };
  }
}

function compile(text: string, mapping: Mapping): Compiled[] {
  const pattern = text.trim().replace(/\/$/, '');
  if (pattern === '') return [];
  const elements = pattern.split('/');
  const globs = elements.flatMap((element, i) => (/[*?[\\]/.test(element) ? [i] : []));
  return [{ patterns: new PathPatterns(pattern), elements: elements.length, globs, mapping }];
}
