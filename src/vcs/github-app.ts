/**
 * Tokens of a GitHub App: a JWT signed with the app's key names the app, and the API gives a token for one installation,
 * which may read contents and nothing else (docs.github.com/en/apps, "Generating an installation access token").
 */
import { createPrivateKey, type KeyObject, sign } from 'node:crypto';
import { ModgateError } from '../errors/index.ts';
import { readBody, type UpstreamClient } from '../net/index.ts';
import type { Clock } from '../observe/index.ts';
import type { Address } from './address.ts';
import type { Issuer, Lease } from './issuer.ts';
import { type Issued, LeaseCache } from './lease-cache.ts';

export interface GithubApp {
  readonly id: string;
  /** PEM, RSA */
  readonly key: string;
  /** undefined: that of the repository is looked up */
  readonly installation: number | undefined;
  /** base URL without a slash at its end; tokens go to its own host, or to the one that it is "api." of */
  readonly api: string;
}

export interface GithubDeps {
  readonly client: Pick<UpstreamClient, 'get' | 'post'>;
  readonly clock: Clock;
}

/** The user name that goes with such tokens. */
const USER = 'x-access-token';
/** bytes */
const MAX_ANSWER = 256 << 10;
/** seconds; the API refuses a JWT from its future, and one for more than 10 minutes */
const BACKDATED = 60;
const VALID = 9 * 60;
/** ms before its end that a token is given up */
const MARGIN = 60_000;
/** owners whose installation is remembered */
const MAX_OWNERS = 1000;

export class GithubAppIssuer implements Issuer {
  readonly #app: GithubApp;
  readonly #deps: GithubDeps;
  readonly #key: KeyObject;
  readonly #cache: LeaseCache;
  readonly #installations = new Map<string, number>();

  constructor(app: GithubApp, deps: GithubDeps) {
    this.#app = app;
    this.#deps = deps;
    this.#key = createPrivateKey(app.key);
    this.#cache = new LeaseCache(deps.clock);
  }

  async lease(remote: Address, _whole: boolean, signal: AbortSignal): Promise<Lease | undefined> {
    if (!hasRepositoriesOf(this.#app.api, remote.host)) return undefined;
    const [owner = '', name = ''] = remote.path.split('/');
    const repository = name.replace(/\.git$/, '');
    if (owner === '' || repository === '') return undefined;
    const { installation } = this.#app;
    const key = installation === undefined ? owner.toLowerCase() : '';
    return this.#cache.lease(
      key,
      async (end) => this.#token(await this.#installation(key, `${owner}/${repository}`, end), end),
      async () => void this.#installations.delete(key),
      signal,
    );
  }

  close(): void {
    this.#cache.close();
  }

  /** @param repository owner/name, %-escaped as the URL had them */
  async #installation(owner: string, repository: string, signal: AbortSignal): Promise<number> {
    const known = this.#app.installation ?? this.#installations.get(owner);
    if (known !== undefined) return known;
    const answer = await this.#call(`/repos/${repository}/installation`, undefined, repository, signal);
    const id = installationOf(answer);
    if (id === undefined) throw this.#bad('an installation without a number');
    if (this.#installations.size >= MAX_OWNERS) this.#installations.clear();
    this.#installations.set(owner, id);
    return id;
  }

  async #token(installation: number, signal: AbortSignal): Promise<Issued> {
    const wanted = Buffer.from(JSON.stringify({ permissions: { contents: 'read' } }));
    const path = `/app/installations/${installation}/access_tokens`;
    const answer = await this.#call(path, wanted, `installation ${installation}`, signal);
    const got = tokenOf(answer);
    if (got === undefined) throw this.#bad('no token, or one without an end');
    return { pair: { username: USER, password: got.token }, until: got.expires - MARGIN };
  }

  async #call(path: string, body: Buffer | undefined, what: string, signal: AbortSignal): Promise<string> {
    const { client } = this.#deps;
    const url = new URL(`${this.#app.api}${path}`);
    const headers = {
      accept: 'application/vnd.github+json',
      authorization: `Bearer ${this.#jwt()}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    };
    const post = (bytes: Buffer) => client.post(url, { signal, headers, body: bytes });
    try {
      const answer = await (body === undefined
        ? client.get(url, { signal, headers })
        : // A kept connection may have died; a second token does no harm.
          post(body).catch((error: unknown) => {
            if (error instanceof ModgateError && error.code === 'UPSTREAM_UNREACHABLE') return post(body);
            throw error;
          }));
      return (await readBody(answer, MAX_ANSWER)).toString();
    } catch (error) {
      // Of the API, and nothing about the module.
      if (error instanceof ModgateError && error.absent) throw this.#denied(what, error);
      throw error;
    }
  }

  #jwt(): string {
    const now = Math.floor(this.#deps.clock.now() / 1000);
    const head = part({ alg: 'RS256', typ: 'JWT' });
    const claims = part({ iat: now - BACKDATED, exp: now + VALID, iss: this.#app.id });
    const signature = sign('RSA-SHA256', Buffer.from(`${head}.${claims}`), this.#key);
    return `${head}.${claims}.${signature.toString('base64url')}`;
  }

  #denied(what: string, cause: ModgateError): ModgateError {
    return new ModgateError(
      'UPSTREAM_DENIED',
      `the GitHub App ${this.#app.id} is not installed for ${what}`,
      {
        cause,
        next: 'install the app for the repository, or correct github_app in vcs.credentials',
      },
    );
  }

  #bad(what: string): ModgateError {
    const { host } = new URL(this.#app.api);
    return new ModgateError(
      'UPSTREAM_BAD_ANSWER',
      `the API at ${host} answered the GitHub App with ${what}`,
      {
        next: 'correct github_app.api in vcs.credentials',
      },
    );
  }
}

/** A pattern may match hosts of others, who would be handed a token; api.github.com is the API of github.com. */
function hasRepositoriesOf(api: string, host: string): boolean {
  const { hostname } = new URL(api);
  return hostname === host || hostname === `api.${host}`;
}

function part(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

/** The number in an answer of the API; undefined where there is none. */
export function installationOf(text: string): number | undefined {
  const { id } = parsed(text);
  return typeof id === 'number' && Number.isSafeInteger(id) && id > 0 ? id : undefined;
}

/** expires: ms since the epoch */
export function tokenOf(text: string): { token: string; expires: number } | undefined {
  const { token, expires_at: end } = parsed(text);
  if (typeof token !== 'string' || !/^[\x21-\x7e]{1,4096}$/.test(token) || typeof end !== 'string')
    return undefined;
  const expires = Date.parse(end);
  return Number.isNaN(expires) ? undefined : { token, expires };
}

function parsed(text: string): { id?: unknown; token?: unknown; expires_at?: unknown } {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? value : {};
  } catch {
    return {};
  }
}
