/**
 * A small Internet on loopback: hosts with certificates of the tests' own authority behind an HTTP proxy, so that real
 * programs ask for https://corp.example/… without knowing that they are in a test.
 */
import fs from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import net, { type AddressInfo } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import tls from 'node:tls';
import { authority } from '../../src/net/certificates.test.kit.ts';

/** Path and query → what answers, as a URL on loopback. */
export type Site = (target: string) => string;

export class Internet {
  /** "https://host/path" of every request, in order */
  readonly requests: string[] = [];
  /** "host:port" of every tunnel that was asked for to a host that does not exist here */
  readonly strangers: string[] = [];
  readonly #folder: string;
  readonly #proxy = http.createServer((_request, response) => response.writeHead(502).end());
  readonly #server: https.Server;

  private constructor(
    sites: ReadonlyMap<string, Site>,
    contexts: ReadonlyMap<string, tls.SecureContext>,
    ca: string,
  ) {
    this.#folder = fs.mkdtempSync(path.join(os.tmpdir(), 'modgate-ca-'));
    fs.writeFileSync(path.join(this.#folder, 'ca.pem'), ca);
    this.#server = https.createServer({ SNICallback: (host, done) => done(null, contexts.get(host)) });
    this.#server.on('request', (request: http.IncomingMessage, response: http.ServerResponse) => {
      const host = (request.headers.host ?? '').replace(/:\d+$/, '');
      const site = sites.get(host);
      this.requests.push(`https://${host}${request.url}`);
      if (site === undefined) response.writeHead(404).end();
      else forward(request, response, site(request.url ?? '/'));
    });
    this.#proxy.on('connect', (request, socket, head) => {
      socket.on('error', () => undefined);
      if (!sites.has((request.url ?? '').replace(/:443$/, ''))) {
        this.strangers.push(request.url ?? '');
        socket.end('HTTP/1.1 502 No Such Host\r\n\r\n');
        return;
      }
      const onward = net.connect(portOf(this.#server), '127.0.0.1', () => {
        socket.write('HTTP/1.1 200 Connected\r\n\r\n');
        onward.write(head);
        socket.pipe(onward).pipe(socket);
      });
      onward.on('error', () => socket.destroy());
    });
  }

  static async start(sites: Readonly<Record<string, Site>>): Promise<Internet> {
    const ca = await authority();
    const contexts = new Map<string, tls.SecureContext>();
    for (const host of Object.keys(sites))
      contexts.set(host, tls.createSecureContext(await ca.issue({ host })));
    const internet = new Internet(new Map(Object.entries(sites)), contexts, ca.cert);
    for (const server of [internet.#proxy, internet.#server])
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return internet;
  }

  /** Leads git, Node and the go command here, and to nowhere else. */
  get env(): Record<string, string> {
    const proxy = `http://127.0.0.1:${portOf(this.#proxy)}`;
    const ca = path.join(this.#folder, 'ca.pem');
    return {
      HTTP_PROXY: proxy,
      HTTPS_PROXY: proxy,
      GIT_SSL_CAINFO: ca,
      NODE_EXTRA_CA_CERTS: ca,
      SSL_CERT_FILE: ca,
    };
  }

  async close(): Promise<void> {
    for (const server of [this.#proxy, this.#server]) {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    }
    fs.rmSync(this.#folder, { recursive: true, force: true });
  }
}

function forward(request: http.IncomingMessage, response: http.ServerResponse, target: string): void {
  const onward = http.request(target, { method: request.method, headers: request.headers }, (answer) => {
    response.writeHead(answer.statusCode ?? 502, answer.headers);
    answer.pipe(response);
  });
  onward.on('error', () => response.destroy());
  request.pipe(onward);
}

function portOf(server: net.Server): number {
  // A TCP server's address is an object; only a pipe's is a string.
  return (server.address() as AddressInfo).port;
}
