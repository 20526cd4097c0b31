import { createHash } from 'node:crypto';
import {
  type Config,
  defaultClient,
  parseChain,
  type RouteConfig,
  type SourceClient,
} from '../config/index.ts';
import { ModgateError } from '../errors/index.ts';
import { Chain, type ChainLink, FileSource, ProxySource, type Source, SumdbOrigin } from '../fetch/index.ts';
import { type PassedDatabase, PublishedSource, type Route, Router } from '../gateway/index.ts';
import { PathPatterns } from '../module/index.ts';
import { type ClientOptions, UpstreamClient } from '../net/index.ts';
import type { Logger, Metrics } from '../observe/index.ts';
import { PUBLISHED, type Tree } from '../store/index.ts';

export function makeSources(
  config: Config,
  tree: Tree,
  logger: Logger,
  metrics: Metrics,
): Map<string, Source> {
  const { metadata } = config.limits;
  const sources = new Map<string, Source>();
  const elements = config.routes.flatMap(({ chain }) => parseChain(chain));
  if (elements.some(({ element }) => element === PUBLISHED))
    sources.set(PUBLISHED, new PublishedSource(tree));
  for (const [name, { kind, url, client, isPrivate }] of config.sources) {
    const base = new URL(url);
    if (kind === 'file') sources.set(name, new FileSource(name, base, metadata));
    else
      sources.set(
        name,
        new ProxySource(
          name,
          base,
          new UpstreamClient(
            { ...clientOptions(name, shareOf(config, client)), redirects: isPrivate ? 'host' : 'any' },
            { logger, metrics },
          ),
          metadata,
        ),
      );
  }
  return sources;
}

/** A source's limit holds for all workers together, as near as whole numbers allow. */
function shareOf({ workers }: Config, client: SourceClient): SourceClient {
  return { ...client, concurrency: Math.ceil(client.concurrency / workers) };
}

/** Secrets are revealed here, where the client that needs them is made, and nowhere else. */
export function clientOptions(name: string, client: SourceClient): ClientOptions {
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

/** @param direct what `direct` is in the chain of a route, by its place among them */
export function makeRouter(
  config: Config,
  sources: ReadonlyMap<string, Source>,
  direct: (route: number) => Source,
): Router {
  const routes = config.routes.map(
    (route, i): Route => ({
      match: route.match,
      patterns: new PathPatterns(route.match),
      chain: makeChain(route, config, (name) => (name === 'direct' ? direct(i) : sources.get(name))),
      denied: route.denied,
      isPrivate: route.isPrivate,
    }),
  );
  // The configuration ends its routes with one that matches everything.
  return new Router(routes, new Chain([{ step: 'off', separator: undefined }]));
}

function makeChain(route: RouteConfig, config: Config, find: (name: string) => Source | undefined): Chain {
  const { chain: text, isPrivate, insteadOf, written } = route;
  const elements = parseChain(text);
  const places = elements.map(({ element }) => config.sources.get(element)?.url ?? '');
  const id = createHash('sha256')
    .update(JSON.stringify([text, places, isPrivate, written, [...insteadOf], config.vcs.repositories]))
    .digest('base64url')
    .slice(0, 22);
  return new Chain(
    elements.map(({ element, separator }): ChainLink => {
      if (element === 'off') return { step: element, separator };
      const step = find(element);
      if (step === undefined)
        throw new ModgateError('INTERNAL', `the chain "${text}" names an unknown source "${element}"`);
      return { step, separator };
    }),
    id,
  );
}

/** The proxies that the database is first asked through are those that any public module would come from. */
export function makeDatabases(
  config: Config,
  router: Router,
  logger: Logger,
  metrics: Metrics,
): PassedDatabase[] {
  const all = router.routes.at(-1)?.chain.sources ?? [];
  const proxies = all.filter(({ name }) => name !== PUBLISHED);
  return config.sumdb.map(({ name, url }) => {
    const client = new UpstreamClient(
      clientOptions(name, shareOf(config, defaultClient(config.limits.patience))),
      {
        logger,
        metrics,
      },
    );
    return { name, proxies, origin: new SumdbOrigin(name, new URL(url), client, config.limits.metadata) };
  });
}
