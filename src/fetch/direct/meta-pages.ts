import type { LookupFunction } from 'node:net';
import { ModgateError } from '../../errors/index.ts';
import type { RemotePatterns } from '../../module/index.ts';
import { bodyError, type ClientOptions, TooNear, UpstreamClient, UpstreamFault } from '../../net/index.ts';
import { type Clock, type Logger, Metrics } from '../../observe/index.ts';
import { Shared } from '../../sync/index.ts';
import { holds, type MetaTag, type MetaTags, parseMetaTags, TOO_MANY_TAGS } from './meta-tags.ts';

/** What one route lets `direct` do. */
export interface RootRules {
  /** nobody but the path's own host is asked about it */
  readonly isPrivate: boolean;
  /** places in private networks and on this machine may be asked */
  readonly near: boolean;
}

/**
 * A page and what it says of its path and what lies below, with a few of its other tags for messages; without tags where
 * its host said that it has none.
 */
export interface MetaPage extends MetaTags {
  /** as it was asked for */
  readonly url: string;
}

export interface PageOptions {
  /** PEM, trusted beside the system's */
  readonly ca: string | undefined;
  /** pages that may be asked by http, and by https without checking the certificate */
  readonly insecure: RemotePatterns;
}

export interface PageDeps {
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly env?: NodeJS.ProcessEnv;
  /** for tests, of hosts that are dialed straight */
  readonly lookup?: LookupFunction;
}

/** bytes of a page that are read; heads are short */
const MAX_PAGE = 1 << 20;
/** ms */
const LIFETIME = 60_000;
const LIFETIME_WITHOUT_TAGS = 10_000;
const MOST_PAGES = 2000;
/** characters of the tags of a page that is kept; real ones have a few hundred */
const MOST_KEPT = 16 << 10;
/** tags of other paths, for messages */
const OTHERS = 4;
/** hosts with open connections; anybody who asks for a module path names one */
const MOST_HOSTS = 32;

const CLIENT: Omit<ClientOptions, 'tls' | 'reach' | 'redirects'> = {
  name: 'direct',
  headers: {},
  auth: { kind: 'none' },
  http2: false,
  proxy: 'env',
  timeouts: { connect: 10_000, firstByte: 20_000, idle: 20_000, total: 40_000 },
  concurrency: 8,
  queue: 200,
  retry: { attempts: 2, base: 250, cap: 1000, budget: 2000 },
  breaker: { failures: 5, open: 10_000 },
};

type Scheme = 'https' | 'http';

/** Asks hosts for `?go-get=1` pages: each host by a client of its own, so that one that is down stops no other. */
export class MetaPages {
  readonly #options: PageOptions;
  readonly #deps: PageDeps;
  readonly #shared: Shared<MetaPage>;
  /** in the order of their last use */
  readonly #clients = new Map<string, UpstreamClient>();
  readonly #asked;
  #closed = false;

