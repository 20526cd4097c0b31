/** Git over HTTP: the real `git http-backend` behind a server that notes every request and breaks as it is told. */
import { execFileSync, spawn } from 'node:child_process';
import http from 'node:http';
import https from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';
import { GIT_ENV } from './git.ts';
import { bounded } from './wait.ts';

/** What a request is about: the offer of refs, protocol v2's list of refs, objects, or anything else. */
export type GitStep = 'info' | 'ls-refs' | 'fetch' | 'other';

export interface GitSeen {
  readonly method: string;
  /** with the query, percent-decoded */
  readonly path: string;
  readonly step: GitStep;
  readonly headers: http.IncomingHttpHeaders;
  /** 'finished', or 'left' where the connection closed before */
  readonly over: Promise<'finished' | 'left'>;
}

export type GitFault =
  /** so many bytes of the right answer, then nothing until the client leaves or the server is healed */
  | { readonly kind: 'stall'; readonly after: number }
  /** so many bytes of the right answer, then the connection is broken */
  | { readonly kind: 'cut'; readonly after: number }
  /** so many bytes of the right answer, then a clean end */
  | { readonly kind: 'short'; readonly after: number }
  /** every byte from there on is another one */
  | { readonly kind: 'garble'; readonly from: number }
  /** pieces of so many bytes, ms apart */
  | { readonly kind: 'slow'; readonly bytes: number; readonly pause: number }
  | { readonly kind: 'status'; readonly status: number; readonly headers?: Record<string, string> }
  /** to the same path and query below another base URL */
  | { readonly kind: 'redirect'; readonly base: string }
  | { readonly kind: 'body'; readonly type: string; readonly body: string };

export interface GitServerOptions {
  /** folder of the repositories */
  readonly folder: string;
  /** PEM; given: https */
  readonly tls?: { readonly cert: string; readonly key: string };
  /** false: protocol v0 only; default true */
  readonly v2?: boolean;
  /** false: a filter is ignored; default true */
  readonly filter?: boolean;
  /** true: protocol v0 hands out any hash too (v2 always does); default false */
  readonly anyHash?: boolean;
}

export interface Wanted {
  readonly username?: string;
  readonly password: string;
}

type Admits = (username: string, password: string) => boolean;
/** A step, a piece of the path, or a pattern of it. */
type Where = string | RegExp;

interface Rule {
  readonly where: Where;
  readonly fault: GitFault;
  left: number;
}

const BACKEND = path.join(
  execFileSync('git', ['--exec-path'], { encoding: 'utf8' }).trim(),
  'git-http-backend',
);
/**
 * The first bit is in it, so that no hex digit becomes another one: a length of a packet that is garbled to a longer one
 * would make a broken connection of it, now and then, since git chooses the packets' lengths by the moment.
 */
export const GARBLE = 0xa5;
const STEPS: readonly string[] = ['info', 'ls-refs', 'fetch'];

export class GitServer {
  readonly requests: GitSeen[] = [];
  /** path with query → page, before git is asked; for `?go-get=1` */
  readonly pages = new Map<
    string,
    { readonly status?: number; readonly type?: string; readonly body: string }
  >();
  readonly #options: GitServerOptions;
  readonly #server: http.Server | https.Server;
  readonly #sockets = new Set<Socket>();
  readonly #rules: Rule[] = [];
  readonly #wanted: { readonly where: Where; readonly admits: Admits }[] = [];
  readonly #watchers = new Set<{ readonly where: Where; readonly resolve: (seen: GitSeen) => void }>();
  readonly #holds = new Set<() => void>();
  #port = 0;

