/** Bytes on a socket of their own, and what comes back: taken apart strictly, so that no byte is left unexplained. */
import net from 'node:net';
import { bounded } from '../kit/wait.ts';

export interface Reply {
  readonly status: number;
  /** lower-case names */
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
}

export interface Talk {
  readonly replies: readonly Reply[];
  /** what is no whole answer */
  readonly rest: string;
}

interface TalkOptions {
  /** whether the answer with this id answers a HEAD, and so has no body */
  readonly isHead: (id: string) => boolean;
  /** ms without a byte after which the sending side is ended, since the server seems to wait for more of a request */
  readonly silence: number;
}

/** Sends the bytes, and reads until the server closes. */
export async function talk(base: string, bytes: string, { isHead, silence }: TalkOptions): Promise<Talk> {
  return split(await exchange(base, bytes, silence), isHead);
}

/** As latin1 in both directions: each character is one byte. */
function exchange(base: string, bytes: string, silence: number): Promise<string> {
  const { port, hostname } = new URL(base);
  const got = new Promise<string>((resolve) => {
    let text = '';
    const socket = net.connect({ port: Number(port), host: hostname, allowHalfOpen: true });
    socket.setEncoding('latin1');
    // Node's server gives up what it is still working on when the sending side ends, so it may not end at once.
    socket.setTimeout(silence, () => socket.end());
    socket.on('data', (piece: string) => {
      text += piece;
    });
    // A server that refuses closes before all is sent; what it said before counts.
    socket.on('error', () => undefined);
    socket.on('end', () => socket.destroy());
    socket.on('close', () => resolve(text));
    socket.write(Buffer.from(bytes, 'latin1'));
  });
  return bounded(got, `the end of ${JSON.stringify(bytes.slice(0, 200))}`);
}

function split(text: string, isHead: (id: string) => boolean): Talk {
  const replies: Reply[] = [];
  let rest = text;
  for (;;) {
    const head = /^HTTP\/1\.1 (\d{3}) [^\r\n]*\r\n((?:[!-9;-~]+: [^\r\n]*\r\n)*)\r\n/.exec(rest);
    if (head === null) return { replies, rest };
    const [all, status = '', lines = ''] = head;
    const headers = new Map(lines.split('\r\n').map(pair));
    const body = bodyOf(rest.slice(all.length), Number(status), headers, isHead);
    if (body === undefined) return { replies, rest };
    if (Number(status) >= 200) replies.push({ status: Number(status), headers, body: body.text });
    rest = rest.slice(all.length + body.length);
  }
}

function pair(line: string): [string, string] {
  const at = line.indexOf(': ');
  return [line.slice(0, at).toLowerCase(), line.slice(at + 2)];
}

interface Body {
  readonly text: string;
  /** characters that it takes up on the wire */
  readonly length: number;
}

function bodyOf(
  rest: string,
  status: number,
  headers: ReadonlyMap<string, string>,
  isHead: (id: string) => boolean,
): Body | undefined {
  if (status < 200 || status === 304 || isHead(headers.get('x-request-id') ?? ''))
    return { text: '', length: 0 };
  if (headers.get('transfer-encoding') === 'chunked') return chunksOf(rest);
  const length = Number(headers.get('content-length') ?? Number.NaN);
  return rest.length >= length ? { text: rest.slice(0, length), length } : undefined;
}

function chunksOf(rest: string): Body | undefined {
  let text = '';
  for (let at = 0; ; ) {
    const [line, digits] = /^([0-9a-f]+)\r\n/i.exec(rest.slice(at, at + 20)) ?? [];
    if (line === undefined || digits === undefined) return undefined;
    const [start, size] = [at + line.length, Number.parseInt(digits, 16)];
    if (rest.slice(start + size, start + size + 2) !== '\r\n') return undefined;
    text += rest.slice(start, start + size);
    at = start + size + 2;
    if (size === 0) return { text, length: at };
  }
}
