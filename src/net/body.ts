import type { Readable } from 'node:stream';
import { ModgateError, toModgateError } from '../errors/index.ts';
import { ShortBody, UpstreamFault } from './fault.ts';
import { badAnswer, faultOf } from './faults.ts';
import type { Answer } from './options.ts';

/**
 * The whole body, at most `limit` bytes. Throws UPSTREAM_BAD_ANSWER for a longer or a cut one, UPSTREAM_TIMEOUT,
 * UPSTREAM_UNREACHABLE, CANCELED.
 */
export async function readBody(
  answer: Pick<Answer, 'body' | 'length' | 'url' | 'source'>,
  limit: number,
): Promise<Buffer> {
  const place = { source: answer.source ?? '?', url: answer.url, proxy: undefined };
  const tooLong = () =>
    new UpstreamFault(badAnswer(`the answer is longer than the ${limit} bytes allowed`), place);
  const parts: Buffer[] = [];
  let size = 0;
  try {
    if (answer.length !== undefined && answer.length > limit) throw tooLong();
    for await (const part of answer.body) {
      // A stream without an encoding or object mode yields Buffers; its type does not say so.
      const chunk = part as Buffer;
      size += chunk.length;
      if (size > limit) throw tooLong();
      parts.push(chunk);
    }
  } catch (error) {
    throw bodyError(error, place.source, place.url);
  } finally {
    // Gives the request's place back, on whatever way this ends.
    answer.body.destroy();
  }
  const [only] = parts;
  return parts.length === 1 && only !== undefined ? only : Buffer.concat(parts, size);
}

/** What went wrong while a body was read: ours and the machine's own faults keep their code. */
export function bodyError(error: unknown, source: string, url: string): ModgateError {
  const known = toModgateError(error);
  if (known.code !== 'INTERNAL' || error instanceof ModgateError) return known;
  return faultOf(error, { source, url, proxy: undefined }, { phase: 'body', reused: false });
}

/** Whether a fault met while a body was read means that the link broke or the body ended early. */
export function isCut(error: unknown): boolean {
  if (!(error instanceof ModgateError)) return false;
  return error.code === 'UPSTREAM_UNREACHABLE' || error.cause instanceof ShortBody;
}

/** bytes; a longer body costs more than a new connection */
const DRAIN = 64 << 10;
/** ms */
const PATIENCE = 2000;

/** The first bytes of a body that is of no other use; the rest is drained where short, else cut off. Never fails. */
export function skim(body: Readable, keep: number): Promise<Buffer> {
  return new Promise((resolve) => {
    const parts: Buffer[] = [];
    let seen = 0;
    const timer = setTimeout(() => body.destroy(), PATIENCE);
    body.on('data', (chunk: Buffer) => {
      if (seen < keep) parts.push(chunk.subarray(0, keep - seen));
      seen += chunk.length;
      if (seen > DRAIN) body.destroy();
    });
    body.once('close', () => {
      clearTimeout(timer);
      resolve(Buffer.concat(parts));
    });
    if (body.destroyed) body.emit('close');
  });
}
