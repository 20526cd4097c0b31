import { ModgateError, toModgateError } from '../errors/index.ts';
import type {
  AskOptions,
  BytesReply,
  ContentReply,
  Gateway,
  Reply,
  TransferReply,
} from '../gateway/index.ts';
import type { ModuleVersion } from '../module/index.ts';
import type { Clock } from '../observe/index.ts';
import { acceptRequestId, RequestIds } from '../observe/index.ts';
import type { AccessLog } from './access.ts';
import { authorize } from './authorize.ts';
import { Exchange } from './exchange.ts';
import { checkHeader, hasBody } from './framing.ts';
import type { Handover, Header } from './handover.ts';
import type { HotCache, HotEntry } from './hot.ts';
import { type Kind, kindOf } from './kinds.ts';
import type { Incoming, Outgoing } from './message.ts';
import { OneWrite } from './one-write.ts';
import type { Pages } from './pages.ts';
import { bodyFacts, type Prepared, prepare } from './prepare.ts';
import type { Relay } from './relay.ts';
import { parseTarget, type Route, type TargetRules } from './route.ts';
import { sendContent, sendPrepared, sendTransfer } from './send-file.ts';
import type { TrustedProxies } from './trusted.ts';
import type { Uploads } from './upload.ts';
import type { Uses } from './uses.ts';
import { readWishes } from './wishes.ts';

type AskRoute = Extract<Route, { kind: 'ask' }>;

export interface HandlerDeps {
  readonly gateway: Pick<Gateway, 'answer' | 'allow' | 'stored'>;
  readonly pages: Pages;
  readonly access: AccessLog;
  readonly clock: Clock;
  readonly hot: HotCache;
  readonly uses?: Uses;
  readonly uploads: Pick<Uploads, 'take'>;
  /** ms that a caller is kept waiting for the first byte at most */
  readonly patience: number;
  /** to the other workers; undefined: there are none */
  readonly relay?: Relay | undefined;
  /** ms that the listener keeps an idle connection */
  readonly keepAlive: number;
  readonly targets: TargetRules;
  readonly trusted: TrustedProxies;
  readonly handover: Handover;
  /** whether the listener itself speaks TLS */
  readonly secure: boolean;
}

/**
 * ms for which the prepared headers of an answer that may change are used. They are fixed, hence no Age; instead their
 * max-age is what is left of the freshness at the end of this time, so that no cache behind keeps it any longer. After
 * it the gateway reads the answer from the store again and says what is left then.
 */
const HEADERS_HOLD = 10_000;

/** Answers requests: from memory where it can, otherwise by way of the gateway. */
export class Handler {
  readonly #deps: HandlerDeps;
  readonly #ids = new RequestIds();
  readonly #oneWrite: OneWrite;
  #running = 0;
  #breaking = false;
  readonly #waiting = new Set<() => void>();

  constructor(deps: HandlerDeps) {
    this.#deps = deps;
    this.#oneWrite = new OneWrite(deps.clock, deps.keepAlive);
  }

  handle(req: Incoming, res: Outgoing): void {
    const start = this.#deps.clock.monotonic();
    const entry = req.method === 'GET' ? this.#deps.hot.get(req.url ?? '', start) : undefined;
    if (entry === undefined || entry.until <= start || !this.#sendHit(req, res, entry, start))
      this.#handle(req, res, start);
  }

  /** The whole way of a hit from memory. False where the request wants more than the whole file. */
  #sendHit(req: Incoming, res: Outgoing, entry: HotEntry, start: number): boolean {
    const wishes = readWishes(req.rawHeaders);
    if (wishes === undefined || (!wishes.host && req.httpVersionMajor === 1)) return false;
    const { headers, body, flat } = wishes.gzip ? (entry.gzip ?? entry.plain) : entry.plain;
    const id = acceptRequestId(wishes.requestId) ?? this.#ids.next();
    if (flat === undefined || !this.#oneWrite.send(req, res, flat.head, id, flat.text)) {
      res.writeHead(200, ['X-Request-Id', id, ...headers]);
      res.end(body);
    }
    const { access, clock, trusted } = this.#deps;
    access.hit(entry.tally, id, body.length, clock.monotonic() - start, trusted.clientOf(req));
    return true;
  }

