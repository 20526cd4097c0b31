import type { IncomingMessage, ServerResponse } from 'node:http';
import { ModgateError, toModgateError } from '../../errors/index.ts';
import type { Upkeep } from '../../gateway/index.ts';
import { type Clock, RequestIds } from '../../observe/index.ts';
import type { AccessLog } from '../access.ts';
import { Exchange } from '../exchange.ts';
import { type Pages, sendJson } from '../pages.ts';
import { checkCaller, type Guard } from './guard.ts';
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

  constructor(deps: AdminDeps) {
    this.#deps = deps;
  }

  handle(req: IncomingMessage, res: ServerResponse): void {
    const { clock, access } = this.#deps;
    const start = clock.monotonic();
    const exchange = new Exchange(req, res, () => this.#ids.next(), start);
    exchange.route = 'admin';
    res.once('close', () =>
      access.write({
        request: exchange.id,
        method: req.method ?? '',
        url: exchange.url.split('?', 1)[0]?.slice(0, 200) ?? '',
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
    this.#answer(exchange).catch((thrown: unknown) => fail(exchange, toModgateError(thrown)));
  }

  async #answer(exchange: Exchange): Promise<void> {
    const { pages, upkeep, guard } = this.#deps;
    checkCaller(exchange.req, guard);
    const [path = '', text = ''] = exchange.url.split('?', 2);
    const method = exchange.req.method === 'HEAD' ? 'GET' : (exchange.req.method ?? '');
    const page = PAGES.find((known) => known === path);
    if (page !== undefined && method === 'GET') return pages.send(exchange, page);
    const name = path.startsWith(STORE) ? path.slice(STORE.length) : '';
    const route = Object.hasOwn(STORE_ROUTES, `${method} ${name}`)
      ? STORE_ROUTES[`${method} ${name}`]
      : undefined;
    if (route === undefined) throw page === undefined ? noRoute(name) : notAllowed(method);
    exchange.watch(PATIENCE);
    await route(exchange, upkeep, new URLSearchParams(text));
  }
}

function noRoute(name: string): ModgateError {
  const known = Object.keys(STORE_ROUTES).filter((route) => route.endsWith(` ${name}`));
  if (known.length > 0)
    return new ModgateError('METHOD_NOT_ALLOWED', `this wants another method: ${known.join(', ')}`);
  return new ModgateError('BAD_ROUTE', 'no such page on the administrative listener', {
    next: `ask ${PAGES.join(', ')} or ${STORE}{${[...new Set(Object.keys(STORE_ROUTES))].map((route) => route.split(' ')[1]).join(',')}}`,
  });
}

function notAllowed(method: string): ModgateError {
  return new ModgateError('METHOD_NOT_ALLOWED', `the method ${method} is not allowed here`, {
    next: 'use GET',
  });
}

function fail(exchange: Exchange, error: ModgateError): void {
  exchange.error = error;
  if (exchange.res.headersSent || exchange.res.destroyed) {
    exchange.res.destroy();
    return;
  }
  if (error.code === 'UNAUTHORIZED') exchange.res.setHeader('WWW-Authenticate', 'Bearer realm="modgate"');
  // What is left of a body that nobody reads would be taken for the next request.
  if (!exchange.req.complete) exchange.res.setHeader('Connection', 'close');
  sendJson(exchange, error.status, errorFields(error));
}
