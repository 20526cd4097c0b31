/** From a URL to the answer behind its redirects. */
import type { Clock } from '../observe/index.ts';
import { skim } from './body.ts';
import type { Authorization, Credentials } from './credentials.ts';
import { Exchange, type Head } from './exchange.ts';
import { type Place, UpstreamFault } from './fault.ts';
import { faultOf } from './faults.ts';
import type { ClientOptions } from './options.ts';
import { isRedirect, Redirects } from './redirects.ts';
import type { Routes } from './routes.ts';
import type { Scope } from './scope.ts';
import { urlText } from './text.ts';

/** An answer that is no redirect, and where it came from. */
export interface Landed {
  readonly head: Head;
  readonly place: Place;
  /** which credentials were sent, for messages */
  readonly credentials: string;
  /** what was sent that nobody may read in a message */
  readonly secrets: readonly string[];
}

export interface HopsDeps {
  readonly routes: Routes;
  readonly credentials: Credentials;
  readonly clock: Clock;
  /** told of each try on a fresh connection after a kept one was dead */
  readonly again: () => void;
}

type Headers = Readonly<Record<string, string>>;

interface Hop {
  readonly headers: Headers;
  readonly body: Buffer | undefined;
  /** which, for messages */
  readonly credentials: string;
  /** away from the source's own origin */
  readonly foreign: boolean;
}

/** Never sent to another origin than the source's own. */
const SECRET: ReadonlySet<string> = new Set(['authorization', 'cookie', 'proxy-authorization']);
const COMMON: Headers = { 'user-agent': 'modgate', 'accept-encoding': 'identity' };
const NO_CREDENTIALS: Authorization = { kind: 'none, it is not the origin of the source', value: undefined };

export class Hops {
  readonly #options: ClientOptions;
  readonly #deps: HopsDeps;

  constructor(options: ClientOptions, deps: HopsDeps) {
    this.#options = options;
    this.#deps = deps;
  }

  /** @param body of a POST, which is led nowhere else and sent once only: it may have been taken */
  async go(url: URL, asked: Headers, body: Buffer | undefined, scope: Scope): Promise<Landed> {
    const trail = new Redirects(this.#options.name, url, this.#options.redirects === 'host');
    let authorization = await this.#deps.credentials.for(url);
    let headers = this.#own(asked, authorization);
    for (;;) {
      const landed = await this.#hop(
        trail.url,
        { headers, body, credentials: authorization.kind, foreign: trail.url.origin !== url.origin },
        scope,
      );
      if (!isRedirect(landed.head.status) || body !== undefined) return landed;
      await skim(landed.head.body, 0);
      // Once the trail has left the source's origin, credentials stay at home, even should it lead back.
      if (trail.follow(landed.head.headers.location).origin === url.origin) continue;
      authorization = NO_CREDENTIALS;
      headers = foreign(asked);
    }
  }

  /** A kept connection may have died unnoticed: a fresh one is tried at once, as Go's transport does. */
  async #hop(url: URL, request: Hop, scope: Scope): Promise<Landed> {
    // Each such fault uses up one kept connection, and there are no more than places.
    for (let stale = 0; ; stale += 1) {
      try {
        return await this.#exchange(url, request, scope);
      } catch (error) {
        const retry = error instanceof UpstreamFault && error.facts.retry === 'at-once';
        if (!retry || request.body !== undefined || stale >= this.#options.concurrency) throw error;
        this.#deps.again();
      }
    }
  }

  async #exchange(url: URL, { headers, body, credentials, foreign }: Hop, scope: Scope): Promise<Landed> {
    scope.signal.throwIfAborted();
    const way = this.#deps.routes.way(url, foreign);
    const place: Place = { source: this.#options.name, url: urlText(url), proxy: way.proxy };
    const exchange = new Exchange({
      timeouts: this.#options.timeouts,
      clock: this.#deps.clock,
      name: (error, moment) => faultOf(error, place, moment),
    });
    const stop = () => exchange.fail(scope.signal.reason);
    scope.signal.addEventListener('abort', stop, { once: true });
    const unhook = () => scope.signal.removeEventListener('abort', stop);
    try {
      way.send({ headers, body }, exchange);
      const head = await exchange.head;
      head.onLeft(unhook);
      return { head, place, credentials, secrets: secretsOf({ ...headers, ...way.shown }) };
    } catch (error) {
      unhook();
      throw error;
    }
  }

  #own(asked: Headers, authorization: Authorization): Headers {
    const { value } = authorization;
    return {
      ...COMMON,
      ...lowerCase(this.#options.headers),
      ...lowerCase(asked),
      ...(value === undefined ? {} : { authorization: value }),
    };
  }
}

/** Values that an upstream could echo: of credentials, also in parts, and of the source's own headers. */
function secretsOf(headers: Headers): string[] {
  const values = Object.entries(headers).flatMap(([name, value]) => {
    if (name in COMMON || CONDITIONS.has(name)) return [];
    const encoded = /^Basic (.+)$/.exec(value)?.[1];
    const pair = encoded === undefined ? '' : Buffer.from(encoded, 'base64').toString();
    return [value, value.replace(/^\w+ /, ''), pair, pair.slice(pair.indexOf(':') + 1)];
  });
  return values.filter((value) => value.length >= SHORTEST_SECRET);
}

/** characters; to mask a shorter one would garble every text and hide nothing */
const SHORTEST_SECRET = 4;
const CONDITIONS: ReadonlySet<string> = new Set(['if-none-match', 'if-modified-since']);

function foreign(asked: Headers): Headers {
  const kept = Object.entries(lowerCase(asked)).filter(([name]) => !SECRET.has(name));
  return { ...COMMON, ...Object.fromEntries(kept) };
}

function lowerCase(headers: Headers): Headers {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}
