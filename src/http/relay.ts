import { Agent, type IncomingMessage, type OutgoingHttpHeader, request } from 'node:http';
import { ModgateError, systemCode } from '../errors/index.ts';
import type { Ask } from '../gateway/index.ts';
import type { CounterCell, Metrics } from '../observe/index.ts';
import type { Exchange } from './exchange.ts';
import { RECORD_HEADER, takeRecord } from './relay-record.ts';
import { written } from './send-file.ts';

/** All that the answer to a caller depends on. */
const PASSED_ON = [
  'accept-encoding',
  'if-match',
  'if-modified-since',
  'if-none-match',
  'if-range',
  'if-unmodified-since',
  'range',
  'x-modgate-length',
] as const;
/** Of the connection, or written anew for the caller. */
const NOT_PASSED_BACK: ReadonlySet<string> = new Set([
  'connection',
  'date',
  'keep-alive',
  'transfer-encoding',
  'x-request-id',
  RECORD_HEADER,
]);
/** idle connections to one worker that are kept */
const MAX_IDLE = 64;

export interface RelayOptions {
  /** this worker's, 0 ≤ index < workers */
  readonly index: number;
  readonly workers: number;
  /** path of a worker's inner socket */
  readonly socketOf: (index: number) => string;
  readonly metrics: Metrics;
}

/**
 * The way from the worker that has the caller to the one that owns the module. Each module has one owner, by the hash
 * of its path: so its fetches, verdicts and refreshes are in one process, and one fetch serves the callers of all.
 */
export class Relay {
  readonly #options: RelayOptions;
  readonly #agent = new Agent({ keepAlive: true, maxFreeSockets: MAX_IDLE });
  readonly #relayed: CounterCell;
  readonly #unreachable: CounterCell;

  constructor(options: RelayOptions) {
    this.#options = options;
    const requests = options.metrics.counter(
      'modgate_relayed_requests_total',
      'Requests that were handed to the worker that owns the module, by outcome.',
      ['outcome'],
    );
    this.#relayed = requests.with('ok');
    this.#unreachable = requests.with('unreachable');
  }

  /** The worker that asks sources for this; undefined: this one. */
  ownerOf(ask: Ask): number | undefined {
    const { index, workers } = this.#options;
    const owner = ownerIndex(subjectOf(ask), workers);
    return owner === index ? undefined : owner;
  }

  /** Answers with what the owner answers, as it comes. False, with nothing sent, where the owner is not there. */
  async send(exchange: Exchange, owner: number): Promise<boolean> {
    const answer = await this.#ask(exchange, owner);
    if (answer === undefined || !takeRecord(exchange, answer.headers)) {
      answer?.destroy();
      this.#unreachable.inc();
      return false;
    }
    this.#relayed.inc();
    exchange.begin(answer.statusCode ?? 502, headersOf(answer.rawHeaders));
    await pass(answer, exchange);
    return true;
  }

  close(): void {
    this.#agent.destroy();
  }

  #ask({ req, url, id, signal }: Exchange, owner: number): Promise<IncomingMessage | undefined> {
    const headers: Record<string, string | string[]> = { host: 'worker', 'x-request-id': id };
    for (const name of PASSED_ON) {
      const value = req.headers[name];
      if (value !== undefined) headers[name] = value;
    }
    return new Promise((resolve, reject) => {
      const { method } = req;
      const socketPath = this.#options.socketOf(owner);
      const asked = request({ socketPath, path: url, method, headers, agent: this.#agent, signal });
      asked.on('response', resolve);
      // It is gone, or was gone the moment before: the caller's worker can do the same by itself.
      asked.on('error', () => (signal.aborted ? reject(signal.reason) : resolve(undefined)));
      asked.end();
    });
  }
}

/** Piece by piece, as fast as the caller takes them; whatever cuts the answer off cuts the caller's off too. */
async function pass(answer: IncomingMessage, exchange: Exchange): Promise<void> {
  try {
    for await (const piece of answer) {
      exchange.bytes += piece.length;
      if (!(await written(exchange, piece))) exchange.signal.throwIfAborted();
    }
  } catch (cause) {
    exchange.signal.throwIfAborted();
    throw brokenOff(cause);
  }
  exchange.res.end();
}

function headersOf(raw: readonly string[]): OutgoingHttpHeader[] {
  const headers: OutgoingHttpHeader[] = [];
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const [name = '', value = ''] = [raw[i], raw[i + 1]];
    if (!NOT_PASSED_BACK.has(name.toLowerCase())) headers.push(name, value);
  }
  return headers;
}

function subjectOf(ask: Ask): string {
  if (ask.kind === 'sumdb') return `sumdb/${ask.name}/${ask.endpoint}`;
  return 'm' in ask ? ask.m.path : ask.path;
}

/**
 * By FNV-1a of 32 bits: the same in every worker, and even enough.
 * @param subject a module path, or `sumdb/<name>/<endpoint>`
 */
export function ownerIndex(subject: string, workers: number): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < subject.length; i += 1) hash = Math.imul(hash ^ subject.charCodeAt(i), 0x01000193);
  return (hash >>> 0) % workers;
}

function brokenOff(cause: unknown): ModgateError {
  return new ModgateError(
    'UPSTREAM_UNREACHABLE',
    `the process that fetches this broke the answer off (${systemCode(cause)}); its log says why`,
    { cause, next: 'try again' },
  );
}
