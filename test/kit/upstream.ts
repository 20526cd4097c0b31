/** A GOPROXY of the tests' own on loopback: serves the fixture, notes every request, breaks as it is told. */
import http from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { answerWith, type Fault } from './faults.ts';
import type { Fixture, FixtureAnswer } from './fixture.ts';
import { fixture } from './modules.ts';
import { SumDatabase } from './sumdb.ts';
import { bounded } from './wait.ts';

/** A piece of the unescaped URL path, or a pattern of it. */
export type Where = string | RegExp;

export interface Seen {
  readonly method: string;
  /** percent-decoded */
  readonly path: string;
  /** as it came */
  readonly rawPath: string;
  readonly headers: http.IncomingHttpHeaders;
  /** resolves when the answer is over: 'finished', or 'left' where the connection closed before */
  readonly over: Promise<'finished' | 'left'>;
}

interface Rule {
  readonly where: Where;
  readonly fault: Fault;
  left: number;
}

interface Watcher {
  readonly where: Where;
  readonly resolve: (seen: Seen) => void;
}

export class Upstream {
  readonly fixture: Fixture;
  readonly sumdb: SumDatabase;
  readonly requests: Seen[] = [];
  /** unescaped path → answer, before the fixture is asked */
  readonly answers = new Map<string, FixtureAnswer>();
  readonly #server: http.Server;
  readonly #sockets = new Set<Socket>();
  readonly #rules: Rule[] = [];
  readonly #watchers = new Set<Watcher>();
  readonly #holds = new Set<{ readonly path: string; readonly release: () => void }>();
  #port = 0;

  private constructor(content: Fixture) {
    this.fixture = content;
    this.sumdb = new SumDatabase('sum.modgate.test', content.sums());
    this.#server = http.createServer((request, response) => this.#handle(request, response));
    this.#server.on('connection', (socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
      socket.on('error', () => undefined);
    });
  }

  static async start(content: Fixture = fixture(), port = 0): Promise<Upstream> {
    const upstream = new Upstream(content);
    await upstream.#listen(port);
    return upstream;
  }

  /** Without a trailing slash. */
  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  get port(): number {
    return this.#port;
  }

  /** Breaks what matches from now on; the newest rule wins. Returns what takes it back. */
  fault(where: Where, fault: Fault, times = Number.POSITIVE_INFINITY): () => void {
    const rule: Rule = { where, fault, left: times };
    this.#rules.unshift(rule);
    return () => {
      const at = this.#rules.indexOf(rule);
      if (at >= 0) this.#rules.splice(at, 1);
    };
  }

  heal(): void {
    this.#rules.length = 0;
    this.release();
  }

  /** Ends the hangs that match; their right answers go on. */
  release(where: Where = ''): void {
    for (const hold of this.#holds) if (matches(where, hold.path)) hold.release();
  }

  /** Nobody listens any more: a dial is refused. */
  async refuse(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  /** Listens again, on the same port. */
  async accept(): Promise<void> {
    await this.#listen(this.#port);
  }

  seen(where: Where): Seen[] {
    return this.requests.filter((request) => matches(where, request.path));
  }

  count(where: Where = ''): number {
    return this.seen(where).length;
  }

  forget(): void {
    this.requests.length = 0;
  }

  /** The next request that matches; ask before it is made. */
  next(where: Where): Promise<Seen> {
    const found = new Promise<Seen>((resolve) => this.#watchers.add({ where, resolve }));
    return bounded(found, `a request for ${where} at the upstream`);
  }

  async close(): Promise<void> {
    this.release();
    if (this.#server.listening) await this.refuse();
  }

  #listen(port: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(port, '127.0.0.1', () => {
        this.#server.off('error', reject);
        // A TCP server's address is an object; only a pipe's is a string.
        this.#port = (this.#server.address() as AddressInfo).port;
        resolve();
      });
    });
  }

  #handle(request: http.IncomingMessage, response: http.ServerResponse): void {
    const rawPath = request.url ?? '/';
    const path = decoded(rawPath);
    const over = new Promise<'finished' | 'left'>((resolve) => {
      response.on('close', () => resolve(response.writableFinished ? 'finished' : 'left'));
    });
    const seen: Seen = { method: request.method ?? '', path, rawPath, headers: request.headers, over };
    this.requests.push(seen);
    for (const watcher of this.#watchers) {
      if (!matches(watcher.where, path)) continue;
      this.#watchers.delete(watcher);
      watcher.resolve(seen);
    }
    const released = new Promise<void>((resolve) => {
      const hold = { path, release: () => resolve() };
      this.#holds.add(hold);
      response.on('close', () => {
        this.#holds.delete(hold);
        resolve();
      });
    });
    const answer = this.answers.get(path) ?? this.sumdb.answer(path) ?? this.fixture.answer(path);
    answerWith(this.#faultFor(path), request, response, answer, released).catch(() =>
      request.socket.destroy(),
    );
  }

  #faultFor(path: string): Fault | undefined {
    const rule = this.#rules.find((one) => one.left > 0 && matches(one.where, path));
    if (rule !== undefined) rule.left -= 1;
    return rule?.fault;
  }
}

/** The path as it came where it cannot be decoded; nothing of the fixture is there. */
function decoded(rawPath: string): string {
  try {
    return decodeURIComponent(rawPath);
  } catch {
    return rawPath;
  }
}

function matches(where: Where, path: string): boolean {
  return typeof where === 'string' ? path.includes(where) : where.test(path);
}
