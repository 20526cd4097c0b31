import { acceptsGzip } from './accept.ts';
import { isHost } from './framing.ts';

/** What a plain request for a whole file may still wish. */
export interface Wishes {
  readonly host: boolean;
  readonly gzip: boolean;
  readonly requestId: string | undefined;
}

/**
 * Reads the few headers that matter to a hit, without building an object of all of them. undefined where one of them
 * asks for a part of the file or sets a condition, or where there is more to look at: a body, a second Host, a
 * demand.
 * @param raw names and values by turns
 */
export function readWishes(raw: readonly string[]): Wishes | undefined {
  let gzip = false;
  let host = false;
  let requestId: string | undefined;
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = raw[i] ?? '';
    switch (name.length) {
      case 4:
        if (!isHost(name)) break;
        if (host) return undefined;
        host = true;
        break;
      case 5:
      case 6:
      case 8:
      case 13:
      case 14:
      case 17:
        if (SPECIAL.has(name.toLowerCase())) return undefined;
        break;
      case 12:
        if (name.toLowerCase() === 'x-request-id') requestId = raw[i + 1];
        break;
      case 15:
        if (name.toLowerCase() === 'accept-encoding') gzip = acceptsGzip(raw[i + 1]);
        break;
    }
  }
  return { host, gzip, requestId };
}

/** Their lengths are the cases above. */
const SPECIAL: ReadonlySet<string> = new Set([
  'range',
  'expect',
  'if-range',
  'if-none-match',
  'if-modified-since',
  'content-length',
  'transfer-encoding',
]);
