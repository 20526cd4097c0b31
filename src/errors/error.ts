/**
 * The one kind of error that crosses a room's door: a stable code, a message that says what and why, and
 * the next step. One table maps a code to its HTTP status, its exit code and whether another try can help.
 */

interface CodeFacts {
  /** HTTP status of an answer that reports it */
  readonly status: number;
  /** exit code of a command that ends with it */
  readonly exit: number;
  /** true: asking again without a change cannot help, so nobody retries it */
  readonly final: boolean;
}

/** 404 stands for absence and for nothing else: the go command moves on at 404 and 410 only. */
const CODES = {
  /** the origin itself said that there is no such thing */
  NOT_FOUND: { status: 404, exit: 1, final: true },
  /** the URL is not one of the protocol's */
  BAD_ROUTE: { status: 404, exit: 1, final: true },
  /** the caller asked for the store alone, and it is not there */
  NOT_CACHED: { status: 404, exit: 1, final: true },
  /** a path, version or query that the module rules forbid; such a module cannot exist */
  INVALID_MODULE: { status: 404, exit: 1, final: true },
  BAD_REQUEST: { status: 400, exit: 2, final: true },
  /** the caller did not say who it is, or not truly */
  UNAUTHORIZED: { status: 401, exit: 1, final: true },
  /** the caller may not do this */
  FORBIDDEN: { status: 403, exit: 1, final: true },
  /** the header of the request is larger than the listener takes */
  HEADER_TOO_LARGE: { status: 431, exit: 1, final: true },
  /** the header of the request did not come in time */
  REQUEST_TIMEOUT: { status: 408, exit: 1, final: false },
  /** the caller expects something that is not done here (RFC 9110, 10.1.1) */
  EXPECTATION_FAILED: { status: 417, exit: 1, final: true },
  /** the body of the request is larger than what may be sent there */
  BODY_TOO_LARGE: { status: 413, exit: 1, final: true },
  METHOD_NOT_ALLOWED: { status: 405, exit: 1, final: true },
  /** the chain ends in `off`, or nothing in it may be asked */
  LOOKUP_OFF: { status: 403, exit: 1, final: true },
  /** the source refused our credentials, or wants some; the route says that callers are told so */
  UPSTREAM_DENIED_PASSED: { status: 403, exit: 1, final: true },
  /** the source refused our credentials, or wants some */
  UPSTREAM_DENIED: { status: 502, exit: 1, final: true },
  /** the caller showed no client certificate, or one that does not count */
  CLIENT_CERTIFICATE: { status: 403, exit: 1, final: true },
  UPSTREAM_RATE_LIMITED: { status: 429, exit: 1, final: false },
  UPSTREAM_TIMEOUT: { status: 504, exit: 1, final: false },
  /** no such host, refused, reset, unreachable */
  UPSTREAM_UNREACHABLE: { status: 502, exit: 1, final: false },
  UPSTREAM_TLS: { status: 502, exit: 1, final: true },
  /** a status that the protocol does not know, 5xx included */
  UPSTREAM_STATUS: { status: 502, exit: 1, final: false },
  /** an answer that is not what the protocol says it must be */
  UPSTREAM_BAD_ANSWER: { status: 502, exit: 1, final: true },
  UPSTREAM_REDIRECT_LOOP: { status: 508, exit: 1, final: true },
  /** the circuit breaker of the source is open */
  UPSTREAM_SUSPENDED: { status: 503, exit: 1, final: false },
  /** the zip breaks the rules of module zips */
  BAD_ZIP: { status: 502, exit: 1, final: true },
  /** the repository holds what no module zip or module version can be made of, or another one than was asked for */
  BAD_MODULE: { status: 502, exit: 1, final: true },
  /** a scheme, host or URL that version control may not be asked by */
  VCS_REFUSED: { status: 403, exit: 1, final: true },
  /** a version control system that modgate does not speak */
  VCS_UNSUPPORTED: { status: 501, exit: 1, final: true },
  /** the git command is missing, or failed in a way that is neither absence nor a fault of the network */
  VCS_FAILED: { status: 502, exit: 1, final: false },
  /** the repository, or what is fetched of it, is larger than it may be */
  REPOSITORY_TOO_LARGE: { status: 502, exit: 1, final: true },
  /** a tag names another commit than when its version was stored; what is stored stays */
  TAG_MOVED: { status: 502, exit: 1, final: true },
  /** the module is private: nobody outside is asked about it */
  PRIVATE_MODULE: { status: 403, exit: 1, final: true },
  /** the version was deleted by an administrator */
  DELETED: { status: 410, exit: 1, final: true },
  /** the version is published already, with other bytes */
  ALREADY_PUBLISHED: { status: 409, exit: 1, final: true },
  /** a hash that should be equal is not */
  CHECKSUM_MISMATCH: { status: 502, exit: 1, final: true },
  /** the stored version is another one; what is stored never changes */
  IMMUTABLE_CONFLICT: { status: 502, exit: 1, final: true },
  DISK_FULL: { status: 507, exit: 1, final: false },
  STORE_FAILED: { status: 500, exit: 1, final: false },
  OVERLOADED: { status: 503, exit: 1, final: false },
  SHUTTING_DOWN: { status: 503, exit: 1, final: false },
  /** the caller left */
  CANCELED: { status: 499, exit: 130, final: true },
  CONFIG_INVALID: { status: 500, exit: 2, final: true },
  USAGE: { status: 400, exit: 2, final: true },
  INTERNAL: { status: 500, exit: 70, final: false },
} as const satisfies Record<string, CodeFacts>;

