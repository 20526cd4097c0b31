import * as z from 'zod';
import { DEFAULT_CHAIN, DEFAULTS } from './defaults.ts';
import { age, count, flag, secret, section, size, text, timer } from './schema-parts.ts';
import { vcsSchema } from './vcs-schema.ts';

// The schema is used once or twice in a process: compiling it costs more than it saves.
z.config({ jitless: true });

const source = DEFAULTS.source;

const auth = section('Credentials; exactly one of basic, bearer and netrc.', {
  basic: section('HTTP basic authentication.', {
    username: text('User name.'),
    password: secret('Password.'),
  }).optional(),
  bearer: section('A bearer token.', { token: secret('Token.') }).optional(),
  netrc: z
    .union([z.literal(true), z.string().min(1)], { error: 'must be true or the path of a netrc file' })
    .meta({ description: "Credentials from a netrc file: its path, or true for the user's own." })
    .optional(),
});

const tls = section('How the connection is secured. Files are read at start.', {
  ca: text('PEM file of the certificate authorities that are trusted instead of the system’s.').optional(),
  cert: text('PEM file of our client certificate; needs key.').optional(),
  key: text('PEM file of the private key of cert, without a passphrase.').optional(),
  pin: z
    .array(z.string().regex(/^sha256\/[A-Za-z0-9+/]{43}=$/, 'must be sha256/ and the base64 of 32 bytes'))
    .meta({ description: 'Public keys that are accepted: sha256/<base64 of the SHA-256 of the SPKI>.' })
    .optional(),
  min_version: z
    .union([z.literal('1.2'), z.literal('1.3'), z.literal(1.2), z.literal(1.3)], {
      error: 'must be "1.2" or "1.3"',
    })
    .meta({ description: 'Oldest TLS version that is spoken.', default: source.min_version })
    .optional(),
  insecure: flag(
    'Accepts any certificate. Whoever is on the way can then read the credentials and change answers.',
    false,
  ),
});

const listenTls = section('Certificate of the listener. Files are read at start and when they change.', {
  cert: text('PEM file of the certificate chain, the leaf first.').optional(),
  key: text('PEM file of its private key, without a passphrase.').optional(),
  min_version: z
    .union([z.literal('1.2'), z.literal('1.3'), z.literal(1.2), z.literal(1.3)], {
      error: 'must be "1.2" or "1.3"',
    })
    .meta({ description: 'Oldest TLS version that is spoken.', default: source.min_version })
    .optional(),
  client_ca: text('PEM file of the authorities whose client certificates count.').optional(),
  client_certs: z
    .enum(['off', 'optional', 'required'])
    .meta({
      description:
        'Whether clients are asked for a certificate: off, optional (one that is shown must be valid), required.',
      default: DEFAULTS.client_certs,
    })
    .optional(),
});

const admin = section('The administrative listener, for /api/v1, metrics and health.', {
  listen: text('Address, as of listen; without it there is none.').optional(),
  token: secret('Bearer token that every request to /api/v1 must show.').optional(),
});

const publish = section('Publishing of modules to this gateway, on routes whose chain has published.', {
  token: secret('Bearer token that a publisher shows; without it nothing can be published.').optional(),
});

const sendfile = section('How a trusted proxy in front is told to send a large stored file itself.', {
  type: z
    .enum(['off', 'x-accel-redirect', 'x-sendfile'])
    .meta({
      description: 'The header that names the file: off (none), x-accel-redirect, x-sendfile.',
      default: DEFAULTS.sendfile.type,
    })
    .optional(),
  prefix: z
    .string()
    .meta({
      description: 'For x-accel-redirect: the internal path below which the proxy has <data>/tree/.',
      default: DEFAULTS.sendfile.prefix,
    })
    .optional(),
});

const PROXY = 'must be env, none, the URL of a proxy, or { url, username, password }';
const proxy = z
  .union(
    [
      z.string().min(1),
      section('A proxy with credentials.', {
        url: text('URL of the proxy, http or https.'),
        username: text('User name.').optional(),
        password: secret('Password.').optional(),
      }),
    ],
    { error: PROXY },
  )
  .meta({
    description: 'env: as HTTP_PROXY, HTTPS_PROXY and NO_PROXY say; none: straight; or the URL of a proxy.',
    default: source.proxy,
  })
  .optional();

