import type { LookupFunction } from 'node:net';
import { Readable } from 'node:stream';
import { ModgateError } from '../errors/index.ts';
import { type Clock, type Logger, type Metrics, systemClock } from '../observe/index.ts';
import { skim } from './body.ts';
import { type BreakerState, CircuitBreaker, type Pass } from './breaker.ts';
import { Dialer } from './connector.ts';
import { Credentials, checkHeaders } from './credentials.ts';
import { type Place, UpstreamFault } from './fault.ts';
import { badAnswer, faultOf } from './faults.ts';
import { Home } from './home.ts';
import { Hops, type Landed } from './hops.ts';
import { Limiter, type Release } from './limiter.ts';
import { type SourceMetrics, sourceMetrics } from './metrics.ts';
import type { Answer, ClientOptions } from './options.ts';
import { isConditional, refusal } from './refusal.ts';
import { Backoff, sleep } from './retry.ts';
import { Routes } from './routes.ts';
import { Scope } from './scope.ts';
import { graphic, urlText } from './text.ts';

export interface ClientDeps {
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly clock?: Clock;
  /** 0 ≤ x < 1 */
  readonly random?: () => number;
  readonly env?: NodeJS.ProcessEnv;
  /** for tests, of hosts that are dialed straight */
  readonly lookup?: LookupFunction;
}

export interface GetOptions {
  readonly signal: AbortSignal;
  readonly headers?: Readonly<Record<string, string>>;
  /** bytes of a refused request's page that its UpstreamFault keeps as `page`; default: none */
  readonly keep?: number;
}

export interface PostOptions extends GetOptions {
  readonly body: Buffer;
}

/** seconds; a full queue says nothing about when it will be shorter */
const QUEUE_RETRY_AFTER = 2;

/**
 * Fetches from one source. The URL that get() is given tells the source's own origin: credentials and headers
 * of the source go there only.
 */
export class UpstreamClient {
  readonly #options: ClientOptions;
  readonly #logger: Logger;
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #routes: Routes;
  readonly #hops: Hops;
  readonly #limiter: Limiter;
  readonly #breaker: CircuitBreaker;
  readonly #metrics: SourceMetrics;
  readonly #scopes = new Set<Scope>();
  #closed = false;

