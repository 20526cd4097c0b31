import { createHash } from 'node:crypto';
import type { OutgoingHttpHeader } from 'node:http';
import { gzipSync } from 'node:zlib';
import type { BytesReply } from '../gateway/index.ts';
import type { Validators } from './conditional.ts';
import type { Variant } from './hot.ts';
import { cacheControl, type Kind } from './kinds.ts';
import { flatHead } from './one-write.ts';

/** bytes; below it, gzip's own header and the time cost more than is saved */
const WORTH_COMPRESSING = 1024;
/** bytes; a longer text would hold up every other request while it is compressed */
const MAX_COMPRESSED = 256 << 10;
/** bytes; up to here headers and body are joined into one string */
const ONE_WRITE = 16 << 10;

/** An answer in memory, ready to be written as often as it is asked for. */
export interface Prepared {
  readonly validators: Validators;
  readonly plain: Variant;
  readonly gzip: Variant | undefined;
}

/** What is worked out of a body once, whatever headers it goes out with. */
export interface BodyFacts {
  readonly bytes: Buffer;
  readonly hash: string;
  /** undefined where compression does not pay */
  readonly compressed: Buffer | undefined;
}

export function bodyFacts(bytes: Buffer, kind: Kind): BodyFacts {
  const hash = createHash('sha256').update(bytes).digest('base64url').slice(0, 27);
  const worth = kind.text && bytes.length >= WORTH_COMPRESSING && bytes.length <= MAX_COMPRESSED;
  const compressed = worth ? gzipSync(bytes) : undefined;
  const pays = compressed !== undefined && compressed.length < bytes.length;
  return { bytes, hash, compressed: pays ? compressed : undefined };
}

/** @param now ms since the epoch */
export function prepare(
  { bytes, hash, compressed }: BodyFacts,
  reply: Pick<BytesReply, 'cached' | 'fresh' | 'modified'>,
  kind: Kind,
  now: number,
): Prepared {
  const validators = { etag: `"${hash}"`, modified: reply.modified };
  const common = commonHeaders(reply, kind, now);
  const gzip =
    compressed === undefined
      ? undefined
      : variant(compressed, [
          ...common,
          'ETag',
          compressedEtag(validators.etag),
          'Content-Encoding',
          'gzip',
          'Vary',
          'Accept-Encoding',
        ]);
  const vary: OutgoingHttpHeader[] = gzip === undefined ? [] : ['Vary', 'Accept-Encoding'];
  return {
    validators,
    plain: variant(bytes, [...common, 'ETag', validators.etag, 'Accept-Ranges', 'bytes', ...vary]),
    gzip,
  };
}

/** The compressed variant is another representation (RFC 9110, 8.8.3), hence another ETag. */
export function compressedEtag(etag: string): string {
  return `${etag.slice(0, -1)}-gz"`;
}

/** Headers of every answer that is a file, but for those of its size and range. */
export function commonHeaders(
  reply: Pick<BytesReply, 'cached' | 'fresh' | 'modified'>,
  kind: Kind,
  now: number,
): OutgoingHttpHeader[] {
  const headers: OutgoingHttpHeader[] = [
    'Content-Type',
    kind.type,
    'Cache-Control',
    cacheControl(reply),
    'X-Cache',
    reply.cached,
    'X-Go-Proxy-Cache-Hit',
    String(reply.cached !== 'miss'),
    'X-Content-Type-Options',
    'nosniff',
  ];
  if (reply.modified !== undefined && reply.modified > 0)
    headers.push('Last-Modified', new Date(reply.modified).toUTCString());
  if (reply.cached === 'stale') headers.push(...staleHeaders(reply.modified ?? 0, now));
  return headers;
}

/** A stale answer says how old it is (RFC 9111, 5.1); one that no source ever gave has no age. */
function staleHeaders(modified: number, now: number): OutgoingHttpHeader[] {
  const warning: OutgoingHttpHeader[] = ['Warning', '110 modgate "response is stale"'];
  return modified > 0
    ? [...warning, 'Age', String(Math.max(0, Math.floor((now - modified) / 1000)))]
    : warning;
}

function variant(body: Buffer, own: OutgoingHttpHeader[]): Variant {
  const headers = [...own, 'Content-Length', String(body.length)];
  const flat =
    body.length <= ONE_WRITE ? { head: flatHead(headers), text: body.toString('latin1') } : undefined;
  return { headers, body, flat };
}
