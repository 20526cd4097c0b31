import { ModgateError } from '../errors/index.ts';
import type { ContentReply, TransferReply } from '../gateway/index.ts';
import { acceptsGzip } from './accept.ts';
import { isNotModified, wantedRange } from './conditional.ts';
import type { Exchange } from './exchange.ts';
import type { Header } from './handover.ts';
import type { Variant } from './hot.ts';
import type { Kind } from './kinds.ts';
import { pieces } from './pieces.ts';
import { commonHeaders, compressedEtag, type Prepared } from './prepare.ts';

/** Writes an answer that is held in memory, as far as its conditions and range want it. */
export function sendPrepared(exchange: Exchange, prepared: Prepared): void {
  const { headers } = exchange.req;
  const { validators, plain, gzip } = prepared;
  const compress =
    gzip !== undefined && headers.range === undefined && acceptsGzip(headers['accept-encoding']);
  const chosen = compress ? gzip : plain;
  const current = variantOfCaller(exchange, prepared, chosen);
  if (current !== undefined) {
    exchange.send(304, withoutLength(current.headers), '');
    return;
  }
  const range = exchange.head ? 'whole' : wantedRange(headers, plain.body.length, validators);
  if (range === 'unsatisfiable') {
    sendUnsatisfiable(exchange, plain.body.length);
  } else if (range === 'whole') {
    exchange.send(200, chosen.headers, chosen.body);
  } else {
    const part = plain.body.subarray(range.first, range.last + 1);
    const own = [
      'Content-Length',
      String(part.length),
      'Content-Range',
      `bytes ${range.first}-${range.last}/${plain.body.length}`,
    ];
    exchange.send(206, [...withoutLength(plain.headers), ...own], part);
  }
}

/**
 * The variant that the caller holds, where its conditions say so: either one is the current content, and a 304 carries
 * the ETag of the one that matched (RFC 9110, 15.4.5). The one that it would get now comes first.
 */
function variantOfCaller(
  { req: { headers } }: Exchange,
  { validators: { etag, modified }, plain, gzip }: Prepared,
  chosen: Variant,
): Variant | undefined {
  const holds = (variant: Variant) =>
    isNotModified(headers, { etag: variant === plain ? etag : compressedEtag(etag), modified });
  const other = chosen === plain ? gzip : plain;
  if (holds(chosen)) return chosen;
  return other !== undefined && holds(other) ? other : undefined;
}

function withoutLength<T>(headers: readonly T[]): T[] {
  return headers.slice(0, headers.indexOf('Content-Length' as T));
}

function sendUnsatisfiable(exchange: Exchange, size: number): void {
  exchange.sendText(416, `modgate: the file has ${size} bytes; the range lies behind them\n`, [
    'Content-Range',
    `bytes */${size}`,
  ]);
}

/**
 * Streams a stored file, or lets the proxy in front send it; closes it.
 * @param elsewhere the header that makes the proxy send it, conditions and ranges included
 */
export async function sendContent(
  exchange: Exchange,
  reply: ContentReply,
  kind: Kind,
  now: number,
  elsewhere?: Header,
): Promise<void> {
  const { content } = reply;
  try {
    const { size, modified } = content;
    const validators = { etag: `"${modified.toString(36)}-${size.toString(36)}"`, modified };
    const common = [...commonHeaders(reply, kind, now), 'ETag', validators.etag, 'Accept-Ranges', 'bytes'];
    if (elsewhere !== undefined) {
      // For a cache between the two this empty answer is another one than the file.
      const own = [...elsewhere, 'Vary', 'X-Modgate-Sendfile', 'Content-Length', '0'];
      return exchange.send(200, [...common, ...own], '');
    }
    if (isNotModified(exchange.req.headers, validators)) return exchange.send(304, common, '');
    const range = exchange.head ? 'whole' : wantedRange(exchange.req.headers, size, validators);
    if (range === 'unsatisfiable') return sendUnsatisfiable(exchange, size);
    const { first, last } = range === 'whole' ? { first: 0, last: size - 1 } : range;
    const part = ['Content-Length', String(last + 1 - first)];
    if (range !== 'whole') part.push('Content-Range', `bytes ${first}-${last}/${size}`);
    exchange.begin(range === 'whole' ? 200 : 206, [...common, ...part]);
    if (exchange.head) exchange.res.end();
    else await pump(exchange, first, last + 1, (buffer, position) => content.read(buffer, position));
  } finally {
    await content.close();
  }
}

/** Streams a file while it is fetched; closes its reader. Whatever fails after the first byte breaks the connection. */
export async function sendTransfer(
  exchange: Exchange,
  reply: TransferReply,
  kind: Kind,
  now: number,
): Promise<void> {
  const { reader } = reply;
  const { signal } = exchange;
  try {
    const size = await reader.ready(signal);
    const length = size === undefined ? [] : ['Content-Length', String(size)];
    exchange.begin(200, [...commonHeaders(reply, kind, now), ...length]);
    await pump(exchange, 0, size ?? Infinity, (buffer, position) => reader.read(buffer, position, signal));
  } finally {
    await reader.close();
  }
}

/** Copies pieces to the caller, as fast as it takes them; one piece is in memory at a time. */
async function pump(
  exchange: Exchange,
  first: number,
  end: number,
  read: (buffer: Buffer, position: number) => Promise<number>,
): Promise<void> {
  const piece = pieces.take();
  let position: number;
  try {
    position = await copy(exchange, piece, first, end, read);
  } catch (thrown) {
    // The piece of a connection that broke may still be in the hands of the system: it is not used again.
    pieces.drop(piece);
    throw thrown;
  }
  pieces.give(piece);
  if (end !== Infinity && position < end)
    throw new ModgateError('STORE_FAILED', `a stored file ended after ${position} of ${end} bytes`);
  exchange.res.end();
}

/** The position behind the last byte that there was. */
async function copy(
  exchange: Exchange,
  piece: Buffer,
  first: number,
  end: number,
  read: (buffer: Buffer, position: number) => Promise<number>,
): Promise<number> {
  const { signal } = exchange;
  let position = first;
  while (position < end) {
    const count = await read(piece.subarray(0, Math.min(piece.length, end - position)), position);
    if (count === 0) break;
    position += count;
    exchange.bytes += count;
    const taken = await written(exchange, piece.subarray(0, count));
    if (signal.aborted) throw signal.reason;
    if (!taken) throw new ModgateError('CANCELED', 'the caller has left');
  }
  return position;
}

/** True when the caller's system has taken the piece, false when the caller has left. */
export function written(exchange: Exchange, piece: Buffer): Promise<boolean> {
  const { res } = exchange;
  return new Promise((resolve) => {
    if (res.destroyed || exchange.over) {
      resolve(false);
      return;
    }
    const forget = exchange.onOver(() => resolve(false));
    res.write(piece, (error) => {
      forget();
      resolve(error === null || error === undefined);
    });
  });
}
