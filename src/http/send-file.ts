import { ModgateError } from '../errors/index.ts';
import type { ContentReply, TransferReply } from '../gateway/index.ts';
import { acceptsGzip } from './accept.ts';
import { isNotModified, wantedRange } from './conditional.ts';
import type { Exchange } from './exchange.ts';
import type { Variant } from './hot.ts';
import type { Kind } from './kinds.ts';
import { commonHeaders, compressedEtag, type Prepared } from './prepare.ts';

/** bytes that one reader holds in memory */
const PIECE = 256 << 10;

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

/** Streams a stored file; closes it. */
export async function sendContent(
  exchange: Exchange,
  reply: ContentReply,
  kind: Kind,
  now: number,
): Promise<void> {
  const { content } = reply;
  try {
    const { size, modified } = content;
    const validators = { etag: `"${modified.toString(36)}-${size.toString(36)}"`, modified };
    const common = [...commonHeaders(reply, kind, now), 'ETag', validators.etag, 'Accept-Ranges', 'bytes'];
    if (isNotModified(exchange.req.headers, validators)) return exchange.send(304, common, '');
    const range = exchange.head ? 'whole' : wantedRange(exchange.req.headers, size, validators);
    if (range === 'unsatisfiable') return sendUnsatisfiable(exchange, size);
    const { first, last } = range === 'whole' ? { first: 0, last: size - 1 } : range;
    const part = ['Content-Length', String(last + 1 - first)];
    if (range !== 'whole') part.push('Content-Range', `bytes ${first}-${last}/${size}`);
    exchange.begin(range === 'whole' ? 200 : 206, [...common, ...part]);
    if (exchange.head) exchange.res.end();
    else await pump(exchange, first, last + 1, (position, most) => pieceOf(content, position, most));
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
    await pump(exchange, 0, size ?? Infinity, (position, most) => reader.read(position, most, signal));
  } finally {
    await reader.close();
  }
}

async function pieceOf(content: ContentReply['content'], position: number, most: number): Promise<Buffer> {
  const buffer = Buffer.allocUnsafeSlow(most);
  return buffer.subarray(0, await content.read(buffer, position));
}

/** Hands pieces to the caller, as fast as it takes them; one piece is in memory at a time. */
async function pump(
  exchange: Exchange,
  first: number,
  end: number,
  read: (position: number, most: number) => Promise<Buffer>,
): Promise<void> {
  const { res, signal } = exchange;
  let position = first;
  while (position < end) {
    const piece = await read(position, Math.min(PIECE, end - position));
    if (piece.length === 0) break;
    position += piece.length;
    exchange.bytes += piece.length;
    await written(exchange, piece);
    if (signal.aborted) throw signal.reason;
  }
  if (end !== Infinity && position < end)
    throw new ModgateError('STORE_FAILED', `a stored file ended after ${position} of ${end} bytes`);
  res.end();
}

/** Resolves when the caller has taken the piece, or has left. */
function written({ res }: Exchange, piece: Buffer): Promise<void> {
  return new Promise((resolve) => {
    if (res.destroyed) {
      resolve();
      return;
    }
    res.once('close', resolve);
    res.write(piece, () => {
      res.off('close', resolve);
      resolve();
    });
  });
}
