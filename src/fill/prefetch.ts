import { ModgateError } from '../errors/index.ts';
import type { Gateway, Router } from '../gateway/index.ts';
import type { ModuleVersion } from '../module/index.ts';
import { hashGoMod } from '../modzip/index.ts';
import type { Tree } from '../store/index.ts';
import { Checksums } from './checksums.ts';
import { each } from './each.ts';
import { Fetcher } from './fetcher.ts';
import { keyOf } from './graph.ts';
import { Hints } from './hints.ts';
import { type Kind, Planner, type PlanOptions, type Want } from './plan.ts';
import type { Tally } from './tally.ts';
import type { Target } from './targets.ts';

export interface PrefetchOptions extends PlanOptions {
  readonly targets: readonly Target[];
  /** finds out what would be fetched, and fetches only the go.mod files that this needs */
  readonly dryRun: boolean;
  /** names of the checksum databases whose answers are wanted too */
  readonly databases: readonly string[];
  /** in the syntax of GONOSUMDB */
  readonly nosumdb: string;
  readonly signal: AbortSignal;
}

export interface PrefetchDeps {
  readonly gateway: Gateway;
  readonly tree: Tree;
  readonly router: Router;
  readonly tally: Tally;
}

/**
 * Fetches what the targets name, and what they need, into the store. Failures are in the tally, and the rest goes on;
 * it throws only where going on is no use: CANCELED at the signal, DISK_FULL.
 */
export async function prefetch(options: PrefetchOptions, deps: PrefetchDeps): Promise<void> {
  const { tally, gateway } = deps;
  const { signal, places } = options;
  const fetcher = new Fetcher(gateway, deps.tree, signal);
  const hints = new Hints(fetcher, deps.router);
  const planner = new Planner({ fetcher, hints, tally, signal }, options);
  tally.phase('module graph', undefined);
  for (const target of options.targets) await planner.add(target);
  const found = [...planner.wants.values()].filter(({ m }) => !planner.hasFailed(m));
  const wants = found.sort((a, b) => (keyOf(a.m) < keyOf(b.m) ? -1 : 1));
  const modules = wants.filter((want) => !isDone(want, planner.hasRead(want.m)));
  tally.phase('modules', modules.length);
  const { databases, nosumdb, dryRun } = options;
  const filler = new Filler({ fetcher, hints, tally, dryRun });
  await each(modules, places, signal, (want) => filler.fill(want, planner.hasRead(want.m)));
  if (dryRun) return;
  for (const { m } of wants) gateway.intake.relist(m.path);
  const checksums = new Checksums({ ...deps, fetcher, databases, nosumdb, signal, places });
  const whole = wants.map(({ m }) => m).filter((m) => !filler.failed.has(keyOf(m)));
  await checksums.fill(checksums.allowed(whole));
}

/** Of most versions in a module graph only the go.mod is wanted, and reading the graph has brought it. */
function isDone({ kinds, sums }: Want, modRead: boolean): boolean {
  return modRead && sums.mod.size === 0 && [...kinds].every((kind) => kind === 'mod');
}

interface FillerDeps {
  readonly fetcher: Fetcher;
  readonly hints: Hints;
  readonly tally: Tally;
  readonly dryRun: boolean;
}

/** Takes the files of a version, one after the other, and holds them to what a go.sum says. */
class Filler {
  /** "module@version" of which something could not be had */
  readonly failed = new Set<string>();
  readonly #fetcher: Fetcher;
  readonly #hints: Hints;
  readonly #tally: Tally;
  /** what is stored is dealt with as ever, the rest is planned */
  readonly #dryRun: boolean;

  constructor({ fetcher, hints, tally, dryRun }: FillerDeps) {
    this.#fetcher = fetcher;
    this.#hints = hints;
    this.#tally = tally;
    this.#dryRun = dryRun;
  }

  /**
   * The first file that cannot be had ends it for this version, so that an outage is told once.
   * @param modRead the go.mod has been counted already
   */
  async fill({ m, kinds, sums }: Want, modRead: boolean): Promise<void> {
    const what = keyOf(m);
    let now: Kind = 'info';
    await this.#tally.unit(what, async () => {
      try {
        if (kinds.has('info')) await this.#small(m, 'info', new Set(), false);
        now = 'mod';
        if (kinds.has('mod') && (!modRead || sums.mod.size > 0))
          await this.#small(m, 'mod', sums.mod, modRead);
        now = 'zip';
        if (kinds.has('zip')) await this.#zip(m, sums.zip);
      } catch (thrown) {
        this.failed.add(what);
        this.#tally.fail(what, now, await this.#hints.explain(m.path, thrown));
      }
    });
  }

  async #small(
    m: ModuleVersion,
    kind: 'info' | 'mod',
    sums: ReadonlySet<string>,
    counted: boolean,
  ): Promise<void> {
    if (await this.#planned(m, kind)) return;
    const { bytes, taken } =
      kind === 'mod'
        ? await this.#fetcher.mod(m, holdTo(m, 'go.mod', sums, 'fetched'))
        : await this.#fetcher.bytes({ kind, m });
    if (kind === 'mod') holdTo(m, 'go.mod', sums, 'stored')(hashGoMod(bytes));
    if (!counted) this.#tally.add(keyOf(m), kind, taken.result, taken.size);
  }

  async #zip(m: ModuleVersion, sums: ReadonlySet<string>): Promise<void> {
    if (await this.#planned(m, 'zip')) return;
    const what = keyOf(m);
    const moved = (bytes: number) => this.#tally.moved(what, bytes);
    const { result, size } = await this.#fetcher.zip(m, moved, holdTo(m, 'zip', sums, 'fetched'));
    if (sums.size > 0) holdTo(m, 'zip', sums, 'stored')((await this.#fetcher.h1(m)) ?? 'none');
    this.#tally.add(what, 'zip', result, size);
  }

  async #planned(m: ModuleVersion, kind: Kind): Promise<boolean> {
    if (!this.#dryRun || (await this.#fetcher.has(m, kind))) return false;
    this.#tally.add(keyOf(m), kind, 'planned');
    return true;
  }
}

/** Throws at an h1 that the go.sum does not have; no sums: nothing is held to them. */
function holdTo(
  m: ModuleVersion,
  file: 'go.mod' | 'zip',
  sums: ReadonlySet<string>,
  state: 'fetched' | 'stored',
): (h1: string) => void {
  return (h1) => {
    if (sums.size === 0 || sums.has(h1)) return;
    throw new ModgateError(
      'CHECKSUM_MISMATCH',
      `the ${file} of ${keyOf(m)} has ${h1}, but go.sum says ${[...sums].join(' or ')}`,
      { next: state === 'fetched' ? NOT_STORED : stored(m) },
    );
  };
}

const NOT_STORED = 'find out which of the two is right; nothing of it was stored';

function stored(m: ModuleVersion): string {
  return `find out which of the two is right, for it is stored; only if go.sum is, remove it by modgate store purge --hard ${keyOf(m)}`;
}
