import { type Config, defaultClient, parseChain, type SourceClient } from '../config/index.ts';
import { ModgateError } from '../errors/index.ts';
import { Chain, type ChainLink, FileSource, ProxySource, type Source, SumdbOrigin } from '../fetch/index.ts';
import { Gateway, type PassedDatabase, type Route, Router } from '../gateway/index.ts';
import { AccessLog, Handler, HotCache, Listener, Pages, type PartState } from '../http/index.ts';
import { PathPatterns } from '../module/index.ts';
import { ZipChecker } from '../modzip/index.ts';
import { type ClientOptions, UpstreamClient } from '../net/index.ts';
import { type Logger, Metrics, systemClock } from '../observe/index.ts';
import { FileTree, type Tree } from '../store/index.ts';

export interface RunningApp {
  /** where it listens, e.g. http://127.0.0.1:3000 */
  readonly url: string;
  /** Lets running answers end within the time that the configuration gives, then frees everything. */
  close(): Promise<void>;
}

/** bytes; less free space than this is told by /readyz before writes begin to fail */
const LITTLE_SPACE = 256 << 20;

/** Wires the rooms together and listens. */
export async function startApp(config: Config, logger: Logger, version: string): Promise<RunningApp> {
  const metrics = new Metrics();
  const clock = systemClock;
  const tree = await FileTree.open(config.data, { logger });
  const sources = makeSources(config, logger, metrics);
  const router = makeRouter(config, sources);
  const databases = makeDatabases(config, router, logger, metrics);
  const checker = new ZipChecker();
  const gateway = new Gateway(
    { tree, router, databases, checker, clock, logger, metrics },
    { times: config.cache, fetches: config.limits.fetches, queue: config.limits.queue },
  );
  const hot = new HotCache(config.cache.memory);
  countMemory(metrics, hot);
  countStore(metrics, tree);
  let stopping = false;
  const pages = new Pages({
    version,
    metrics,
    parts: async () => [await storeState(tree), ...[...sources.values()].map(sourceState)],
    stopping: () => stopping,
  });
  const access = new AccessLog(metrics, clock, config.log.access ? logger : undefined);
  const handler = new Handler({ gateway, pages, access, clock, hot, patience: config.limits.patience });
  const listener = new Listener((req, res) => handler.handle(req, res), { idle: idleFor(config) });
  const everySource = [...sources.values(), ...databases.map(({ origin }) => origin)];
  const free = async () => {
    // Nothing more is fetched; what is there by now is checked, stored and listed.
    await Promise.all(everySource.map((source) => source.close()));
    await gateway.close();
    await checker.close();
    await tree.close();
  };
  try {
    const url = await listener.listen(config.listen.host, config.listen.port);
    void warnOfStore(tree, logger);
    return {
      url,
      close: async () => {
        stopping = true;
        await listener.close(config.shutdown);
        await free();
      },
    };
  } catch (thrown) {
    await free();
    throw thrown;
  }
}

/** ms; a caller that waits for its first byte is not idle */
function idleFor({ limits }: Config): number {
  return Math.max(10 * 60_000, limits.patience + 60_000);
}

function makeSources(config: Config, logger: Logger, metrics: Metrics): Map<string, Source> {
  const { metadata } = config.limits;
  const sources = new Map<string, Source>();
  for (const [name, { kind, url, client }] of config.sources) {
    const base = new URL(url);
    if (kind === 'file') sources.set(name, new FileSource(name, base, metadata));
    else
      sources.set(
        name,
        new ProxySource(
          name,
          base,
          new UpstreamClient(clientOptions(name, client), { logger, metrics }),
          metadata,
        ),
      );
  }
  return sources;
}

/** Secrets are revealed here, where the client that needs them is made, and nowhere else. */
function clientOptions(name: string, client: SourceClient): ClientOptions {
  const { auth, tls, proxy } = client;
  return {
    ...client,
    name,
    auth:
      auth.kind === 'basic'
        ? { ...auth, password: auth.password.reveal() }
        : auth.kind === 'bearer'
          ? { ...auth, token: auth.token.reveal() }
          : auth,
    tls: { ...tls, key: tls.key?.reveal() },
    proxy: typeof proxy === 'string' ? proxy : proxy.reveal(),
  };
}

