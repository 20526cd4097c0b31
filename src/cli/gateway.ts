import type { Config } from '../config/index.ts';
import type { Source } from '../fetch/index.ts';
import { Gateway, type PassedDatabase, type Router } from '../gateway/index.ts';
import type { PartState } from '../http/index.ts';
import { ZipChecker } from '../modzip/index.ts';
import { type Logger, type Metrics, systemClock } from '../observe/index.ts';
import { FileTree, type Tree } from '../store/index.ts';
import { VersionControl } from './version-control.ts';
import { makeDatabases, makeRouter, makeSources } from './wiring.ts';

/** A gateway with everything that one configuration makes. */
export interface MadeGateway {
  readonly gateway: Gateway;
  readonly router: Router;
  readonly sources: ReadonlyMap<string, Source>;
  readonly databases: readonly PassedDatabase[];
  /** of the programs that repositories are asked with; undefined where nobody has said that they are to be asked */
  gitState(): Promise<PartState | undefined>;
  /** Fetches nothing more, stores and lists what is there by now. */
  close(): Promise<void>;
}

/** A gateway over a data folder of its own, for a command that needs no listener. */
export interface OpenGateway extends MadeGateway {
  readonly tree: FileTree;
}

interface Below {
  readonly tree: Tree;
  readonly checker: ZipChecker;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** Over a tree and a checker that others may use too. Throws CONFIG_INVALID; nothing is left open then. */
export function makeGateway(config: Config, below: Below): MadeGateway {
  const { logger, metrics } = below;
  const { cache, limits, workers } = config;
  const opened: { close(): Promise<void> }[] = [];
  try {
    const sources = makeSources(config, below.tree, logger, metrics);
    opened.push(...sources.values());
    const versionControl = new VersionControl(config, below);
    opened.push(versionControl);
    const router = makeRouter(config, sources, (route) => versionControl.source(route));
    const databases = makeDatabases(config, router, logger, metrics);
    opened.push(...databases.map(({ origin }) => origin));
    const gateway = new Gateway(
      { ...below, router, databases, clock: systemClock },
      {
        times: cache,
        fetches: Math.ceil(limits.fetches / workers),
        queue: Math.ceil(limits.queue / workers),
      },
    );
    const close = async () => {
      await Promise.all(opened.map((one) => one.close()));
      await gateway.close();
    };
    return { gateway, router, sources, databases, gitState: () => versionControl.state(), close };
  } catch (thrown) {
    for (const one of opened) void one.close();
    throw thrown;
  }
}

/** @param checkers threads that check zips; by default the checker's own number */
export async function openGateway(
  config: Config,
  logger: Logger,
  metrics: Metrics,
  checkers?: number,
): Promise<OpenGateway> {
  const tree = await FileTree.open(config.data, { logger });
  const checker = new ZipChecker(checkers === undefined ? {} : { workers: checkers });
  const free = async () => {
    await checker.close();
    await tree.close();
  };
  try {
    // This process alone: it shares no source with others.
    const made = makeGateway({ ...config, workers: 1 }, { tree, checker, logger, metrics });
    const close = async () => {
      await made.close();
      await free();
    };
    return { ...made, tree, close };
  } catch (thrown) {
    await free();
    throw thrown;
  }
}
