import { IncomingMessage, type OutgoingHttpHeader } from 'node:http';
import { ModgateError, toModgateError } from '../../errors/index.ts';
import type { Upkeep } from '../../gateway/index.ts';
import { type Clock, RequestIds } from '../../observe/index.ts';
import type { AccessLog } from '../access.ts';
import { Exchange } from '../exchange.ts';
import { checkHeader } from '../framing.ts';
import type { Incoming, Outgoing } from '../message.ts';
import { type Pages, sendJson } from '../pages.ts';
import { checkCaller, type Guard } from './guard.ts';
import { deleteModule, MODULES } from './modules.ts';
import { errorFields, STORE_ROUTES } from './store.ts';

const PAGES = ['/healthz', '/readyz', '/version', '/metrics'] as const;
const STORE = '/api/v1/store/';
/** ms that an answer may take to its first byte */
const PATIENCE = 10 * 60_000;

export interface AdminDeps {
  readonly pages: Pages;
  readonly upkeep: Upkeep;
  readonly access: AccessLog;
  readonly clock: Clock;
  readonly guard: Guard;
}

/** Answers on the administrative listener, each error as JSON `{code, message, next}`. */
export class AdminHandler {
  readonly #deps: AdminDeps;
  readonly #ids = new RequestIds();
  /** requests about the store */
  readonly #running = new Set<Promise<void>>();

  constructor(deps: AdminDeps) {
    this.#deps = deps;
  }

  /** Resolves when no request about the store runs, however long that takes; who must end sooner stops the upkeep. */
  async settled(): Promise<void> {
    while (this.#running.size > 0) await Promise.allSettled(this.#running);
  }

  handle(req: Incoming, res: Outgoing): void {
    const exchange = this.#open(req, res);
    if (exchange.endCrowd()) return;
    this.#answer(exchange).catch((thrown: unknown) => fail(exchange, toModgateError(thrown)));
  }

  /** Refuses a request for what is known of its connection alone. */
  refuse(req: Incoming, res: Outgoing, why: ModgateError): void {
    fail(this.#open(req, res), why);
  }

  #open(req: Incoming, res: Outgoing): Exchange {
    const { clock, access } = this.#deps;
    const start = clock.monotonic();
    const exchange = new Exchange(req, res, req.socket.remoteAddress ?? '', () => this.#ids.next(), start);
    exchange.route = 'admin';
    exchange.onOver(() =>
      access.write({
        request: exchange.id,
        method: req.method ?? '',
        url: exchange.loggedUrl(200),
        route: 'admin',
        module: '',
        status: res.headersSent ? res.statusCode : 499,
        cache: '',
        error: exchange.error,
        bytes: exchange.bytes,
        duration: clock.monotonic() - start,
        client: exchange.client,
        trace: undefined,
      }),
    );
    return exchange;
  }

  async #answer(exchange: Exchange): Promise<void> {
    const { pages, upkeep, guard } = this.#deps;
    checkHeader(exchange.req, exchange.res);
    checkCaller(exchange.req, guard);
    const [path = '', text = ''] = exchange.url.split('?', 2);
    const method = exchange.req.method === 'HEAD' ? 'GET' : (exchange.req.method ?? '');
    const page = PAGES.find((known) => known === path);
    if (page !== undefined && method === 'GET') return pages.send(exchange, page, '', true);
    if (path.startsWith(MODULES)) return this.#module(exchange, method, path.slice(MODULES.length));
    const name = path.startsWith(STORE) ? path.slice(STORE.length) : '';
    const methods = methodsOf(name);
    const route = Object.hasOwn(STORE_ROUTES, `${method} ${name}`)
      ? STORE_ROUTES[`${method} ${name}`]
      : undefined;
    if (route === undefined)
      throw page === undefined && methods.length === 0
        ? noRoute()
        : new WrongMethod(method, page === undefined ? methods : ['GET']);
    await this.#run(exchange, (req) => route(exchange, upkeep, new URLSearchParams(text), req));
  }

  async #module(exchange: Exchange, method: string, rest: string): Promise<void> {
    if (method !== 'DELETE') throw new WrongMethod(method, ['DELETE']);
    await this.#run(exchange, (req) => deleteModule(exchange, this.#deps.upkeep, req, rest));
  }

  async #run(exchange: Exchange, route: (req: IncomingMessage) => Promise<void>): Promise<void> {
    const { req } = exchange;
    // The administrative listener speaks HTTP/1.1 only, whose requests are these.
    if (!(req instanceof IncomingMessage)) throw new ModgateError('INTERNAL', 'a request of another kind');
    exchange.watch(PATIENCE);
    exchange.goOn();
    const work = this.#work(exchange, () => route(req));
    this.#running.add(work);
    await work.finally(() => this.#running.delete(work));
  }

  async #work(exchange: Exchange, work: () => Promise<void>): Promise<void> {
    // The first seconds over a folder whose catalogue was never made: what is not in it is not absent.
    await this.#deps.upkeep.complete(exchange.signal);
    await work();
  }
}

/** Where it exists, but not for that method. */
class WrongMethod extends ModgateError {
  readonly allowed: string;

  constructor(method: string, methods: readonly string[]) {
    const allowed = methods.flatMap((one) => (one === 'GET' ? ['GET', 'HEAD'] : [one])).join(', ');
    super('METHOD_NOT_ALLOWED', `the method ${method} is not allowed here`, { next: `use ${allowed}` });
    this.allowed = allowed;
  }
}

function methodsOf(name: string): string[] {
  return Object.keys(STORE_ROUTES)
    .filter((route) => route.endsWith(` ${name}`))
    .map((route) => route.slice(0, -name.length - 1));
}

function noRoute(): ModgateError {
  return new ModgateError('BAD_ROUTE', 'no such page on the administrative listener', {
    next: `ask ${PAGES.join(', ')} or ${STORE}{${[...new Set(Object.keys(STORE_ROUTES))].map((route) => route.split(' ')[1]).join(',')}}`,
  });
}

function fail(exchange: Exchange, error: ModgateError): void {
  exchange.error = error;
  if (exchange.res.headersSent || exchange.res.destroyed) {
    exchange.res.destroy();
    return;
  }
  const headers: OutgoingHttpHeader[] = [];
  if (error.code === 'UNAUTHORIZED') headers.push('WWW-Authenticate', 'Bearer realm="modgate"');
  if (error.retryAfter !== undefined) headers.push('Retry-After', String(Math.ceil(error.retryAfter)));
  if (error instanceof WrongMethod) headers.push('Allow', error.allowed);
  // What is left of a body that nobody reads would be taken for the next request.
  if (exchange.req instanceof IncomingMessage && !exchange.req.complete) headers.push('Connection', 'close');
  sendJson(exchange, error.status, errorFields(error), headers);
}