const sourceSchema = section('One module proxy, or a tree of files in the layout of one.', {
  url: text('Base URL: https://…, http://… or file:///absolute/folder.'),
  headers: z
    .record(
      z.string().regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/, 'is not the name of a header'),
      z.string().regex(/^[\t\x20-\x7e\x80-\xff]*$/, 'holds a character that a header cannot hold'),
    )
    .meta({ description: 'Headers sent with every request; credentials belong into auth.' })
    .optional(),
  auth: auth.optional(),
  tls: tls.optional(),
  http2: flag('Offers HTTP/2 to the source.', source.http2),
  proxy,
  private: flag('It may be asked about the modules of private routes.', false),
  timeouts: section('Time limits of one request.', {
    connect: timer('Name look-up, connection and TLS.', source.timeouts.connect),
    first_byte: timer("From the request sent to the answer's first byte.", source.timeouts.first_byte),
    idle: timer('Between two pieces of the answer.', source.timeouts.idle),
    total: timer('The whole request.', source.timeouts.total),
  }).optional(),
  concurrency: count('Requests to the source at the same time.', source.concurrency, 1),
  queue: count('Requests that wait for one of those places; beyond it they are refused.', source.queue, 0),
  retry: section('Tries again after failures that another try can mend.', {
    attempts: count('Tries in all; 1: none again.', source.retry.attempts, 1),
    base: timer(
      'Longest wait before the second try; doubled for each further one, and drawn at random below it.',
      source.retry.base,
    ),
    cap: timer('Longest wait before any try.', source.retry.cap),
    budget: timer('Longest wait of all tries together; below limits.patience.', source.retry.budget),
  }).optional(),
  breaker: section('Leaves a failing source alone for a while.', {
    failures: count('Failures in a row after which it is left alone.', source.breaker.failures, 1),
    open: timer('For how long, until one request tries it again.', source.breaker.open),
  }).optional(),
});

const routeSchema = section('A chain for some modules.', {
  match: text('Patterns of module paths, in the syntax of GOPRIVATE.'),
  chain: text(
    'Sources in the syntax of GOPROXY: names or URLs, with "," or "|" between; direct, off, published.',
  ),
  denied: z
    .enum(['refuse', 'pass'])
    .meta({
      description: 'When a source refuses our credentials: refuse answers 502, pass hands it on as 403.',
      default: DEFAULTS.denied,
    })
    .optional(),
  private: flag(
    'Nobody outside is asked about these modules: no public proxy, no checksum database, no page of another host. By default true where the chain is "published" alone.',
    false,
  ),
  instead_of: z
    .record(
      z.string(),
      z.union([z.string().min(1), z.array(z.string().min(1)).min(1)], {
        error: 'must be the begin of a URL, or a list of such',
      }),
    )
    .meta({
      description:
        'Begins of repository URLs: what stands in the place, and which begin it replaces, as url.<base>.insteadOf of git.',
    })
    .optional(),
});

const sumdbSchema = section('A checksum database that is passed through below /sumdb/<name>/.', {
  name: z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9.-]{0,252}$/, 'is not the name of a checksum database')
    .meta({
      description: 'Name, as in GOSUMDB.',
    }),
  url: text('Base URL, https://… or http://….'),
});

