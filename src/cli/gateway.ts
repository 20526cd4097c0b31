import type { Config } from '../config/index.ts';
import type { Source } from '../fetch/index.ts';
import { Gateway, type PassedDatabase, type Router } from '../gateway/index.ts';
import { ZipChecker } from '../modzip/index.ts';
import { type Logger, type Metrics, systemClock } from '../observe/index.ts';
import { FileTree } from '../store/index.ts';
import { makeDatabases, makeRouter, makeSources } from './wiring.ts';

/** A gateway over a data folder, for a listener or for a command that needs none. */
export interface OpenGateway {
  readonly gateway: Gateway;
  readonly tree: FileTree;
  readonly router: Router;
  readonly checker: ZipChecker;
  readonly sources: ReadonlyMap<string, Source>;
  readonly databases: readonly PassedDatabase[];
  /** Fetches nothing more, stores and lists what is there by now, then frees everything. */
  close(): Promise<void>;
}

/** @param checkers threads that check zips; by default the checker's own number */
export async function openGateway(
  config: Config,
  logger: Logger,
  metrics: Metrics,
  checkers?: number,
): Promise<OpenGateway> {
  const tree = await FileTree.open(config.data, { logger });
  const sources = makeSources(config, logger, metrics);
  const router = makeRouter(config, sources);
  const databases = makeDatabases(config, router, logger, metrics);
  const checker = new ZipChecker(checkers === undefined ? {} : { workers: checkers });
  const gateway = new Gateway(
    { tree, router, databases, checker, clock: systemClock, logger, metrics },
    { times: config.cache, fetches: config.limits.fetches, queue: config.limits.queue },
  );
  const everySource = [...sources.values(), ...databases.map(({ origin }) => origin)];
  return {
    gateway,
    tree,
    router,
    checker,
    sources,
    databases,
    close: async () => {
      await Promise.all(everySource.map((source) => source.close()));
      await gateway.close();
      await checker.close();
      await tree.close();
    },
  };
}
