import { type Sendfile, sendfileToken } from '../config/index.ts';
import type { Incoming } from './message.ts';
import type { TrustedProxies } from './trusted.ts';

/** name and value */
export type Header = [string, string];

/**
 * What the proxy was set up for. Whoever sends anything but what is configured gets bytes: `off` of a proxy that sends no
 * files or could not read one, or what was configured before.
 */
const SET_UP = 'x-modgate-sendfile';

/** Tells a trusted proxy to send a stored file in modgate's place, as the configuration says; nothing of a request can. */
export class Handover {
  readonly #sendfile: Sendfile;
  readonly #tree: string;
  readonly #trusted: TrustedProxies;

  /** @param tree absolute path of the folder with the stored files, without a slash at its end */
  constructor(sendfile: Sendfile, tree: string, trusted: TrustedProxies) {
    this.#sendfile = sendfile;
    this.#tree = `${tree}/`;
    this.#trusted = trusted;
  }

  /**
   * @param file absolute path
   * @returns the header's name and value; undefined where the bytes are to be sent
   */
  headerFor(req: Pick<Incoming, 'socket' | 'headers'>, file: string | undefined): Header | undefined {
    const { type } = this.#sendfile;
    if (type === 'off' || file === undefined) return undefined;
    const setUp = req.headers[SET_UP];
    if (setUp !== undefined && setUp !== sendfileToken(this.#sendfile)) return undefined;
    // A go command on the proxy's own machine has its address, and would take the empty answer for the zip.
    if (!this.#trusted.passedOn(req)) return undefined;
    if (type === 'x-sendfile') return CONTROL.test(file) ? undefined : ['X-Sendfile', bytesOf(file)];
    if (!file.startsWith(this.#tree)) return undefined;
    return ['X-Accel-Redirect', this.#sendfile.prefix + encoded(file.slice(this.#tree.length))];
  }
}

/** What no header can hold. */
const CONTROL = /\p{Cc}/u;

/** mod_xsendfile 0.12 decodes nothing: the very bytes of the path, as Node writes a header. */
function bytesOf(path: string): string {
  return Buffer.from(path).toString('latin1');
}

/** A URL: nginx and Caddy decode what is percent-encoded (RFC 3986, 3.3). */
function encoded(path: string): string {
  return encodeURI(path).replace(/[?#]/g, encodeURIComponent);
}
