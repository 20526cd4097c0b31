import { ModgateError } from '../errors/index.ts';
import { TimeLimit } from './fault.ts';

/** The life of one get(): ends with the caller's signal, the total time or the client. */
export class Scope {
  readonly #controller = new AbortController();
  readonly #caller: AbortSignal;
  readonly #onAbort: () => void;
  readonly #cleanups: (() => void)[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor(caller: AbortSignal) {
    this.#caller = caller;
    this.#onAbort = () => this.end(canceled(caller));
    if (caller.aborted) this.#onAbort();
    else caller.addEventListener('abort', this.#onAbort, { once: true });
  }

  /** Its reason is a ModgateError or a TimeLimit. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** @param ms from now on for all that is left */
  limit(ms: number): void {
    this.#timer = setTimeout(() => this.end(new TimeLimit('total', ms)), ms);
  }

  /** Run once when the scope is closed. */
  onClose(cleanup: () => void): void {
    this.#cleanups.push(cleanup);
  }

  /** Ends what is still under way. */
  end(reason: Error): void {
    this.#controller.abort(reason);
  }

  /** All is done: timers and listeners go. */
  close(): void {
    clearTimeout(this.#timer);
    this.#caller.removeEventListener('abort', this.#onAbort);
    for (const cleanup of this.#cleanups.splice(0)) cleanup();
  }
}

/** A caller may give its own coded reason; anything else means that it left. */
function canceled(signal: AbortSignal): ModgateError {
  const { reason } = signal;
  if (reason instanceof ModgateError) return reason;
  return new ModgateError('CANCELED', 'the request was canceled', { cause: reason });
}
