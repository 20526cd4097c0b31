/** Conditional and range requests (RFC 9110, sections 13 and 14), as far as a file of known bytes needs them. */

export interface Validators {
  /** strong, with its quotes */
  readonly etag: string;
  /** ms since the epoch */
  readonly modified: number | undefined;
}

/** The headers that decide; anything else of the request plays no part. */
export interface ConditionalHeaders {
  readonly 'if-none-match'?: string | undefined;
  readonly 'if-modified-since'?: string | undefined;
  readonly 'if-range'?: string | string[] | undefined;
  readonly range?: string | undefined;
}

/** True where the caller's copy is the current one: 304. If-None-Match outranks If-Modified-Since. */
export function isNotModified(headers: ConditionalHeaders, { etag, modified }: Validators): boolean {
  const match = headers['if-none-match'];
  if (match !== undefined) return matches(match, etag);
  const since = headers['if-modified-since'];
  return since !== undefined && modified !== undefined && toSeconds(modified) <= toSeconds(Date.parse(since));
}

/** Weak comparison: a W/ in front does not matter. */
function matches(list: string, etag: string): boolean {
  if (list.trim() === '*') return true;
  return list.split(',').some((entry) => entry.trim().replace(/^W\//, '') === etag);
}

/** HTTP dates have whole seconds. NaN for what is not a date, which compares false. */
function toSeconds(ms: number): number {
  return Math.floor(ms / 1000);
}

/** bytes, both inclusive */
export interface ByteRange {
  readonly first: number;
  readonly last: number;
}

/**
 * The one range that the caller wants: 'whole' where it asked for none, for several, for a malformed one, or where
 * If-Range names another content; 'unsatisfiable' where it lies behind the end (416).
 */
export function wantedRange(
  headers: ConditionalHeaders,
  size: number,
  validators: Validators,
): ByteRange | 'whole' | 'unsatisfiable' {
  if (headers.range === undefined || !rangeApplies(headers['if-range'], validators)) return 'whole';
  const match = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(headers.range.trim());
  const [, from = '', to = ''] = match ?? [];
  if (match === null || (from === '' && to === '')) return 'whole';
  if (from === '') return suffix(Number(to), size);
  const first = Number(from);
  const last = to === '' ? size - 1 : Math.min(Number(to), size - 1);
  if (to !== '' && Number(to) < first) return 'whole';
  return first >= size ? 'unsatisfiable' : { first, last };
}

function suffix(length: number, size: number): ByteRange | 'unsatisfiable' {
  if (length === 0 || size === 0) return 'unsatisfiable';
  return { first: Math.max(0, size - length), last: size - 1 };
}

/** Strong comparison; a date must be the very one (RFC 9110, 13.1.5). */
function rangeApplies(ifRange: string | string[] | undefined, { etag, modified }: Validators): boolean {
  if (ifRange === undefined) return true;
  if (typeof ifRange !== 'string') return false;
  if (ifRange.startsWith('"')) return ifRange === etag;
  return modified !== undefined && toSeconds(Date.parse(ifRange)) === toSeconds(modified);
}
