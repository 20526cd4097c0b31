import { ModgateError } from '../errors/index.ts';
import { urlText } from './text.ts';

/** Go's net/http stops after 10. */
const MAX_REDIRECTS = 10;

const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

export function isRedirect(status: number): boolean {
  return REDIRECTS.has(status);
}

/** The URLs that one request has been led through. */
export class Redirects {
  readonly #source: string;
  readonly #seen: Set<string>;
  readonly #host: string | undefined;
  #url: URL;

  /** @param stay all of them stay on the host of the start */
  constructor(source: string, start: URL, stay = false) {
    this.#source = source;
    this.#host = stay ? start.hostname : undefined;
    this.#url = bare(start);
    this.#seen = new Set([this.#url.href]);
  }

  get url(): URL {
    return this.#url;
  }

  /** @param location the header, which the upstream controls */
  follow(location: string | undefined): URL {
    const next = this.#parse(location);
    const where = `${urlText(this.#url)} leads to ${urlText(next)}`;
    if (next.protocol !== 'http:' && next.protocol !== 'https:') {
      throw this.#bad(`a redirect to another scheme than http and https: ${where}`);
    }
    if (this.#url.protocol === 'https:' && next.protocol === 'http:') {
      throw this.#bad(`a redirect from https to http, which is not followed: ${where}`);
    }
    if (this.#host !== undefined && next.hostname !== this.#host) {
      throw this.#bad(
        `a redirect to another host, which is refused because what is asked is private: ${where}`,
      );
    }
    if (this.#seen.has(next.href)) throw this.#loop(`a redirect loop: ${where}, where it has been before`);
    if (this.#seen.size > MAX_REDIRECTS) throw this.#loop(`more than ${MAX_REDIRECTS} redirects: ${where}`);
    this.#seen.add(next.href);
    this.#url = next;
    return next;
  }

  #parse(location: string | undefined): URL {
    try {
      if (location !== undefined) return bare(new URL(location, this.#url));
    } catch {
      // told below
    }
    throw this.#bad(`a redirect without a usable Location (${urlText(this.#url)})`);
  }

  #bad(what: string): ModgateError {
    return new ModgateError('UPSTREAM_BAD_ANSWER', `source "${this.#source}": ${what}`, {
      source: this.#source,
      next: 'set the source to the address that the redirect should lead to',
    });
  }

  #loop(what: string): ModgateError {
    return new ModgateError('UPSTREAM_REDIRECT_LOOP', `source "${this.#source}": ${what}`, {
      source: this.#source,
      next: 'ask that URL with curl -IL, and repair the redirect at the upstream or the URL of the source',
    });
  }
}

/** Without user info, which is never sent on, and without a fragment. */
function bare(url: URL): URL {
  const copy = new URL(url);
  copy.username = '';
  copy.password = '';
  copy.hash = '';
  return copy;
}