  private constructor(options: GitServerOptions) {
    this.#options = options;
    const handle = (request: http.IncomingMessage, response: http.ServerResponse) => {
      this.#handle(request, response).catch(() => request.socket.destroy());
    };
    this.#server =
      options.tls === undefined ? http.createServer(handle) : https.createServer(options.tls, handle);
    this.#server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
      socket.on('error', () => undefined);
    });
  }

  static async start(options: GitServerOptions): Promise<GitServer> {
    const server = new GitServer(options);
    await server.accept();
    return server;
  }

  /** Without a trailing slash. */
  get url(): string {
    return this.#options.tls === undefined
      ? `http://127.0.0.1:${this.#port}`
      : `https://localhost:${this.#port}`;
  }

  get port(): number {
    return this.#port;
  }

  /** 401 from now on for what matches and has no such basic credentials. */
  require(where: Where, { username, password }: Wanted): void {
    this.admit(where, (user, pass) => pass === password && (username === undefined || user === username));
  }

  /** 401 from now on for what matches and has no basic credentials that are admitted. */
  admit(where: Where, admits: Admits): void {
    this.#wanted.push({ where, admits });
  }

  /** Breaks what matches from now on; the newest rule wins. Returns what takes it back. */
  fault(where: Where, fault: GitFault, times = Number.POSITIVE_INFINITY): () => void {
    const rule: Rule = { where, fault, left: times };
    this.#rules.unshift(rule);
    return () => {
      const at = this.#rules.indexOf(rule);
      if (at >= 0) this.#rules.splice(at, 1);
    };
  }

  /** No faults any more; stalled answers go on. */
  heal(): void {
    this.#rules.length = 0;
    for (const release of this.#holds) release();
  }

  seen(where: Where = ''): GitSeen[] {
    return this.requests.filter((request) => matches(where, request));
  }

  count(where: Where = ''): number {
    return this.seen(where).length;
  }

  forget(): void {
    this.requests.length = 0;
  }

  /** The next request that matches; ask before it is made. */
  next(where: Where): Promise<GitSeen> {
    const found = new Promise<GitSeen>((resolve) => this.#watchers.add({ where, resolve }));
    return bounded(found, `a request for ${where} at the git server`);
  }

  /** Nobody listens any more. */
  async refuse(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  /** Listens again, on the same port. */
  accept(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(this.#port, '127.0.0.1', () => {
        this.#server.off('error', reject);
        // A TCP server's address is an object; only a pipe's is a string.
        this.#port = (this.#server.address() as AddressInfo).port;
        resolve();
      });
    });
  }

  async close(): Promise<void> {
    this.heal();
    if (this.#server.listening) await this.refuse();
  }

  async #handle(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    const over = new Promise<'finished' | 'left'>((resolve) => {
      response.on('close', () => resolve(response.writableFinished ? 'finished' : 'left'));
    });
    const pieces: Buffer[] = [];
    for await (const piece of request) pieces.push(piece);
    const body = Buffer.concat(pieces);
    const seen = describe(request, body, over);
    this.requests.push(seen);
    for (const watcher of this.#watchers) {
      if (!matches(watcher.where, seen)) continue;
      this.#watchers.delete(watcher);
      watcher.resolve(seen);
    }
    if (!this.#admits(seen)) {
      response
        .writeHead(401, { 'www-authenticate': 'Basic realm="git"', 'content-type': 'text/plain' })
        .end('credentials are wanted\n');
      return;
    }
    const rule = this.#rules.find((one) => one.left > 0 && matches(one.where, seen));
    if (rule !== undefined) rule.left -= 1;
    await this.#answer(request, response, seen, body, rule);
  }

  #admits(seen: GitSeen): boolean {
    const rule = this.#wanted.find((one) => matches(one.where, seen));
    if (rule === undefined) return true;
    const [, encoded = ''] = /^Basic (.+)$/i.exec(seen.headers.authorization ?? '') ?? [];
    const [user = '', ...rest] = Buffer.from(encoded, 'base64').toString().split(':');
    return rule.admits(user, rest.join(':'));
  }

  async #answer(
    request: http.IncomingMessage,
    response: http.ServerResponse,
    seen: GitSeen,
    body: Buffer,
    rule: Rule | undefined,
  ): Promise<void> {
    const fault = rule?.fault;
    const page = this.pages.get(seen.path);
    if (fault?.kind === 'status') {
      response.writeHead(fault.status, fault.headers).end(`status ${fault.status}\n`);
    } else if (fault?.kind === 'redirect') {
      response.writeHead(302, { location: fault.base + (request.url ?? '/') }).end();
    } else if (fault?.kind === 'body') {
      response.writeHead(200, { 'content-type': fault.type }).end(fault.body);
    } else if (page !== undefined) {
      response.writeHead(page.status ?? 200, { 'content-type': page.type ?? 'text/html' }).end(page.body);
    } else {
      const answer = await this.#backend(request, body);
      response.writeHead(answer.status, answer.headers);
      await this.#send(response, answer.body, rule);
    }
  }

  async #send(response: http.ServerResponse, body: Buffer, rule: Rule | undefined): Promise<void> {
    const fault = rule?.fault;
    switch (fault?.kind) {
      case 'stall':
        response.write(body.subarray(0, fault.after));
        // Healed meanwhile: git took its time.
        if (rule !== undefined && this.#rules.includes(rule)) await this.#hold(response);
        response.end(body.subarray(fault.after));
        return;
      case 'cut':
        response.write(body.subarray(0, fault.after), () => response.destroy());
        return;
      case 'short':
        response.end(body.subarray(0, fault.after));
        return;
      case 'garble':
        response.end(Buffer.from(body.map((byte, at) => (at < fault.from ? byte : byte ^ GARBLE))));
        return;
      case 'slow':
        for (let at = 0; at < body.length && !response.destroyed; at += fault.bytes) {
          response.write(body.subarray(at, at + fault.bytes));
          await new Promise((resolve) => setTimeout(resolve, fault.pause));
        }
        response.end();
        return;
      default:
        response.end(body);
    }
  }

  /** Until heal() or the client's leaving. */
  #hold(response: http.ServerResponse): Promise<void> {
    return new Promise((resolve) => {
      const release = () => {
        this.#holds.delete(release);
        resolve();
      };
      this.#holds.add(release);
      response.on('close', release);
    });
  }

  /** CGI (RFC 3875), the answer whole in memory: what tests fetch is small. */
  async #backend(
    request: http.IncomingMessage,
    body: Buffer,
  ): Promise<{ status: number; headers: Record<string, string>; body: Buffer }> {
    const url = new URL(request.url ?? '/', 'http://127.0.0.1');
    const { v2 = true, filter = true, anyHash = false } = this.#options;
    const protocol = request.headers['git-protocol'];
    const child = spawn(BACKEND, [], {
      stdio: ['pipe', 'pipe', 'ignore'],
      env: {
        ...GIT_ENV,
        GIT_PROJECT_ROOT: this.#options.folder,
        GIT_HTTP_EXPORT_ALL: '1',
        GIT_CONFIG_COUNT: '3',
        GIT_CONFIG_KEY_0: 'uploadpack.allowFilter',
        GIT_CONFIG_VALUE_0: String(filter),
        GIT_CONFIG_KEY_1: 'uploadpack.allowAnySHA1InWant',
        GIT_CONFIG_VALUE_1: String(anyHash),
        GIT_CONFIG_KEY_2: 'safe.directory',
        GIT_CONFIG_VALUE_2: '*',
        PATH_INFO: decodeURIComponent(url.pathname),
        QUERY_STRING: url.search.slice(1),
        REQUEST_METHOD: request.method ?? 'GET',
        CONTENT_TYPE: request.headers['content-type'] ?? '',
        CONTENT_LENGTH: String(body.length),
        HTTP_CONTENT_ENCODING: request.headers['content-encoding'] ?? '',
        REMOTE_ADDR: '127.0.0.1',
        ...(v2 && typeof protocol === 'string' ? { GIT_PROTOCOL: protocol } : {}),
      },
    });
    child.stdin.on('error', () => undefined);
    child.stdin.end(body);
    const pieces: Buffer[] = [];
    for await (const piece of child.stdout) pieces.push(piece);
    return parseCgi(Buffer.concat(pieces));
  }
}

