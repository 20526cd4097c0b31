import type { OutgoingHttpHeader } from 'node:http';
import { explain, ModgateError } from '../errors/index.ts';
import type { Trace } from '../gateway/index.ts';
import { acceptRequestId } from '../observe/index.ts';
import type { Incoming, Outgoing } from './message.ts';
import { RECORD_HEADER, recordOf } from './relay-record.ts';
import { originForm } from './route.ts';

/** Statuses that ask the caller to come again, and when, in seconds, where nobody said. */
const LATER: ReadonlySet<number> = new Set([429, 503]);
const RETRY_AFTER = 10;
/** Requests that a client may send on one HTTP/1.1 connection before the first is answered; ordinary ones send one. */
const MAX_PIPELINED = 16;
/** HTTP/1.1 connection → exchanges that are open on it */
const pipelines = new WeakMap<object, number>();

/** A request and its answer on their way, with what its access record will tell. */
export class Exchange {
  readonly req: Incoming;
  readonly res: Outgoing;
  /** the target without scheme and authority */
  readonly url: string;
  readonly id: string;
  /** the caller's address */
  readonly client: string;
  /** ms, monotonic */
  readonly start: number;
  route = 'other';
  module = '';
  cache = '';
  error: ModgateError | undefined;
  bytes = 0;
  trace: Trace | undefined;
  /** true: another worker has the caller, and makes the record */
  inner = false;
  /** true: the caller was told to send its body */
  continued = false;
  readonly #controller = new AbortController();
  readonly #whenOver = new Set<() => void>();
  #over = false;
  #patience: NodeJS.Timeout | undefined;

  constructor(req: Incoming, res: Outgoing, client: string, makeId: () => string, start: number) {
    this.req = req;
    this.res = res;
    this.url = originForm(req.url ?? '');
    this.client = client;
    const header = req.headers['x-request-id'];
    const given = acceptRequestId(typeof header === 'string' ? header : undefined);
    this.id = given ?? makeId();
    this.start = start;
    const end = () => this.#end(end);
    res.once('close', end);
    if (req.httpVersionMajor !== 1) return;
    // Node tells only the response whose turn it is that its connection is gone, and not those that wait behind it.
    req.socket.once?.('close', end);
    pipelines.set(req.socket, (pipelines.get(req.socket) ?? 0) + 1);
  }

  /** True when the answer has been sent, or can be sent no more. */
  get over(): boolean {
    return this.#over;
  }

  /** Calls back once when it is over; never where it is already. @returns what takes it back */
  onOver(listener: () => void): () => void {
    this.#whenOver.add(listener);
    return () => this.#whenOver.delete(listener);
  }

  /** Refuses, by ending the connection, what asks for more at a time than a client does. */
  endCrowd(): boolean {
    const crowded = (pipelines.get(this.req.socket) ?? 0) > MAX_PIPELINED;
    if (crowded) this.req.socket.destroy?.();
    return crowded;
  }

  #end(listener: () => void): void {
    if (this.#over) return;
    this.#over = true;
    const { socket } = this.req;
    socket.off?.('close', listener);
    const others = (pipelines.get(socket) ?? 0) - 1;
    if (others > 0) pipelines.set(socket, others);
    else pipelines.delete(socket);
    for (const told of this.#whenOver) told();
    this.#whenOver.clear();
  }

  /** Aborted when the caller has left or waited as long as it may. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /**
   * The target as it may be logged. A query is none of ours and may be a client's secret, and so is what stands before
   * the last "@" of a target that is no path; the "@" of a route always follows a slash.
   * @param longest in characters
   */
  loggedUrl(longest: number): string {
    const known = this.url.startsWith('/') ? this.url : this.url.replace(/^.*[^/]@/s, '');
    return known.split('?', 1)[0]?.slice(0, longest) ?? '';
  }

  get head(): boolean {
    return this.req.method === 'HEAD';
  }

  /** From here on the exchange has a signal; the caller's leaving and the end of its patience abort it. */
  watch(patience: number, tooLong = noAnswer): void {
    const left = () => {
      clearTimeout(this.#patience);
      if (!this.res.writableFinished)
        this.#controller.abort(new ModgateError('CANCELED', 'the caller has left'));
    };
    if (this.#over) {
      left();
      return;
    }
    this.onOver(left);
    this.#patience = setTimeout(() => {
      this.#controller.abort(tooLong(patience));
    }, patience).unref();
  }

  /** Tells a caller that waits for it to send the body (RFC 9110, 10.1.1). */
  goOn(): void {
    if (this.req.headers.expect !== undefined) this.res.writeContinue?.();
    this.continued = true;
  }

  /** From here on only the caller's leaving ends the answer, however long it takes. */
  begin(status: number, headers: OutgoingHttpHeader[]): void {
    clearTimeout(this.#patience);
    const own: OutgoingHttpHeader[] = ['X-Request-Id', this.id];
    if (this.inner) own.push(RECORD_HEADER, recordOf(this));
    this.res.writeHead(status, [...own, ...headers]);
  }

  /** @param headers names and values by turns, Content-Length among them */
  send(status: number, headers: OutgoingHttpHeader[], body: Buffer | string): void {
    this.begin(status, headers);
    if (this.head || status === 304) {
      this.res.end();
      return;
    }
    this.bytes = Buffer.byteLength(body);
    this.res.end(body);
  }

  sendText(status: number, text: string, headers: OutgoingHttpHeader[] = []): void {
    const own = [
      'Content-Type',
      'text/plain; charset=utf-8',
      'Content-Length',
      String(Buffer.byteLength(text)),
      'Cache-Control',
      'no-store',
      'X-Content-Type-Options',
      'nosniff',
    ];
    this.send(status, [...own, ...headers], text);
  }

  /** Answers with the error's text, or, where an answer has begun, breaks the connection: it must not look whole. */
  fail(error: ModgateError): void {
    this.error = error;
    if (this.res.destroyed) return;
    if (this.res.headersSent) {
      this.res.destroy();
      return;
    }
    const headers: OutgoingHttpHeader[] = [];
    const retryAfter = error.retryAfter ?? (LATER.has(error.status) ? RETRY_AFTER : undefined);
    if (retryAfter !== undefined) headers.push('Retry-After', String(Math.ceil(retryAfter)));
    if (error.code === 'METHOD_NOT_ALLOWED')
      headers.push('Allow', this.route === 'publish' ? 'PUT' : 'GET, HEAD');
    if (error.code === 'UNAUTHORIZED') headers.push('WWW-Authenticate', 'Bearer realm="modgate"');
    this.sendText(error.status, explain(error), headers);
  }
}

function noAnswer(patience: number): ModgateError {
  return new ModgateError(
    'UPSTREAM_TIMEOUT',
    `no answer within ${Math.round(patience / 1000)} s, the longest that the gateway lets a caller wait`,
    {
      next: 'try again; what has been fetched meanwhile is served from the store',
      retryAfter: 10,
    },
  );
}
