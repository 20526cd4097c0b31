/**
 * The module graph and its build list, by the rules of go.dev/ref/mod ("Minimal version selection", "Graph pruning",
 * "Workspaces"; cmd/go modload/buildlist.go readModGraph). Every requirement that is seen raises the version of its
 * path; the go.mod of a requirement is read where
 *
 * - a main module requires it, or
 * - it is required by a module below go 1.17 that was read, or by anything such a module leads to.
 *
 * In a workspace the selected version of every module that the main modules lead to is read as well, since their
 * go.mod files need not agree.
 */
import { ModgateError } from '../errors/index.ts';
import { compareVersions, type GoMod, type Version } from '../module/index.ts';

/** A module and its version; "" where the version is that of a main module on this machine. */
export interface Node {
  /** as written: not checked as a module path */
  readonly path: string;
  readonly version: Version | '';
}

export interface Requirements {
  readonly require: readonly Node[];
  /** false: below go 1.17, so that what it requires may have to be read too */
  readonly pruned: boolean;
}

export interface GraphInput {
  readonly mains: readonly (Node & Requirements)[];
  readonly workspace: boolean;
  /** The requirements of a module; undefined where they cannot be had, which has been told already. */
  load(node: Node): Promise<Requirements | undefined>;
}

/** The selected version of each path, main modules left out. */
export type BuildList = ReadonlyMap<string, Version>;

type Pruning = 'pruned' | 'unpruned' | 'workspace';

export async function loadBuildList(input: GraphInput): Promise<BuildList> {
  const graph = new Graph(input);
  if (input.workspace) await graph.workspace();
  else await graph.single();
  return graph.buildList();
}

class Graph {
  readonly #input: GraphInput;
  readonly #mains: ReadonlyMap<string, Node & Requirements>;
  readonly #selected = new Map<string, Version>();
  readonly #read = new Map<string, Promise<Requirements | undefined>>();
  readonly #known = new Map<string, Requirements>();
  readonly #visited = new Set<string>();
  #loads = 0;

  constructor(input: GraphInput) {
    this.#input = input;
    this.#mains = new Map(input.mains.map((main) => [main.path, main]));
  }

  /** A main module whose requirements are below what they lead to counts as go get would mend it. */
  async single(): Promise<void> {
    for (let rises = true; rises; ) {
      const before = this.#visited.size;
      for (const main of this.#input.mains) {
        const roots = main.require.map((node) => this.#choose(node));
        await Promise.all(roots.map((root) => this.#visit(root, main.pruned ? 'pruned' : 'unpruned')));
      }
      rises = this.#visited.size > before;
    }
  }

  async workspace(): Promise<void> {
    await Promise.all(this.#input.mains.map((main) => this.#visit(main, 'workspace')));
    const paths = new Set(this.#mains.keys());
    const seen = new Set<string>();
    for (;;) {
      const next = this.#behind(paths, seen);
      if (next.length === 0) return;
      for (const node of next) {
        seen.add(keyOf(node));
        paths.add(node.path);
      }
      await Promise.all(next.map((node) => this.#visit(node, 'workspace')));
    }
  }

  /** What the paths lead to and was not read at its selected version yet. */
  #behind(paths: ReadonlySet<string>, seen: ReadonlySet<string>): Node[] {
    const next = new Map<string, Node>();
    for (const path of paths) {
      const node = this.#current(path);
      if (node === undefined) continue;
      if (!seen.has(keyOf(node))) {
        next.set(keyOf(node), node);
        continue;
      }
      for (const required of this.#known.get(keyOf(node))?.require ?? []) {
        const current = this.#current(required.path);
        if (current === undefined || current.version === required.version || seen.has(keyOf(current)))
          continue;
        next.set(keyOf(current), current);
      }
    }
    return [...next.values()];
  }

  #current(path: string): Node | undefined {
    const main = this.#mains.get(path);
    if (main !== undefined) return main;
    const version = this.#selected.get(path);
    return version === undefined ? undefined : { path, version };
  }

  buildList(): BuildList {
    const paths = [...this.#selected].filter(([path]) => !this.#mains.has(path));
    return new Map(paths.sort(([a], [b]) => (a < b ? -1 : 1)));
  }

  /** Notes a requirement; gives the version of its path that is selected by now. */
  #choose({ path, version }: Node): Node {
    if (version === '') return { path, version };
    const before = this.#selected.get(path);
    if (before !== undefined && compareVersions(before, version) >= 0) return { path, version: before };
    this.#selected.set(path, version);
    return { path, version };
  }

  async #visit(node: Node, pruning: Pruning): Promise<void> {
    const visit = `${pruning} ${keyOf(node)}`;
    if (this.#visited.has(visit)) return;
    this.#visited.add(visit);
    const found = await this.#load(node);
    if (found === undefined) return;
    if (pruning === 'pruned' && found.pruned) return;
    const next = pruning === 'unpruned' || !found.pruned ? 'unpruned' : 'pruned';
    await Promise.all(found.require.map((required) => this.#visit(required, next)));
  }

  #load(node: Node): Promise<Requirements | undefined> {
    const key = keyOf(node);
    const running = this.#read.get(key) ?? this.#loadOnce(node);
    this.#read.set(key, running);
    return running;
  }

  async #loadOnce(node: Node): Promise<Requirements | undefined> {
    this.#bound();
    const main = node.version === '' ? this.#mains.get(node.path) : undefined;
    const found = main ?? (await this.#input.load(node));
    if (found === undefined) return undefined;
    this.#known.set(keyOf(node), found);
    for (const required of found.require) this.#choose(required);
    return found;
  }

  #bound(): void {
    this.#loads++;
    if (this.#loads <= MAX_READ) return;
    throw new ModgateError('BAD_REQUEST', `the module graph has more than ${MAX_READ} go.mod files`, {
      next: 'see which module requires so many; --no-deps fetches only what is named',
    });
  }
}

/**
 * go.mod files of one graph. Ours: each is a source's own words, and each could name ten more that nobody has seen; the
 * largest known graphs have some thousands.
 */
const MAX_READ = 20_000;

export function keyOf({ path, version }: Node): string {
  return `${path}@${version}`;
}

/** go 1.17: modload.ExplicitIndirectVersion; a dependency without a go line is taken for go 1.16 */
const PRUNED_FROM: readonly [number, number] = [1, 17];

function isPruned(go: string | undefined): boolean {
  const [, major, minor] = /^(\d+)\.(\d+)/.exec(go ?? '1.16') ?? [];
  const [a, b] = [Number(major), Number(minor)];
  return a > PRUNED_FROM[0] || (a === PRUNED_FROM[0] && b >= PRUNED_FROM[1]);
}

/** What a go.mod requires, without what the main modules exclude. */
export function requirementsOf(goMod: GoMod, excluded: ReadonlySet<string>): Requirements {
  const require = goMod.require.map(({ path, version }): Node => ({ path, version }));
  return { require: require.filter((node) => !excluded.has(keyOf(node))), pruned: isPruned(goMod.go) };
}