export type Code = keyof typeof CODES;

export interface ErrorDetails {
  readonly cause?: unknown;
  /** the next step, one imperative sentence */
  readonly next?: string | undefined;
  /** seconds until another try is worth it */
  readonly retryAfter?: number | undefined;
  /** name of the source that failed */
  readonly source?: string | undefined;
}

export class ModgateError extends Error {
  override readonly name = 'ModgateError';
  readonly code: Code;
  readonly next: string | undefined;
  readonly retryAfter: number | undefined;
  readonly source: string | undefined;

  /** @param message what happened and why; no secret, no user info of a URL */
  constructor(code: Code, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.next = details.next;
    this.retryAfter = details.retryAfter;
    this.source = details.source;
  }

  get status(): number {
    return CODES[this.code].status;
  }

  get exit(): number {
    return CODES[this.code].exit;
  }

  get final(): boolean {
    return CODES[this.code].final;
  }

  /** True where the answer means "there is no such thing", the only kind that lets a `,` chain go on. */
  get absent(): boolean {
    return this.code === 'NOT_FOUND' || this.code === 'INVALID_MODULE' || this.code === 'DELETED';
  }
}

const SYSTEM_CODES: Readonly<Record<string, Code>> = {
  ENOSPC: 'DISK_FULL',
  EDQUOT: 'DISK_FULL',
  EIO: 'STORE_FAILED',
  EROFS: 'STORE_FAILED',
  EACCES: 'STORE_FAILED',
  EMFILE: 'OVERLOADED',
  ENFILE: 'OVERLOADED',
  ABORT_ERR: 'CANCELED',
};

/** The `code` of a system error, "" where it has none. */
export function systemCode(error: unknown): string {
  if (typeof error !== 'object' || error === null || !('code' in error)) return '';
  return typeof error.code === 'string' ? error.code : '';
}

/** Any thrown value as a coded error; what is not one of ours keeps its cause. */
export function toModgateError(error: unknown): ModgateError {
  if (error instanceof ModgateError) return error;
  const code = SYSTEM_CODES[systemCode(error)] ?? (isAbort(error) ? 'CANCELED' : 'INTERNAL');
  return new ModgateError(code, describe(code, error), { cause: error });
}

function isAbort(error: unknown): boolean {
  return error instanceof Error && error.name === 'AbortError';
}

function describe(code: Code, error: unknown): string {
  switch (code) {
    case 'DISK_FULL':
      return 'the disk of the module store is full';
    case 'STORE_FAILED':
      return `the module store failed: ${systemCode(error)}`;
    case 'OVERLOADED':
      return 'the gateway has no file descriptors left';
    case 'CANCELED':
      return 'the request was canceled';
    default:
      return 'internal error of the gateway';
  }
}

/** The go command shows this much of an answer's text: src/cmd/go/internal/web, maxErrorDetailLines and -Bytes. */
const MAX_LINES = 8;
/** bytes */
const MAX_TEXT = 648;

/**
 * The text of a refusal as a terminal of the go command shows it: plain, at most 8 lines and 648 bytes, no
 * blank line, only graphic runes. Line by line: what and why, then the next step.
 */
export function explain(error: ModgateError): string {
  const lines = `modgate: ${error.message}`.split(/\r?\n/);
  if (error.next !== undefined) lines.push(`next: ${error.next}`);
  const last = `code: ${error.code}`;
  const kept = lines
    .map(graphic)
    .filter((line) => line !== '')
    .slice(0, MAX_LINES - 1);
  const room = MAX_TEXT - last.length - 2;
  let text = kept.join('\n');
  // A cut in the middle of a rune would make the text invalid UTF-8, which the go command drops whole.
  while (Buffer.byteLength(text) > room) text = text.replace(/.$/su, '');
  return `${text}\n${last}\n`;
}

function graphic(line: string): string {
  return line.replace(/[^\p{L}\p{M}\p{N}\p{P}\p{S} ]/gu, ' ').trimEnd();
}
