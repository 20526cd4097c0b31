/** Upstreams, proxies and certificates for the tests of this room; all on loopback. */
import assert from 'node:assert/strict';
import { createServer, type RequestListener, type Server } from 'node:http';
import { createSecureServer, type Http2ServerRequest, type Http2ServerResponse } from 'node:http2';
import { createServer as createTlsServer, type ServerOptions } from 'node:https';
import {
  type AddressInfo,
  connect,
  createServer as createRawServer,
  type Server as NetServer,
  type Socket,
} from 'node:net';
import type { TestContext } from 'node:test';
import { ModgateError } from '../errors/index.ts';
import { createLogger, Metrics } from '../observe/index.ts';
import { type Authority, authority, type Identity } from './certificates.test.kit.ts';
import { type ClientDeps, UpstreamClient } from './client.ts';
import type { ClientOptions } from './options.ts';

export { type Authority, authority, type Identity };

const OPTIONS: ClientOptions = {
  name: 'corp',
  headers: {},
  auth: { kind: 'none' },
  tls: { ca: undefined, cert: undefined, key: undefined, pins: [], minVersion: 'TLSv1.2', insecure: false },
  http2: false,
  proxy: 'none',
  timeouts: { connect: 10_000, firstByte: 10_000, idle: 10_000, total: 30_000 },
  concurrency: 8,
  queue: 8,
  retry: { attempts: 1, base: 2, cap: 8, budget: 5000 },
  breaker: { failures: 1000, open: 1000 },
};

export interface Bench {
  readonly client: UpstreamClient;
  readonly metrics: Metrics;
  /** all log lines so far */
  readonly log: () => string;
}

type Overrides = Partial<Omit<ClientOptions, 'timeouts' | 'tls'>> & {
  readonly timeouts?: Partial<ClientOptions['timeouts']>;
  readonly tls?: Partial<ClientOptions['tls']>;
};

/** A client that is closed with the test. */
export function bench(t: TestContext, o: Overrides = {}, deps: Partial<ClientDeps> = {}): Bench {
  const lines: string[] = [];
  const metrics = new Metrics({ process: false });
  const logger = createLogger({
    level: 'debug',
    format: 'json',
    destination: { write: (line: string) => void lines.push(line) },
  });
  const client = new UpstreamClient(
    {
      ...OPTIONS,
      ...o,
      timeouts: { ...OPTIONS.timeouts, ...o.timeouts },
      tls: { ...OPTIONS.tls, ...o.tls },
    },
    { logger, metrics, env: {}, ...deps },
  );
  t.after(() => client.close());
  return { client, metrics, log: () => lines.join('') };
}

/** A signal that is never aborted. */
export function never(): AbortSignal {
  return new AbortController().signal;
}

export async function faultFrom(promise: Promise<unknown>): Promise<ModgateError> {
  try {
    await promise;
  } catch (error) {
    assert.ok(error instanceof ModgateError, String(error));
    return error;
  }
  assert.fail('no error');
}

/** undici keeps a connection only after a turn of the event loop, in which the server may close it. */
export const turn = () => new Promise((resolve) => setImmediate(() => setImmediate(resolve)));

async function listening(t: TestContext, server: NetServer, sockets: Set<Socket>): Promise<number> {
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.once('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    return new Promise((resolve) => server.close(resolve));
  });
  // A server on TCP has an AddressInfo, not a path.
  return (server.address() as AddressInfo).port;
}

export interface Fake {
  /** the base URL, ending in "/" */
  readonly url: URL;
  readonly port: number;
  /** connections that are open now */
  readonly sockets: ReadonlySet<Socket>;
}

export async function http(t: TestContext, listener: RequestListener): Promise<Fake> {
  const server: Server = createServer({ keepAliveTimeout: 60_000 }, listener);
  const sockets = new Set<Socket>();
  const port = await listening(t, server, sockets);
  return { url: new URL(`http://127.0.0.1:${port}/`), port, sockets };
}

export async function https(
  t: TestContext,
  options: ServerOptions,
  listener: RequestListener,
): Promise<Fake> {
  const server = createTlsServer(options, listener);
  const sockets = new Set<Socket>();
  server.on('tlsClientError', () => {});
  const port = await listening(t, server, sockets);
  return { url: new URL(`https://localhost:${port}/`), port, sockets };
}

/** HTTP/2 and HTTP/1.1 by ALPN. */
export async function http2(
  t: TestContext,
  options: { key: string; cert: string },
  listener: (request: Http2ServerRequest, response: Http2ServerResponse) => void,
): Promise<Fake> {
  const server = createSecureServer({ ...options, allowHTTP1: true }, listener);
  const sockets = new Set<Socket>();
  const port = await listening(t, server, sockets);
  return { url: new URL(`https://localhost:${port}/`), port, sockets };
}

/** A server that speaks for itself, one call a connection. */
export async function raw(t: TestContext, onSocket: (socket: Socket) => void): Promise<Fake> {
  const server = createRawServer({ pauseOnConnect: false }, onSocket);
  const sockets = new Set<Socket>();
  const port = await listening(t, server, sockets);
  return { url: new URL(`http://127.0.0.1:${port}/`), port, sockets };
}

/** One that answers each request with these bytes and then does `after`. */
export function answering(t: TestContext, bytes: string, after?: (socket: Socket) => void): Promise<Fake> {
  return raw(t, (socket) => {
    socket.on('data', () => {
      if (after === undefined) socket.write(bytes);
      else socket.write(bytes, () => after(socket));
    });
  });
}

/** A port where nothing listens. */
export async function closedPort(): Promise<number> {
  const server = createRawServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo; // TCP, so not a path
  await new Promise((resolve) => server.close(resolve));
  return port;
}

export interface FakeProxy extends Fake {
  /** "CONNECT host:port" and "GET url", with the Proxy-Authorization that came along */
  readonly seen: { readonly line: string; readonly authorization: string | undefined }[];
}

/** A forward proxy; every host is loopback to it. @param status other than 200: a refusal */
export async function proxy(t: TestContext, status = 200, tls?: Identity): Promise<FakeProxy> {
  const seen: FakeProxy['seen'] = [];
  const forward: RequestListener = (request, response) => {
    seen.push({ line: `GET ${request.url}`, authorization: request.headers['proxy-authorization'] });
    response.writeHead(status, { 'content-type': 'text/plain' });
    response.end(`forwarded for ${request.headers.host}`);
  };
  const server = tls === undefined ? createServer(forward) : createTlsServer({ ...tls }, forward);
  server.on('connect', (request, socket: Socket) => {
    seen.push({ line: `CONNECT ${request.url}`, authorization: request.headers['proxy-authorization'] });
    socket.on('error', () => {});
    if (status !== 200) {
      socket.end(`HTTP/1.1 ${status} No\r\ncontent-length: 0\r\n\r\n`);
      return;
    }
    const port = Number(request.url?.split(':').at(-1));
    const onward = connect(port, '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
      socket.pipe(onward).pipe(socket);
    });
    onward.on('error', () => socket.destroy());
    socket.on('close', () => onward.destroy());
  });
  const sockets = new Set<Socket>();
  const port = await listening(t, server, sockets);
  const base = tls === undefined ? 'http://127.0.0.1' : 'https://localhost';
  return { url: new URL(`${base}:${port}/`), port, sockets, seen };
}
