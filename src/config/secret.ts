import { inspect } from 'node:util';

const SHOWN = '[secret]';

/** A value that no log line, printed configuration or dump of an object shows; only `reveal` gives it. */
export class Secret {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  reveal(): string {
    return this.#value;
  }

  toString(): string {
    return SHOWN;
  }

  toJSON(): string {
    return SHOWN;
  }

  [inspect.custom](): string {
    return SHOWN;
  }
}

/**
 * What was meant as a URL, without what may be its user info: all before the last `@`, for a password may hold
 * one that was not escaped, and the scheme may be missing.
 */
export function withoutUserInfo(text: string): string {
  return text.replace(
    /^([a-z][a-z0-9+.-]*:\/\/)?.*@/is,
    (_, scheme: string | undefined) => `${scheme ?? ''}${SHOWN}@`,
  );
}
