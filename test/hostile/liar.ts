/** An upstream that answers in raw bytes, so that it can lie about anything HTTP says of itself. */
import net from 'node:net';
import type { Fixture } from '../kit/fixture.ts';
import { fixture } from '../kit/modules.ts';

/** What is sent for a request, and how it goes on. */
export interface Lie {
  /** latin1 */
  readonly bytes: string | Buffer;
  /** sent again and again until the other side closes */
  readonly forever?: string | Buffer;
  /** ms between two of `forever`; default: as fast as it is taken */
  readonly every?: number;
  /** FIN behind the bytes */
  readonly end?: boolean;
}

export class Liar {
  /** the next answers, by a piece of the request's path */
  readonly lies = new Map<string, Lie>();
  readonly asked: string[] = [];
  readonly #server: net.Server;
  readonly #sockets = new Set<net.Socket>();
  readonly #truth: Fixture = fixture();

  private constructor() {
    this.#server = net.createServer((socket) => this.#talk(socket));
  }

  static async start(): Promise<Liar> {
    const liar = new Liar();
    await new Promise<void>((resolve) => liar.#server.listen(0, '127.0.0.1', resolve));
    return liar;
  }

  get url(): string {
    // A TCP server's address is an object; only a pipe's is a string.
    return `http://127.0.0.1:${(this.#server.address() as net.AddressInfo).port}`;
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  #talk(socket: net.Socket): void {
    this.#sockets.add(socket);
    socket.on('close', () => this.#sockets.delete(socket));
    socket.on('error', () => undefined);
    let text = '';
    socket.setEncoding('latin1').on('data', (piece: string) => {
      text += piece;
      for (let at = text.indexOf('\r\n\r\n'); at >= 0; at = text.indexOf('\r\n\r\n')) {
        const path = decodeURIComponent(text.split(' ', 2)[1] ?? '');
        text = text.slice(at + 4);
        this.asked.push(path);
        this.#answer(socket, path);
      }
    });
  }

  #answer(socket: net.Socket, path: string): void {
    const lie = [...this.lies].find(([where]) => path.includes(where))?.[1];
    if (lie === undefined) {
      const truth = this.#truth.answer(path);
      if (truth === undefined) socket.write('HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n');
      else
        socket.write(
          Buffer.concat([
            Buffer.from(`HTTP/1.1 200 OK\r\nContent-Length: ${truth.body.length}\r\n\r\n`),
            truth.body,
          ]),
        );
      return;
    }
    socket.write(lie.bytes, 'latin1');
    if (lie.forever !== undefined) repeat(socket, lie.forever, lie.every ?? 0);
    else if (lie.end === true) socket.end();
  }
}

function repeat(socket: net.Socket, bytes: string | Buffer, every: number): void {
  if (socket.destroyed) return;
  const again = () => repeat(socket, bytes, every);
  if (every > 0) {
    socket.write(bytes, 'latin1');
    setTimeout(again, every).unref();
  } else if (socket.write(bytes, 'latin1')) setImmediate(again);
  else socket.once('drain', again);
}
