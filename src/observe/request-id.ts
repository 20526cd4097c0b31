import { randomBytes } from 'node:crypto';

/**
 * Makes ids like "k3x9q2vw-1f": eight random characters for the process, then a counter, both in base 36.
 * Unique within the process, and between processes as far as 41 random bits go; not a secret.
 */
export class RequestIds {
  readonly #prefix: string;
  #count = 0;

  constructor() {
    this.#prefix = randomBytes(6).readUIntBE(0, 6).toString(36).padStart(8, '0').slice(-8);
  }

  next(): string {
    this.#count += 1;
    return `${this.#prefix}-${this.#count.toString(36)}`;
  }
}

const ACCEPTED = /^[A-Za-z0-9._-]{1,128}$/;

/**
 * The caller's own id from its X-Request-Id header, `undefined` where it has none that may be taken over.
 * The header is hostile: an id goes into log lines and back into a header, so only plain characters pass.
 */
export function acceptRequestId(header: string | undefined): string | undefined {
  return header !== undefined && ACCEPTED.test(header) ? header : undefined;
}
