import type { OutgoingHttpHeader } from 'node:http';
import { toModgateError } from '../errors/index.ts';
import type { Metrics } from '../observe/index.ts';
import type { Exchange } from './exchange.ts';
import { catalogJson, indexText, type ReadIndex } from './index-page.ts';
import type { Page } from './route.ts';

/** What a part of the gateway says of itself. */
export interface PartState {
  readonly name: string;
  readonly ok: boolean;
  /** for anyone */
  readonly detail: string;
  /** what only the administrator may read, such as paths */
  readonly inside?: string;
}

export interface PagesDeps {
  readonly build: { readonly version: string; readonly commit: string; readonly date: string };
  readonly metrics: Pick<Metrics, 'contentType' | 'expose'>;
  /** What misses need: hits are served without, so a fault in them degrades the gateway and does not take it out. */
  readonly parts: () => Promise<readonly PartState[]>;
  readonly stopping: () => boolean;
  /** what is stored; default: nothing */
  readonly index?: ReadIndex;
}

/** The pages for who runs the gateway. */
export class Pages {
  readonly #deps: PagesDeps;

  constructor(deps: PagesDeps) {
    this.#deps = deps;
  }

  /**
   * @param address by which the caller reaches the gateway, e.g. https://modgate.example/goproxy
   * @param all also what is for the administrator only
   */
  async send(exchange: Exchange, page: Page, address: string, all = false): Promise<void> {
    switch (page) {
      case '/':
        return exchange.sendText(200, home(address));
      case '/healthz':
        return exchange.sendText(200, 'ok\n');
      case '/readyz':
        return this.#ready(exchange, all);
      case '/version':
        return sendJson(exchange, 200, {
          name: 'modgate',
          ...this.#deps.build,
          node: process.version,
        });
      case '/metrics':
        return this.#metrics(exchange);
      case '/index':
        return sendLines(exchange, indexText(queryOf(exchange), this.#index));
      case '/catalog':
        return sendJson(exchange, 200, catalogJson(queryOf(exchange), this.#index));
    }
  }

  get #index(): ReadIndex {
    return this.#deps.index ?? (() => []);
  }

  async #ready(exchange: Exchange, all: boolean): Promise<void> {
    const parts = await this.#deps.parts();
    const stopping = this.#deps.stopping();
    const status = stopping ? 'stopping' : parts.every(({ ok }) => ok) ? 'ready' : 'degraded';
    const told = parts.map(({ name, ok, detail, inside }) =>
      all && inside !== undefined ? { name, ok, detail: `${detail}: ${inside}` } : { name, ok, detail },
    );
    sendJson(exchange, stopping ? 503 : 200, { status, parts: told });
  }

  async #metrics(exchange: Exchange): Promise<void> {
    const { metrics } = this.#deps;
    const text = await metrics.expose().catch((thrown: unknown) => {
      throw toModgateError(thrown);
    });
    const headers = [
      'Content-Type',
      metrics.contentType,
      'Content-Length',
      String(Buffer.byteLength(text)),
      'Cache-Control',
      'no-store',
    ];
    exchange.send(200, headers, text);
  }
}

function home(address: string): string {
  return `modgate, a Go module gateway

Use it:        go env -w GOPROXY=${address}
Is it alive:   ${address}/healthz
Is it ready:   ${address}/readyz
Its version:   ${address}/version
Its metrics:   ${address}/metrics
What it has:   ${address}/index?since=TIME and ${address}/catalog

A reverse proxy in front may pass on less: as modgate config writes it, the pages with --pages only, and
/metrics, /index and /catalog never.
`;
}

function queryOf({ url }: Exchange): URLSearchParams {
  return new URLSearchParams(url.split('?')[1] ?? '');
}

/** One JSON object a line. */
function sendLines(exchange: Exchange, text: string): void {
  const length = String(Buffer.byteLength(text));
  const headers = [
    'Content-Type',
    'application/x-ndjson',
    'Content-Length',
    length,
    'Cache-Control',
    'no-store',
  ];
  exchange.send(200, headers, text);
}

export function sendJson(
  exchange: Exchange,
  status: number,
  value: unknown,
  further: OutgoingHttpHeader[] = [],
): void {
  const text = `${JSON.stringify(value, undefined, 2)}\n`;
  exchange.send(
    status,
    [
      'Content-Type',
      'application/json',
      'Content-Length',
      String(Buffer.byteLength(text)),
      'Cache-Control',
      'no-store',
      ...further,
    ],
    text,
  );
}
