/**
 * Hosts with real names, all on loopback: a forward proxy leads CONNECT and plain requests for any name to one server,
 * which has a certificate of its own authority for each name. Whoever is given `env` can reach nothing else by HTTP,
 * and every request is noted.
 */
import fs from 'node:fs';
import http, { type RequestListener } from 'node:http';
import https from 'node:https';
import net, { type AddressInfo, type Socket } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { createSecureContext, type SecureContext } from 'node:tls';
import { type Authority, authority } from '../../src/net/certificates.test.kit.ts';
import type { Ending } from './scope.ts';

/** A request that arrived, whoever answered it. */
export interface WebRequest {
  readonly scheme: 'https' | 'http';
  /** without the scheme's own port */
  readonly host: string;
  readonly method: string;
  /** with the query */
  readonly target: string;
  readonly headers: http.IncomingHttpHeaders;
}

interface Page {
  readonly body: string;
  readonly status: number;
  readonly headers: http.OutgoingHttpHeaders;
}

export class Web {
  readonly requests: WebRequest[] = [];
  /** what the proxy was asked for: "CONNECT corp.example:443", "GET http://corp.example/x" */
  readonly asked: string[] = [];
  readonly #authority: Authority;
  readonly #folder: string;
  readonly #hosts = new Map<string, RequestListener>();
  readonly #pages = new Map<string, Page>();
  readonly #contexts = new Map<string, Promise<SecureContext>>();
  readonly #sockets = new Set<Socket>();
  readonly #secure: https.Server;
  readonly #proxy: http.Server;

