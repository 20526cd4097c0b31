import type { OutgoingHttpHeader } from 'node:http';
import {
  constants,
  type IncomingHttpHeaders,
  performServerHandshake,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import type { TLSSocket } from 'node:tls';
import { ModgateError } from '../errors/index.ts';
import type { Incoming, Outgoing, Requests } from './message.ts';

/** requests of one connection at the same time: each may hold a file, while a connection counts as one */
const STREAMS = 100;
/** bytes beyond which a stream is reset without a word; up to there the answer says what is too large */
const LARGEST_HEADER = 64 << 10;
/** bytes that a field counts beside its name and value */
const FIELD_OVERHEAD = 32;
/** answers that a connection may have open although its client has reset them, before it is closed */
const REJECTED = 100;

export interface Http2Options {
  /** bytes of a request's header */
  readonly header: number;
  /** ms after which a connection without a request is closed */
  readonly keepAlive: number;
  /** ms after which a request whose answer does not move is given up */
  readonly idle: number;
}

/** HTTP/2 on connections that somebody else has accepted. */
export class Http2Side {
  readonly #requests: Requests;
  #options: Http2Options;
  readonly #sessions = new Set<ServerHttp2Session>();

  constructor(requests: Requests, options: Http2Options) {
    this.#requests = requests;
    this.#options = options;
  }

  /** For connections from now on. */
  setLimits(options: Http2Options): void {
    this.#options = options;
  }

  /** Speaks HTTP/2 on the connection from now on. */
  take(socket: TLSSocket): void {
    const { header, keepAlive, idle } = this.#options;
    const session = performServerHandshake(socket, {
      settings: { maxConcurrentStreams: STREAMS, maxHeaderListSize: Math.max(header, LARGEST_HEADER) },
      maxSessionRejectedStreams: REJECTED,
    });
    this.#sessions.add(session);
    let streams = 0;
    session.once('close', () => this.#sessions.delete(session));
    session.on('error', () => session.destroy());
    session.on('stream', (stream, headers) => {
      streams++;
      stream.once('close', () => {
        streams--;
        // Otherwise a connection whose last request took longer would never be looked at again.
        if (streams === 0 && !session.destroyed) session.setTimeout(keepAlive);
      });
      // What breaks a stream shows in its 'close'.
      stream.on('error', () => undefined);
      stream.setTimeout(idle, () => stream.close(constants.NGHTTP2_CANCEL));
      const req = new Http2Request(headers, socket, stream);
      const res = new Http2Answer(stream);
      if (sizeOf(req.rawHeaders) <= header) this.#requests.handle(req, res);
      else this.#requests.refuse(req, res, tooLarge(header));
    });
    // A caller that waits for its first byte has its own time limit.
    session.setTimeout(keepAlive, () => {
      if (streams === 0) session.destroy();
    });
  }

  /** Tells every client that no request is taken any more; connections end with their last answer. */
  finish(): void {
    for (const session of this.#sessions) if (!session.closed) session.close();
  }
}

/** As RFC 9113, 6.5.2 counts it. */
function sizeOf(raw: readonly string[]): number {
  return raw.reduce((sum, text) => sum + text.length + FIELD_OVERHEAD / 2, 0);
}

function tooLarge(limit: number): ModgateError {
  return new ModgateError('HEADER_TOO_LARGE', `the header of the request is larger than ${limit} bytes`, {
    next: 'send less in it, or raise limits.header of the gateway',
  });
}

class Http2Request implements Incoming {
  readonly httpVersionMajor = 2;
  readonly httpVersionMinor = 0;
  readonly method: string | undefined;
  readonly url: string | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly rawHeaders: readonly string[];
  readonly socket: TLSSocket;
  readonly body: ServerHttp2Stream;

  constructor(headers: IncomingHttpHeaders, socket: TLSSocket, body: ServerHttp2Stream) {
    this.method = headers[':method'];
    this.url = headers[':path'];
    this.headers = headers;
    this.rawHeaders = Object.entries(headers).flatMap(([name, value]) => [name, String(value)]);
    this.socket = socket;
    this.body = body;
  }
}

class Http2Answer implements Outgoing {
  readonly #stream: ServerHttp2Stream;
  statusCode = 200;

  constructor(stream: ServerHttp2Stream) {
    this.#stream = stream;
  }

  get headersSent(): boolean {
    return this.#stream.headersSent;
  }

  get destroyed(): boolean {
    return this.#stream.destroyed || this.#stream.closed;
  }

  get writableFinished(): boolean {
    return this.#stream.writableFinished && this.#stream.rstCode === constants.NGHTTP2_NO_ERROR;
  }

  writeHead(status: number, headers: readonly OutgoingHttpHeader[]): void {
    this.statusCode = status;
    if (this.destroyed) return;
    const named: Record<string, OutgoingHttpHeader | undefined> = { ':status': status };
    for (let i = 0; i + 1 < headers.length; i += 2) named[String(headers[i])] = headers[i + 1];
    this.#stream.respond(named);
  }

  writeContinue(): void {
    if (!this.destroyed) this.#stream.additionalHeaders({ ':status': constants.HTTP_STATUS_CONTINUE });
  }

  write(piece: Uint8Array, taken: (error?: Error | null) => void): boolean {
    return this.#stream.write(piece, taken);
  }

  end(body?: Uint8Array | string): void {
    if (this.destroyed) return;
    // A body that nobody reads must not keep the stream open until its client has sent all of it (RFC 9113, 8.1).
    if (!this.#stream.endAfterHeaders)
      this.#stream.once('finish', () => this.#stream.close(constants.NGHTTP2_NO_ERROR));
    if (body === undefined) this.#stream.end();
    else this.#stream.end(body);
  }

  destroy(): void {
    // Without an error the reset would carry NO_ERROR, and a client might take what it has for the whole answer.
    this.#stream.destroy(new Error('the answer is broken off'));
  }

  once(event: 'close', listener: () => void): void {
    this.#stream.once(event, listener);
  }

  off(event: 'close', listener: () => void): void {
    this.#stream.off(event, listener);
  }
}
