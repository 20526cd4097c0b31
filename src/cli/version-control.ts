import { join } from 'node:path';
import { type Config, defaultClient, parseChain } from '../config/index.ts';
import {
  commitIn,
  DirectSource,
  ModProxies,
  RootFinder,
  type RootRules,
  type Source,
} from '../fetch/index.ts';
import type { PartState } from '../http/index.ts';
import type { ModuleVersion } from '../module/index.ts';
import { type Logger, type Metrics, systemClock } from '../observe/index.ts';
import { keys, type Tree } from '../store/index.ts';
import { GitRemotes } from '../vcs/index.ts';
import { Credentials } from './credentials.ts';
import { gitState, SSH_MISSING } from './git-state.ts';
import { hasProgram } from './programs.ts';
import { clientOptions } from './wiring.ts';

interface Below {
  readonly tree: Tree;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** What all routes with `direct` share. */
export class VersionControl {
  readonly #below: Below;
  readonly #roots: RootFinder;
  readonly #credentials: Credentials;
  readonly #makeRemotes: () => GitRemotes;
  /** made for the first route that needs it: it has a folder of its own */
  #remotes: GitRemotes | undefined;
  readonly #proxies: ModProxies;
  readonly #routes: Config['routes'];
  /** a route or a mapping that is written down says that repositories are to be asked here */
  readonly #isMeant: boolean;
  readonly #needsSsh: boolean;

  constructor(config: Config, below: Below) {
    const { logger, metrics } = below;
    this.#below = below;
    this.#routes = config.routes;
    this.#isMeant = config.vcs.repositories.length > 0 || config.routes.some(asksRepositories);
    this.#needsSsh = this.#isMeant && config.vcs.credentials.some(({ how }) => how.kind === 'ssh');
    const { git, timeouts, refs, cap, repository: largest, repositories, insecure, ca } = config.vcs;
    this.#roots = new RootFinder({ mappings: repositories, insecure, ca: ca?.pem }, { logger, metrics });
    this.#credentials = new Credentials(config, { logger, metrics });
    const access = this.#credentials.book;
    this.#makeRemotes = () =>
      new GitRemotes(
        join(config.data, 'vcs'),
        { git, access, timeouts, refs, cap, largest },
        { logger, metrics, clock: systemClock },
      );
    this.#proxies = new ModProxies(
      clientOptions('direct', defaultClient(config.limits.patience)),
      config.limits.metadata,
      logger,
    );
  }

  /** @param route by its place in the configuration */
  source(route: number): Source {
    this.#remotes ??= this.#begin();
    const { isPrivate = false, written = false, insteadOf = new Map() } = this.#routes[route] ?? {};
    const rules: RootRules = { isPrivate, near: written };
    return new DirectSource(
      {
        ...this.#below,
        clock: systemClock,
        roots: this.#roots.for(rules),
        remotes: this.#remotes,
        recorded: (m) => recordedCommit(this.#below.tree, m),
        proxies: (url) => this.#proxies.get(url, rules),
      },
      // Any host's page can name any repository: only whoever wrote a route down has said that it may be served.
      { terms: { rewrites: insteadOf, anonymous: !written }, yields: !written },
    );
  }

  /** For /readyz; undefined where nobody has said that repositories are to be asked. */
  async state(): Promise<PartState | undefined> {
    const remotes = this.#remotes;
    if (remotes === undefined || !this.#isMeant) return undefined;
    return gitState(() => remotes.noGit(), this.#needsSsh);
  }

  #begin(): GitRemotes {
    if (this.#needsSsh && !hasProgram('ssh')) this.#below.logger.warn(SSH_MISSING);
    return this.#makeRemotes();
  }

  async close(): Promise<void> {
    await Promise.all([
      this.#roots.close(),
      this.#remotes?.close(),
      this.#credentials.close(),
      this.#proxies.close(),
    ]);
  }
}

function asksRepositories({ written, chain }: Config['routes'][number]): boolean {
  return written && parseChain(chain).some(({ element }) => element === 'direct');
}

/** The commit that a stored `.info` names; undefined where none is stored, or it names none. */
async function recordedCommit(tree: Tree, m: ModuleVersion): Promise<string | undefined> {
  const content = await tree.open(keys.file(m, 'info'));
  if (content === undefined) return undefined;
  try {
    return commitIn(await content.bytes());
  } finally {
    await content.close();
  }
}
