import { STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import { explain, ModgateError, systemCode } from '../errors/index.ts';

/**
 * A request that is not HTTP gets a plain answer and no second chance: what follows it cannot be told apart. Only on a
 * connection that nothing was written to, and where no request waits: behind a part of an answer it would become a piece
 * of that one's body, and before it the answer itself.
 * @returns what the client was told; undefined: nothing
 */
export function refuseBytes(error: Error, socket: Duplex): ModgateError | undefined {
  const isOurs = hasWritten(socket) || hasAnswerUnderWay(socket);
  if (!socket.writable || isOurs || systemCode(error) === 'ECONNRESET') {
    socket.destroy();
    return undefined;
  }
  const why = beginsTls(error) ? TLS : (REFUSALS[systemCode(error)] ?? NO_HTTP);
  endWith(socket, why);
  return why;
}

const NO_HTTP = new ModgateError('BAD_REQUEST', 'the request is not valid HTTP', {
  next: 'look what stands between the caller and this gateway',
});
const TLS = new ModgateError(
  'BAD_REQUEST',
  'this port speaks plain HTTP, and the client began to speak TLS',
  {
    next: 'write http:// instead of https://, or set tls of the gateway',
  },
);
const REFUSALS: Readonly<Record<string, ModgateError>> = {
  HPE_HEADER_OVERFLOW: new ModgateError('HEADER_TOO_LARGE', 'the header of the request is too large', {
    next: 'send less in it, or raise limits.header of the gateway',
  }),
  ERR_HTTP_REQUEST_TIMEOUT: new ModgateError(
    'REQUEST_TIMEOUT',
    'the header of the request did not end in time',
    { next: 'send it faster, or raise limits.header_time of the gateway' },
  ),
};
const NO_TUNNEL = new ModgateError('METHOD_NOT_ALLOWED', 'the method CONNECT is not allowed here', {
  next: 'use GET or HEAD',
});

/** A record of a TLS handshake: type 22, version 3.x (RFC 8446, 5.1). Node's parser hands over what it could not read. */
function beginsTls(error: Error): boolean {
  const bytes = 'rawPacket' in error ? error.rawPacket : undefined;
  return bytes instanceof Uint8Array && bytes[0] === 22 && bytes[1] === 3;
}

/**
 * From here on Node does nothing for the socket: no error is heard, no time limit ends it.
 * @returns what the client was told; undefined: nothing
 */
export function refuseTunnel(socket: Duplex): ModgateError | undefined {
  socket.on('error', () => socket.destroy());
  // Behind a request that is being answered it would land in that answer, or in its place.
  if (hasAnswerUnderWay(socket)) {
    socket.destroy();
    return undefined;
  }
  endWith(socket, NO_TUNNEL, 'Allow: GET, HEAD\r\n');
  return NO_TUNNEL;
}

function hasWritten(socket: Duplex): boolean {
  return 'bytesWritten' in socket && typeof socket.bytesWritten === 'number' && socket.bytesWritten > 0;
}

/** Node's server keeps the response that a socket is for in this field, null in between. */
function hasAnswerUnderWay(socket: Duplex): boolean {
  return '_httpMessage' in socket && socket._httpMessage !== null && socket._httpMessage !== undefined;
}

/** The whole answer to what no request is made of; the connection ends with it, whatever the other side does. */
export function endWith(socket: Duplex, why: ModgateError, headers = ''): void {
  const text = explain(why);
  const status = `${why.status} ${STATUS_CODES[why.status]}`;
  socket.end(
    `HTTP/1.1 ${status}\r\n${headers}Content-Type: text/plain; charset=utf-8\r\nContent-Length: ${Buffer.byteLength(text)}\r\nConnection: close\r\n\r\n${text}`,
    () => socket.destroy(),
  );
}
