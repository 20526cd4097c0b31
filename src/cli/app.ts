import type { Config } from '../config/index.ts';
import { AccessLog, Handler, HotCache, Listener, Pages, TrustedProxies } from '../http/index.ts';
import { type Logger, Metrics, systemClock } from '../observe/index.ts';
import { openGateway } from './gateway.ts';
import { countBuild, countMemory, countStore, sourceState, storeState, warnOfStore } from './states.ts';
import { makeAdmin, makeUpkeep } from './upkeep.ts';
import { type Build, commitOf } from './version.ts';

export interface RunningApp {
  /** where it listens, e.g. http://127.0.0.1:3000 */
  readonly url: string;
  /** where the administrative listener is; undefined: there is none, '' for a socket */
  readonly adminUrl: string | undefined;
  /** Lets running answers end within the time that the configuration gives, then frees everything. */
  close(): Promise<void>;
}

/** Wires the rooms together and listens. */
export async function startApp(config: Config, logger: Logger, build: Build): Promise<RunningApp> {
  const metrics = new Metrics();
  const clock = systemClock;
  const opened = await openGateway(config, logger, metrics);
  const { gateway, tree, sources } = opened;
  const hot = new HotCache(config.cache.memory);
  const { upkeep, uses, room } = makeUpkeep({ ...opened, config, hot, clock, logger, metrics });
  countMemory(metrics, hot);
  countStore(metrics, tree);
  countBuild(metrics, build);
  let stopping = false;
  const pages = new Pages({
    build: { version: build.version, commit: commitOf(build), date: build.date },
    metrics,
    parts: async () => [await storeState(tree), ...[...sources.values()].map(sourceState)],
    stopping: () => stopping,
    index: (since, limit) => room.catalog.listed(since, limit),
  });
  const access = new AccessLog(metrics, clock, config.log.access ? logger : undefined);
  const handler = new Handler({
    gateway,
    pages,
    access,
    clock,
    hot,
    uses,
    patience: config.limits.patience,
    keepAlive: config.limits.idle,
    targets: { prefix: config.prefix, longest: config.limits.url },
    secure: config.tls !== undefined,
    trusted: new TrustedProxies(config.trustedProxies, config.listen.kind === 'unix'),
  });
  const listener = new Listener(handler, {
    tls: config.tls,
    idle: idleFor(config),
    keepAlive: config.limits.idle,
    headerTime: config.limits.headerTime,
    header: config.limits.header,
    connections: config.limits.connections,
    metrics,
  });
  const admin = makeAdmin({ config, pages, upkeep, access, clock });
  const free = async () => {
    await upkeep.close();
    await opened.close();
  };
  try {
    const url = await listener.listen(config.listen);
    const adminUrl = await admin?.listener.listen(admin.listen);
    upkeep.start();
    void warnOfStore(tree, logger);
    return {
      url,
      adminUrl,
      close: async () => {
        stopping = true;
        upkeep.stop();
        await Promise.all([listener.close(config.shutdown), admin?.listener.close(config.shutdown)]);
        await free();
      },
    };
  } catch (thrown) {
    // One may listen although the other cannot.
    await Promise.all([listener.close(0), admin?.listener.close(0)]);
    await free();
    throw thrown;
  }
}

/** ms; a caller that waits for its first byte is not idle */
function idleFor({ limits }: Config): number {
  return Math.max(10 * 60_000, limits.patience + 60_000);
}
