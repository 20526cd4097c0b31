import { chmod, lstat, unlink } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { connect, type Server as NetServer, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import type { Address, ListenTls } from '../config/index.ts';
import { ModgateError, systemCode } from '../errors/index.ts';
import type { Metrics } from '../observe/index.ts';
import { Http2Side } from './http2.ts';
import type { Requests } from './message.ts';
import { refuseBytes, refuseTunnel } from './not-http.ts';
import { refuseHandshake, TlsFront } from './tls-front.ts';

export interface ListenerOptions {
  /** undefined: plain HTTP */
  readonly tls?: ListenTls | undefined;
  /** ms without a byte in either direction during a request; must be longer than a caller may wait for its first byte */
  readonly idle?: number;
  /** ms that a connection is kept without a request */
  readonly keepAlive?: number;
  /** ms for a TLS handshake, and for the header of a request */
  readonly headerTime?: number;
  /** bytes of a request's header */
  readonly header?: number;
  /** connections beyond which new ones are closed */
  readonly connections?: number;
  readonly metrics?: Metrics;
  /** told of each connection that is refused because what it carries is no request */
  readonly refused?: (client: string, why: ModgateError) => void;
  /** true: other processes listen on the same unix socket, and it is known to be no left-over */
  readonly shared?: boolean;
  /** ms for a whole request; who reads a body has limits of its own, within this one */
  readonly requestTime?: number;
}

/** What may change while it listens. */
export type ListenerLimits = Required<
  Pick<ListenerOptions, 'idle' | 'keepAlive' | 'headerTime' | 'header' | 'connections'>
>;

const DEFAULTS = {
  tls: undefined,
  idle: 10 * 60_000,
  keepAlive: 75_000,
  headerTime: 20_000,
  header: 16 << 10,
  connections: 20_000,
};

/** ms for a whole request whose body nobody waits for */
const REQUEST_TIME = 60_000;
/** ms between two looks for headers that take too long, at most */
const MAX_CHECK = 5000;
/** ms between two looks for connections that have become idle while the gateway stops */
const IDLE_CHECK = 100;
/** connections that the system holds until they are accepted */
const BACKLOG = 1024;
/** A socket is for its owner and group: a reverse proxy is let in by its group. */
const SOCKET_MODE = 0o660;

/** A listening socket, with HTTP/1.1 behind it, or TLS with HTTP/2 and HTTP/1.1 by ALPN (RFC 7301). */
export class Listener {
  readonly #http: Server;
  readonly #http2: Http2Side | undefined;
  readonly #tls: TlsFront | undefined;
  /** accepts */
  readonly #server: NetServer;
  readonly #open = new Set<Socket>();
  #closing = false;
  readonly #shared: boolean;
  readonly #requestTime: number;

  constructor(requests: Requests, options: ListenerOptions = {}) {
    const { tls, idle, keepAlive, headerTime, header, connections } = { ...DEFAULTS, ...options };
    const refuse: Requests['refuse'] = (req, res, why) => requests.refuse(req, res, why);
    const handle: Requests['handle'] = (req, res) => {
      const why = this.#tls?.refusal(req.socket);
      if (why === undefined) requests.handle(req, res);
      else refuse(req, res, why);
    };
    this.#requestTime = options.requestTime ?? REQUEST_TIME;
    this.#http = createServer(
      {
        maxHeaderSize: header,
        headersTimeout: headerTime,
        requestTimeout: Math.max(this.#requestTime, headerTime),
        connectionsCheckingInterval: checkEvery(headerTime),
        keepAliveTimeout: keepAlive,
        noDelay: true,
        // Node's own refusal has no text.
        requireHostHeader: false,
      },
      handle,
    );
    this.#http.timeout = idle;
    // What is expected is looked at with the rest of the header, in HTTP/2 too.
    this.#http.on('checkExpectation', handle);
    // "Go on" is said to who may send a body, when that is known.
    this.#http.on('checkContinue', handle);
    const tell = (socket: Duplex, refuseIt: () => ModgateError | undefined) => {
      const client = addressOf(socket);
      const why = refuseIt();
      if (why !== undefined) options.refused?.(client, why);
    };
    this.#http.on('clientError', (error, socket) => tell(socket, () => refuseBytes(error, socket)));
    // Node gives CONNECT to nobody else.
    this.#http.on('connect', (_req, socket) => tell(socket, () => refuseTunnel(socket)));
    if (tls !== undefined) {
      const side = new Http2Side({ handle, refuse }, { header, keepAlive, idle });
      this.#http2 = side;
      this.#tls = new TlsFront(tls, headerTime, (socket) => this.#take(socket, side));
      this.#tls.server.on('tlsClientError', (error, socket) =>
        tell(socket, () => refuseHandshake(error, socket)),
      );
      this.#watchTimes();
    }
    this.#server = this.#tls?.server ?? this.#http;
    this.#server.maxConnections = connections;
    this.#server.on('connection', (socket: Socket) => {
      this.#open.add(socket);
      // Each request that is under way listens to its end.
      socket.setMaxListeners(0);
      socket.once('close', () => this.#open.delete(socket));
    });
    this.#shared = options.shared ?? false;
    if (options.metrics !== undefined) this.#watch(options.metrics);
  }

  /** @returns the address as a URL, or `unix:/path`. Throws CONFIG_INVALID where it cannot be had. */
  async listen(address: Address): Promise<string> {
    if (address.kind === 'unix' && !this.#shared) await removeStale(address.path);
    const target =
      address.kind === 'unix' ? { path: address.path } : { host: address.host, port: address.port };
    await new Promise<void>((resolve, reject) => {
      const onError = (cause: Error) => reject(cannotListen(address, cause));
      this.#server.once('error', onError);
      this.#server.listen({ ...target, backlog: BACKLOG }, () => {
        this.#server.off('error', onError);
        resolve();
      });
    });
    if (address.kind === 'unix') {
      await chmod(address.path, SOCKET_MODE);
      return `unix:${address.path}`;
    }
    const bound = this.#server.address();
    const port = bound !== null && typeof bound === 'object' ? bound.port : address.port;
    const host = address.host.includes(':') ? `[${address.host}]` : address.host;
    return `${this.#tls === undefined ? 'http' : 'https'}://${host}:${port}`;
  }

  /**
   * For connections from now on, and for requests from now on where Node reads it that late.
   * @returns false where the time for a TLS handshake stays as it was
   */
  setLimits({ idle, keepAlive, headerTime, header, connections }: ListenerLimits): boolean {
    this.#http.timeout = idle;
    this.#http.keepAliveTimeout = keepAlive;
    this.#http.headersTimeout = headerTime;
    this.#http.requestTimeout = Math.max(this.#requestTime, headerTime);
    Object.assign(this.#http, { connectionsCheckingInterval: checkEvery(headerTime) });
    const inForce = this.#tls?.setHandshakeTime(headerTime) ?? true;
    this.#watchTimes();
    // Node reads it for each connection, from Node 14 to 26, and has no other name for it.
    Object.assign(this.#http, { maxHeaderSize: header });
    this.#http2?.setLimits({ header, keepAlive, idle });
    this.#server.maxConnections = connections;
    return inForce;
  }

  /** From now on new connections get this certificate. */
  setTls(tls: ListenTls): void {
    this.#tls?.set(tls);
  }

  /**
   * Takes no new connection, lets running answers end, and breaks what is left after the limit (ms).
   * @param breaking called just before that
   */
  async close(limit: number, breaking: () => void = () => undefined): Promise<void> {
    this.#closing = true;
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#http2?.finish();
    const idle = setInterval(() => this.#closeIdle(), IDLE_CHECK);
    const rest = setTimeout(() => {
      breaking();
      this.#destroyAll();
    }, limit);
    await closed;
    clearInterval(idle);
    clearTimeout(rest);
    // Where it only served what TLS had accepted, it looks at times still.
    this.#http.close(() => undefined);
  }

  /**
   * Node begins to look after the times of connections, and knows which are idle, when the server itself listens. Behind
   * TLS it never does; told again, it takes a new interval.
   */
  #watchTimes(): void {
    this.#http.emit('listening');
  }

  #take(socket: TLSSocket, http2: Http2Side): void {
    // Its handshake has ended too late.
    if (this.#closing) socket.destroy();
    else if (socket.alpnProtocol === 'h2') http2.take(socket);
    else this.#http.emit('connection', socket.setMaxListeners(0));
  }

  /** A connection whose last answer has ended, or that has asked nothing yet, would stay open for its keep-alive time. */
  #closeIdle(): void {
    this.#http.closeIdleConnections();
    for (const socket of this.#open) if (socket.bytesRead === 0) socket.destroy();
  }

  #destroyAll(): void {
    for (const socket of this.#open) socket.destroy();
  }

  #watch(metrics: Metrics): void {
    metrics.gauge('modgate_http_connections', 'Open connections of clients.', [], (gauge) =>
      gauge.with().set(this.#open.size),
    );
    const dropped = metrics.counter(
      'modgate_http_connections_dropped_total',
      'Connections closed at once, because as many as limits.connections were open.',
    );
    this.#server.on('drop', () => dropped.with().inc());
    const failed = metrics.counter(
      'modgate_http_tls_failures_total',
      'TLS handshakes of clients that failed.',
    );
    this.#server.on('tlsClientError', () => failed.with().inc());
  }
}

function addressOf(socket: Duplex): string {
  return 'remoteAddress' in socket && typeof socket.remoteAddress === 'string' ? socket.remoteAddress : '';
}

/** ms between two looks for headers that take too long */
function checkEvery(headerTime: number): number {
  return Math.min(MAX_CHECK, Math.ceil(headerTime / 4));
}

/** Whoever was killed leaves its socket behind; nobody answers there. What is no socket is none of ours. */
export async function removeStale(path: string): Promise<void> {
  const facts = await lstat(path).catch(() => undefined);
  if (facts?.isSocket() !== true) return;
  const state = await new Promise<string>((resolve) => {
    const probe = connect({ path }, () => {
      probe.destroy();
      resolve('in use');
    });
    probe.once('error', (error) => resolve(systemCode(error)));
  });
  if (state === 'ECONNREFUSED') await unlink(path).catch(() => undefined);
}

function cannotListen(address: Address, cause: Error): ModgateError {
  const where = address.kind === 'unix' ? address.path : `${address.host}:${address.port}`;
  const code = systemCode(cause);
  return new ModgateError('CONFIG_INVALID', `cannot listen on ${where}: ${REASONS[code] ?? code}`, {
    cause,
    next: 'choose another address with --listen or MODGATE_LISTEN',
  });
}

const REASONS: Readonly<Record<string, string>> = {
  EADDRINUSE: 'another program listens there',
  EACCES: 'it needs more rights',
  EADDRNOTAVAIL: 'this machine has no such address',
  ENOENT: 'its folder is not there',
};
