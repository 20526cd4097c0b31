/** Requests of the soak: kept connections, an answer as it came, and how it ended where none came whole. */
import http from 'node:http';

/** ms; the gateway's own patience is shorter, so a caller that waits longer was forgotten */
const LIMIT = 40_000;

export interface Asked {
  readonly method?: 'GET' | 'HEAD';
  readonly headers?: Readonly<Record<string, string>>;
  /** leaves after the first bytes of the body */
  readonly leave?: boolean;
}

export type Outcome =
  | {
      readonly kind: 'answer';
      readonly status: number;
      readonly headers: http.IncomingHttpHeaders;
      readonly body: Buffer;
    }
  /** the connection broke, before or in the body */
  | { readonly kind: 'broken'; readonly why: string }
  | { readonly kind: 'left' }
  | { readonly kind: 'forgotten' };

const agent = new http.Agent({ keepAlive: true, maxSockets: 64 });

export function ask(base: string, path: string, { method = 'GET', headers = {}, leave }: Asked = {}) {
  const { hostname, port } = new URL(base);
  return new Promise<Outcome>((resolve) => {
    const request = http.request({ hostname, port, path, method, headers, agent });
    const timer = setTimeout(() => {
      resolve({ kind: 'forgotten' });
      request.destroy();
    }, LIMIT);
    const end = (outcome: Outcome) => {
      clearTimeout(timer);
      resolve(outcome);
    };
    request.on('error', (error) => end({ kind: 'broken', why: String(error) }));
    request.on('response', (response) => {
      const parts: Buffer[] = [];
      response.on('data', (part: Buffer) => {
        parts.push(part);
        if (leave !== true) return;
        end({ kind: 'left' });
        request.destroy();
      });
      response.on('error', (error) => end({ kind: 'broken', why: String(error) }));
      response.on('end', () => {
        const body = Buffer.concat(parts);
        end({ kind: 'answer', status: response.statusCode ?? 0, headers: response.headers, body });
      });
    });
    request.end();
  });
}

export function hangUp(): void {
  agent.destroy();
}
