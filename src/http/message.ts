import type { IncomingHttpHeaders, OutgoingHttpHeader } from 'node:http';
import type { Readable } from 'node:stream';
import type { ModgateError } from '../errors/index.ts';

/** What a request tells, whichever version of HTTP it came by; node's IncomingMessage is one. */
export interface Incoming {
  readonly method?: string | undefined;
  /** the target as it was sent */
  readonly url?: string | undefined;
  readonly headers: IncomingHttpHeaders;
  /** names and values by turns */
  readonly rawHeaders: readonly string[];
  readonly httpVersionMajor: number;
  readonly httpVersionMinor: number;
  readonly socket: Connection;
  /** of HTTP/2 alone, where the request is no stream itself; read by who wants a body, and by nobody else */
  readonly body?: Readable;
}

/** What carries a request; that of HTTP/2 carries others at the same time. */
export interface Connection {
  readonly remoteAddress?: string | undefined;
  destroy?(): unknown;
  once?(event: 'close', listener: () => void): unknown;
  off?(event: 'close', listener: () => void): unknown;
}

/** How a request is answered, whichever version of HTTP it came by; node's ServerResponse is one. */
export interface Outgoing {
  readonly headersSent: boolean;
  readonly statusCode: number;
  readonly destroyed: boolean;
  /** true when the last byte has been handed to the system */
  readonly writableFinished: boolean;
  /** @param headers names and values by turns */
  writeHead(status: number, headers: OutgoingHttpHeader[]): unknown;
  /** 100, to a caller that waits for it before it sends a body */
  writeContinue?(): void;
  write(piece: Uint8Array, taken: (error?: Error | null) => void): boolean;
  end(body?: Uint8Array | string): unknown;
  /** Breaks the answer, so that nobody takes it for a whole one. */
  destroy(): unknown;
  /** of HTTP/1 alone: false ends the connection with this answer */
  shouldKeepAlive?: boolean;
  once(event: 'close', listener: () => void): unknown;
  off(event: 'close', listener: () => void): unknown;
}

/** Whom requests are given to. */
export interface Requests {
  handle(req: Incoming, res: Outgoing): void;
  /** The connection may ask for nothing. */
  refuse(req: Incoming, res: Outgoing, why: ModgateError): void;
}
