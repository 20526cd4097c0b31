import type { Config } from '../config/index.ts';
import { AccessLog, Handler, HotCache, Listener, Pages, TrustedProxies } from '../http/index.ts';
import { type Logger, Metrics, systemClock } from '../observe/index.ts';
import { openGateway } from './gateway.ts';
import { countBuild, countMemory, countStore, sourceState, storeState, warnOfStore } from './states.ts';
import { type Build, commitOf } from './version.ts';

export interface RunningApp {
  /** where it listens, e.g. http://127.0.0.1:3000 */
  readonly url: string;
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
  countMemory(metrics, hot);
  countStore(metrics, tree);
  countBuild(metrics, build);
  let stopping = false;
  const pages = new Pages({
    build: { version: build.version, commit: commitOf(build), date: build.date },
    metrics,
    parts: async () => [await storeState(tree), ...[...sources.values()].map(sourceState)],
    stopping: () => stopping,
  });
  const access = new AccessLog(metrics, clock, config.log.access ? logger : undefined);
  const handler = new Handler({
    gateway,
    pages,
    access,
    clock,
    hot,
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
  try {
    const url = await listener.listen(config.listen);
    void warnOfStore(tree, logger);
    return {
      url,
      close: async () => {
        stopping = true;
        await listener.close(config.shutdown);
        await opened.close();
      },
    };
  } catch (thrown) {
    await opened.close();
    throw thrown;
  }
}

/** ms; a caller that waits for its first byte is not idle */
function idleFor({ limits }: Config): number {
  return Math.max(10 * 60_000, limits.patience + 60_000);
}
