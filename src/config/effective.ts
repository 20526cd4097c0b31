import { formatChain, parseChain } from './chain.ts';
import { insteadOfValues } from './instead-of.ts';
import { Secret } from './secret.ts';
import { SECRET_HEADER } from './sources.ts';
import type {
  Address,
  Config,
  ListenTls,
  Origins,
  RouteConfig,
  SourceAuth,
  SourceClient,
  SourceConfig,
} from './types.ts';
import { formatDuration, formatSize } from './units.ts';
import { vcsValues } from './vcs-values.ts';

type Values = Record<string, unknown>;

const SHOWN = String(new Secret(''));

/**
 * The configuration in the shape of its file, with all defaults and without secrets. Sources that URLs stand
 * for are those URLs again; the route that `chain` stands for is `chain`.
 */
export function effectiveValues(config: Config, hasChain: boolean): Values {
  const named = [...config.sources.values()].filter((source) => !source.implicit);
  const routes = hasChain ? config.routes.slice(0, -1) : config.routes;
  const last = config.routes.at(-1);
  return {
    listen: formatAddress(config.listen),
    ...(config.tls === undefined ? {} : { tls: listenTlsValues(config.tls) }),
    prefix: config.prefix,
    ...(config.trustedProxies.length === 0 ? {} : { trusted_proxies: config.trustedProxies.join(',') }),
    sendfile: { ...config.sendfile },
    workers: config.workers,
    ...adminValues(config.admin),
    ...(config.publish.token === undefined ? {} : { publish: { token: SHOWN } }),
    data: config.data,
    ...(hasChain && last !== undefined ? { chain: chainText(last.chain, config) } : {}),
    ...(named.length === 0
      ? {}
      : { sources: Object.fromEntries(named.map((one) => [one.name, sourceValues(one)])) }),
    ...(routes.length === 0 ? {} : { routes: routes.map((route) => routeValues(route, config)) }),
    sumdb: config.sumdb.map((one) => ({ ...one })),
    cache: {
      fresh: formatDuration(config.cache.fresh),
      stale: formatDuration(config.cache.stale),
      negative: formatDuration(config.cache.negative),
      memory: formatSize(config.cache.memory),
    },
    limits: {
      patience: formatDuration(config.limits.patience),
      fetches: config.limits.fetches,
      queue: config.limits.queue,
      metadata: formatSize(config.limits.metadata),
      connections: config.limits.connections,
      header: formatSize(config.limits.header),
      url: config.limits.url,
      header_time: formatDuration(config.limits.headerTime),
      idle: formatDuration(config.limits.idle),
    },
    store: { cap: formatSize(config.store.cap), scrub: formatDuration(config.store.scrub) },
    vcs: vcsValues(config.vcs),
    log: { ...config.log },
    shutdown: formatDuration(config.shutdown),
  };
}

/** As the file would say it. */
export function formatAddress(address: Address): string {
  if (address.kind === 'unix') return `unix:${address.path}`;
  const { host, port } = address;
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}

function listenTlsValues({ files, minVersion, clientCerts }: ListenTls): Values {
  return {
    ...files,
    min_version: minVersion === 'TLSv1.3' ? '1.3' : '1.2',
    client_certs: clientCerts,
  };
}

function adminValues({ listen, token }: Config['admin']): Values {
  const values = {
    ...(listen === undefined ? {} : { listen: formatAddress(listen) }),
    ...(token === undefined ? {} : { token: SHOWN }),
  };
  return Object.keys(values).length === 0 ? {} : { admin: values };
}

/** True where the last route is the one that `chain` stands for, and not one of the file's. */
export function lastRouteIsChain(config: Config, origins: Origins): boolean {
  return !origins.has(`routes/${config.routes.length - 1}/match`);
}

function routeValues({ match, chain, denied, isPrivate, insteadOf }: RouteConfig, config: Config): Values {
  return {
    match,
    chain: chainText(chain, config),
    denied,
    private: isPrivate,
    ...(insteadOf.size === 0 ? {} : { instead_of: insteadOfValues(insteadOf) }),
  };
}

function chainText(chain: string, { sources }: Config): string {
  const elements = parseChain(chain).map(({ element, separator }) => {
    const source = sources.get(element);
    if (source === undefined || !source.implicit) return { element, separator };
    const shown = source.client.auth.kind === 'none' ? source.url : source.url.replace('://', `://${SHOWN}@`);
    return { element: shown, separator };
  });
  return formatChain(elements);
}

function sourceValues({ kind, url, isPrivate, client, tlsFiles }: SourceConfig): Values {
  if (kind === 'file') return { url, private: isPrivate };
  const headers = Object.entries(client.headers).map(([name, value]) => [
    name,
    SECRET_HEADER.test(name) ? SHOWN : value,
  ]);
  return {
    url,
    ...(headers.length === 0 ? {} : { headers: Object.fromEntries(headers) }),
    ...authValues(client.auth),
    ...(url.startsWith('https:') ? { tls: tlsValues(client, tlsFiles) } : {}),
    http2: client.http2,
    proxy: proxyValues(client.proxy),
    private: isPrivate,
    timeouts: {
      connect: formatDuration(client.timeouts.connect),
      first_byte: formatDuration(client.timeouts.firstByte),
      idle: formatDuration(client.timeouts.idle),
      total: formatDuration(client.timeouts.total),
    },
    concurrency: client.concurrency,
    queue: client.queue,
    retry: {
      attempts: client.retry.attempts,
      base: formatDuration(client.retry.base),
      cap: formatDuration(client.retry.cap),
      budget: formatDuration(client.retry.budget),
    },
    breaker: { failures: client.breaker.failures, open: formatDuration(client.breaker.open) },
  };
}

function authValues(auth: SourceAuth): Values {
  switch (auth.kind) {
    case 'none':
      return {};
    case 'basic':
      return { auth: { basic: { username: auth.username, password: SHOWN } } };
    case 'bearer':
      return { auth: { bearer: { token: SHOWN } } };
    case 'netrc':
      return { auth: { netrc: auth.file ?? true } };
  }
}

function tlsValues({ tls }: SourceClient, files: SourceConfig['tlsFiles']): Values {
  return {
    ...files,
    ...(tls.pins.length === 0 ? {} : { pin: tls.pins }),
    min_version: tls.minVersion === 'TLSv1.3' ? '1.3' : '1.2',
    insecure: tls.insecure,
  };
}

function proxyValues(proxy: SourceClient['proxy']): unknown {
  if (typeof proxy === 'string') return proxy;
  const url = new URL(proxy.reveal());
  const { username, password, origin } = url;
  if (username === '' && password === '') return origin;
  return {
    url: origin,
    ...(username === '' ? {} : { username: decodeURIComponent(username) }),
    ...(password === '' ? {} : { password: SHOWN }),
  };
}
