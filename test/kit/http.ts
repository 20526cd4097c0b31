/** Requests that reach the server as they are written: no path is normalized, no answer decoded. */
import http from 'node:http';
import net from 'node:net';
import { bounded, PATIENCE } from './wait.ts';

export interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
  readonly text: string;
}

export interface Ask {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
  /** ms */
  readonly limit?: number;
  /** default: a connection of its own */
  readonly agent?: http.Agent;
}

/** One whole request on a connection of its own. Fails where the answer is cut off. */
export async function ask(base: string, path: string, options: Ask = {}): Promise<Reply> {
  const response = await open(base, path, options);
  const body = await bounded(readAll(response), `the body of ${path}`, options.limit);
  return {
    status: response.statusCode ?? 0,
    headers: flat(response.headers),
    body,
    text: body.toString('utf8'),
  };
}

/** The answer's headers; the caller reads the body, or destroys it. */
export async function open(base: string, path: string, options: Ask = {}): Promise<http.IncomingMessage> {
  const url = new URL(base);
  const prefix = url.pathname.replace(/\/$/, '');
  const response = new Promise<http.IncomingMessage>((resolve, reject) => {
    const request = http.request({
      host: url.hostname,
      port: url.port === '' ? 80 : url.port,
      path: prefix + path,
      method: options.method ?? 'GET',
      headers: options.headers ?? {},
      agent: options.agent ?? false,
      ...(options.signal === undefined ? {} : { signal: options.signal }),
    });
    request.on('response', resolve);
    request.on('error', reject);
    request.end();
  });
  return bounded(response, `the answer to ${path}`, options.limit);
}

/** Fails with the stream's error, or where it ends before its content-length. */
export async function readAll(response: http.IncomingMessage): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of response) pieces.push(piece);
  return Buffer.concat(pieces);
}

function flat(headers: http.IncomingHttpHeaders): Record<string, string> {
  const entries = Object.entries(headers).map(([name, value]) => [
    name,
    Array.isArray(value) ? value.join(', ') : (value ?? ''),
  ]);
  return Object.fromEntries(entries);
}

/** Bytes as they are on a socket of their own → what comes back until the server closes. */
export function raw(base: string, bytes: string | Buffer): Promise<string> {
  const url = new URL(base);
  const answer = new Promise<string>((resolve, reject) => {
    const socket = net.connect(Number(url.port), url.hostname, () => socket.write(bytes));
    let text = '';
    socket.setEncoding('latin1');
    socket.on('data', (piece: string) => {
      text += piece;
    });
    socket.on('end', () => socket.end());
    socket.on('close', () => resolve(text));
    socket.on('error', (error) => (text === '' ? reject(error) : resolve(text)));
  });
  return bounded(answer, `the answer to ${JSON.stringify(bytes.slice(0, 60))}`, PATIENCE);
}
