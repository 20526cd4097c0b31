import { PathPatterns } from './patterns.ts';

/** The port that a scheme has where its URL names none. */
const DEFAULT_PORTS: Readonly<Record<string, string>> = { https: '443', http: '80', ssh: '22' };

/** A URL as patterns see it. */
export interface RemotePlace {
  /** without its colon, e.g. "https" */
  readonly scheme: string;
  /** lower case, an IPv6 address in brackets */
  readonly host: string;
  /** "": the scheme's own */
  readonly port: string;
  /** without slashes at its begin and end */
  readonly path: string;
}

interface RemoteGlob {
  readonly glob: PathPatterns;
  readonly port: boolean;
  /** path elements behind the host */
  readonly elements: number;
}

/**
 * Patterns in the syntax of GOPRIVATE on `host[:port]/path` of a URL: each is compared with as many leading elements
 * as it has itself. A pattern without a port matches the scheme's own port only; the case of the host does not count.
 */
export class RemotePatterns {
  readonly #globs: readonly RemoteGlob[];

  /** BAD_REQUEST for a malformed glob. */
  constructor(list: string) {
    this.#globs = splitRemotePatterns(list).map((glob) => {
      const [host = '', ...path] = glob.split('/');
      return {
        glob: new PathPatterns([host.toLowerCase(), ...path].join('/')),
        port: hasPort(host),
        elements: path.length,
      };
    });
  }

  matches(place: RemotePlace): boolean {
    return this.pathElements(place) !== undefined;
  }

  /** How many elements of the path the first pattern that matches holds; undefined where none matches. */
  pathElements({ scheme, host, port, path }: RemotePlace): number | undefined {
    const usual = DEFAULT_PORTS[scheme] ?? '';
    const isUsual = port === '' || port === usual;
    const below = path === '' ? '' : `/${path}`;
    return this.#globs.find(({ glob, port: named }) =>
      named ? glob.matches(`${host}:${port || usual}${below}`) : isUsual && glob.matches(`${host}${below}`),
    )?.elements;
  }
}

/** The patterns of a list, without empty ones and slashes at their ends. */
export function splitRemotePatterns(list: string): string[] {
  return list
    .split(',')
    .map((glob) => glob.trim().replace(/\/+$/, ''))
    .filter((glob) => glob !== '');
}

/** A colon of an IPv6 address or of a character class stands before the last bracket. */
function hasPort(host: string): boolean {
  return host.slice(host.lastIndexOf(']') + 1).includes(':');
}
