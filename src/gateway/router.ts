import type { Chain } from '../fetch/index.ts';
import { type ModulePath, type PathPatterns, splitPatterns } from '../module/index.ts';

export interface Route {
  /** the patterns as they are written */
  readonly match: string;
  readonly patterns: PathPatterns;
  readonly chain: Chain;
  /** what a caller sees where a source refuses our credentials: its 403, or a 502 */
  readonly denied: 'refuse' | 'pass';
  /** nobody but the sources of its chain may learn of its modules: no checksum database is asked about them */
  readonly isPrivate: boolean;
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

  /** The patterns of all private routes, each once. */
  get privatePatterns(): readonly string[] {
    const all = this.routes.filter(({ isPrivate }) => isPrivate).flatMap(({ match }) => splitPatterns(match));
    return [...new Set(all)];
  }

  find(path: ModulePath): Omit<Route, 'patterns'> {
    for (const route of this.routes) if (route.patterns.matches(path)) return route;
    return { match: '', chain: this.#otherwise, denied: 'refuse', isPrivate: false };
  }
}
