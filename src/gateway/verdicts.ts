import { type Code, ModgateError } from '../errors/index.ts';
import type { Clock } from '../observe/index.ts';

/** entries */
const MAX_VERDICTS = 10_000;
/** characters of a message that are kept; the go command shows 648 bytes */
const MAX_MESSAGE = 700;

/** An error without its stack and cause, which weigh ten times as much. */
interface Verdict {
  readonly code: Code;
  readonly message: string;
  readonly next: string | undefined;
  readonly source: string | undefined;
  /** ms, monotonic */
  readonly until: number;
}

/**
 * Refusals that are remembered for a while: absence, which the go command asks for twice over HTTPS, and zips that
 * broke the rules, so that the retry can read why. Bounded; the oldest leaves first.
 */
export class Verdicts {
  readonly #verdicts = new Map<string, Verdict>();
  readonly #clock: Clock;
  readonly #lifetime: number;

  /** @param lifetime ms */
  constructor(clock: Clock, lifetime: number) {
    this.#clock = clock;
    this.#lifetime = lifetime;
  }

  get(key: string): ModgateError | undefined {
    const verdict = this.#verdicts.get(key);
    if (verdict === undefined) return undefined;
    const { code, message, next, source, until } = verdict;
    if (until > this.#clock.monotonic()) return new ModgateError(code, message, { next, source });
    this.#verdicts.delete(key);
    return undefined;
  }

  /** @param longest ms, where it is remembered for less than usual */
  remember(key: string, error: ModgateError, longest = Infinity): void {
    this.#verdicts.delete(key);
    const { code, message, next, source } = error;
    const until = this.#clock.monotonic() + Math.min(this.#lifetime, longest);
    this.#verdicts.set(key, { code, message: message.slice(0, MAX_MESSAGE), next, source, until });
    if (this.#verdicts.size <= MAX_VERDICTS) return;
    for (const oldest of this.#verdicts.keys()) {
      this.#verdicts.delete(oldest);
      return;
    }
  }

  forget(key: string): void {
    this.#verdicts.delete(key);
  }

  clear(): void {
    this.#verdicts.clear();
  }
}
