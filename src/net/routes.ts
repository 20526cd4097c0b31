/** Which way a URL takes, and the connection pools of each way. */
import { Agent, type buildConnector, Client, type Dispatcher, Pool } from 'undici';
import { ModgateError } from '../errors/index.ts';
import { type Dialed, type Dialer, proxyAuthorization } from './connector.ts';
import { type Exchange, type Outbound, Outgoing } from './exchange.ts';
import type { Home, TooNear } from './home.ts';
import type { ClientOptions } from './options.ts';
import { type ProxyChoice, ProxyEnvironment, parseProxy } from './proxy-env.ts';
import { urlText } from './text.ts';

/** bytes of all headers of an answer */
const MAX_HEADERS = 64 << 10;
/** bytes; undici's defaults hold one big zip at 256 KiB per round trip */
const H2_STREAM_WINDOW = 2 << 20;
const H2_CONNECTION_WINDOW = 8 << 20;

export interface Way {
  /** the proxy for messages, undefined where there is none */
  readonly proxy: string | undefined;
  /** what the proxy is shown with each request that it forwards */
  readonly shown: Readonly<Record<string, string>>;
  send(request: Outbound, exchange: Exchange): void;
}

interface RoutesDeps {
  readonly dialer: Dialer;
  readonly home: Home;
  readonly env: NodeJS.ProcessEnv;
}

export class Routes {
  readonly #options: Pick<ClientOptions, 'name' | 'proxy' | 'http2'>;
  readonly #dialer: Dialer;
  readonly #home: Home;
  readonly #choose: (url: URL) => ProxyChoice;
  readonly #agents = new Map<string, Agent>();

  /** Throws CONFIG_INVALID for a proxy that is no http(s) URL. */
  constructor(options: Pick<ClientOptions, 'name' | 'proxy' | 'http2'>, { dialer, home, env }: RoutesDeps) {
    this.#options = options;
    this.#dialer = dialer;
    this.#home = home;
    this.#choose = chooser(options.proxy, env);
    if (this.#choose(new URL('http://source.example')) === 'unusable' && options.proxy !== 'env') {
      throw this.#unusable('its proxy');
    }
  }

  /**
   * Throws CONFIG_INVALID where the environment names a proxy that cannot be used.
   * @param foreign a redirect has led here, away from the source's own origin
   */
  way(url: URL, foreign: boolean): Way {
    const proxy = this.#choose(url);
    if (proxy === 'unusable') {
      throw this.#unusable(url.protocol === 'https:' ? 'HTTPS_PROXY' : 'HTTP_PROXY');
    }
    if (foreign || this.#home.internetOnly) {
      const objection = this.#home.objection(url.hostname);
      if (objection !== undefined) return refused(objection, proxy);
    }
    if (!foreign && proxy !== undefined) {
      this.#home.named(url.hostname);
    }
    if (proxy === undefined || url.protocol === 'https:') return this.#dialed(url, proxy, foreign);
    return this.#forwarded(url, proxy);
  }

  async close(): Promise<void> {
    this.#dialer.close();
    await Promise.all([...this.#agents.values()].map((agent) => agent.destroy()));
  }

  /** Straight to the origin, or through a tunnel. */
  #dialed(url: URL, proxy: URL | undefined, foreign: boolean): Way {
    const guarded = foreign && proxy === undefined;
    const key = proxy === undefined ? (guarded ? 'foreign' : 'direct') : `tunnel ${proxy.href}`;
    const agent = this.#agent(key, (dialed) =>
      guarded ? this.#dialer.toForeign(dialed) : this.#dialer.toOrigin(dialed, proxy),
    );
    return {
      proxy: proxy && urlText(proxy),
      shown: {},
      send: (request, exchange) => {
        const path = `${url.pathname}${url.search}`;
        agent.dispatch(new Outgoing(url.origin, path, request, exchange), exchange);
      },
    };
  }

  /** A proxy gets an http URL whole and forwards it (RFC 9112 section 3.2.2). */
  #forwarded(url: URL, proxy: URL): Way {
    const agent = this.#agent('forward', (dialed) => this.#dialer.toProxy(dialed));
    const shown = proxyAuthorization(proxy);
    return {
      proxy: urlText(proxy),
      shown,
      send: ({ headers, body }, exchange) => {
        const path = `${url.origin}${url.pathname}${url.search}`;
        const all = { headers: { ...headers, host: url.host, ...shown }, body };
        agent.dispatch(new Outgoing(proxy.origin, path, all, exchange), exchange);
      },
    };
  }

  #agent(key: string, connector: (dialed: Dialed) => buildConnector.connector): Agent {
    let agent = this.#agents.get(key);
    if (agent === undefined) {
      const http2 = this.#options.http2;
      agent = new Agent({
        factory: (origin) =>
          new Pool(origin, { factory: (pooled) => new TrackedClient(pooled, http2, connector) }),
      });
      this.#agents.set(key, agent);
    }
    return agent;
  }

  #unusable(what: string): ModgateError {
    return new ModgateError(
      'CONFIG_INVALID',
      `source "${this.#options.name}": ${what} is no http or https URL`,
      {
        source: this.#options.name,
        next: 'write it as http://host:port or https://host:port',
      },
    );
  }
}

/** Nothing is dialed. */
function refused(objection: TooNear, proxy: URL | undefined): Way {
  return {
    proxy: proxy && urlText(proxy),
    shown: {},
    send: (_request, exchange) => exchange.fail(objection),
  };
}

function chooser(proxy: string, env: NodeJS.ProcessEnv): (url: URL) => ProxyChoice {
  if (proxy === 'none') return () => undefined;
  if (proxy === 'env') {
    const environment = new ProxyEnvironment(env);
    return (url) => environment.choose(url);
  }
  const fixed = parseProxy(proxy);
  return () => fixed ?? 'unusable';
}

/** A client that tells an exchange which connection it goes out on. */
class TrackedClient extends Client {
  readonly #dialed: Dialed;

  constructor(origin: URL, http2: boolean, connector: (dialed: Dialed) => buildConnector.connector) {
    const dialed: Dialed = { socket: undefined, links: {}, uses: 0 };
    super(origin, {
      connect: connector(dialed),
      allowH2: http2,
      maxHeaderSize: MAX_HEADERS,
      initialWindowSize: H2_STREAM_WINDOW,
      connectionWindowSize: H2_CONNECTION_WINDOW,
      // The exchange has its own time limits.
      headersTimeout: 0,
      bodyTimeout: 0,
    });
    this.#dialed = dialed;
  }

  override dispatch(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): boolean {
    if (options instanceof Outgoing) options.exchange.via(this.#dialed);
    return super.dispatch(options, handler);
  }
}
