import { ModgateError, toModgateError } from '../errors/index.ts';

interface Flight<T> {
  readonly result: Promise<T>;
  readonly controller: AbortController;
  waiting: number;
}

/**
 * One run of a job per key, however many ask at once. A caller that leaves does not end it for the others; when the
 * last one leaves, its signal is aborted.
 */
export class Flights<T> {
  readonly #flights = new Map<string, Flight<T>>();

  get size(): number {
    return this.#flights.size;
  }

  async join(key: string, signal: AbortSignal, start: (signal: AbortSignal) => Promise<T>): Promise<T> {
    checkAborted(signal);
    return this.#wait(key, this.#flights.get(key) ?? this.#begin(key, start), signal);
  }

  /** As `join`, where a run is under way; undefined where there is none. */
  joinRunning(key: string, signal: AbortSignal): Promise<T> | undefined {
    const flight = this.#flights.get(key);
    return flight === undefined ? undefined : this.#wait(key, flight, signal);
  }

  async #wait(key: string, flight: Flight<T>, signal: AbortSignal): Promise<T> {
    flight.waiting++;
    try {
      return await orAbort(flight.result, signal);
    } finally {
      flight.waiting--;
      if (flight.waiting === 0) this.#leave(key, flight);
    }
  }

  #begin(key: string, start: (signal: AbortSignal) => Promise<T>): Flight<T> {
    const controller = new AbortController();
    const result = start(controller.signal);
    const flight: Flight<T> = { result, controller, waiting: 0 };
    this.#flights.set(key, flight);
    const forget = () => this.#forget(key, flight);
    result.then(forget, forget);
    return flight;
  }

  #leave(key: string, flight: Flight<T>): void {
    this.#forget(key, flight);
    flight.controller.abort(new ModgateError('CANCELED', 'nobody waits for this any more'));
  }

  #forget(key: string, flight: Flight<T>): void {
    if (this.#flights.get(key) === flight) this.#flights.delete(key);
  }
}

/** Throws the signal's reason as a coded error. */
export function checkAborted(signal: AbortSignal): void {
  if (signal.aborted) throw toModgateError(signal.reason);
}

/** The promise's result, or the reason of the signal if that comes first. */
export function orAbort<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  if (signal.aborted) return Promise.reject(toModgateError(signal.reason));
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(toModgateError(signal.reason));
    signal.addEventListener('abort', onAbort, { once: true });
    const settle = () => signal.removeEventListener('abort', onAbort);
    promise.then(
      (value) => {
        settle();
        resolve(value);
      },
      (error: unknown) => {
        settle();
        reject(error);
      },
    );
  });
}
