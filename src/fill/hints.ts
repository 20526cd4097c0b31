import { ModgateError } from '../errors/index.ts';
import type { Router } from '../gateway/index.ts';
import { type ModulePath, parseModulePath } from '../module/index.ts';
import type { Fetcher } from './fetcher.ts';
import { TOOLCHAIN_PATH } from './toolchains.ts';

/** Says of what is absent what else the user may have meant. */
export class Hints {
  readonly #fetcher: Fetcher;
  readonly #router: Router;
  /** module path → the query that the user named with it */
  readonly #named = new Map<ModulePath, string>();

  constructor(fetcher: Fetcher, router: Router) {
    this.#fetcher = fetcher;
    this.#router = router;
  }

  /** What the user has named may be a package; what a go.mod requires is a module. */
  name(path: ModulePath, query: string): void {
    this.#named.set(path, query);
  }

  /** The same failure, with a next step where there is one to tell. */
  async explain(path: ModulePath, thrown: unknown): Promise<unknown> {
    if (!(thrown instanceof ModgateError) || !thrown.absent) return thrown;
    const next = path === TOOLCHAIN_PATH ? NO_TOOLCHAIN : await this.#moduleOf(path);
    if (next === undefined) return thrown;
    const { source, cause } = thrown;
    return new ModgateError(thrown.code, thrown.message, { cause, source, next });
  }

  /**
   * Asks for the parents, the longest first, as the go command does to find the module of a package; but no other chain
   * than that of the path: a parent above a private route would tell its name to the public.
   */
  async #moduleOf(path: ModulePath): Promise<string | undefined> {
    const query = this.#named.get(path);
    if (query === undefined) return undefined;
    const { id } = this.#router.find(path).chain;
    for (const parent of parentsOf(path)) {
      if (this.#router.find(parent).chain.id !== id) return undefined;
      if (await this.#isModule(parent))
        return `${parent} is a module, and this may be a package of it: modgate prefetch ${parent}@${query}`;
    }
    return undefined;
  }

  /** A hint is worth no failure: where nobody can tell, there is none. */
  async #isModule(path: ModulePath): Promise<boolean> {
    try {
      const { bytes } = await this.#fetcher.bytes({ kind: 'list', path });
      if (bytes.length > 0) return true;
      await this.#fetcher.bytes({ kind: 'latest', path });
      return true;
    } catch {
      return false;
    }
  }
}

const NO_TOOLCHAIN =
  'see whether this release of Go is published for this platform: "go tool dist list" names the platforms';

/** golang.org/x/tools/cmd/stringer → golang.org/x/tools/cmd, golang.org/x/tools, golang.org/x, golang.org */
function parentsOf(path: ModulePath): ModulePath[] {
  const elements = path.split('/');
  return elements.slice(1).flatMap((_, i) => {
    try {
      return [parseModulePath(elements.slice(0, elements.length - 1 - i).join('/'))];
    } catch {
      return [];
    }
  });
}