  /** Throws CONFIG_INVALID for TLS material, a header or a proxy that cannot be used. */
  constructor(options: ClientOptions, deps: ClientDeps) {
    const { name } = options;
    const env = deps.env ?? process.env;
    this.#options = options;
    this.#logger = deps.logger;
    this.#clock = deps.clock ?? systemClock;
    this.#random = deps.random ?? Math.random;
    checkHeaders(name, options.headers);
    const home = new Home(options.reach);
    const dialer = new Dialer(
      { source: name, tls: options.tls, http2: options.http2, limit: options.timeouts.connect },
      { clock: this.#clock, env, home, lookup: deps.lookup },
    );
    this.#routes = new Routes(options, { dialer, home, env });
    this.#hops = new Hops(options, {
      routes: this.#routes,
      credentials: new Credentials(options.auth, deps.logger, env),
      clock: this.#clock,
      again: () => this.#metrics.retry(),
    });
    this.#limiter = new Limiter(options.concurrency, options.queue);
    this.#breaker = new CircuitBreaker(options.breaker, this.#clock, (state) => this.#told(state));
    this.#metrics = sourceMetrics(deps.metrics, name, () => this.#breaker.state);
    if (options.tls.insecure) {
      this.#logger.warn({ source: name }, 'the certificates of this source are NOT verified');
    }
  }

  get state(): BreakerState {
    return this.#breaker.state;
  }

  /** Requests that hold a place: asked, waiting for their next try, or with a body that is not read yet. */
  get inFlight(): number {
    return this.#limiter.taken;
  }

  /**
   * An answer with status 200, or 304 where `headers` has a condition. Throws NOT_FOUND where the upstream said
   * so, UPSTREAM_*, OVERLOADED, CANCELED (or the ModgateError that the signal was aborted with), SHUTTING_DOWN.
   */
  get(url: URL, o: GetOptions): Promise<Answer> {
    return this.#ask(url, o);
  }

  /**
   * An answer with status 200 or 201 to a small body. Tried once only, for it may have been taken before its answer was
   * lost; no redirect is followed. Throws as get() does.
   */
  post(url: URL, o: PostOptions): Promise<Answer> {
    return this.#ask(url, o);
  }

  async #ask(url: URL, o: Asked): Promise<Answer> {
    if (this.#closed) throw this.#closing();
    const scope = new Scope(o.signal);
    this.#scopes.add(scope);
    scope.onClose(() => this.#scopes.delete(scope));
    try {
      this.#refuseSuspended(url);
      const release = await this.#place(url, scope);
      this.#metrics.entered();
      scope.onClose(() => {
        release();
        this.#metrics.left();
      });
      scope.limit(this.#options.timeouts.total);
      return await this.#tries(url, o, scope);
    } catch (error) {
      scope.close();
      throw faultOf(error, this.#at(url), { phase: 'wait', reused: false });
    }
  }

  /** Ends everything that is under way with SHUTTING_DOWN and closes all connections. */
  async close(): Promise<void> {
    this.#closed = true;
    // A Set may lose members while it is walked; each scope leaves it when it ends.
    for (const scope of this.#scopes) scope.end(this.#closing());
    await this.#routes.close();
  }

  #place(url: URL, scope: Scope): Promise<Release> {
    const place = this.#limiter.acquire(scope.signal);
    if (place !== undefined) return place;
    this.#metrics.request('OVERLOADED');
    const { concurrency, queue } = this.#options;
    throw this.#fault(url, {
      code: 'OVERLOADED',
      what: `${concurrency} requests are under way and ${queue} wait, which is its limit`,
      next: 'try again; if it comes often, raise concurrency or queue of the source',
      retryAfter: QUEUE_RETRY_AFTER,
    });
  }

  async #tries(url: URL, o: Asked, scope: Scope): Promise<Answer> {
    const backoff = new Backoff(this.#options.retry, this.#random);
    let last: UpstreamFault | undefined;
    for (let tries = 1; ; tries += 1) {
      const pass = this.#breaker.enter();
      if (pass === undefined) throw last?.after(tries - 1) ?? this.#suspended(url);
      try {
        return await this.#once(url, o, scope, pass);
      } catch (error) {
        if (!(error instanceof UpstreamFault)) throw error;
        const wait = o.body === undefined ? waitOf(error, backoff) : undefined;
        if (wait === undefined) throw error.after(tries);
        last = error;
        this.#metrics.retry();
        this.#logger.debug(
          { source: this.#options.name, url: urlText(url), error: error.message, wait: Math.round(wait) },
          'trying again',
        );
        await sleep(wait, scope.signal);
      }
    }
  }

  /** One try, with its result told to the breaker, for a body at its end, and the metrics. */
  async #once(url: URL, o: Asked, scope: Scope, pass: Pass): Promise<Answer> {
    try {
      const landed = await this.#hops.go(url, o.headers ?? {}, o.body, scope);
      const answer = await this.#answer(landed, o, scope);
      landed.head.onEnd((verdict, reason) => this.#breaker.settle(pass, verdict, reason));
      this.#metrics.request(answer.status === 304 ? 'not_modified' : 'ok');
      return answer;
    } catch (error) {
      const fault = faultOf(error, this.#at(url), { phase: 'wait', reused: false });
      const { verdict, what } =
        fault instanceof UpstreamFault ? fault.facts : { verdict: 'neutral' as const, what: '' };
      this.#breaker.settle(
        pass,
        verdict,
        what,
        fault.code === 'UPSTREAM_STATUS' ? subjectOf(url) : undefined,
      );
      this.#metrics.request(fault.code);
      throw fault;
    }
  }

  async #answer(landed: Landed, o: Asked, scope: Scope): Promise<Answer> {
    const { head, place } = landed;
    const { status, headers, links, body } = head;
    this.#metrics.links(links, ['dns', 'connect', 'tls', 'firstByte']);
    if (!answers(status, o)) throw await refusal(landed, this.#clock.now(), o.keep);
    const common = { headers, links, url: place.url, source: place.source };
    if (status === 304) {
      await skim(body, 0);
      scope.close();
      return { ...common, status, body: Readable.from([]), length: undefined };
    }
    const encoding = foreignEncoding(headers);
    if (encoding !== undefined) {
      body.destroy();
      throw new UpstreamFault(
        badAnswer(`the answer is encoded as ${graphic(encoding).slice(0, 40)}, which was not asked for`),
        place,
      );
    }
    head.onLeft(() => {
      this.#metrics.links(links, ['body']);
      scope.close();
    });
    return { ...common, status, body, length: head.length };
  }

  #refuseSuspended(url: URL): void {
    if (this.#breaker.state !== 'open') return;
    throw this.#suspended(url);
  }

  #suspended(url: URL): UpstreamFault {
    this.#metrics.request('UPSTREAM_SUSPENDED');
    return this.#fault(url, {
      code: 'UPSTREAM_SUSPENDED',
      what: `not asked, because it failed ${this.#options.breaker.failures} times in a row, the last time: ${this.#breaker.reason}`,
      next: 'repair the upstream; it is tried again by itself',
      retryAfter: this.#breaker.retryAfter,
    });
  }

  #closing(): ModgateError {
    return new ModgateError('SHUTTING_DOWN', `source "${this.#options.name}": the gateway is shutting down`, {
      source: this.#options.name,
    });
  }

  #fault(
    url: URL,
    facts: { code: 'OVERLOADED' | 'UPSTREAM_SUSPENDED'; what: string; next: string; retryAfter: number },
  ): UpstreamFault {
    return new UpstreamFault({ ...facts, retry: 'never', verdict: 'neutral' }, this.#at(url));
  }

  #at(url: URL): Place {
    return { source: this.#options.name, url: urlText(url), proxy: undefined };
  }

  #told(state: BreakerState): void {
    const source = this.#options.name;
    if (state === 'open') {
      this.#logger.warn(
        { source, reason: this.#breaker.reason, ms: this.#options.breaker.open },
        'source suspended',
      );
    } else if (state === 'closed') {
      this.#logger.info({ source }, 'source answers again');
    }
  }
}

type Asked = GetOptions & { readonly body?: Buffer };

function answers(status: number, { headers = {}, body }: Asked): status is Answer['status'] {
  if (status === 304) return isConditional(headers);
  return status === 200 || (status === 201 && body !== undefined);
}

function waitOf(fault: UpstreamFault, backoff: Backoff): number | undefined {
  const { retry, retryAfter } = fault.facts;
  if (retry === 'never' || (retry === 'told' && retryAfter === undefined)) return undefined;
  return backoff.next(retryAfter);
}

/** How the body is encoded, where it is in any way that was not asked for; HTTP/1.1 itself brings chunks. */
function foreignEncoding(headers: Readonly<Record<string, string>>): string | undefined {
  const content = headers['content-encoding'];
  if (content !== undefined && !/^\s*identity\s*$/i.test(content)) return content;
  const transfer = headers['transfer-encoding'];
  return transfer === undefined || /^\s*(?:chunked|identity)\s*$/i.test(transfer) ? undefined : transfer;
}

/**
 * What a status speaks about: a proxy may answer 500 for one module, whose files all lie before the same "/@", and be
 * well for every other. A connection that fails speaks about the source.
 */
function subjectOf(url: URL): string {
  return url.pathname.split('/@', 1)[0] ?? '';
}
