import { systemCode } from '../errors/index.ts';

/** An error as a log line shows it. */
export interface ErrorFields {
  readonly code?: string;
  readonly message: string;
  readonly source?: string;
  /** only for a fault that has no code of its own: one of ours is told by its code */
  readonly stack?: string;
  readonly cause?: ErrorFields;
  readonly errors?: readonly ErrorFields[];
}

type Fields = Record<string, unknown>;

const REDACTED = '[redacted]';
/** Levels of nesting that a line may have; deeper values are left out, for they are not looked through. */
const MAX_DEPTH = 6;
const MAX_CAUSES = 6;
const MAX_ERRORS = 5;

const SENSITIVE = /(?:authorization|cookie|password|passwd|token|secret)$/i;
/** Keys are few and repeat in every line; header names can be the caller's, so the memory of them is bounded. */
const MAX_KNOWN_KEYS = 1000;
const knownKeys = new Map<string, boolean>();

function isSensitive(key: string): boolean {
  const known = knownKeys.get(key);
  if (known !== undefined) return known;
  const sensitive = SENSITIVE.test(key);
  if (knownKeys.size < MAX_KNOWN_KEYS) knownKeys.set(key, sensitive);
  return sensitive;
}

/**
 * The fields of a line, without credentials: what stands under a key that ends in authorization, cookie,
 * password, passwd, token or secret (any case, any depth) is replaced; errors become `ErrorFields`. Returns
 * the same object where there is nothing to change, which is the usual case and allocates nothing.
 */
export function cleanFields(fields: Fields): Fields {
  return cleanObject(fields, 0);
}

function cleanObject(fields: Fields, depth: number): Fields {
  let copy: Fields | undefined;
  for (const key in fields) {
    const before = fields[key];
    const after = cleanValue(key, before, depth);
    if (after === before) continue;
    copy ??= { ...fields };
    copy[key] = after;
  }
  return copy ?? fields;
}

function cleanValue(key: string, value: unknown, depth: number): unknown {
  if (value === undefined || value === null) return value;
  if (isSensitive(key)) return REDACTED;
  return typeof value === 'object' ? cleanNested(value, depth + 1) : value;
}

function cleanNested(value: object, depth: number): unknown {
  if (value instanceof Error) return serializeError(value);
  if (depth > MAX_DEPTH) return '[deep]';
  if (Array.isArray(value)) return cleanArray(value, depth);
  return isPlain(value) ? cleanObject(value, depth) : value;
}

function cleanArray(list: readonly unknown[], depth: number): unknown {
  let copy: unknown[] | undefined;
  for (const [index, before] of list.entries()) {
    const after = typeof before === 'object' && before !== null ? cleanNested(before, depth + 1) : before;
    if (after === before) continue;
    copy ??= [...list];
    copy[index] = after;
  }
  return copy ?? list;
}

/** Others (dates, buffers, classes with a toJSON) know themselves how they are printed. */
function isPlain(value: object): value is Fields {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

/** User info of a URL, which some libraries repeat in their messages. */
const USER_INFO = /:\/\/[^/@\s]+@/g;

/** An error with its chain of causes, bounded, without the user info of URLs. */
function serializeError(error: unknown): ErrorFields {
  return describe(error, MAX_CAUSES);
}

function describe(error: unknown, left: number): ErrorFields {
  if (!(error instanceof Error)) return { message: withoutUserInfo(String(error)) };
  const code = systemCode(error);
  const source = 'source' in error && typeof error.source === 'string' ? error.source : undefined;
  const uncoded = code === '' && error.stack !== undefined;
  return {
    ...(code === '' ? {} : { code }),
    message: withoutUserInfo(error.message),
    ...(source === undefined ? {} : { source }),
    ...(uncoded ? { stack: withoutUserInfo(error.stack ?? '') } : {}),
    ...(error instanceof AggregateError && left > 0
      ? { errors: error.errors.slice(0, MAX_ERRORS).map((one: unknown) => describe(one, left - 1)) }
      : {}),
    ...(error.cause === undefined || left === 0 ? {} : { cause: describe(error.cause, left - 1) }),
  };
}

function withoutUserInfo(text: string): string {
  return text.replace(USER_INFO, `://${REDACTED}@`);
}

const redact = (value: unknown): unknown => (value === undefined ? undefined : REDACTED);
const clean = (value: unknown): unknown =>
  typeof value === 'object' && value !== null ? cleanNested(value, 1) : value;

/** pino does not pass the bindings of child loggers through its log formatter; serializers reach those too. */
export const fieldSerializers: Record<string, (value: unknown) => unknown> = {
  err: clean,
  error: clean,
  cause: clean,
  headers: clean,
  authorization: redact,
  cookie: redact,
  password: redact,
  token: redact,
  secret: redact,
};
