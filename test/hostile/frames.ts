/** Frames of HTTP/2 as bytes (RFC 9113, section 4), written by hand so that any of them may be wrong. */
import { once } from 'node:events';
import tls from 'node:tls';
import { bounded } from '../kit/wait.ts';

export const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
export const TYPE = {
  data: 0,
  headers: 1,
  priority: 2,
  rst: 3,
  settings: 4,
  ping: 6,
  goaway: 7,
  window: 8,
  continuation: 9,
} as const;
export const END_STREAM = 0x1;
export const END_HEADERS = 0x4;
/** ms that a server has to end a flood, or to stop taking it */
const FLOOD = 5000;

export function frame(
  type: number,
  flags: number,
  stream: number,
  payload: Buffer = Buffer.alloc(0),
): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

export function word(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value >>> 0);
  return bytes;
}

/** A field that no table remembers (RFC 7541, 6.2.2); for text below 127 bytes. */
export function field(name: string, value: string): Buffer {
  return Buffer.concat([Buffer.from([0]), text(name), text(value)]);
}

function text(value: string): Buffer {
  return Buffer.concat([Buffer.from([value.length]), Buffer.from(value, 'latin1')]);
}

/** The header block of a GET. */
export function get(path: string, ...more: Buffer[]): Buffer {
  const pseudo = [field(':method', 'GET'), field(':scheme', 'https'), field(':authority', 'x')];
  return Buffer.concat([...pseudo, field(':path', path), ...more]);
}

export function request(stream: number, block: Buffer, flags = END_HEADERS | END_STREAM): Buffer {
  return frame(TYPE.headers, flags, stream, block);
}

/** A connection on which HTTP/2 has been agreed on, and the preface is sent. */
export class Wire {
  readonly socket: tls.TLSSocket;
  received = 0;
  closed = false;
  readonly #gone: Promise<void>;
  #drained: () => void = () => {};
  #rest: Buffer = Buffer.alloc(0);
  /** that the server has sent */
  readonly frames: { readonly type: number; readonly stream: number }[] = [];

  private constructor(socket: tls.TLSSocket) {
    this.socket = socket;
    socket.on('error', () => undefined);
    socket.on('drain', () => this.#drained());
    this.#gone = new Promise((resolve) => {
      socket.on('close', () => {
        this.closed = true;
        resolve();
      });
    });
    socket.on('data', (piece: Buffer) => this.#take(piece));
  }

  /** @param settings the payload of its first SETTINGS */
  static async open(url: string, ca: string, settings: Buffer = Buffer.alloc(0)): Promise<Wire> {
    const { hostname, port } = new URL(url);
    const socket = tls.connect({ host: hostname, port: Number(port), ca, ALPNProtocols: ['h2'] });
    await bounded(once(socket, 'secureConnect'), 'a TLS connection');
    const wire = new Wire(socket);
    socket.write(Buffer.concat([PREFACE, frame(TYPE.settings, 0, 0, settings)]));
    return wire;
  }

  /** The same bytes again and again, until all are taken, the server closes, or it takes no more. */
  async flood(bytes: (n: number) => Buffer, times: number): Promise<void> {
    const end = Date.now() + FLOOD;
    for (let n = 0; n < times && !this.closed && Date.now() < end; n++) {
      if (this.socket.write(bytes(n))) continue;
      const late = new Promise((resolve) => setTimeout(resolve, Math.max(0, end - Date.now())).unref());
      const drained = new Promise<void>((resolve) => {
        this.#drained = resolve;
      });
      await Promise.race([drained, this.#gone, late]);
    }
  }

  async ended(): Promise<void> {
    await bounded(this.#gone, 'the server to close the connection');
  }

  leave(): void {
    this.socket.destroy();
  }

  #take(piece: Buffer): void {
    this.received += piece.length;
    this.#rest = Buffer.concat([this.#rest, piece]);
    while (this.#rest.length >= 9) {
      const end = 9 + this.#rest.readUIntBE(0, 3);
      if (this.#rest.length < end) return;
      this.frames.push({ type: this.#rest.readUInt8(3), stream: this.#rest.readUInt32BE(5) });
      this.#rest = this.#rest.subarray(end);
    }
  }
}
