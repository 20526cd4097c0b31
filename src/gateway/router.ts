import type { Chain } from '../fetch/index.ts';
import type { ModulePath, PathPatterns } from '../module/index.ts';

export interface Route {
  readonly patterns: PathPatterns;
  readonly chain: Chain;
  /** what a caller sees where a source refuses our credentials: its 403, or a 502 */
  readonly denied: 'refuse' | 'pass';
}

/** Which chain a module path goes to: the first route that matches, otherwise the last resort. */
export class Router {
  /** in the order in which they are tried */
  readonly routes: readonly Route[];
  readonly #otherwise: Chain;

  constructor(routes: readonly Route[], otherwise: Chain) {
    this.routes = routes;
    this.#otherwise = otherwise;
  }

  find(path: ModulePath): Pick<Route, 'chain' | 'denied'> {
    for (const route of this.routes) if (route.patterns.matches(path)) return route;
    return { chain: this.#otherwise, denied: 'refuse' };
  }
}
