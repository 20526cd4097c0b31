/** The ways in which an upstream can be broken, each as bytes and events on a real connection. */

import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { FixtureAnswer } from './fixture.ts';

export type Fault =
  /** no byte of an answer until released */
  | { readonly kind: 'hang' }
  /** headers and `after` bytes, then nothing until released */
  | { readonly kind: 'hang-body'; readonly after: number }
  /** RST instead of an answer */
  | { readonly kind: 'reset' }
  /** RST after `after` bytes of the body */
  | { readonly kind: 'reset-body'; readonly after: number }
  | {
      readonly kind: 'status';
      readonly status: number;
      readonly text?: string;
      readonly headers?: Readonly<Record<string, string>>;
    }
  | { readonly kind: 'redirect-loop' }
  | { readonly kind: 'redirect'; readonly location: string }
  /** the right content-length, then FIN after `after` bytes */
  | { readonly kind: 'truncate'; readonly after: number }
  /** a content-length that is larger by `delta` than what comes before FIN */
  | { readonly kind: 'wrong-length'; readonly delta: number }
  | { readonly kind: 'body'; readonly body: Buffer | string; readonly type?: string }
  /** bytes that are no HTTP */
  | { readonly kind: 'garbage' }
  /** at most this many bytes of body a second */
  | { readonly kind: 'slow'; readonly bytesPerSecond: number }
  /** no content-length */
  | { readonly kind: 'chunked' };

/** Answers with the fault; `released` ends a hang, after which the right answer goes on. */
export async function answerWith(
  fault: Fault | undefined,
  request: IncomingMessage,
  response: ServerResponse,
  answer: FixtureAnswer | undefined,
  released: Promise<void>,
): Promise<void> {
  switch (fault?.kind) {
    case undefined:
      return send(request, response, answer);
    case 'hang':
      await released;
      return send(request, response, answer);
    case 'hang-body':
      return sendInParts(request, response, answer, fault.after, released);
    case 'reset':
      sendReset(request.socket);
      return;
    case 'reset-body':
      await head(response, answer, fault.after);
      sendReset(request.socket);
      return;
    case 'status':
      response.writeHead(fault.status, { 'content-type': 'text/plain; charset=utf-8', ...fault.headers });
      response.end(fault.text ?? `the upstream says ${fault.status}\n`);
      return;
    case 'redirect-loop':
      response.writeHead(302, { location: request.url ?? '/' }).end();
      return;
    case 'redirect':
      response.writeHead(302, { location: fault.location }).end();
      return;
    case 'truncate':
      await head(response, answer, fault.after);
      request.socket.end();
      return;
    case 'wrong-length': {
      const body = answer?.body ?? Buffer.alloc(0);
      response.writeHead(200, {
        'content-type': answer?.type ?? 'text/plain',
        'content-length': body.length + fault.delta,
      });
      response.write(body, () => request.socket.end());
      return;
    }
    case 'body':
      return send(request, response, {
        type: fault.type ?? answer?.type ?? 'text/plain',
        body: Buffer.from(fault.body),
      });
    case 'garbage':
      request.socket.end('\x16\x03\x01 these bytes are no HTTP at all\r\n\r\n');
      return;
    case 'slow':
      return sendSlowly(response, answer, fault.bytesPerSecond);
    case 'chunked':
      response.writeHead(200, { 'content-type': answer?.type ?? 'text/plain' });
      response.write(answer?.body.subarray(0, 1) ?? '');
      response.end(answer?.body.subarray(1));
      return;
  }
}

function send(request: IncomingMessage, response: ServerResponse, answer: FixtureAnswer | undefined): void {
  if (answer === undefined) {
    response
      .writeHead(404, { 'content-type': 'text/plain; charset=utf-8' })
      .end('not found: no such module here\n');
    return;
  }
  response.writeHead(200, { 'content-type': answer.type, 'content-length': answer.body.length });
  response.end(request.method === 'HEAD' ? undefined : answer.body);
}

/**
 * RST and nothing else. Socket.resetAndDestroy() sends a FIN first where the socket is writable, which is another
 * fault, so the mark that it sets is set here and the socket destroyed at once (node's lib/net.js, _destroy).
 */
function sendReset(socket: Socket): void {
  Reflect.set(socket, 'resetAndClosing', true);
  socket.destroy();
}

/** Headers and the first bytes; resolves when the kernel has taken them. */
async function head(
  response: ServerResponse,
  answer: FixtureAnswer | undefined,
  bytes: number,
): Promise<void> {
  const body = answer?.body ?? Buffer.from('no such module\n');
  response.writeHead(200, { 'content-type': answer?.type ?? 'text/plain', 'content-length': body.length });
  response.flushHeaders();
  if (bytes > 0)
    await new Promise<void>((resolve) => response.write(body.subarray(0, bytes), () => resolve()));
}

async function sendInParts(
  request: IncomingMessage,
  response: ServerResponse,
  answer: FixtureAnswer | undefined,
  after: number,
  released: Promise<void>,
): Promise<void> {
  if (answer === undefined) return send(request, response, answer);
  await head(response, answer, after);
  await released;
  if (!response.destroyed) response.end(answer.body.subarray(after));
}

const TICK = 20;

async function sendSlowly(
  response: ServerResponse,
  answer: FixtureAnswer | undefined,
  rate: number,
): Promise<void> {
  const body = answer?.body ?? Buffer.alloc(0);
  response.writeHead(200, { 'content-type': answer?.type ?? 'text/plain', 'content-length': body.length });
  const piece = Math.max(1, Math.floor((rate * TICK) / 1000));
  for (let at = 0; at < body.length && !response.destroyed; at += piece) {
    if (!response.write(body.subarray(at, at + piece))) await drained(response);
    // This wait is the fault itself: a source of so many bytes a second.
    await new Promise((resolve) => setTimeout(resolve, TICK));
  }
  response.end();
}

function drained(response: ServerResponse): Promise<unknown> {
  return Promise.race([once(response, 'drain'), once(response, 'close')]);
}
