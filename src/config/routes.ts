import { PathPatterns } from '../module/index.ts';
import { CHAIN_WORDS, type ChainElement, formatChain, parseChain } from './chain.ts';
import type { Context } from './context.ts';
import { DEFAULT_CHAIN, DEFAULTS } from './defaults.ts';
import type { Path } from './document.ts';
import { readInsteadOf } from './instead-of.ts';
import { checkPrivateRoute, isPublishedOnly, warnOfPublished } from './private-routes.ts';
import type { FileConfig } from './schema.ts';
import { implicitSource } from './sources.ts';
import { didYouMean } from './suggest.ts';
import type { RouteConfig, SourceConfig } from './types.ts';
import { type BaseUrl, IS_URL, readUrl } from './urls.ts';

/** Makes the routes, and adds the sources that their chains' URLs stand for. */
export class RouteReader {
  readonly #sources: Map<string, SourceConfig>;
  readonly #named: ReadonlySet<string>;
  readonly #patience: number;
  readonly #context: Context;
  /** URL with credentials → name, so that the same one in two chains is one source */
  readonly #implicit = new Map<string, string>();

  /** @param named every name below `sources`, those with faults too: to use one is no second fault */
  constructor(
    sources: Map<string, SourceConfig>,
    named: ReadonlySet<string>,
    patience: number,
    context: Context,
  ) {
    this.#sources = sources;
    this.#named = named;
    this.#patience = patience;
    this.#context = context;
  }

  read(file: FileConfig): RouteConfig[] {
    const { findings } = this.#context;
    const routes: RouteConfig[] = [];
    const before: string[][] = [];
    for (const [i, raw] of (file.routes ?? []).entries()) {
      if (raw === undefined) continue;
      const patterns = this.#patterns(raw.match, ['routes', i, 'match']);
      const taken = patterns.every((pattern) => before.flat().some((earlier) => covers(earlier, pattern)));
      if (patterns.length > 0 && taken) {
        findings.fault(['routes', i, 'match'], 'is never reached: the routes before it match all of it');
      }
      before.push(patterns);
      const chain = this.#chain(raw.chain, ['routes', i, 'chain']);
      const insteadOf = readInsteadOf(raw.instead_of, ['routes', i, 'instead_of'], this.#context);
      // Nobody else knows what is published here alone, so nobody else is to learn of it.
      const isPrivate = raw.private ?? isPublishedOnly(chain);
      const route = { patterns, text: raw.chain, chain, path: ['routes', i] };
      if (isPrivate) checkPrivateRoute(route, { all: this.#sources, named: this.#named }, this.#context);
      else warnOfPublished(route, raw.private, this.#context);
      routes.push({
        match: raw.match,
        chain,
        denied: raw.denied ?? DEFAULTS.denied,
        isPrivate,
        insteadOf,
        written: true,
      });
    }
    if (before.flat().some((pattern) => covers(pattern, '*'))) {
      if (findings.origin(['chain']) !== undefined)
        findings.fault(['chain'], 'is never used: a route matches everything');
      return routes;
    }
    routes.push({
      match: '*',
      chain: this.#chain(file.chain ?? DEFAULT_CHAIN, ['chain']),
      denied: DEFAULTS.denied,
      isPrivate: false,
      insteadOf: new Map(),
      written: false,
    });
    return routes;
  }

  #patterns(match: string, path: Path): string[] {
    try {
      new PathPatterns(match);
    } catch (error) {
      this.#context.findings.fault(
        path,
        error instanceof Error ? error.message : 'is not a list of patterns',
      );
      return [];
    }
    const patterns = match
      .split(',')
      .map((pattern) => pattern.trim().replace(/\/$/, ''))
      .filter((p) => p !== '');
    if (patterns.length === 0) this.#context.findings.fault(path, 'match holds no pattern');
    return patterns;
  }

  /** The chain with names of sources in place of URLs. */
  #chain(text: string, path: Path): string {
    const { findings } = this.#context;
    const elements = parseChain(text);
    if (elements.length === 0)
      findings.fault(path, 'the chain is empty; it needs a source, published, direct or off');
    for (const { element, separator } of elements) {
      if ((element === 'off' || element === 'direct') && separator !== undefined) {
        findings.fault(path, `${element} must be the last of the chain; what comes after it is never asked`);
      }
    }
    return formatChain(
      elements.map(({ element, separator }, i): ChainElement => {
        // A password with a comma in it falls into two elements, each a piece of it: then neither is shown.
        const shown = text.includes('@') ? `element ${i + 1}` : JSON.stringify(element);
        return { element: this.#name(element, shown, path), separator };
      }),
    );
  }

  #name(element: string, shown: string, path: Path): string {
    if (CHAIN_WORDS.has(element) || this.#named.has(element)) return element;
    const { findings } = this.#context;
    if (!IS_URL.test(element)) {
      const known = [...this.#named].sort();
      const names = known.length === 0 ? 'no sources are named' : `the named ones are ${known.join(', ')}`;
      const hint = didYouMean(element, [...known, ...CHAIN_WORDS]);
      findings.fault(path, `${shown} is neither a URL, direct, off, published nor a source; ${names}${hint}`);
      return element;
    }
    const url = readUrl(element, path, findings, shown);
    if (url === undefined) return 'off';
    if (url.userInfo !== undefined) this.#warnUserInfo(url, path);
    const present = this.#implicit.get(element);
    if (present !== undefined) return present;
    const name = this.#freeName(url);
    this.#implicit.set(element, name);
    this.#sources.set(name, implicitSource(name, url, this.#patience));
    return name;
  }

  #warnUserInfo(url: BaseUrl, path: Path): void {
    const { findings } = this.#context;
    // A variable is where such a thing may stand; a file and a command line are read by others.
    if (findings.inFile(path) || findings.where(path).startsWith('--')) {
      findings.warn(path, `the URL of ${url.place} holds credentials in plain text; name a source with auth`);
    }
    if (url.kind === 'proxy' && !url.secure && !url.loopback) {
      findings.warn(path, `${url.place} gets its credentials unencrypted, over http`);
    }
  }

  /** host:port; where another source has it, with the path; then with a number. */
  #freeName(url: BaseUrl): string {
    const taken = (name: string) => this.#sources.has(name) || this.#named.has(name);
    if (!taken(url.place)) return url.place;
    const long = url.url.replace(/^[a-z]+:\/\//, '').replace(/[,|]/g, '_');
    if (!taken(long)) return long;
    let n = 2;
    while (taken(`${long}#${n}`)) n += 1;
    return `${long}#${n}`;
  }
}

/**
 * True where everything that the later pattern matches is matched by the earlier one too, as far as equal
 * elements and lone stars tell: a pattern is compared with the leading elements of a path.
 */
export function covers(earlier: string, later: string): boolean {
  const wide = earlier.split('/');
  const narrow = later.split('/');
  return wide.length <= narrow.length && wide.every((element, i) => element === '*' || element === narrow[i]);
}