  constructor(options: PageOptions, deps: PageDeps) {
    this.#options = options;
    this.#deps = deps;
    this.#shared = new Shared(MOST_PAGES, lifetimeOf, deps.clock);
    this.#asked = deps.metrics.counter(
      'modgate_meta_pages_total',
      'Pages of go-import tags that hosts were asked for, by outcome.',
      ['outcome'],
    );
  }

  /** NOT_FOUND where its host has no such page and no tags; VCS_REFUSED for a host that may not be asked; UPSTREAM_*. */
  get(path: string, rules: RootRules, signal: AbortSignal): Promise<MetaPage> {
    const key = `${Number(rules.isPrivate)}${Number(rules.near)} ${path}`;
    return this.#shared.get(key, signal, (shared) => this.#ask(path, rules, shared));
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all([...this.#clients.values()].map((client) => client.close()));
  }

  async #ask(path: string, rules: RootRules, signal: AbortSignal): Promise<MetaPage> {
    try {
      const page = await this.#askSchemes(path, rules, signal);
      this.#asked.with(page.tags.length > 0 ? 'ok' : 'no_tags').inc();
      return page;
    } catch (thrown) {
      if (thrown instanceof ModgateError) this.#asked.with(thrown.code.toLowerCase()).inc();
      throw thrown;
    }
  }

  async #askSchemes(path: string, rules: RootRules, signal: AbortSignal): Promise<MetaPage> {
    if (!this.#isInsecure(path)) return this.#page('https', path, rules, signal);
    try {
      return await this.#page('https', path, rules, signal);
    } catch (thrown) {
      if (!(thrown instanceof ModgateError) || !NO_HTTPS.has(thrown.code)) throw thrown;
      return this.#page('http', path, rules, signal);
    }
  }

  async #page(scheme: Scheme, path: string, rules: RootRules, signal: AbortSignal): Promise<MetaPage> {
    const url = new URL(pageUrl(scheme, path));
    const { bytes, refusal } = await this.#bytes(url, path, rules, signal);
    const read = parseMetaTags(bytes);
    if (read.tags.length === 0 && refusal !== undefined) throw refusal;
    if (read.fault === TOO_MANY_TAGS) throw tooManyTags(url);
    return { tags: tagsFor(path, read.tags), fault: read.fault, url: url.href };
  }

  /** The go command reads a page whatever its status is, and tells the status only where the page has no tags. */
  async #bytes(
    url: URL,
    path: string,
    rules: RootRules,
    signal: AbortSignal,
  ): Promise<{ bytes: Buffer; refusal?: ModgateError }> {
    try {
      const answer = await this.#client(url, path, rules).get(url, { signal, keep: MAX_PAGE });
      return { bytes: await readStart(answer) };
    } catch (thrown) {
      if (thrown instanceof ModgateError && thrown.cause instanceof TooNear && !rules.near)
        throw tooNear(path, thrown.cause);
      if (!(thrown instanceof ModgateError)) throw thrown;
      const page = thrown instanceof UpstreamFault ? thrown.facts.page : undefined;
      const refusal = asPageFault(thrown);
      if (page === undefined) throw refusal;
      return { bytes: page, refusal };
    }
  }

  #client(url: URL, path: string, rules: RootRules): UpstreamClient {
    const insecure = this.#isInsecure(path);
    const key = `${Number(rules.isPrivate)}${Number(rules.near)}${Number(insecure)} ${url.origin}`;
    const client = this.#clients.get(key) ?? this.#makeClient(rules, insecure);
    this.#clients.delete(key);
    this.#clients.set(key, client);
    this.#trim();
    return client;
  }

  #isInsecure(at: string): boolean {
    const [host = '', ...rest] = at.split('/');
    return this.#options.insecure.matches({ scheme: 'https', host, port: '', path: rest.join('/') });
  }

  #makeClient(rules: RootRules, insecure: boolean): UpstreamClient {
    if (this.#closed) throw new ModgateError('SHUTTING_DOWN', 'the gateway is shutting down');
    const { logger, env, lookup, clock } = this.#deps;
    return new UpstreamClient(
      {
        ...CLIENT,
        tls: {
          ca: this.#options.ca,
          cert: undefined,
          key: undefined,
          pins: [],
          minVersion: 'TLSv1.2',
          insecure,
        },
        reach: rules.near ? 'any' : 'internet',
        redirects: rules.isPrivate ? 'host' : 'any',
      },
      // Its metrics would be a row for each host that anybody names.
      {
        logger,
        metrics: new Metrics({ process: false }),
        clock,
        ...(env === undefined ? {} : { env }),
        ...(lookup === undefined ? {} : { lookup }),
      },
    );
  }

  #trim(): void {
    for (const [key, client] of this.#clients) {
      if (this.#clients.size <= MOST_HOSTS) return;
      if (client.inFlight > 0) continue;
      this.#clients.delete(key);
      void client.close();
    }
  }
}

/** What may be different by plain http; a host without https is suspended there after a few pages. */
const NO_HTTPS: ReadonlySet<string> = new Set([
  'UPSTREAM_UNREACHABLE',
  'UPSTREAM_TLS',
  'UPSTREAM_TIMEOUT',
  'UPSTREAM_SUSPENDED',
]);

