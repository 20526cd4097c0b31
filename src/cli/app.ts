import type { Config } from '../config/index.ts';
import type { ModgateError } from '../errors/index.ts';
import {
  checkTls,
  Listener,
  type ListenerLimits,
  LONGEST_UPLOAD,
  type PartState,
  type Relay,
  RelayServer,
} from '../http/index.ts';
import { ZipChecker } from '../modzip/index.ts';
import { type Logger, type Metrics, systemClock } from '../observe/index.ts';
import { FileTree, Storeroom } from '../store/index.ts';
import type { Prepared } from './reloader.ts';
import { Service, type Stable } from './service.ts';
import { catalogueState, countBuild, countStore, storeState, warnOfStore } from './states.ts';
import { type Build, commitOf } from './version.ts';

export interface AppOptions {
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly build: Build;
  /** what /readyz tells beside the store and the sources */
  readonly parts: () => readonly PartState[];
  /** the text of /metrics; default: what `metrics` holds */
  readonly expose?: () => Promise<string>;
  /** what other processes know of the sources, see Stable */
  readonly breakers?: Stable['breakers'];
  /** where there are other workers: the way to them, and the path of the socket by which they come here */
  readonly relayed?: { readonly relay: Relay; readonly socket: string };
  /** false: the administrative listener is another process's; default true */
  readonly admin?: boolean;
}

/** Wires the rooms together and listens. What it is made of stays; what comes from the configuration is a Service. */
export class App {
  /** where it listens, e.g. http://127.0.0.1:3000 */
  url = '';
  /** where the administrative listener is; undefined: there is none here */
  adminUrl: string | undefined;
  readonly #logger: Logger;
  readonly #tree: FileTree;
  readonly #room: Storeroom;
  readonly #checker = new ZipChecker();
  readonly #stable: Stable;
  readonly #listener: Listener;
  readonly #admin: Listener | undefined;
  readonly #inner: RelayServer | undefined;
  readonly #retired = new Set<Service>();
  #service: Service;
  #stopping = false;

  static async start(config: Config, options: AppOptions): Promise<App> {
    const { logger } = options;
    const tree = await FileTree.open(config.data, { logger });
    let app: App;
    try {
      app = new App(config, tree, options);
    } catch (thrown) {
      await tree.close();
      throw thrown;
    }
    try {
      await app.#inner?.listen();
      app.url = await app.#listener.listen(config.listen);
      if (config.admin.listen !== undefined) app.adminUrl = await app.#admin?.listen(config.admin.listen);
    } catch (thrown) {
      // One may listen although the other cannot.
      await Promise.all([app.#listener.close(0), app.#inner?.close(0)]);
      await app.#free();
      throw thrown;
    }
    app.#service.upkeep.start();
    void warnOfStore(tree, logger);
    return app;
  }

  private constructor(config: Config, tree: FileTree, options: AppOptions) {
    const { logger, metrics, build, relayed } = options;
    this.#logger = logger;
    this.#tree = tree;
    const room = new Storeroom(tree, config.data);
    this.#room = room;
    countStore(metrics, tree);
    countBuild(metrics, build);
    this.#stable = {
      room,
      checker: this.#checker,
      clock: systemClock,
      logger,
      metrics,
      pages: {
        build: { version: build.version, commit: commitOf(build), date: build.date },
        metrics: { contentType: metrics.contentType, expose: options.expose ?? (() => metrics.expose()) },
        stopping: () => this.#stopping,
        index: (since, limit) => room.catalog.listed(since, limit),
      },
      parts: async () => [await storeState(tree), catalogueState(room), ...options.parts()],
      breakers: options.breakers ?? (async () => new Map()),
      relay: relayed?.relay,
    };
    this.#service = new Service(config, this.#stable);
    // Looked up for each request: from one moment to the next it is another service that answers.
    this.#listener = new Listener(
      {
        handle: (req, res) => this.#service.handler.handle(req, res),
        refuse: (req, res, why) => this.#service.handler.refuse(req, res, why),
      },
      {
        ...limitsOf(config),
        tls: config.tls,
        metrics,
        shared: relayed !== undefined,
        requestTime: LONGEST_UPLOAD,
        refused: (client, why) => this.#noteRefused(client, why),
      },
    );
    this.#admin =
      config.admin.listen === undefined || options.admin === false
        ? undefined
        : new Listener({
            handle: (req, res) => this.#service.admin.handle(req, res),
            refuse: (req, res, why) => this.#service.admin.refuse(req, res, why),
          });
    this.#inner =
      relayed === undefined
        ? undefined
        : new RelayServer(relayed.socket, (req, res) => this.#service.handler.handleRelayed(req, res));
  }

  /** The one in force; ask again for each use. */
  get service(): Service {
    return this.#service;
  }

  /** Makes everything that the configuration asks for. Throws CONFIG_INVALID; nothing has changed then. */
  prepare(config: Config): Prepared {
    if (config.tls !== undefined) checkTls(config.tls);
    const next = new Service(config, this.#stable);
    return {
      commit: () => this.#take(next),
      discard: () => next.close(),
    };
  }

  /** Lets running answers end within the time that the configuration gives, then frees everything. */
  async close(): Promise<void> {
    this.#stopping = true;
    const { shutdown } = this.#service.config;
    const end = performance.now() + shutdown;
    for (const { upkeep } of [...this.#retired, this.#service]) upkeep.stop();
    await Promise.all([this.#listener.close(shutdown, () => this.#breakOff()), this.#admin?.close(shutdown)]);
    // The callers of other workers may wait for what is fetched here.
    await this.#inner?.close(Math.max(0, end - performance.now()));
    await this.#free();
  }

  /** The record of what is no request, so that whoever looks for it finds a line in its place. */
  #noteRefused(client: string, { status, code, message }: ModgateError): void {
    if (this.#service.config.log.access)
      this.#logger.info({ status, client, code, error: message }, 'no request');
  }

  #breakOff(): void {
    const answers = this.#service.handler.breakOff();
    if (answers > 0) this.#logger.warn({ answers }, 'answers that have not ended in time are broken off');
  }

  #take(next: Service): void {
    const old = this.#service;
    this.#service = next;
    next.upkeep.start();
    const { log, tls, limits } = next.config;
    this.#logger.level = log.level;
    const inForce = this.#listener.setLimits(limitsOf(next.config));
    if (!inForce && limits.headerTime !== old.config.limits.headerTime)
      this.#logger.warn(
        { node: process.version },
        'this Node does not let the time for a TLS handshake change: limits.header_time counts for it after a restart',
      );
    if (tls !== undefined) this.#listener.setTls(tls);
    this.#retired.add(old);
    old
      .retire()
      .catch((err: unknown) => this.#logger.warn({ err }, 'an old configuration was not closed cleanly'))
      .finally(() => this.#retired.delete(old));
  }

  async #free(): Promise<void> {
    await Promise.all([...this.#retired, this.#service].map((service) => service.close()));
    this.#stable.relay?.close();
    this.#room.close();
    await this.#checker.close();
    await this.#tree.close();
  }
}

function limitsOf({ limits }: Config): ListenerLimits {
  return {
    // A caller that waits for its first byte is not idle.
    idle: Math.max(10 * 60_000, limits.patience + 60_000),
    keepAlive: limits.idle,
    headerTime: limits.headerTime,
    header: limits.header,
    connections: limits.connections,
  };
}
