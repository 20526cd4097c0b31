/** What a status other than the wanted ones means. */
import { STATUS_CODES } from 'node:http';
import type { FaultFacts, Place } from './fault.ts';
import { proxyDenied } from './faults.ts';

/** seconds; a date far away tells nothing */
const MAX_RETRY_AFTER = 86_400;

/**
 * The header Retry-After in seconds, 0..86400 (RFC 9110 section 10.2.3: seconds or an HTTP date).
 * @param now ms since the epoch
 */
export function parseRetryAfter(text: string | undefined, now: number): number | undefined {
  if (text === undefined) return undefined;
  const value = text.trim();
  if (/^\d{1,10}$/.test(value)) return Math.min(Number(value), MAX_RETRY_AFTER);
  // A date has letters; without this test Date.parse would take "-5" and "1.5" for years.
  const date = /[a-z]{3}/i.test(value) ? Date.parse(value) : Number.NaN;
  if (Number.isNaN(date)) return undefined;
  return Math.min(Math.max(0, Math.ceil((date - now) / 1000)), MAX_RETRY_AFTER);
}

/** Worth another try (RFC 9110: 408; 500 and the gateway's 502, 503, 504). */
const TRANSIENT: ReadonlySet<number> = new Set([408, 500, 502, 503, 504]);

/**
 * @param credentials what was sent with the request: "none", "basic", …
 * @param quoted first lines of its text
 */
export function statusFault(
  status: number,
  place: Place,
  o: { retryAfter: number | undefined; quoted: readonly string[]; credentials: string },
): FaultFacts {
  const reason = STATUS_CODES[status];
  const what = `the upstream answered ${status}${reason === undefined ? '' : ` ${reason}`}`;
  const { retryAfter, quoted } = o;
  switch (status) {
    case 404:
    case 410:
      return { code: 'NOT_FOUND', what, quoted, retry: 'never', verdict: 'success' };
    case 401:
    case 403:
      return {
        code: 'UPSTREAM_DENIED',
        what: `${what} (credentials sent: ${o.credentials})`,
        quoted,
        next:
          o.credentials === 'none'
            ? 'the source gives this to nobody, or only to who has credentials: see auth in the configuration'
            : 'check the credentials of the source and what they may read',
        retry: 'never',
        verdict: 'success',
      };
    case 407:
      return { ...proxyDenied(place), quoted };
    case 429:
      return {
        code: 'UPSTREAM_RATE_LIMITED',
        what,
        quoted,
        retryAfter,
        next: 'wait; if it comes often, lower the concurrency of the source',
        retry: 'told',
        verdict: 'success',
      };
    default:
      return {
        code: 'UPSTREAM_STATUS',
        what,
        quoted,
        retryAfter,
        next: 'look at the upstream: its own logs tell why',
        retry: TRANSIENT.has(status) ? 'backoff' : 'never',
        verdict: status >= 500 || status === 408 ? 'failure' : 'success',
      };
  }
}
