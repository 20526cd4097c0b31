import { join } from 'node:path';
import { type Config, defaultClient } from '../config/index.ts';
import { DirectSource, ModProxies, RootFinder, type RootRules, type Source } from '../fetch/index.ts';
import type { ModuleVersion } from '../module/index.ts';
import { type Logger, type Metrics, systemClock } from '../observe/index.ts';
import { keys, type Tree } from '../store/index.ts';
import { GitRemotes, openAccess, type Remotes } from '../vcs/index.ts';
import { clientOptions } from './wiring.ts';

interface Below {
  readonly tree: Tree;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

const GIT = {
  git: 'git',
  timeouts: { idle: 60_000, total: 600_000 },
  refs: 10_000,
  cap: 10 * 2 ** 30,
  largest: 4 * 2 ** 30,
};

/** What all routes with `direct` share. */
export class VersionControl {
  readonly #below: Below;
  readonly #roots: RootFinder;
  readonly #makeRemotes: () => Remotes;
  /** made for the first route that needs it: it has a folder of its own */
  #remotes: Remotes | undefined;
  readonly #proxies: ModProxies;
  readonly #routes: number;

  constructor(config: Config, below: Below) {
    const { logger, metrics } = below;
    this.#below = below;
    this.#routes = config.routes.length;
    this.#roots = new RootFinder({ mappings: [], insecure: '', ca: undefined }, { logger, metrics });
    this.#makeRemotes = () =>
      new GitRemotes(
        join(config.data, 'vcs'),
        { ...GIT, access: openAccess() },
        { logger, metrics, clock: systemClock },
      );
    this.#proxies = new ModProxies(
      clientOptions('direct', defaultClient(config.limits.patience)),
      config.limits.metadata,
      logger,
    );
  }

  /** @param route by its place in the configuration; the last one is not written down but follows from `chain` */
  source(route: number): Source {
    this.#remotes ??= this.#makeRemotes();
    const rules: RootRules = { isPrivate: false, near: route < this.#routes - 1 };
    return new DirectSource(
      {
        ...this.#below,
        roots: this.#roots.for(rules),
        remotes: this.#remotes,
        recorded: (m) => recordedCommit(this.#below.tree, m),
        proxies: (url) => this.#proxies.get(url, rules),
      },
      { rewrites: new Map() },
    );
  }

  async close(): Promise<void> {
    await Promise.all([this.#roots.close(), this.#remotes?.close(), this.#proxies.close()]);
  }
}

/** The commit that a stored `.info` names; undefined where none is stored, or it names none. */
async function recordedCommit(tree: Tree, m: ModuleVersion): Promise<string | undefined> {
  const content = await tree.open(keys.file(m, 'info'));
  if (content === undefined) return undefined;
  try {
    const info: unknown = JSON.parse((await content.bytes()).toString('utf8'));
    return hashIn(info);
  } finally {
    await content.close();
  }
}

function hashIn(info: unknown): string | undefined {
  if (typeof info !== 'object' || info === null || !('Origin' in info)) return undefined;
  const { Origin: origin } = info;
  if (typeof origin !== 'object' || origin === null || !('VCS' in origin) || origin.VCS !== 'git')
    return undefined;
  return 'Hash' in origin && typeof origin.Hash === 'string' ? origin.Hash : undefined;
}
