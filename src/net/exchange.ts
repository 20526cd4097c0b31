/** One request and its answer on undici's dispatch interface: time limits, times of the links, the body. */
import { Readable } from 'node:stream';
import type { Dispatcher } from 'undici';
import { systemCode } from '../errors/index.ts';
import type { Clock } from '../observe/index.ts';
import type { Verdict } from './breaker.ts';
import type { Dialed } from './connector.ts';
import { ShortBody, TimeLimit, UpstreamFault } from './fault.ts';
import type { Moment } from './faults.ts';
import type { Links, Timeouts } from './options.ts';

/** bytes that wait for the reader before the upstream is slowed down */
const BUFFER = 256 << 10;

/** The options of a dispatch, with the exchange that it belongs to. */
export class Outgoing implements Dispatcher.DispatchOptions {
  readonly method: 'GET' | 'POST';
  readonly origin: string;
  readonly path: string;
  readonly headers: Record<string, string>;
  readonly body: Buffer | null;
  readonly exchange: Exchange;

  constructor(origin: string, path: string, { headers, body }: Outbound, exchange: Exchange) {
    this.method = body === undefined ? 'GET' : 'POST';
    this.origin = origin;
    this.path = path;
    this.headers = { ...headers };
    this.body = body ?? null;
    this.exchange = exchange;
  }
}

/** A GET, or with a body a POST. */
export interface Outbound {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer | undefined;
}

export interface Head {
  readonly status: number;
  /** lower-case names; no cookies */
  readonly headers: Readonly<Record<string, string>>;
  readonly length: number | undefined;
  readonly links: Links;
  /** its errors are those of fail, named by `name` */
  readonly body: Readable;
  /**
   * @param ended called once with what the end of the body says about the upstream; neutral where the reader
   * destroyed it, the caller left or the reader was too slow
   */
  onEnd(ended: (verdict: Verdict, reason: string) => void): void;
  /** @param left called once when the body has been read to its end or destroyed, however */
  onLeft(left: () => void): void;
}

export interface ExchangeDeps {
  readonly timeouts: Pick<Timeouts, 'firstByte' | 'idle'>;
  readonly clock: Clock;
  /** an error of the request in words */
  readonly name: (error: unknown, moment: Moment) => Error;
}

/**
 * dial ──(sent)──> wait ──(headers)──> body ──> done. A fault, an abort or the destruction of the body ends it
 * in any phase; undici may go on dialing for a while, its later calls do nothing.
 */
export class Exchange implements Dispatcher.DispatchHandler {
  readonly head: Promise<Head>;
  readonly #deps: ExchangeDeps;
  readonly #resolve: (head: Head) => void;
  readonly #reject: (error: Error) => void;
  readonly #links: Links = {};
  #phase: Moment['phase'] | 'done' = 'dial';
  #reused = false;
  #dialed: Dialed | undefined;
  #controller: Dispatcher.DispatchController | undefined;
  #timer: NodeJS.Timeout | undefined;
  #body: Readable | undefined;
  readonly #onLeft: (() => void)[] = [];
  #onEnd: ((verdict: Verdict, reason: string) => void) | undefined;
  #end: { readonly verdict: Verdict; readonly reason: string } | undefined;
  /** monotonic ms when the phase began */
  #since = 0;
  #received = 0;
  #length: number | undefined;

