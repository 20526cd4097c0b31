import { createReadStream } from 'node:fs';
import http, { type ClientRequest, type IncomingMessage } from 'node:http';
import https from 'node:https';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { rootCertificates } from 'node:tls';
import { type Code, ModgateError, systemCode } from '../errors/index.ts';
import { escapePath, escapeVersion } from '../module/index.ts';
import type { Destination } from './publish-server.ts';
import type { MadeZip } from './publish-zip.ts';

/** tries of an upload that the gateway has no place for */
const TRIES = 5;
/** s that it may ask to wait */
const LONGEST_WAIT = 60;
/** ms without a byte in either direction; the check of a large zip takes its time */
const IDLE = 5 * 60_000;
/** ms for "go on", which not every proxy on the way knows; then the zip is sent all the same */
const GO_ON = 2_000;
/** bytes of an answer that are read */
const MAX_ANSWER = 64 << 10;

interface Answer {
  readonly status: number;
  readonly text: string;
  /** s */
  readonly retryAfter: number | undefined;
}

/** What a status of the gateway is called here. */
const CODES: Readonly<Record<number, Code>> = {
  400: 'BAD_REQUEST',
  401: 'UNAUTHORIZED',
  403: 'FORBIDDEN',
  409: 'ALREADY_PUBLISHED',
  413: 'BODY_TOO_LARGE',
  503: 'OVERLOADED',
  507: 'DISK_FULL',
};

/** Sends the zip. @returns what the gateway did @param sent is told of the bytes that have left */
export async function upload(
  destination: Destination,
  token: string,
  zip: MadeZip,
  signal: AbortSignal,
  sent: (bytes: number) => void,
): Promise<'published' | 'unchanged'> {
  for (let tries = 1; ; tries++) {
    const answer = await send(destination, token, zip, signal, sent);
    const { status, text, retryAfter = 1 } = answer;
    if (status === 200 || status === 201) return outcomeIn(text, destination);
    if (status !== 503 || tries === TRIES) throw refusal(destination, answer);
    await delay(Math.min(retryAfter, LONGEST_WAIT) * 1000, undefined, { signal });
  }
}

async function send(
  destination: Destination,
  token: string,
  zip: MadeZip,
  signal: AbortSignal,
  sent: (bytes: number) => void,
): Promise<Answer> {
  const { m, size } = zip;
  const url = new URL(`-/modules/${escapePath(m.path)}/@v/${escapeVersion(m.version)}.zip`, destination.url);
  const { ca, socketPath } = destination;
  const make = url.protocol === 'https:' ? https.request : http.request;
  const request = make(url, {
    method: 'PUT',
    agent: false,
    timeout: IDLE,
    signal,
    headers: {
      authorization: `Bearer ${token}`,
      'content-type': 'application/zip',
      'content-length': String(size),
      expect: '100-continue',
    },
    ...(socketPath === undefined ? {} : { socketPath }),
    ...(ca === undefined ? {} : { ca: [...rootCertificates, ca] }),
  });
  try {
    request.flushHeaders();
    return await exchange(request, zip, sent);
  } catch (cause) {
    signal.throwIfAborted();
    throw noAnswer(destination, cause);
  } finally {
    request.destroy();
  }
}

/** An answer that comes before the zip has left ends the sending: what is refused need not be sent. */
async function exchange(
  request: ClientRequest,
  { file }: MadeZip,
  sent: (bytes: number) => void,
): Promise<Answer> {
  const answered = new Promise<IncomingMessage>((resolve, reject) => {
    request.on('response', resolve);
    request.on('error', reject);
    request.on('timeout', () => request.destroy(new Error('ETIMEDOUT')));
  });
  const goOn = new Promise<'go on'>((resolve) => {
    request.on('continue', () => resolve('go on'));
    setTimeout(() => resolve('go on'), GO_ON).unref();
  });
  // The answer says more than the write that failed with it.
  const body = async () => {
    let bytes = 0;
    const count = new Transform({
      transform(piece: Buffer, _encoding, done) {
        bytes += piece.length;
        sent(bytes);
        done(null, piece);
      },
    });
    await pipeline(createReadStream(file), count, request).catch(() => undefined);
  };
  const first = await Promise.race([answered, goOn]);
  if (first === 'go on') void body();
  const response = await answered;
  const retryAfter = Number(response.headers['retry-after']);
  return {
    status: response.statusCode ?? 0,
    text: await readText(response),
    retryAfter: Number.isFinite(retryAfter) ? retryAfter : undefined,
  };
}

/** The beginning of what the other side sends, however much it is. */
async function readText(answer: IncomingMessage): Promise<string> {
  let text = '';
  for await (const piece of answer.setEncoding('utf8')) {
    text += String(piece);
    if (text.length > MAX_ANSWER) break;
  }
  return text.slice(0, MAX_ANSWER);
}

function outcomeIn(text: string, { shown }: Destination): 'published' | 'unchanged' {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // As below.
  }
  const status = typeof value === 'object' && value !== null && 'status' in value ? value.status : undefined;
  if (status === 'published' || status === 'unchanged') return status;
  throw new ModgateError('UPSTREAM_BAD_ANSWER', `what answers at ${shown} is no modgate`, {
    next: 'See what stands at that address; a login page or a portal in between is the usual reason.',
  });
}

const CHECK_TOKEN =
  'Check MODGATE_PUBLISH_TOKEN, or the file of --token-file: it has to be the publish.token of that gateway.';

function refusal({ shown }: Destination, { status, text }: Answer): ModgateError {
  const lines = text.trim().split('\n').slice(0, 8);
  const said = lines.filter((line) => !/^(?:next|code): /.test(line)).join('\n');
  const next = lines.find((line) => line.startsWith('next: '))?.slice('next: '.length);
  const isOurs = lines.some((line) => /^code: [A-Z_]+$/.test(line));
  const code = (isOurs ? CODES[status] : undefined) ?? 'UPSTREAM_STATUS';
  return new ModgateError(code, `${shown} answered ${status}: ${said.replace(/^modgate: /, '')}`, {
    next: code === 'UNAUTHORIZED' ? CHECK_TOKEN : next,
  });
}

function noAnswer({ shown }: Destination, cause: unknown): ModgateError {
  const code = systemCode(cause) || (cause instanceof Error ? cause.message : '');
  const isTls = /CERT|TLS|SSL|SELF_SIGNED|ALTNAME|VERIFY|ISSUER/.test(code);
  return new ModgateError(
    isTls ? 'UPSTREAM_TLS' : 'UPSTREAM_UNREACHABLE',
    `no answer from ${shown}: ${code}`,
    {
      cause,
      next: isTls
        ? 'Name the authority of its certificate with --ca.'
        : 'See whether the gateway runs there, or name its address with --server; then do it again: nothing is published twice.',
    },
  );
}