  private constructor(own: Authority) {
    this.#authority = own;
    this.#folder = fs.mkdtempSync(path.join(os.tmpdir(), 'modgate-web-'));
    fs.writeFileSync(this.ca, own.cert);
    this.#secure = https.createServer(
      { SNICallback: (name, done) => void this.#context(name, done) },
      (q, a) => this.#answer('https', q, a),
    );
    this.#secure.on('tlsClientError', () => undefined);
    this.#proxy = http.createServer((q, a) => {
      this.asked.push(`${q.method} ${q.url}`);
      this.#answer('http', q, a);
    });
    this.#proxy.on('connect', (request, socket: Socket) => this.#tunnel(request.url ?? '', socket));
    for (const server of [this.#secure, this.#proxy])
      server.on('connection', (socket: Socket) => this.#hold(socket));
  }

  /** @param ending closes it; without, whoever started it does */
  static async start(ending?: Ending): Promise<Web> {
    const web = new Web(await authority());
    await Promise.all([listen(web.#secure), listen(web.#proxy)]);
    ending?.after(() => web.close());
    return web;
  }

  /** PEM file of the authority. */
  get ca(): string {
    return path.join(this.#folder, 'ca.pem');
  }

  get proxy(): string {
    return `http://127.0.0.1:${portOf(this.#proxy)}`;
  }

  /** For a process that shall find these hosts: Node's own trust, git's, and Go's. */
  get env(): Record<string, string> {
    return {
      HTTPS_PROXY: this.proxy,
      HTTP_PROXY: this.proxy,
      https_proxy: this.proxy,
      http_proxy: this.proxy,
      NO_PROXY: '',
      no_proxy: '',
      NODE_EXTRA_CA_CERTS: this.ca,
      GIT_SSL_CAINFO: this.ca,
      SSL_CERT_FILE: this.ca,
    };
  }

  /** Answers all requests to a host that no page answers. */
  host(name: string, listener: RequestListener): void {
    this.#hosts.set(name, listener);
  }

  /**
   * Hands requests to a host on to a server of plain HTTP, such as a git server.
   *
   * @param to its base URL without a slash at the end, or path and query → URL
   */
  forward(name: string, to: string | ((target: string) => string)): void {
    this.host(name, (request, response) => {
      const { method, headers, url: target = '/' } = request;
      const url = typeof to === 'string' ? to + target : to(target);
      const onward = http.request(url, { method, headers }, (answer) => {
        response.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(response);
      });
      onward.on('error', () => response.destroy());
      request.pipe(onward);
    });
  }

  /** What `https://<path>?go-get=1` answers; a host without any page or listener does not exist. */
  page(at: string, body: string, status = 200, headers: http.OutgoingHttpHeaders = {}): void {
    this.#pages.set(at, { body, status, headers });
  }

  /** A page whose head has one go-import tag for each content. */
  tags(at: string, ...contents: readonly string[]): void {
    const metas = contents.map((content) => `<meta name="go-import" content="${content}">`);
    this.page(at, `<!DOCTYPE html>\n<html><head>\n${metas.join('\n')}\n</head><body>Go here</body></html>\n`);
  }

  /** Paths of the pages that were asked for, in order: "corp.example/lib". */
  get pagesAsked(): string[] {
    const suffix = '?go-get=1';
    return this.requests
      .filter(({ target }) => target.endsWith(suffix))
      .map(({ host, target }) => pathOf(host, target.slice(0, -suffix.length)));
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await Promise.all(
      [this.#secure, this.#proxy].map((server) => new Promise((resolve) => server.close(resolve))),
    );
    fs.rmSync(this.#folder, { recursive: true, force: true });
  }

  #answer(scheme: 'https' | 'http', request: http.IncomingMessage, response: http.ServerResponse): void {
    const whole = new URL(request.url ?? '/', `${scheme}://${request.headers.host ?? 'unknown'}`);
    const target = whole.pathname + whole.search;
    request.url = target;
    const { method = '', headers } = request;
    this.requests.push({ scheme, host: whole.host, method, target, headers });
    const page =
      whole.search === '?go-get=1' ? this.#pages.get(pathOf(whole.host, whole.pathname)) : undefined;
    const listener = this.#hosts.get(whole.host);
    if (page !== undefined)
      response.writeHead(page.status, { 'content-type': 'text/html', ...page.headers }).end(page.body);
    else if (listener !== undefined) listener(request, response);
    else response.writeHead(404, { 'content-type': 'text/plain' }).end('no such page\n');
  }

  #tunnel(authorityForm: string, socket: Socket): void {
    this.asked.push(`CONNECT ${authorityForm}`);
    const host = authorityForm.replace(/:443$/, '');
    if (!this.#exists(host)) {
      socket.end('HTTP/1.1 502 No such host\r\ncontent-length: 0\r\n\r\n');
      return;
    }
    const onward = net.connect(portOf(this.#secure), '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
      socket.pipe(onward).pipe(socket);
    });
    this.#hold(onward);
    socket.on('close', () => onward.destroy());
    onward.on('close', () => socket.destroy());
  }

  #exists(host: string): boolean {
    if (this.#hosts.has(host)) return true;
    return [...this.#pages.keys()].some((at) => at === host || at.startsWith(`${host}/`));
  }

  async #context(name: string, done: (error: Error | null, context?: SecureContext) => void): Promise<void> {
    const made = this.#contexts.get(name) ?? this.#authority.issue({ host: name }).then(createSecureContext);
    this.#contexts.set(name, made);
    let context: SecureContext;
    try {
      context = await made;
    } catch (error) {
      done(error instanceof Error ? error : new Error(String(error)));
      return;
    }
    done(null, context);
  }

  #hold(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on('error', () => undefined);
    socket.once('close', () => this.#sockets.delete(socket));
  }
}

/** A page is named as the module path is: without a slash at its end. */
function pathOf(host: string, pathname: string): string {
  return `${host}${pathname}`.replace(/\/$/, '');
}

function listen(server: net.Server): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => resolve());
  });
}

function portOf(server: net.Server): number {
  const address: AddressInfo | string | null = server.address();
  return address === null || typeof address === 'string' ? 0 : address.port;
}