  constructor(deps: ExchangeDeps) {
    this.#deps = deps;
    const { promise, resolve, reject } = deferred<Head>();
    this.head = promise;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  /** Called by the client that takes the request. */
  via(dialed: Dialed): void {
    this.#dialed = dialed;
  }

  /** Ends it, in whatever phase, with an error that is named here. */
  fail(error: unknown): void {
    const body = this.#body;
    // All may have come and wait for a reader who has forgotten it.
    if (this.#phase === 'done' && (body === undefined || body.destroyed)) return;
    const phase = this.#phase === 'done' ? 'body' : this.#phase;
    const named = this.#deps.name(error, { phase, reused: this.#reused });
    this.#judge(error, named);
    this.#finish();
    if (body === undefined) this.#reject(named);
    else body.destroy(named);
    this.#controller?.abort(named);
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#phase === 'done') {
      controller.abort(new Error('given up'));
      return;
    }
    const dialed = this.#dialed;
    if (dialed !== undefined) {
      this.#reused = dialed.uses > 0;
      dialed.uses += 1;
      if (!this.#reused) Object.assign(this.#links, dialed.links);
    }
    this.#phase = 'wait';
    this.#since = this.#deps.clock.monotonic();
    this.#arm('firstByte');
  }

  onResponseStart(
    controller: Dispatcher.DispatchController,
    status: number,
    headers: Readonly<Record<string, string | string[] | undefined>>,
  ): void {
    // 1xx: the answer is still to come.
    if (this.#phase !== 'wait' || status < 200) return;
    const now = this.#deps.clock.monotonic();
    this.#links.firstByte = now - this.#since;
    this.#since = now;
    this.#phase = 'body';
    this.#arm('idle');
    const flat = flatten(headers);
    this.#length = lengthOf(flat['content-length']);
    this.#body = new Readable({
      highWaterMark: BUFFER,
      read: () => this.#resume(),
      destroy: (error, done) => {
        this.#left(controller);
        done(error);
      },
    });
    // A fault that comes while nobody listens must not end the process; a later reader still gets it.
    this.#body.on('error', () => {});
    const body = this.#body;
    this.#resolve({
      status,
      headers: flat,
      length: this.#length,
      links: this.#links,
      body,
      onEnd: (ended) => {
        if (this.#end === undefined) this.#onEnd = ended;
        else ended(this.#end.verdict, this.#end.reason);
      },
      onLeft: (left) => {
        if (body.destroyed) left();
        else this.#onLeft.push(left);
      },
    });
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#phase !== 'body') return;
    this.#received += chunk.length;
    if (this.#body?.push(chunk) === false) {
      // The reader is slow, not the upstream: its time does not run.
      clearTimeout(this.#timer);
      this.#timer = undefined;
      controller.pause();
    } else {
      this.#timer?.refresh();
    }
  }

  onResponseEnd(): void {
    if (this.#phase !== 'body') return;
    // undici takes a reset of a connection that was to be closed for the end of an answer without a length.
    if (systemCode(this.#dialed?.socket?.errored) === 'ECONNRESET' && this.#length === undefined) {
      this.fail(this.#dialed?.socket?.errored);
      return;
    }
    this.#links.body = this.#deps.clock.monotonic() - this.#since;
    const body = this.#body;
    this.#ended('success');
    this.#finish();
    body?.push(null);
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    if (this.#phase === 'done') return;
    this.fail(this.#phase === 'body' ? this.#bodyFault(error) : error);
  }

  /** A reset is a fault of the link, an early end one of the answer. */
  #bodyFault(error: Error): Error {
    const reset = this.#dialed?.socket?.errored;
    if (systemCode(reset) === 'ECONNRESET' && reset instanceof Error) return reset;
    const code = systemCode(error);
    const ended = code === 'UND_ERR_SOCKET' || code === 'UND_ERR_RES_CONTENT_LENGTH_MISMATCH';
    if (!ended || this.#length === undefined || this.#received >= this.#length) return error;
    return new ShortBody(this.#received, this.#length);
  }

  #resume(): void {
    if (this.#phase !== 'body' || this.#controller?.paused !== true) return;
    this.#arm('idle');
    this.#controller.resume();
  }

  /** The reader destroyed the body, or it is at its end. */
  #left(controller: Dispatcher.DispatchController): void {
    const early = this.#phase !== 'done';
    this.#ended('neutral');
    this.#finish();
    if (early) controller.abort(new Error('given up'));
    for (const left of this.#onLeft.splice(0)) left();
  }

  #judge(error: unknown, named: Error): void {
    // Named before it came here: the caller's abort or the end of the gateway. A reader that holds the upstream
    // back has used up the total time itself.
    const held = error instanceof TimeLimit && this.#controller?.paused === true;
    if (named === error || held || !(named instanceof UpstreamFault)) this.#ended('neutral');
    else this.#ended(error instanceof ShortBody ? 'failure' : named.facts.verdict, named.facts.what);
  }

  /** The first verdict counts: what comes after the end says nothing about the upstream. */
  #ended(verdict: Verdict, reason = ''): void {
    if (this.#end !== undefined) return;
    this.#end = { verdict, reason };
    this.#onEnd?.(verdict, reason);
  }

  #arm(kind: 'firstByte' | 'idle'): void {
    clearTimeout(this.#timer);
    const limit = this.#deps.timeouts[kind];
    this.#timer = setTimeout(() => this.fail(new TimeLimit(kind, limit)), limit);
  }

  #finish(): void {
    this.#phase = 'done';
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}

function deferred<T>(): { promise: Promise<T>; resolve: (value: T) => void; reject: (error: Error) => void } {
  let resolve: (value: T) => void = () => {};
  let reject: (error: Error) => void = () => {};
  const promise = new Promise<T>((ok, bad) => {
    resolve = ok;
    reject = bad;
  });
  return { promise, resolve, reject };
}

function flatten(headers: Readonly<Record<string, string | string[] | undefined>>): Record<string, string> {
  // No prototype: the names come from the upstream.
  const flat: Record<string, string> = Object.create(null);
  for (const [name, value] of Object.entries(headers)) {
    if (value === undefined || name === 'set-cookie') continue;
    flat[name] = typeof value === 'string' ? value : value.join(', ');
  }
  return flat;
}

/** undici has checked that a Content-Length is a number that fits. */
function lengthOf(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}
