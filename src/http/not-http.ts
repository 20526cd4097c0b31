import type { Duplex } from 'node:stream';
import { systemCode } from '../errors/index.ts';

/**
 * A request that is not HTTP gets a plain answer and no second chance: what follows it cannot be told apart. Only on a
 * connection that nothing was written to: behind a part of an answer it would become a piece of that one's body.
 */
export function refuseBytes(error: Error, socket: Duplex): void {
  if (!socket.writable || hasWritten(socket) || systemCode(error) === 'ECONNRESET') {
    socket.destroy();
    return;
  }
  const [status, why] = ANSWERS[systemCode(error)] ?? ['400 Bad Request', 'the request is not valid HTTP'];
  endWith(socket, status, why);
}

const ANSWERS: Readonly<Record<string, readonly [status: string, why: string]>> = {
  HPE_HEADER_OVERFLOW: [
    '431 Request Header Fields Too Large',
    'the header of the request is too large\nnext: send less in it, or raise limits.header of the gateway\ncode: HEADER_TOO_LARGE',
  ],
  ERR_HTTP_REQUEST_TIMEOUT: [
    '408 Request Timeout',
    'the header of the request did not end in time\nnext: send it faster, or raise limits.header_time of the gateway',
  ],
};

/** From here on Node does nothing for the socket: no error is heard, no time limit ends it. */
export function refuseTunnel(socket: Duplex): void {
  socket.on('error', () => socket.destroy());
  // Behind a request that is being answered it would land in that answer, or in its place.
  if (hasAnswerUnderWay(socket)) socket.destroy();
  else
    endWith(
      socket,
      '405 Method Not Allowed',
      'the method CONNECT is not allowed here',
      'Allow: GET, HEAD\r\n',
    );
}

function hasWritten(socket: Duplex): boolean {
  return 'bytesWritten' in socket && typeof socket.bytesWritten === 'number' && socket.bytesWritten > 0;
}

/** Node's server keeps the response that a socket is for in this field, null in between. */
function hasAnswerUnderWay(socket: Duplex): boolean {
  return '_httpMessage' in socket && socket._httpMessage !== null && socket._httpMessage !== undefined;
}

/** The whole answer to what no request is made of; the connection ends with it, whatever the other side does. */
export function endWith(socket: Duplex, status: string, why: string, headers = ''): void {
  const text = `modgate: ${why}\n`;
  socket.end(
    `HTTP/1.1 ${status}\r\n${headers}Content-Type: text/plain; charset=utf-8\r\nContent-Length: ${text.length}\r\nConnection: close\r\n\r\n${text}`,
    () => socket.destroy(),
  );
}
