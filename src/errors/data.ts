import { type Code, ModgateError, toModgateError } from './error.ts';

/** A coded error as plain data, which another thread can be sent. */
export interface ErrorData {
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
