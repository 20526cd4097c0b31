import { type Code, ModgateError, toModgateError } from '../errors/index.ts';
import type { CheckedZip } from './check.ts';

/** What the checker and its worker threads say to each other: plain data, so that it can be cloned. */
export interface CheckRequest {
  readonly file: string;
  readonly path: string;
  readonly version: string;
}

export type CheckReply =
  | { readonly ok: true; readonly result: CheckedZip }
  | { readonly ok: false; readonly error: ErrorData };

interface ErrorData {
  readonly code: Code;
  readonly message: string;
  readonly next: string | undefined;
  readonly retryAfter: number | undefined;
  readonly source: string | undefined;
  /** text of what caused it, for the log */
  readonly cause: string | undefined;
}

export function errorData(thrown: unknown): ErrorData {
  const { code, message, next, retryAfter, source, cause } = toModgateError(thrown);
  return {
    code,
    message,
    next,
    retryAfter,
    source,
    cause: cause instanceof Error ? `${cause.name}: ${cause.message}` : undefined,
  };
}

export function errorOf({ code, message, next, retryAfter, source, cause }: ErrorData): ModgateError {
  return new ModgateError(code, message, { next, retryAfter, source, cause });
}
