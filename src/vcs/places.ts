import { ModgateError, toModgateError } from '../errors/index.ts';
import { Limiter, type Release } from '../net/index.ts';

/** Commands of one kind at one host at one time, and that may wait for it. */
const AT_A_HOST = 8;
/** Of one kind on behalf of strangers, at all hosts: they may name as many hosts as they like. */
const OF_STRANGERS = 64;
const QUEUE = 1000;
/** seconds */
const RETRY_AFTER = 5;

/** What a command is for: a list of refs takes a moment, a fetch may take minutes. */
export type Kind = 'refs' | 'fetch';

/**
 * How many git commands talk to remotes at one time. Each host has places of its own, so that one that hangs holds up
 * nobody else; so have strangers and those whose routes are written down at the same host, and each kind of command.
 */
export class Places {
  readonly #limiters = new Map<string, Limiter>();

  /** A place, now or later. Throws OVERLOADED, or what the signal was aborted with. */
  async take(host: string, kind: Kind, anonymous: boolean, signal: AbortSignal): Promise<Release> {
    const atHost = await this.#take(`${kind} ${anonymous} ${host}`, AT_A_HOST, signal);
    if (!anonymous) return atHost;
    try {
      const ofStrangers = await this.#take(kind, OF_STRANGERS, signal);
      return () => {
        ofStrangers();
        atHost();
      };
    } catch (error) {
      atHost();
      throw error;
    }
  }

  async #take(key: string, limit: number, signal: AbortSignal): Promise<Release> {
    const limiter = this.#limiters.get(key) ?? new Limiter(limit, QUEUE);
    this.#limiters.set(key, limiter);
    const forget = () => {
      if (limiter.taken + limiter.waiting === 0) this.#limiters.delete(key);
    };
    try {
      const release = await (limiter.acquire(signal) ?? overloaded());
      return () => {
        release();
        forget();
      };
    } catch (error) {
      forget();
      throw toModgateError(error);
    }
  }
}

function overloaded(): never {
  throw new ModgateError('OVERLOADED', 'too many git commands wait for their turn', {
    next: 'try again soon; see which repositories are slow in modgate_git_command_seconds and in the log',
    retryAfter: RETRY_AFTER,
  });
}
