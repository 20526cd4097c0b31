/**
 * What `go env GOPROXY` prints when nothing is set (cmd/go/internal/cfg, GOPROXY). The one place of the
 * project that names the host.
 */
export const DEFAULT_CHAIN = 'https://proxy.golang.org,direct';

/** The one that fronts follow too. */
export const DEFAULT_SENDFILE_PREFIX = '/_modgate_tree/';

/** Every other default, as it would stand in the file. The schema, the loader and the example follow these. */
export const DEFAULTS = {
  listen: '127.0.0.1:3000',
  data: './modgate-data',
  sumdb: [{ name: 'sum.golang.org', url: 'https://sum.golang.org' }],
  cache: { fresh: '60s', stale: '7d', negative: '60s', memory: '64MiB' },
  prefix: '',
  workers: 1,
  client_certs: 'off',
  sendfile: { type: 'off', prefix: DEFAULT_SENDFILE_PREFIX },
  limits: {
    patience: '5m',
    fetches: 256,
    queue: 1000,
    metadata: '16MiB',
    connections: 20_000,
    header: '16KiB',
    url: 2048,
    header_time: '20s',
    idle: '75s',
  },
  store: { cap: 0, scrub: '30d' },
  vcs: {
    git: 'git',
    cap: '10GiB',
    repository: '4GiB',
    refs: '10s',
    timeouts: { idle: '60s', total: '10m' },
    insecure: '',
    api: 'https://api.github.com',
    user: 'git',
    token_user: 'x-access-token',
  },
  log: { level: 'info', format: 'auto', access: true },
  shutdown: '30s',
  source: {
    http2: false,
    proxy: 'env',
    timeouts: { connect: '10s', first_byte: '30s', idle: '60s', total: '10m' },
    concurrency: 64,
    queue: 1000,
    retry: { attempts: 4, base: '1s', cap: '30s', budget: '20s' },
    breaker: { failures: 5, open: '30s' },
    min_version: '1.2',
  },
  denied: 'refuse',
} as const;
