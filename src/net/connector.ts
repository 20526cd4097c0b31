/** Connections: straight to an origin, to a proxy, or to an origin through a proxy's CONNECT tunnel. */
import { lookup as systemLookup } from 'node:dns';
import { request as httpRequest } from 'node:http';
import { type LookupFunction, Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { buildConnector } from 'undici';
import type { Clock } from '../observe/index.ts';
import { ProxyFault, TimeLimit } from './fault.ts';
import type { Home } from './home.ts';
import type { Links, TlsOptions } from './options.ts';
import { pinFault, secureContext, trusted } from './tls.ts';

/** What one undici client knows of its current connection. The connector fills it in, exchanges read it. */
export interface Dialed {
  socket: Socket | undefined;
  /** times of the dial */
  links: Links;
  /** requests sent on it */
  uses: number;
}

export interface DialOptions {
  readonly source: string;
  readonly tls: TlsOptions;
  readonly http2: boolean;
  /** ms for a whole dial */
  readonly limit: number;
}

interface DialerDeps {
  readonly clock: Clock;
  readonly env: NodeJS.ProcessEnv;
  readonly home: Home;
  /** the system's unless told */
  readonly lookup?: LookupFunction | undefined;
}

type Connect = (options: buildConnector.Options, attempt: Attempt) => void;

export class Dialer {
  readonly #options: DialOptions;
  readonly #clock: Clock;
  readonly #home: Home;
  readonly #toOrigin: buildConnector.connector;
  /** where a redirect leads */
  readonly #toForeign: buildConnector.connector;
  readonly #toProxy: buildConnector.connector;
  readonly #attempts = new Set<Attempt>();

  constructor(options: DialOptions, deps: DialerDeps) {
    const { tls, source, http2 } = options;
    this.#options = options;
    this.#clock = deps.clock;
    this.#home = deps.home;
    const origin = {
      timeout: 0,
      allowH2: http2,
      secureContext: secureContext(source, tls, deps.env),
      minVersion: tls.minVersion,
      rejectUnauthorized: !tls.insecure,
      // A resumed session has the leaf alone, so a pin of an authority could not be checked.
      maxCachedSessions: tls.pins.length > 0 ? 0 : 100,
    };
    const lookup = deps.lookup ?? systemLookup;
    const guarded = deps.home.guard(lookup);
    this.#toOrigin = buildConnector({ ...origin, lookup: deps.home.internetOnly ? guarded : lookup });
    this.#toForeign = buildConnector({ ...origin, lookup: guarded });
    // A proxy is another party than the source: it gets no client certificate and has no pins.
    this.#toProxy = buildConnector({
      timeout: 0,
      ...(tls.ca === undefined ? {} : { ca: trusted(tls.ca, deps.env) }),
    });
  }

  /** To the source's own origin. @param proxy undefined: straight */
  toOrigin(dialed: Dialed, proxy: URL | undefined): buildConnector.connector {
    return this.#connector(dialed, (options, attempt) => {
      if (proxy === undefined) this.#straight(this.#toOrigin, options, attempt);
      else this.#tunnel(proxy, options, attempt);
    });
  }

  /** To where a redirect leads: its address must not be nearer than the source's own. */
  toForeign(dialed: Dialed): buildConnector.connector {
    return this.#connector(dialed, (options, attempt) => this.#straight(this.#toForeign, options, attempt));
  }

  /** For requests that the proxy itself forwards. */
  toProxy(dialed: Dialed): buildConnector.connector {
    return this.#connector(dialed, (options, attempt) => {
      this.#proxy(options, attempt, (socket) => attempt.succeed(socket));
    });
  }

  /** Ends the dials that are under way. */
  close(): void {
    for (const attempt of this.#attempts) attempt.fail(new Error('closed'));
  }

  #connector(dialed: Dialed, connect: Connect): buildConnector.connector {
    return (options, callback) => {
      const attempt = new Attempt(this.#options.limit, this.#clock, (error, socket) => {
        this.#attempts.delete(attempt);
        if (socket === undefined) {
          callback(error ?? new Error('no socket'), null);
          return;
        }
        Object.assign(dialed, { socket, links: attempt.links, uses: 0 } satisfies Dialed);
        callback(null, socket);
      });
      this.#attempts.add(attempt);
      connect(options, attempt);
    };
  }

  #straight(connector: buildConnector.connector, options: buildConnector.Options, attempt: Attempt): void {
    const { pins } = this.#options.tls;
    attempt.dial(connector, options, (error, socket) => {
      if (error !== undefined) {
        attempt.fail(error);
        return;
      }
      const fault = socket instanceof TLSSocket ? pinFault(socket, pins) : undefined;
      if (fault !== undefined) {
        attempt.fail(fault);
        return;
      }
      // In a tunnel the address is the proxy's.
      if (connector === this.#toOrigin && options.httpSocket === undefined)
        this.#home.metAt(socket.remoteAddress);
      attempt.succeed(socket);
    });
  }

  #proxy(options: buildConnector.Options, attempt: Attempt, then: (socket: Socket) => void): void {
    attempt.dial(this.#toProxy, options, (error, socket) => {
      if (error === undefined) then(socket);
      else attempt.fail(new ProxyFault(undefined, error));
    });
  }

  #tunnel(proxy: URL, options: buildConnector.Options, attempt: Attempt): void {
    this.#proxy(proxyOptions(proxy), attempt, (socket) => {
      const host = options.hostname.includes(':') ? `[${options.hostname}]` : options.hostname;
      const authority = `${host}:${options.port || (options.protocol === 'https:' ? 443 : 80)}`;
      const request = httpRequest({
        method: 'CONNECT',
        path: authority,
        headers: { host: authority, ...proxyAuthorization(proxy) },
        createConnection: () => socket,
      });
      attempt.hold(request);
      request.once('error', (error) => attempt.fail(new ProxyFault(undefined, error)));
      request.once('connect', (answer, tunnel) => {
        const status = answer.statusCode ?? 0;
        if (status < 200 || status > 299) {
          tunnel.destroy();
          attempt.fail(new ProxyFault(status));
          return;
        }
        attempt.mark('connect');
        this.#straight(this.#toOrigin, { ...options, httpSocket: socket }, attempt);
      });
      request.end();
    });
  }
}

