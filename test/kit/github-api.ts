/** The API of GitHub as far as apps need it: checks each JWT with the app's public key, and gives out tokens. */
import { createPublicKey, generateKeyPairSync, type KeyObject, verify } from 'node:crypto';
import http from 'node:http';

export interface ApiSeen {
  readonly method: string;
  readonly path: string;
  readonly body: unknown;
}

/** s; what the API allows at most */
const LONGEST = 600;

export class GithubApi {
  readonly requests: ApiSeen[] = [];
  /** PEM of the app's private key */
  readonly key: string;
  readonly appId: string;
  /** owner, lower case → number of its installation */
  readonly installations = new Map<string, number>();
  /** every token so far, the newest last */
  readonly tokens: string[] = [];
  /** ms that a token is good for */
  lifetime = 3_600_000;
  /** ms since the epoch; tests may have a time of their own */
  now = () => Date.now();
  /** called with each token before it is given out */
  onToken: (token: string) => void = () => undefined;
  readonly #public: KeyObject;
  readonly #server: http.Server;
  #port = 0;

  private constructor(appId: string) {
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    this.key = String(privateKey.export({ type: 'pkcs1', format: 'pem' }));
    this.#public = createPublicKey(privateKey);
    this.appId = appId;
    this.#server = http.createServer((request, response) => {
      this.#handle(request, response).catch(() => request.socket.destroy());
    });
  }

  static async start(appId = '4711'): Promise<GithubApi> {
    const api = new GithubApi(appId);
    await new Promise<void>((resolve) => api.#server.listen(0, '127.0.0.1', resolve));
    const address = api.#server.address();
    api.#port = typeof address === 'object' && address !== null ? address.port : 0;
    return api;
  }

  get url(): string {
    return `http://localhost:${this.#port}`;
  }

  count(path: RegExp): number {
    return this.requests.filter((request) => path.test(request.path)).length;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #handle(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    const pieces: Buffer[] = [];
    for await (const piece of request) pieces.push(piece);
    const text = Buffer.concat(pieces).toString();
    const { method = '', url = '' } = request;
    this.requests.push({ method, path: url, body: text === '' ? undefined : JSON.parse(text) });
    const fault = this.#jwtFault(request.headers.authorization ?? '');
    const [status, body] =
      fault === undefined ? this.#answer(method, url) : [401, { message: `Bad credentials: ${fault}` }];
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  }

  #answer(method: string, path: string): [status: number, body: unknown] {
    const owner = /^\/repos\/([^/]+)\/[^/]+\/installation$/.exec(path)?.[1];
    const installation = owner === undefined ? undefined : this.installations.get(owner.toLowerCase());
    if (method === 'GET' && installation !== undefined) return [200, { id: installation }];
    const wanted = /^\/app\/installations\/(\d+)\/access_tokens$/.exec(path)?.[1];
    if (method !== 'POST' || ![...this.installations.values()].includes(Number(wanted)))
      return [404, { message: 'Not Found' }];
    const token = `ghs_${wanted}_${this.tokens.length}_${'s3cret'.repeat(4)}`;
    this.onToken(token);
    this.tokens.push(token);
    return [201, { token, expires_at: new Date(this.now() + this.lifetime).toISOString() }];
  }

  /** What is wrong with the JWT of a request. */
  #jwtFault(authorization: string): string | undefined {
    const [head = '', claims = '', signature = ''] = authorization.replace(/^Bearer /, '').split('.');
    const signed = Buffer.from(`${head}.${claims}`);
    if (!verify('RSA-SHA256', signed, this.#public, Buffer.from(signature, 'base64url'))) return 'signature';
    const { alg } = JSON.parse(Buffer.from(head, 'base64url').toString());
    const { iat, exp, iss } = JSON.parse(Buffer.from(claims, 'base64url').toString());
    const now = this.now() / 1000;
    if (alg !== 'RS256') return 'alg';
    if (iss !== this.appId) return 'iss';
    if (iat > now) return 'iat';
    return exp <= now || exp > now + LONGEST ? 'exp' : undefined;
  }
}
