import type { OutgoingHttpHeader, ServerResponse } from 'node:http';
import type { Clock } from '../observe/index.ts';
import type { Incoming, Outgoing } from './message.ts';

/** The status line and headers of a 200 as they go over the wire, but for those that differ each time. */
export function flatHead(headers: readonly OutgoingHttpHeader[]): string {
  let head = 'HTTP/1.1 200 OK\r\n';
  for (let i = 0; i + 1 < headers.length; i += 2)
    head += `${String(headers[i])}: ${String(headers[i + 1])}\r\n`;
  return head;
}

/**
 * Sends head and body in one write. node:http checks each header again at each answer and hands a small body and an
 * empty end to the kernel as two pieces; both cost more than the whole rest of a hit (docs/decisions/0012).
 *
 * It rests on ServerResponse keeping its head in `_header` until the first write, as every Node from 8 to 26 does.
 * Where that is not so, or the connection is not a plain kept HTTP/1.1 one, nothing is sent and the answer is false.
 */
export class OneWrite {
  readonly #clock: Clock;
  readonly #connection: string;
  /** seconds since the epoch, and its header */
  #second = -1;
  #date = '';

  /** @param keepAlive ms that the listener keeps an idle connection */
  constructor(clock: Clock, keepAlive: number) {
    this.#clock = clock;
    this.#connection = `Connection: keep-alive\r\nKeep-Alive: timeout=${Math.floor(keepAlive / 1000)}\r\n\r\n`;
  }

  send(req: Incoming, res: Outgoing, head: string, id: string, text: string): boolean {
    if (req.httpVersionMinor !== 1 || !hasHead(res) || !res.shouldKeepAlive) return false;
    res._header = `${head}X-Request-Id: ${id}\r\n${this.#dateHeader()}${this.#connection}${text}`;
    res.end();
    return true;
  }

  #dateHeader(): string {
    const second = Math.floor(this.#clock.now() / 1000);
    if (second !== this.#second) {
      this.#second = second;
      this.#date = `Date: ${new Date(second * 1000).toUTCString()}\r\n`;
    }
    return this.#date;
  }
}

function hasHead(res: Outgoing): res is ServerResponse & { _header: string | null } {
  return '_header' in res && res._header === null;
}