/** What undici would pass to a connector for the proxy's own origin. */
function proxyOptions(proxy: URL): buildConnector.Options {
  const { protocol, host, port } = proxy;
  const hostname = proxy.hostname.startsWith('[') ? proxy.hostname.slice(1, -1) : proxy.hostname;
  return { protocol, host, hostname, port };
}

/** The header that the user info of a proxy's URL stands for; none without it. */
export function proxyAuthorization(proxy: URL): Record<string, string> {
  if (proxy.username === '' && proxy.password === '') return {};
  const pair = `${decodeUserInfo(proxy.username)}:${decodeUserInfo(proxy.password)}`;
  return { 'proxy-authorization': `Basic ${Buffer.from(pair).toString('base64')}` };
}

export function decodeUserInfo(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    // A lone % stands for itself.
    return text;
  }
}

type End = (error: Error | undefined, socket: Socket | undefined) => void;

interface Held {
  destroy(): unknown;
}

/** One dial under its time limit; ends exactly once. */
class Attempt {
  readonly links: Links = {};
  readonly #clock: Clock;
  readonly #timer: NodeJS.Timeout;
  #end: End | undefined;
  #held: Held | undefined;
  /** monotonic ms of the last step */
  #step: number;

  constructor(limit: number, clock: Clock, end: End) {
    this.#clock = clock;
    this.#step = clock.monotonic();
    this.#end = end;
    this.#timer = setTimeout(() => this.fail(new TimeLimit('connect', limit)), limit);
  }

  /** What is destroyed should the dial fail. */
  hold(held: Held): void {
    this.#held = held;
    if (this.#end === undefined) held.destroy();
  }

  mark(link: 'dns' | 'connect' | 'tls'): void {
    const now = this.#clock.monotonic();
    this.links[link] = (this.links[link] ?? 0) + now - this.#step;
    this.#step = now;
  }

  /** Runs one of undici's connectors and takes the times of its socket. */
  dial(
    connector: buildConnector.connector,
    options: buildConnector.Options,
    callback: (...result: [error: Error, socket: undefined] | [error: undefined, socket: Socket]) => void,
  ): void {
    // Its type says that it returns nothing; it returns the socket (undici lib/core/connect.js).
    const socket: unknown = connector(options, (error, connected) => {
      if (error === null) callback(undefined, connected);
      else callback(error, undefined);
    });
    if (!(socket instanceof Socket)) return;
    this.hold(socket);
    socket.once('lookup', () => this.mark('dns'));
    // Before the callback, which undici's own listener calls.
    if (options.httpSocket === undefined) socket.prependOnceListener('connect', () => this.mark('connect'));
    socket.prependOnceListener('secureConnect', () => this.mark('tls'));
  }

  succeed(socket: Socket): void {
    const end = this.#take();
    if (end === undefined) socket.destroy();
    else end(undefined, socket);
  }

  fail(error: Error): void {
    const end = this.#take();
    if (end === undefined) return;
    this.#held?.destroy();
    end(error, undefined);
  }

  #take(): End | undefined {
    clearTimeout(this.#timer);
    const end = this.#end;
    this.#end = undefined;
    return end;
  }
}
