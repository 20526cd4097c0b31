import { once } from 'node:events';
import { IncomingMessage } from 'node:http';
import type { Readable } from 'node:stream';
import { ModgateError, toModgateError } from '../errors/index.ts';
import type { Publisher } from '../gateway/index.ts';
import type { ModuleVersion } from '../module/index.ts';
import type { Exchange } from './exchange.ts';
import { hasBody } from './framing.ts';
import type { Incoming } from './message.ts';
import { sendJson } from './pages.ts';
import { checkBearer } from './secret.ts';

/** uploads at the same time; each is a staged file, and its check a thread */
const AT_ONCE = 8;
/** ms without a piece, after which an upload is given up */
const STALLED = 60_000;
/** ms that an upload and its check may take */
export const LONGEST = 60 * 60_000;
/** bytes of a refused upload that are read and thrown away, and ms for it, so that its sender reads the refusal */
const THROWN_AWAY = 16 << 20;
const THROWING = 5_000;

export interface UploadsDeps {
  readonly publisher: Pick<Publisher, 'check' | 'publish'>;
  /** what a publisher shows; undefined: nothing is published here */
  readonly token: string | undefined;
  /** ms without a piece after which an upload is given up; for tests */
  readonly idle?: number;
}

/** `PUT /-/modules/<path>/@v/<version>.zip`: takes in modules that are published here. */
export class Uploads {
  readonly #deps: UploadsDeps;
  #running = 0;

  constructor(deps: UploadsDeps) {
    this.#deps = deps;
  }

  async take(exchange: Exchange, m: ModuleVersion): Promise<void> {
    exchange.watch(LONGEST, tooLong);
    try {
      this.#check(exchange.req, m);
    } catch (thrown) {
      await throwAway(exchange);
      throw thrown;
    }
    this.#running++;
    try {
      exchange.goOn();
      const actor = { who: 'publish', remote: exchange.client, request: exchange.id };
      const pieces = piecesOf(exchange, this.#deps.idle ?? STALLED);
      const { h1, status } = await this.#deps.publisher.publish(m, pieces, actor, exchange.signal);
      const body = { module: m.path, version: m.version, h1, status };
      sendJson(exchange, status === 'published' ? 201 : 200, body);
    } catch (thrown) {
      const error = toModgateError(thrown);
      // Who sends nothing keeps nobody waiting for the rest.
      if (error.code !== 'REQUEST_TIMEOUT') await throwAway(exchange);
      throw error;
    } finally {
      this.#running--;
    }
  }

  /** Everything that can be known before the first byte of the body. */
  #check(req: Incoming, m: ModuleVersion): void {
    const { token, publisher } = this.#deps;
    if (token === undefined)
      throw new ModgateError('FORBIDDEN', 'nothing can be published here: publish.token is not set', {
        next: 'set publish.token in the configuration of the gateway, or MODGATE_PUBLISH_TOKEN',
      });
    checkBearer(req, token, 'publish.token');
    publisher.check(m, Number(req.headers['content-length'] ?? 0));
    checkBody(req);
    if (this.#running >= AT_ONCE)
      throw new ModgateError('OVERLOADED', `${AT_ONCE} modules are being published at the moment`, {
        next: 'try again in a few seconds',
        retryAfter: 5,
      });
  }
}

function checkBody(req: Incoming): void {
  const { headers, httpVersionMajor } = req;
  for (const name of ['content-encoding', 'content-range'] as const) {
    if (headers[name] === undefined || headers[name] === 'identity') continue;
    throw new ModgateError('BAD_REQUEST', `an upload with ${name} is not taken`, {
      next: 'send the zip as it is, all of it in one request',
    });
  }
  if (httpVersionMajor !== 1 || hasBody(req)) return;
  throw new ModgateError('BAD_REQUEST', 'the request brings no zip', {
    next: 'send the zip of the module as the body of the request: curl --upload-file module.zip URL',
  });
}

/** The body; BAD_REQUEST where it is cut off, REQUEST_TIMEOUT where it stalls. @param idle ms between two pieces */
async function* piecesOf({ req, signal }: Exchange, idle: number): AsyncGenerator<Uint8Array, void, void> {
  const body = bodyOf(req);
  if (body === undefined) return;
  const watch = new Watch(signal, idle);
  // What leaves early must not end the connection, which is to carry the refusal.
  const pieces = body.iterator({ destroyOnReturn: false });
  try {
    for (;;) {
      const { done, value } = await watch.over(pieces.next());
      if (done === true) return;
      // Without an encoding it yields Buffers; its type does not say so.
      yield value as Buffer;
    }
  } catch (thrown) {
    signal.throwIfAborted();
    if (thrown instanceof ModgateError) throw thrown;
    throw new ModgateError('BAD_REQUEST', 'the upload was cut off; nothing of it was stored', {
      cause: thrown,
      next: 'send it again',
    });
  } finally {
    watch.end();
  }
}

/**
 * Fails a wait for a piece when it lasts too long, or nobody wants the upload any more. Only a wait counts: what the
 * disk takes is not the sender's fault. Each wait has a promise of its own, and nothing that lasts holds on to a piece.
 */
class Watch {
  readonly #signal: AbortSignal;
  readonly #idle: number;
  #fail: (reason: unknown) => void = () => undefined;
  readonly #abort = () => this.#fail(this.#signal.reason);

  constructor(signal: AbortSignal, idle: number) {
    this.#signal = signal;
    this.#idle = idle;
    signal.addEventListener('abort', this.#abort, { once: true });
  }

  over<T>(wait: Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const timer = setTimeout(() => reject(stalled(this.#idle)), this.#idle).unref();
      this.#fail = reject;
      if (this.#signal.aborted) reject(this.#signal.reason);
      wait.then(resolve, reject).finally(() => clearTimeout(timer));
    });
  }

  end(): void {
    this.#fail = () => undefined;
    this.#signal.removeEventListener('abort', this.#abort);
  }
}

function tooLong(): ModgateError {
  return new ModgateError(
    'REQUEST_TIMEOUT',
    `the upload and its check took longer than ${LONGEST / 60_000} min`,
    {
      next: 'send it again; what is complete of it stays',
    },
  );
}

function stalled(idle: number): ModgateError {
  return new ModgateError('REQUEST_TIMEOUT', `the upload stalled for ${idle / 1000} s and was given up`, {
    next: 'send it again; nothing of it was stored',
  });
}

function bodyOf(req: Incoming): Readable | undefined {
  return req instanceof IncomingMessage ? req : req.body;
}

/**
 * Whoever is still sending reads no refusal, and a connection that is closed with bytes unread takes the refusal with it.
 * Who waits for "go on" sends nothing.
 */
async function throwAway(exchange: Exchange): Promise<void> {
  const { req } = exchange;
  if (!(req instanceof IncomingMessage) || req.complete || req.destroyed) return;
  if (req.headers.expect !== undefined && !exchange.continued) return;
  let left = THROWN_AWAY;
  const enough = new AbortController();
  req.on('data', (piece: Buffer) => {
    left -= piece.length;
    if (left < 0) enough.abort();
  });
  const signal = AbortSignal.any([enough.signal, AbortSignal.timeout(THROWING), exchange.signal]);
  await once(req, 'end', { signal }).catch(() => undefined);
  req.pause();
}
