import { ModgateError } from '../errors/index.ts';

/** A stored version in the order in which it became visible. */
export interface ListedVersion {
  readonly path: string;
  readonly version: string;
  /** µs since the epoch; no two versions have the same */
  readonly time: number;
}

/** Visible versions from a time on (µs since the epoch, inclusive), at most so many. */
export type ReadIndex = (since: number, limit: number) => readonly ListedVersion[];

/** lines; what the public index gives at most, and unless told */
const MAX_INDEX = 2000;
/** versions */
const CATALOG_PAGE = 1000;
const MAX_CATALOG_PAGE = 10_000;

/**
 * `/index?since=RFC3339&limit=N`, as the public index answers it: a JSON object a line, oldest first, `since` inclusive.
 * The time of each is later than that of all before it, so who asks again with the last time seen misses none.
 */
export function indexText(query: URLSearchParams, read: ReadIndex): string {
  const since = query.get('since');
  const limit = Math.min(numberIn(query, 'limit', MAX_INDEX), MAX_INDEX);
  const lines = read(since === null || since === '' ? 0 : microseconds(since), limit).map(
    ({ path, version, time }) =>
      `${JSON.stringify({ Path: path, Version: version, Timestamp: timestamp(time) })}\n`,
  );
  return lines.join('');
}

/** `/catalog?token=T&pagesize=N`, as Athens answers it; `next` is the token of the next page, absent at the end. */
export function catalogJson(query: URLSearchParams, read: ReadIndex): object {
  const size = numberIn(query, 'pagesize', CATALOG_PAGE);
  if (size < 1 || size > MAX_CATALOG_PAGE) throw bad(`pagesize must be 1 to ${MAX_CATALOG_PAGE}`);
  const token = query.get('token') ?? '';
  if (!/^(?:[0-9]{1,16})?$/.test(token)) throw bad('token is none that this catalogue gave');
  const found = read(token === '' ? 0 : Number(token) + 1, size + 1);
  const page = found.slice(0, size);
  const modules = page.map(({ path, version }) => ({ module: path, version }));
  const last = page.at(-1);
  return found.length > size && last !== undefined ? { modules, next: String(last.time) } : { modules };
}

function numberIn(query: URLSearchParams, name: string, otherwise: number): number {
  const text = query.get(name);
  if (text === null || text === '') return otherwise;
  if (/^[0-9]{1,9}$/.test(text)) return Number(text);
  throw bad(`${name} must be a whole number`);
}

const RFC3339 = /^(\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d)(?:\.(\d{1,9})\d*)?([Zz]|[+-]\d\d:\d\d)$/;

/** A "+" that was not percent-encoded arrives as a space. */
function microseconds(text: string): number {
  const [, time = '', fraction = '', zone = ''] = RFC3339.exec(text.replace(' ', '+')) ?? [];
  const ms = Date.parse(time.toUpperCase() + zone.toUpperCase());
  // Date.parse takes the 31st of a month of 30 days for the 1st of the next.
  if (Number.isNaN(ms) || !isOnTheCalendar(time.toUpperCase()))
    throw bad('since must be a time as 2026-01-31T12:00:00Z (RFC 3339)');
  return ms * 1000 + Math.ceil(Number(fraction.padEnd(9, '0')) / 1000);
}

/** Whether there is such a day and hour. */
function isOnTheCalendar(time: string): boolean {
  const moment = new Date(`${time}Z`);
  return !Number.isNaN(moment.getTime()) && moment.toISOString().startsWith(time);
}

function timestamp(time: number): string {
  const micro = String(time % 1000).padStart(3, '0');
  return new Date(Math.floor(time / 1000)).toISOString().replace('Z', `${micro}Z`);
}

function bad(why: string): ModgateError {
  return new ModgateError('BAD_REQUEST', why, { next: 'correct the parameter and ask again' });
}