const SOURCE_NAME = /^(?!(?:direct|off|published)$)[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

/** Elements of lists are optional so that checkShape can take one away; YAML itself has no undefined. */
export const fileSchema = z
  .strictObject({
    listen: text('Address to listen on, host:port; [::1]:3000 for IPv6, port 0 for a free one; unix:/path.')
      .meta({
        default: DEFAULTS.listen,
      })
      .optional(),
    tls: listenTls.optional(),
    prefix: z
      .string()
      .meta({
        description: 'Path below which everything is served, e.g. /goproxy.',
        default: DEFAULTS.prefix,
      })
      .optional(),
    trusted_proxies: text(
      'Comma list of addresses, networks (10.0.0.0/8) and "unix" whose X-Forwarded-* and Forwarded headers count.',
    ).optional(),
    sendfile: sendfile.optional(),
    workers: z
      .int()
      .min(1)
      .max(64)
      .meta({ description: 'Processes that serve, on one folder.', default: DEFAULTS.workers })
      .optional(),
    admin: admin.optional(),
    publish: publish.optional(),
    data: text("Folder of all stored files; relative to this file's folder.")
      .meta({ default: DEFAULTS.data })
      .optional(),
    chain: text('The chain of modules that no route matches.').meta({ default: DEFAULT_CHAIN }).optional(),
    sources: z
      .record(
        z
          .string()
          .regex(
            SOURCE_NAME,
            'is not a name for a source: letters, digits, ".", "_" and "-", not direct, off or published',
          ),
        sourceSchema,
      )
      .meta({ description: 'Named sources, for use in chains.' })
      .optional(),
    routes: z
      .array(routeSchema.optional())
      .meta({ description: 'Chains by module path; the first match counts.' })
      .optional(),
    sumdb: z
      .array(sumdbSchema.optional())
      .meta({ description: 'Checksum databases that are passed through.', default: DEFAULTS.sumdb })
      .optional(),
    cache: section('How long answers that may change are used.', {
      fresh: age('Lists, queries and latest are not asked for again within it.', DEFAULTS.cache.fresh),
      stale: age(
        'After that, they are served from the store while they are refreshed, or the source is down.',
        DEFAULTS.cache.stale,
      ),
      negative: age('"Not found" is not asked for again within it.', DEFAULTS.cache.negative),
      memory: size('Memory for the small files that are asked for most.', DEFAULTS.cache.memory, 0),
    }).optional(),
    limits: section('Bounds of the work at one time.', {
      patience: timer('How long one caller is kept waiting at most.', DEFAULTS.limits.patience),
      fetches: count('Fetches at the same time for one chain.', DEFAULTS.limits.fetches, 1),
      queue: count('Fetches that wait for a place; beyond it callers are refused.', DEFAULTS.limits.queue, 0),
      metadata: size(
        'Largest list or answer of a checksum database that is taken from a source.',
        DEFAULTS.limits.metadata,
        1024,
      ),
      connections: count('Open connections; beyond it new ones are closed.', DEFAULTS.limits.connections, 1),
      header: size('Largest header of a request.', DEFAULTS.limits.header, 1024),
      url: count('Longest URL of a request, in characters.', DEFAULTS.limits.url, 256),
      header_time: timer('Longest time a client may take to send a header.', DEFAULTS.limits.header_time),
      idle: timer('How long an idle connection is kept.', DEFAULTS.limits.idle),
    }).optional(),
    store: section('The stored files.', {
      cap: size(
        'Most bytes that the store keeps; beyond it, what was not used for longest and can be fetched again is removed. 0: no bound.',
        '0',
        0,
      ),
      scrub: age(
        'Time in which every stored file is checked once, in the background; 0: never.',
        DEFAULTS.store.scrub,
      ),
    }).optional(),
    vcs: vcsSchema.optional(),
    log: section('Logs, to stderr.', {
      level: z
        .enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'])
        .meta({ description: 'Least level that is written.', default: DEFAULTS.log.level })
        .optional(),
      format: z
        .enum(['auto', 'json', 'pretty'])
        .meta({ description: 'auto: pretty on a terminal, else JSON.', default: DEFAULTS.log.format })
        .optional(),
      access: flag('One line for each request.', DEFAULTS.log.access),
    }).optional(),
    shutdown: timer(
      'How long running requests may take to end when the gateway is stopped.',
      DEFAULTS.shutdown,
    ),
  })
  .meta({ title: 'modgate.yaml', description: 'The configuration of modgate.' });

/** The file's content once its values have been read: durations in ms, sizes in bytes. */
export type FileConfig = z.output<typeof fileSchema>;
export type FileSource = z.output<typeof sourceSchema>;
export type FileListenTls = z.output<typeof listenTls>;
export type FileSecret = string | { env: string } | { file: string };

let made: object | undefined;

/** The JSON Schema (draft 2020-12) of the configuration file, for editors. */
export function configSchema(): object {
  made ??= z.toJSONSchema(fileSchema, {
    target: 'draft-2020-12',
    io: 'input',
    // zod leaves out the default of what is transformed; ours is written as in the file.
    override: ({ zodSchema, jsonSchema }) => {
      const initial = z.globalRegistry.get(zodSchema)?.default;
      if (typeof initial === 'string') jsonSchema.default ??= initial;
    },
  });
  return structuredClone(made);
}
