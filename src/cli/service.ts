import type { Config } from '../config/index.ts';
import type { Source } from '../fetch/index.ts';
import type { Gateway } from '../gateway/index.ts';
import {
  AccessLog,
  Handler,
  HotCache,
  Pages,
  type PagesDeps,
  type PartState,
  type Relay,
  TrustedProxies,
} from '../http/index.ts';
import type { ZipChecker } from '../modzip/index.ts';
import type { Clock, Logger, Metrics } from '../observe/index.ts';
import type { Tree } from '../store/index.ts';
import { type MadeGateway, makeGateway } from './gateway.ts';
import { countMemory, sourceState } from './states.ts';

/** What outlives a configuration. */
export interface Stable {
  readonly tree: Tree;
  readonly checker: ZipChecker;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** of the pages, all but what the sources say */
  readonly pages: Omit<PagesDeps, 'parts'>;
  readonly parts: () => Promise<readonly PartState[]>;
  /** source → its state in the worst of all processes, as `sourceState` takes it */
  readonly breakers: () => Promise<ReadonlyMap<string, number>>;
  /** undefined: this process answers everything itself */
  readonly relay: Relay | undefined;
}

/**
 * Everything that is made from one configuration and that the next one replaces as a whole. Memory answers, verdicts
 * and the states of the breakers are in it: none of them outlives the rules that they came from.
 */
export class Service {
  readonly config: Config;
  readonly handler: Handler;
  readonly #metrics: Metrics;
  readonly #made: MadeGateway;
  readonly #hot: HotCache;
  #closed: Promise<void> | undefined;

  /** Throws CONFIG_INVALID where something cannot be made as the configuration says; nothing is left then. */
  constructor(config: Config, stable: Stable) {
    const { tree, checker } = stable;
    const metrics = stable.metrics.scope();
    const logger = stable.logger.child({}, { level: config.log.level });
    this.config = config;
    this.#metrics = metrics;
    try {
      this.#made = makeGateway(config, { tree, checker, logger, metrics });
    } catch (thrown) {
      metrics.close();
      throw thrown;
    }
    this.#hot = new HotCache(config.cache.memory);
    countMemory(metrics, this.#hot);
    this.handler = this.#makeHandler(stable, logger, this.#made.sources);
  }

  get gateway(): Gateway {
    return this.#made.gateway;
  }

  /** Another one answers from now on: lets the requests that run end, then closes. */
  async retire(): Promise<void> {
    this.#hot.clear();
    await this.handler.settled(longest(this.config));
    await this.close();
  }

  /** Ends the fetches that run, and stores what they have. */
  close(): Promise<void> {
    this.#closed ??= this.#made.close().finally(() => this.#metrics.close());
    return this.#closed;
  }

  #makeHandler(stable: Stable, logger: Logger, sources: ReadonlyMap<string, Source>): Handler {
    const { clock, relay } = stable;
    const { limits, log, prefix, tls, listen, trustedProxies } = this.config;
    const pages = new Pages({
      ...stable.pages,
      parts: async () => {
        const [parts, elsewhere] = await Promise.all([stable.parts(), stable.breakers()]);
        const own = [...sources.values()].map((source) => sourceState(source, elsewhere.get(source.name)));
        return [...parts, ...own];
      },
    });
    const access = new AccessLog(this.#metrics, clock, log.access ? logger : undefined, relay !== undefined);
    return new Handler({
      gateway: this.#made.gateway,
      pages,
      access,
      clock,
      hot: this.#hot,
      patience: limits.patience,
      keepAlive: limits.idle,
      targets: { prefix, longest: limits.url },
      secure: tls !== undefined,
      trusted: new TrustedProxies(trustedProxies, listen.kind === 'unix'),
      relay,
    });
  }
}

/** ms; a caller waits for its first byte as long as patience says, and for the last as long as a source may send */
function longest({ limits, sources }: Config): number {
  const totals = [...sources.values()].map(({ client }) => client.timeouts.total);
  return limits.patience + Math.max(0, ...totals);
}
