import { join } from 'node:path';
import type { Config } from '../config/index.ts';
import { type Gateway, Publisher, Upkeep } from '../gateway/index.ts';
import {
  AccessLog,
  AdminHandler,
  type Guard,
  Handler,
  type HandlerDeps,
  Handover,
  HotCache,
  Pages,
  type PagesDeps,
  type PartState,
  type Relay,
  TrustedProxies,
  Uploads,
  Uses,
} from '../http/index.ts';
import type { ZipChecker } from '../modzip/index.ts';
import type { Clock, Logger, Metrics } from '../observe/index.ts';
import { PUBLISHED, type Storeroom } from '../store/index.ts';
import { type MadeGateway, makeGateway } from './gateway.ts';
import { countMemory, sourceState } from './states.ts';

/** What outlives a configuration. */
export interface Stable {
  readonly room: Storeroom;
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
  /** of the administrative listener */
  readonly admin: AdminHandler;
  /** begun by whoever puts the service in force */
  readonly upkeep: Upkeep;
  readonly #metrics: Metrics;
  readonly #made: MadeGateway;
  readonly #hot: HotCache;
  #closed: Promise<void> | undefined;

  /** Throws CONFIG_INVALID where something cannot be made as the configuration says; nothing is left then. */
  constructor(config: Config, stable: Stable) {
    const { room, checker, clock } = stable;
    const { tree } = room;
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
    const uses = new Uses(this.#hot, clock);
    const forget = () => this.#forget(uses);
    const { router } = this.#made;
    this.upkeep = new Upkeep(
      { room, router, checker, clock, logger, metrics, forget, sweepUses: (keep) => uses.sweep(keep) },
      config.store,
    );
    const publisher = new Publisher({
      room,
      router,
      checker,
      clock,
      logger,
      metrics,
      forget,
      admissions: this.#made.gateway.admissions,
    });
    const uploads = new Uploads({ publisher, token: config.publish.token?.reveal() });
    const pages = this.#makePages(stable, this.#made);
    const access = new AccessLog(
      metrics,
      clock,
      config.log.access ? logger : undefined,
      stable.relay !== undefined,
    );
    this.handler = this.#makeHandler(stable, { pages, access, uses, uploads });
    this.admin = new AdminHandler({ pages, access, clock, upkeep: this.upkeep, guard: guardOf(config) });
  }

  get gateway(): Gateway {
    return this.#made.gateway;
  }

  /** Another one answers from now on: lets the requests that run end, then closes. */
  async retire(): Promise<void> {
    // The next one takes it over at once, but for what an administrator has begun here.
    await this.upkeep.retire();
    this.#hot.clear();
    await Promise.all([this.handler.settled(longest(this.config)), this.admin.settled()]);
    await this.close();
  }

  /** Ends the fetches that run, and stores what they have. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    try {
      await this.upkeep.close();
      await this.#made.close();
    } finally {
      this.#metrics.close();
    }
  }

  /** What it holds in memory goes when stored files do. */
  #forget(uses: Uses): void {
    this.gateway.forget();
    this.#hot.clear();
    // What was used before a purge must not count as used after it.
    uses.drop();
  }

  #makePages(stable: Stable, made: MadeGateway): Pages {
    return new Pages({
      ...stable.pages,
      parts: async () => {
        const [parts, elsewhere, git] = await Promise.all([
          stable.parts(),
          stable.breakers(),
          made.gitState(),
        ]);
        // What is published here is as well as the store is.
        const asked = [...made.sources.values()].filter(({ name }) => name !== PUBLISHED);
        const own = asked.map((source) => sourceState(source, elsewhere.get(source.name)));
        return [...parts, ...own, ...(git === undefined ? [] : [git])];
      },
    });
  }

  #makeHandler(
    { clock, relay }: Stable,
    parts: Pick<HandlerDeps, 'pages' | 'access' | 'uses' | 'uploads'>,
  ): Handler {
    const { limits, prefix, tls, listen, trustedProxies, sendfile, data } = this.config;
    const trusted = new TrustedProxies(trustedProxies, listen.kind === 'unix');
    return new Handler({
      ...parts,
      gateway: this.#made.gateway,
      clock,
      hot: this.#hot,
      patience: limits.patience,
      keepAlive: limits.idle,
      targets: { prefix, longest: limits.url },
      secure: tls !== undefined,
      trusted,
      handover: new Handover(sendfile, join(data, 'tree'), trusted),
      relay,
    });
  }
}

function guardOf({ admin: { listen, token } }: Config): Guard {
  return token === undefined
    ? { kind: 'open', hosts: listen?.kind === 'tcp' }
    : { kind: 'token', token: token.reveal() };
}

/** ms; a caller waits for its first byte as long as patience says, and for the last as long as a source may send */
function longest({ limits, sources }: Config): number {
  const totals = [...sources.values()].map(({ client }) => client.timeouts.total);
  return limits.patience + Math.max(0, ...totals);
}