/** ms */
function lifetimeOf({ tags }: MetaPage): number {
  if (tags.length === 0) return LIFETIME_WITHOUT_TAGS;
  const size = tags.reduce((sum, tag) => sum + Object.values(tag).join('').length, 0);
  return size > MOST_KEPT ? 0 : LIFETIME;
}

/** The tags that a page can be asked for, in texts of their own: parts of it would hold all of it in memory. */
function tagsFor(path: string, tags: readonly MetaTag[]): MetaTag[] {
  const counts = ({ prefix }: MetaTag) => holds(prefix, path) || holds(path, prefix);
  const others = tags.filter((tag) => !counts(tag)).slice(0, OTHERS);
  return [...tags.filter(counts), ...others].map(({ prefix, vcs, url, subdirectory }) => ({
    prefix: copied(prefix),
    vcs: copied(vcs),
    url: copied(url),
    subdirectory: copied(subdirectory),
  }));
}

function copied(text: string): string {
  return Buffer.from(text).toString();
}

function tooManyTags(url: URL): ModgateError {
  return new ModgateError('UPSTREAM_BAD_ANSWER', `${url.href} has ${TOO_MANY_TAGS}`, {
    source: 'direct',
    next: BAD_PAGE,
  });
}

/** A URL, unless the path begins with what is no host, such as 256.1.1.1. */
export function pageUrl(scheme: Scheme, path: string): string {
  const [host, ...rest] = path.split('/');
  return `${scheme}://${host}/${rest.join('/')}?go-get=1`;
}

/** The begin of the body, which is all that is looked at of a long page. */
async function readStart(answer: Awaited<ReturnType<UpstreamClient['get']>>): Promise<Buffer> {
  const parts: Buffer[] = [];
  let size = 0;
  try {
    for await (const part of answer.body) {
      // A stream without an encoding or object mode yields Buffers; its type does not say so.
      const chunk = part as Buffer;
      parts.push(chunk);
      size += chunk.length;
      if (size >= MAX_PAGE) break;
    }
  } catch (error) {
    throw bodyError(error, answer.source ?? '?', answer.url);
  } finally {
    answer.body.destroy();
  }
  return Buffer.concat(parts).subarray(0, MAX_PAGE);
}

const BAD_PAGE =
  'tell whoever runs that host, or map the module path to its repository under vcs.repositories';

/** Next steps that are other ones than those for a source, which has settings of its own. */
const NEXT: Readonly<Record<string, string>> = {
  UPSTREAM_UNREACHABLE:
    'check the module path, and that this machine can reach its host (DNS, firewall, proxy)',
  UPSTREAM_TIMEOUT: 'check that the host is well and that this machine can reach it, then try again',
  UPSTREAM_TLS:
    "put its authority's certificate (PEM) into vcs.ca, or map the module path to its repository under vcs.repositories",
  UPSTREAM_DENIED: 'map the module path to its repository under vcs.repositories, with credentials for that',
  UPSTREAM_RATE_LIMITED: 'wait, or map the module path to its repository under vcs.repositories',
  UPSTREAM_BAD_ANSWER: BAD_PAGE,
  UPSTREAM_REDIRECT_LOOP: BAD_PAGE,
  UPSTREAM_STATUS: BAD_PAGE,
};

function asPageFault(fault: ModgateError): ModgateError {
  const { code, message, cause, next, retryAfter, source } = fault;
  return new ModgateError(code, message, { cause, next: NEXT[code] ?? next, retryAfter, source });
}

/** Somebody outside named a path whose code lies inside. */
export function tooNear(what: string, { host, address, nearness }: TooNear): ModgateError {
  const place = address === '' || address === host ? host : `${host} (${address})`;
  const where = {
    0: 'in the Internet',
    1: 'in a private network',
    2: 'this machine',
    3: 'link-local or reserved',
  };
  return new ModgateError(
    'VCS_REFUSED',
    `${what} leads to ${place}, which is ${where[nearness]}; no route of the configuration says that it may`,
    {
      source: 'direct',
      next: `add a route for this module path with "direct" in its chain, if that place is meant`,
    },
  );
}
