import type { Rewrites } from './repository.ts';

/** As messages, logs and `.info` files may show it. */
export function withoutUserInfo(url: string): string {
  return url.replace(/^([a-z+]+:\/\/)[^/]*@/i, '$1');
}

/** git's url.<base>.insteadOf: the longest begin that matches is replaced. */
export function rewritten(url: string, rewrites: Rewrites): string {
  let best = '';
  for (const begin of rewrites.keys()) if (url.startsWith(begin) && begin.length > best.length) best = begin;
  return best === '' ? url : (rewrites.get(best) ?? '') + url.slice(best.length);
}
