import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Address } from '../config/index.ts';
import { ModgateError, systemCode } from '../errors/index.ts';
import { KEEP_ALIVE_SECONDS } from './one-write.ts';

/** ms for the headers of a request, and for an idle connection */
const HEADERS_TIMEOUT = 20_000;
const KEEP_ALIVE = KEEP_ALIVE_SECONDS * 1000;
/** ms without a byte in either direction; frees what a caller that stopped reading holds */
const IDLE = 10 * 60_000;
/** ms between two looks for connections that have become idle while the gateway stops */
const IDLE_CHECK = 100;
/** bytes */
const MAX_HEADERS = 16 << 10;

/** A listening socket with HTTP/1.1 behind it. */
export class Listener {
  readonly #server: Server;
  readonly #handle: (req: IncomingMessage, res: ServerResponse) => void;

  /** @param options.idle ms; must be longer than a caller may wait for its first byte */
  constructor(
    handle: (req: IncomingMessage, res: ServerResponse) => void,
    { idle = IDLE }: { readonly idle?: number } = {},
  ) {
    this.#handle = handle;
    this.#server = createServer(
      {
        maxHeaderSize: MAX_HEADERS,
        headersTimeout: HEADERS_TIMEOUT,
        requestTimeout: 60_000,
        keepAliveTimeout: KEEP_ALIVE,
        noDelay: true,
      },
      this.#handle,
    );
    this.#server.timeout = idle;
    this.#server.on('clientError', refuse);
    // Node gives CONNECT to nobody else.
    this.#server.on('connect', (_req, socket) => refuseTunnel(socket));
  }

  /** @returns the address as a URL. Throws CONFIG_INVALID where it cannot be had. */
  async listen(address: Address): Promise<string> {
    const options = address.kind === 'unix' ? { path: address.path } : address;
    const { host, port } = address.kind === 'unix' ? { host: address.path, port: 0 } : address;
    await new Promise<void>((resolve, reject) => {
      const onError = (cause: Error) => reject(cannotListen(host, port, cause));
      this.#server.once('error', onError);
      this.#server.listen({ ...options, backlog: 1024 }, () => {
        this.#server.off('error', onError);
        resolve();
      });
    });
    const bound = this.#server.address();
    return urlOf(bound !== null && typeof bound !== 'string' ? bound : undefined, host);
  }

  /** Takes no new connection, lets running answers end, and breaks what is left after the limit (ms). */
  async close(limit: number): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    // A connection whose last answer has ended stays open for its keep-alive time unless it is closed here.
    const idle = setInterval(() => this.#server.closeIdleConnections(), IDLE_CHECK);
    const rest = setTimeout(() => this.#server.closeAllConnections(), limit);
    await closed;
    clearInterval(idle);
    clearTimeout(rest);
  }
}

function urlOf(address: AddressInfo | undefined, host: string): string {
  if (address === undefined) return '';
  const shown = host.includes(':') ? `[${host}]` : host;
  return `http://${shown}:${address.port}`;
}

/**
 * A request that is not HTTP gets a plain answer and no second chance: what follows it cannot be told apart. Only on a
 * connection that nothing was written to: behind a part of an answer it would become a piece of that one's body.
 */
function refuse(error: Error, socket: Socket): void {
  if (!socket.writable || socket.bytesWritten > 0 || systemCode(error) === 'ECONNRESET') {
    socket.destroy();
    return;
  }
  const overflow = systemCode(error) === 'HPE_HEADER_OVERFLOW';
  const timeout = systemCode(error) === 'ERR_HTTP_REQUEST_TIMEOUT';
  const status = overflow
    ? '431 Request Header Fields Too Large'
    : timeout
      ? '408 Request Timeout'
      : '400 Bad Request';
  end(socket, status, 'the request is not valid HTTP');
}

/** From here on Node does nothing for the socket: no error is heard, no time limit ends it. */
function refuseTunnel(socket: Duplex): void {
  socket.on('error', () => socket.destroy());
  // Behind a request that is being answered it would land in that answer, or in its place.
  if (hasAnswerUnderWay(socket)) socket.destroy();
  else
    end(socket, '405 Method Not Allowed', 'the method CONNECT is not allowed here', 'Allow: GET, HEAD\r\n');
}

/** Node's server keeps the response that a socket is for in this field, null in between. */
function hasAnswerUnderWay(socket: Duplex): boolean {
  return '_httpMessage' in socket && socket._httpMessage !== null && socket._httpMessage !== undefined;
}

/** The whole answer to what no request is made of; the connection ends with it, whatever the other side does. */
function end(socket: Duplex, status: string, why: string, headers = ''): void {
  const text = `modgate: ${why}\n`;
  socket.end(
    `HTTP/1.1 ${status}\r\n${headers}Content-Type: text/plain; charset=utf-8\r\nContent-Length: ${text.length}\r\nConnection: close\r\n\r\n${text}`,
    () => socket.destroy(),
  );
}

function cannotListen(host: string, port: number, cause: Error): ModgateError {
  const code = systemCode(cause);
  const why =
    code === 'EADDRINUSE'
      ? 'another program listens there'
      : code === 'EACCES'
        ? 'the port needs more rights'
        : code === 'EADDRNOTAVAIL'
          ? 'this machine has no such address'
          : code;
  return new ModgateError('CONFIG_INVALID', `cannot listen on ${host}:${port}: ${why}`, {
    cause,
    next: 'choose another address with --listen host:port or MODGATE_LISTEN',
  });
}
