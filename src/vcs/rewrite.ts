import type { Rewrites } from './repository.ts';

/**
 * The URL that stands in the place of another, as git's url.<base>.insteadOf has it: the longest begin that fits counts,
 * and what comes out is not rewritten again.
 */
export function rewrite(url: string, rewrites: Rewrites): string {
  let longest: string | undefined;
  for (const begin of rewrites.keys()) {
    if (begin !== '' && url.startsWith(begin) && begin.length > (longest?.length ?? 0)) longest = begin;
  }
  return longest === undefined ? url : `${rewrites.get(longest) ?? ''}${url.slice(longest.length)}`;
}
