import { ModgateError } from '../errors/index.ts';
import { FetchGate } from '../fetch/index.ts';
import {
  type ModulePath,
  type ModuleVersion,
  modulePathOf,
  parseGoMod,
  parseModulePath,
  parseVersion,
} from '../module/index.ts';
import type { Build, Replaced } from './build.ts';
import type { Fetcher } from './fetcher.ts';
import { readText } from './foreign-text.ts';
import { keyOf, loadBuildList, type Node, type Requirements, requirementsOf } from './graph.ts';
import type { Hints } from './hints.ts';
import { resolveQuery } from './queries.ts';
import type { Tally } from './tally.ts';
import type { Target } from './targets.ts';
import { toolchainModules, toolchainNamed } from './toolchains.ts';

export type Kind = 'info' | 'mod' | 'zip';

/** A version that is to be filled in. */
export interface Want {
  readonly m: ModuleVersion;
  readonly kinds: Set<Kind>;
  /** "h1:…" of which one must be that of the file, from a go.sum */
  readonly sums: { readonly mod: Set<string>; readonly zip: Set<string> };
}

export interface PlanOptions {
  /** whether what a target requires is wanted too */
  readonly deps: boolean;
  /** "linux/amd64"; []: no toolchains */
  readonly toolchains: readonly string[];
  readonly places: number;
}

interface Deps {
  readonly fetcher: Fetcher;
  readonly hints: Hints;
  readonly tally: Tally;
  readonly signal: AbortSignal;
}

const NO_BUILD = { workspace: false, replace: new Map<string, Replaced>(), excluded: new Set<string>() };

/** Finds out what is to be filled in: reads build lists, and on the way every go.mod of the module graph. */
export class Planner {
  readonly wants = new Map<string, Want>();
  readonly #deps: Deps;
  readonly #options: PlanOptions;
  readonly #gate: FetchGate;
  /** key of Want → the bytes of its go.mod, or undefined where they cannot be had */
  readonly #mods = new Map<string, Promise<string | undefined>>();
  /** keys of wants whose go.mod could not be had */
  readonly #failed = new Set<string>();

  constructor(deps: Deps, options: PlanOptions) {
    this.#deps = deps;
    this.#options = options;
    this.#gate = new FetchGate(options.places, Number.MAX_SAFE_INTEGER);
  }

  async add(target: Target): Promise<void> {
    switch (target.kind) {
      case 'build':
        await this.#addBuild(target.build);
        this.#addToolchains(target.build);
        break;
      case 'sums':
        for (const { path, version, of, hash } of target.lines) {
          const want = this.#want({ path, version }, of === 'zip' ? ['info', 'zip'] : ['mod']);
          if (hash.startsWith('h1:')) want.sums[of].add(hash);
        }
        break;
      case 'module':
        await this.#addModule(target.path, target.query);
        break;
    }
  }

  async #addBuild(build: Build): Promise<void> {
    const { mains, workspace } = build;
    if (!this.#options.deps) {
      for (const { require } of mains) for (const node of require) this.#wantNode(build, node);
      return;
    }
    const list = await loadBuildList({ mains, workspace, load: (node) => this.#requirements(build, node) });
    for (const [path, version] of list) this.#wantNode(build, { path, version });
  }

  /** The build list of the module as if it were the main one: what `go install module@version` needs. */
  async #addModule(path: ModulePath, query: string): Promise<void> {
    this.#deps.hints.name(path, query);
    const m = await this.#resolve(path, query);
    if (m === undefined) return;
    this.#want(m, ['info', 'mod', 'zip']);
    if (!this.#options.deps) return;
    const found = await this.#requirements(NO_BUILD, m);
    if (found === undefined) return;
    const main = { path: m.path, version: '' as const, ...found };
    await this.#addBuild({ ...NO_BUILD, mains: [main], go: undefined, toolchain: undefined });
  }

  async #resolve(path: ModulePath, query: string): Promise<ModuleVersion | undefined> {
    try {
      return { path, version: await resolveQuery(this.#deps.fetcher, path, query) };
    } catch (thrown) {
      this.#deps.tally.fail(`${path}@${query}`, undefined, await this.#deps.hints.explain(path, thrown));
      return undefined;
    }
  }

  #addToolchains({ go, toolchain }: Build): void {
    const { toolchains } = this.#options;
    const name = toolchainNamed(go, toolchain);
    if (name === undefined) return;
    for (const m of toolchainModules(name, toolchains)) this.#want(m, ['info', 'mod', 'zip']);
  }

  #want(m: ModuleVersion, kinds: readonly Kind[]): Want {
    const key = keyOf(m);
    const want = this.wants.get(key) ?? { m, kinds: new Set(), sums: { mod: new Set(), zip: new Set() } };
    this.wants.set(key, want);
    for (const kind of kinds) want.kinds.add(kind);
    return want;
  }

