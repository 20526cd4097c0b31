import { rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';

/** bytes; whatever limits.header let through, and a little more */
const MAX_HEADER = 16 << 20;
/** ms between two looks for connections that have become idle while the worker stops */
const IDLE_CHECK = 100;

/**
 * The inner socket of a worker, which the relays of the others dial. Its folder is closed to everybody else, so
 * whoever gets here is one of them.
 */
export class RelayServer {
  readonly #path: string;
  readonly #server: Server;

  /** @param path at most 107 bytes (unix(7), sun_path) */
  constructor(path: string, handle: (req: IncomingMessage, res: ServerResponse) => void) {
    this.#path = path;
    // The relay closes its idle connections itself; an end from this side would meet a request on its way.
    this.#server = createServer(
      { keepAliveTimeout: 0, requestTimeout: 0, maxHeaderSize: MAX_HEADER },
      handle,
    );
  }

  /** The socket of a worker that was killed stands in the way; the supervisor gives each path to one at a time. */
  async listen(): Promise<void> {
    rmSync(this.#path, { force: true });
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      // Exclusive: not by way of the supervisor, which would share it among the workers.
      this.#server.listen({ path: this.#path, exclusive: true, backlog: 1024 }, () => {
        this.#server.off('error', reject);
        resolve();
      });
    });
  }

  /** Lets running answers end, and breaks what is left after the limit (ms). */
  async close(limit: number): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    const idle = setInterval(() => this.#server.closeIdleConnections(), IDLE_CHECK);
    const rest = setTimeout(() => this.#server.closeAllConnections(), limit);
    await closed;
    clearInterval(idle);
    clearTimeout(rest);
  }
}
