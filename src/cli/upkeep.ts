import type { Address, Config } from '../config/index.ts';
import { type Gateway, type Router, Upkeep } from '../gateway/index.ts';
import { type AccessLog, AdminHandler, type HotCache, Listener, type Pages, Uses } from '../http/index.ts';
import type { ZipChecker } from '../modzip/index.ts';
import type { Clock, Logger, Metrics } from '../observe/index.ts';
import { type FileTree, Storeroom } from '../store/index.ts';

interface Parts {
  readonly config: Config;
  readonly tree: FileTree;
  readonly router: Router;
  readonly checker: ZipChecker;
  readonly gateway: Gateway;
  readonly hot: HotCache;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

export interface AppUpkeep {
  readonly upkeep: Upkeep;
  readonly uses: Uses;
  readonly room: Storeroom;
}

/** The upkeep of a running gateway: what it holds in memory goes when stored files do. */
export function makeUpkeep(parts: Parts): AppUpkeep {
  const { config, tree, gateway, hot } = parts;
  const room = new Storeroom(tree, config.data);
  const uses = new Uses(hot);
  const forget = () => {
    gateway.forget();
    hot.clear();
    // What was used before a purge must not count as used after it.
    uses.take();
  };
  const upkeep = new Upkeep({ ...parts, room, forget, uses: () => uses.take() }, config.store);
  return { upkeep, uses, room };
}

export interface AdminParts {
  readonly config: Config;
  readonly pages: Pages;
  readonly upkeep: Upkeep;
  readonly access: AccessLog;
  readonly clock: Clock;
}

/** The administrative listener; undefined where the configuration names none. */
export function makeAdmin({
  config,
  ...deps
}: AdminParts): { listener: Listener; listen: Address } | undefined {
  const { listen, token } = config.admin;
  if (listen === undefined) return undefined;
  const guard =
    token === undefined
      ? ({ kind: 'open', hosts: listen.kind === 'tcp' } as const)
      : ({ kind: 'token', token: token.reveal() } as const);
  const handler = new AdminHandler({ ...deps, guard });
  return { listener: new Listener(handler), listen };
}