  #wantNode(build: Pick<Build, 'replace'>, node: Node): void {
    const actual = replaced(build, node);
    if (actual.kind === 'folder') return;
    const m = this.#checked(actual);
    if (m !== undefined) this.#want(m, ['info', 'mod', 'zip']);
  }

  async #requirements(
    build: Pick<Build, 'replace' | 'excluded'>,
    node: Node,
  ): Promise<Requirements | undefined> {
    const actual = replaced(build, node);
    const text = actual.kind === 'folder' ? await this.#local(node, actual.folder) : await this.#mod(actual);
    if (text === undefined) return undefined;
    try {
      if (actual.kind === 'module') checkName(text, node.path, actual.path);
      return requirementsOf(parseGoMod(text), build.excluded);
    } catch (thrown) {
      this.#deps.tally.fail(keyOf(actual.kind === 'module' ? actual : node), 'mod', thrown);
      return undefined;
    }
  }

  async #local(node: Node, folder: string): Promise<string | undefined> {
    const text = await readText(`${folder}/go.mod`);
    if (text === undefined)
      this.#deps.tally.fail(
        keyOf(node),
        'mod',
        new ModgateError('NOT_FOUND', `it is replaced by the folder ${folder}, which has no go.mod`, {
          next: 'run it where that folder is checked out: what it requires is not known here',
        }),
      );
    return text;
  }

  #mod(node: Pick<Node, 'path'> & { readonly version: Node['version'] }): Promise<string | undefined> {
    const m = this.#checked(node);
    if (m === undefined) return Promise.resolve(undefined);
    const key = keyOf(m);
    const running = this.#mods.get(key) ?? this.#fetchMod(m);
    this.#mods.set(key, running);
    return running;
  }

  #fetchMod(m: ModuleVersion): Promise<string | undefined> {
    const { fetcher, hints, tally, signal } = this.#deps;
    const what = keyOf(m);
    this.#want(m, ['mod']);
    return this.#gate.run(signal, async () => {
      let text: string | undefined;
      await tally.unit(what, async () => {
        try {
          const { bytes, taken } = await fetcher.mod(m);
          tally.add(what, 'mod', taken.result, taken.size);
          text = bytes.toString('utf8');
        } catch (thrown) {
          this.#failed.add(what);
          tally.fail(what, 'mod', await hints.explain(m.path, thrown));
        }
      });
      return text;
    });
  }

  /** True where the go.mod has been dealt with by reading the graph. */
  hasRead(m: ModuleVersion): boolean {
    return this.#mods.has(keyOf(m));
  }

  /** True where the go.mod could not be had, so that there is no use in asking for the rest. */
  hasFailed(m: ModuleVersion): boolean {
    return this.#failed.has(keyOf(m));
  }

  /** Undefined where the path or version cannot be one; told. */
  #checked({ path, version }: Node): ModuleVersion | undefined {
    try {
      const parsed = parseModulePath(path);
      return { path: parsed, version: parseVersion(parsed, version) };
    } catch (thrown) {
      this.#deps.tally.fail(keyOf({ path, version }), 'mod', thrown);
      return undefined;
    }
  }
}

function replaced(
  { replace }: Pick<Build, 'replace'>,
  node: Node,
):
  | { readonly kind: 'module'; readonly path: string; readonly version: Node['version'] }
  | (Replaced & { kind: 'folder' }) {
  return replace.get(keyOf(node)) ?? replace.get(node.path) ?? { kind: 'module', ...node };
}

/** A go.mod that names another module cannot be used by this name (modload.goModSummary). */
function checkName(text: string, required: string, actual: string): void {
  const named = modulePathOf(text);
  if (named === required || named === actual) return;
  throw new ModgateError(
    'INVALID_MODULE',
    `its go.mod says "module ${named ?? ''}", but it is required as ${required}`,
    { next: 'require it by the name that it gives itself, or replace it' },
  );
}