  #handle(req: Incoming, res: Outgoing, start: number): void {
    this.#run(this.#open(req, res, start));
  }

  /** A request that another worker relays: it has the caller, and records what is answered. */
  handleRelayed(req: Incoming, res: Outgoing): void {
    const exchange = new Exchange(req, res, '', () => this.#ids.next(), this.#deps.clock.monotonic());
    exchange.inner = true;
    this.#run(exchange);
  }

  /** Resolves when no request is being answered, or after the limit (ms). */
  async settled(limit: number): Promise<void> {
    if (this.#running === 0) return;
    await new Promise<void>((resolve) => {
      const over = () => {
        clearTimeout(timer);
        this.#waiting.delete(over);
        resolve();
      };
      const timer = setTimeout(over, limit).unref();
      this.#waiting.add(over);
    });
  }

  #run(exchange: Exchange): void {
    this.#running++;
    exchange.onOver(() => {
      this.#running--;
      if (this.#running === 0) for (const resolve of this.#waiting) resolve();
    });
    if (exchange.endCrowd()) return;
    this.#answer(exchange).catch((thrown: unknown) => exchange.fail(toModgateError(thrown)));
  }

  /** Refuses a request for what is known of its connection alone. */
  refuse(req: Incoming, res: Outgoing, why: ModgateError): void {
    this.#open(req, res, this.#deps.clock.monotonic()).fail(why);
  }

  #open(req: Incoming, res: Outgoing, start: number): Exchange {
    // Its body may come byte by byte, or hide another request: nobody waits for it, and nothing behind it is read.
    if (res.shouldKeepAlive !== undefined && hasBody(req)) res.shouldKeepAlive = false;
    const client = this.#deps.trusted.clientOf(req);
    const exchange = new Exchange(req, res, client, () => this.#ids.next(), start);
    exchange.onOver(() => this.#record(exchange));
    return exchange;
  }

  async #answer(exchange: Exchange): Promise<void> {
    const { method } = exchange.req;
    checkHeader(exchange.req, exchange.res);
    // What is no GET has one route, and is not worth a reading of any other.
    if (method !== 'GET' && method !== 'HEAD' && method !== 'PUT') throw wrongMethod(method, 'GET or HEAD');
    const route = parseTarget(exchange.url, this.#deps.targets);
    if (route.kind === 'publish') return this.#publish(exchange, route.m);
    if (method === 'PUT') throw wrongMethod(method, 'GET or HEAD');
    if (route.kind === 'page' && !exchange.inner) {
      exchange.route = 'page';
      await this.#deps.pages.send(exchange, route.page, this.#address(exchange.req));
      return;
    }
    if (route.kind === 'authorize') {
      exchange.route = 'authorize';
      return authorize(exchange, this.#deps.gateway, this.#deps.targets);
    }
    if (route.kind === 'page') throw new ModgateError('BAD_ROUTE', 'no worker asks another one for a page');
    const entry = this.#deps.hot.get(exchange.url, exchange.start);
    if (entry !== undefined && entry.until > exchange.start) {
      const { route: kind, module, cache } = entry.about;
      Object.assign(exchange, { route: kind, module, cache });
      sendPrepared(exchange, entry);
      return;
    }
    exchange.watch(this.#deps.patience);
    await this.#serve(exchange, route);
  }

  async #publish(exchange: Exchange, m: ModuleVersion): Promise<void> {
    exchange.route = 'publish';
    exchange.module = m.path;
    if (exchange.req.method !== 'PUT') throw wrongMethod(exchange.req.method, 'PUT');
    // The worker that has the caller takes it in: whoever is asked for it finds it in the store.
    await this.#deps.uploads.take(exchange, m);
  }

  /** By which name the caller reaches the gateway, as far as the request tells. */
  #address(req: Incoming): string {
    const { trusted, secure, targets } = this.#deps;
    const { proto, host } = trusted.originOf(req, secure);
    return host === undefined ? `<this address>${targets.prefix}` : `${proto}://${host}${targets.prefix}`;
  }

  async #serve(exchange: Exchange, route: AskRoute): Promise<void> {
    const { ask } = route;
    const kind = kindOf(ask);
    exchange.route = kind.name;
    exchange.module = ask.kind === 'sumdb' ? '' : 'm' in ask ? ask.m.path : ask.path;
    const cachedOnly =
      route.cachedOnly || exchange.req.headers['disable-module-fetch']?.toString().toLowerCase() === 'true';
    const options: AskOptions = { signal: exchange.signal, cachedOnly };
    const relay = exchange.inner || cachedOnly ? undefined : this.#deps.relay;
    const owner = relay?.ownerOf(ask);
    const { generation } = this.#deps.hot;
    let reply: Reply | undefined;
    if (relay !== undefined && owner !== undefined) {
      reply = await this.#deps.gateway.stored(ask, exchange.signal);
      if (reply === undefined && (await relay.send(exchange, owner))) return;
    }
    // Also where the owner is not there: the store is safe for two that fetch the same.
    reply ??= await this.#deps.gateway.answer(ask, options);
    exchange.trace = reply.trace;
    exchange.cache = reply.cached;
    if ('m' in ask) this.#deps.uses?.note(ask.m);
    if (reply.kind === 'transfer' && (await needsWhole(exchange, reply))) {
      const transfer = reply.reader;
      await transfer.done(exchange.signal).finally(() => transfer.close());
      reply = { ...(await this.#deps.gateway.answer(ask, options)), cached: 'miss' };
    }
    const now = this.#deps.clock.now();
    switch (reply.kind) {
      case 'transfer':
        return sendTransfer(exchange, reply, kind, now);
      case 'content':
        return sendContent(exchange, reply, kind, now, this.#elsewhere(exchange, reply));
      case 'bytes': {
        sendPrepared(
          exchange,
          this.#remember(exchange, reply, kind, now, { ...route, cachedOnly }, generation),
        );
      }
    }
  }

  /** The header by which a trusted proxy sends the file itself; another worker, which has the caller, wants bytes. */
  #elsewhere({ req, inner }: Exchange, { content: { file } }: ContentReply): Header | undefined {
    return inner ? undefined : this.#deps.handover.headerFor(req, file);
  }

  /** Holds the answer in memory while it is fresh and its headers are true; the next one for the same URL is a hit. */
  #remember(
    exchange: Exchange,
    reply: BytesReply,
    kind: Kind,
    now: number,
    { ask, cachedOnly }: AskRoute,
    generation: number,
  ): Prepared {
    const facts = bodyFacts(reply.bytes, kind);
    const prepared = prepare(facts, reply, kind, now);
    // An answer from the store alone would hide from others what a source would say.
    const { fresh, modified } = reply;
    if (fresh <= 0 || cachedOnly) return prepared;
    const cached = reply.cached === 'miss' ? 'hit' : reply.cached;
    // A stale answer has max-age=0 anyway, and is held until its source may be asked again.
    const changes = fresh !== Infinity && cached === 'hit';
    const hold = changes ? Math.min(HEADERS_HOLD, fresh) : fresh;
    const again =
      cached === reply.cached && !changes
        ? prepared
        : prepare(facts, { cached, modified, fresh: changes ? fresh - hold : fresh }, kind, now);
    const m = 'm' in ask ? ask.m : undefined;
    const about = { route: kind.name, module: exchange.module, cache: cached, m };
    const until = this.#deps.clock.monotonic() + hold;
    const tally = this.#deps.access.tally(exchange.url, about);
    this.#deps.hot.set(exchange.url, { ...again, until, about, tally }, generation);
    return prepared;
  }

  /** From now on an answer that is cut short is our doing. @returns how many run still */
  breakOff(): number {
    this.#breaking = true;
    return this.#running;
  }

  #errorOf({ error, res }: Exchange): ModgateError | undefined {
    const found = error ?? (res.writableFinished ? undefined : LEFT);
    return this.#breaking && found?.code === 'CANCELED' ? BROKEN_OFF : found;
  }

  #record(exchange: Exchange): void {
    const { req, res, start } = exchange;
    this.#deps.access.write({
      request: exchange.id,
      method: req.method ?? '',
      url: exchange.loggedUrl(MAX_LOGGED_URL),
      route: exchange.route,
      module: exchange.module,
      status: res.headersSent ? res.statusCode : 499,
      cache: exchange.cache,
      error: this.#errorOf(exchange),
      bytes: exchange.bytes,
      duration: this.#deps.clock.monotonic() - start,
      client: exchange.client,
      trace: exchange.trace,
    });
  }
}

function wrongMethod(method: string | undefined, use: string): ModgateError {
  return new ModgateError('METHOD_NOT_ALLOWED', `the method ${method ?? ''} is not allowed here`, {
    next: `use ${use}`,
  });
}

/** characters */
const MAX_LOGGED_URL = 2048;
const LEFT = new ModgateError('CANCELED', 'the caller has left');
const BROKEN_OFF = new ModgateError('SHUTTING_DOWN', 'the gateway stopped before the answer had ended');

/**
 * Sizes and ranges can be told for certain only when the file is there. A proxy that would pass on an answer without a
 * length as whole where it is cut off (Caddy 2.6) says so by X-Modgate-Length: required.
 */
async function needsWhole({ req, head, signal }: Exchange, { reader }: TransferReply): Promise<boolean> {
  if (head || req.headers.range !== undefined) return true;
  return req.headers['x-modgate-length'] === 'required' && (await reader.ready(signal)) === undefined;
}
