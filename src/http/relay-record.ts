/**
 * What the worker with the caller records of an answer that another worker made: one header, which only travels on the
 * inner socket. `modgate-record: %7B%22error%22%3A…`, JSON, percent-encoded.
 */
import type { IncomingHttpHeaders } from 'node:http';
import { type ErrorData, errorData, errorOf } from '../errors/index.ts';
import type { Trace } from '../gateway/index.ts';
import type { Exchange } from './exchange.ts';

export const RECORD_HEADER = 'modgate-record';

interface RelayRecord {
  readonly cache: string;
  readonly error?: ErrorData;
  readonly trace?: Trace;
}

export function recordOf({ cache, error, trace }: Exchange): string {
  const record: RelayRecord = {
    cache,
    ...(error === undefined ? {} : { error: errorData(error) }),
    ...(trace === undefined ? {} : { trace }),
  };
  return encodeURIComponent(JSON.stringify(record));
}

/** False where the answer says no more than that its worker is stopping, or is no worker's answer at all. */
export function takeRecord(exchange: Exchange, headers: IncomingHttpHeaders): boolean {
  const text = headers[RECORD_HEADER];
  if (typeof text !== 'string') return false;
  const record: RelayRecord = JSON.parse(decodeURIComponent(text));
  if (record.error?.code === 'SHUTTING_DOWN') return false;
  exchange.cache = record.cache;
  exchange.trace = record.trace;
  if (record.error !== undefined) exchange.error = errorOf(record.error);
  return true;
}