function describe(request: http.IncomingMessage, body: Buffer, over: GitSeen['over']): GitSeen {
  const target = request.url ?? '/';
  const plain = request.headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body;
  const command = /^[0-9a-f]{4}command=([a-z-]+)/.exec(plain.subarray(0, 64).toString('latin1'))?.[1];
  const upload = target.endsWith('/git-upload-pack');
  const step: GitStep = target.includes('/info/refs?')
    ? 'info'
    : !upload
      ? 'other'
      : command === 'ls-refs'
        ? 'ls-refs'
        : 'fetch';
  return {
    method: request.method ?? '',
    path: decodeURIComponent(target),
    step,
    headers: request.headers,
    over,
  };
}

function parseCgi(bytes: Buffer): { status: number; headers: Record<string, string>; body: Buffer } {
  const end = bytes.indexOf('\r\n\r\n');
  const lines = bytes.subarray(0, Math.max(end, 0)).toString('latin1').split('\r\n');
  const fields = lines.map((line): [string, string] => {
    const colon = line.indexOf(':');
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
  });
  const { status = end < 0 ? '500' : '200', ...headers } = Object.fromEntries(fields);
  return { status: Number.parseInt(status, 10), headers, body: bytes.subarray(end + 4) };
}

function matches(where: Where, seen: GitSeen): boolean {
  if (where instanceof RegExp) return where.test(seen.path);
  return STEPS.includes(where) ? seen.step === where : seen.path.includes(where);
}