function makeRouter(config: Config, sources: ReadonlyMap<string, Source>): Router {
  const routes = config.routes.map(
    ({ match, chain, denied }): Route => ({
      patterns: new PathPatterns(match),
      chain: makeChain(chain, sources),
      denied,
    }),
  );
  // The configuration ends its routes with one that matches everything.
  return new Router(routes, new Chain([{ step: 'off', separator: undefined }]));
}

function makeChain(text: string, sources: ReadonlyMap<string, Source>): Chain {
  return new Chain(
    parseChain(text).map(({ element, separator }): ChainLink => {
      if (element === 'direct' || element === 'off') return { step: element, separator };
      const step = sources.get(element);
      if (step === undefined)
        throw new ModgateError('INTERNAL', `the chain "${text}" names an unknown source "${element}"`);
      return { step, separator };
    }),
  );
}

/** The proxies that the database is first asked through are those that any public module would come from. */
function makeDatabases(config: Config, router: Router, logger: Logger, metrics: Metrics): PassedDatabase[] {
  const proxies = router.routes.at(-1)?.chain.sources ?? [];
  return config.sumdb.map(({ name, url }) => {
    const client = new UpstreamClient(clientOptions(name, defaultClient(config.limits.patience)), {
      logger,
      metrics,
    });
    return { name, proxies, origin: new SumdbOrigin(name, new URL(url), client, config.limits.metadata) };
  });
}

/** ms; a disk that takes longer is told as such instead of keeping the page waiting */
const PROBE_PATIENCE = 1000;

async function storeState(tree: Tree): Promise<PartState> {
  const probed = await Promise.race([tree.probe(), after(PROBE_PATIENCE)]);
  if (probed === undefined) {
    return {
      name: 'store',
      ok: false,
      detail: `no write within ${PROBE_PATIENCE} ms: the disk hangs or is overloaded`,
    };
  }
  const { writable, freeBytes, fault } = probed;
  if (!writable)
    return {
      name: 'store',
      ok: false,
      detail: `stored files are served, nothing new can be kept: ${fault?.message ?? 'not writable'}`,
    };
  const little = freeBytes < LITTLE_SPACE;
  return {
    name: 'store',
    ok: !little,
    detail: `${Math.floor(freeBytes / 2 ** 20)} MiB free${little ? ', which is little' : ''}`,
  };
}

/** Tells at the start what /readyz tells later. */
async function warnOfStore(tree: Tree, logger: Logger): Promise<void> {
  const { ok, detail } = await storeState(tree);
  if (!ok) logger.warn({ part: 'store', detail }, 'the store is not well');
}

function after(ms: number): Promise<undefined> {
  return new Promise((resolve) => setTimeout(resolve, ms, undefined).unref());
}

function sourceState({ name, state }: Source): PartState {
  const detail =
    state === 'closed'
      ? 'asked as usual'
      : state === 'open'
        ? 'suspended after failures in a row'
        : 'being tried again';
  return { name, ok: state === 'closed', detail };
}

/** A full or read-only disk breaks every miss: worth an alert before a build meets it. */
function countStore(metrics: Metrics, tree: Tree): void {
  const free = metrics.gauge('modgate_store_free_bytes', 'Bytes that the store may still write.');
  metrics.gauge('modgate_store_writable', 'Whether the store takes new files: 1 or 0.', [], async (gauge) => {
    const probed = await Promise.race([tree.probe(), after(PROBE_PATIENCE)]);
    gauge.with().set(probed?.writable ? 1 : 0);
    if (probed !== undefined) free.with().set(probed.freeBytes);
  });
}

function countMemory(metrics: Metrics, hot: HotCache): void {
  metrics.gauge('modgate_memory_cache_bytes', 'Bytes of answers that are held in memory.', [], (gauge) =>
    gauge.with().set(hot.bytes),
  );
  metrics.gauge('modgate_memory_cache_entries', 'Answers that are held in memory.', [], (gauge) =>
    gauge.with().set(hot.size),
  );
}
