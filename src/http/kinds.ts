import type { Ask, BytesReply } from '../gateway/index.ts';

/** What an answer is, as its headers tell. */
export interface Kind {
  /** a label of metrics and logs: list, latest, query, info, mod, zip, sumdb */
  readonly name: string;
  readonly type: string;
  readonly text: boolean;
}

const TEXT = 'text/plain; charset=utf-8';
const JSON_TYPE = 'application/json';

const KINDS = {
  list: { name: 'list', type: TEXT, text: true },
  latest: { name: 'latest', type: JSON_TYPE, text: true },
  query: { name: 'query', type: JSON_TYPE, text: true },
  info: { name: 'info', type: JSON_TYPE, text: true },
  mod: { name: 'mod', type: TEXT, text: true },
  zip: { name: 'zip', type: 'application/zip', text: false },
  sumdb: { name: 'sumdb', type: TEXT, text: true },
} as const satisfies Record<Ask['kind'], Kind>;

const TILE: Kind = { name: 'sumdb', type: 'application/octet-stream', text: false };

export function kindOf(ask: Ask): Kind {
  return ask.kind === 'sumdb' && ask.endpoint.startsWith('tile/') ? TILE : KINDS[ask.kind];
}

/** seconds; what never changes may be kept for a year, what may change for a minute at most */
const FOREVER = 31_536_000;
const A_MINUTE = 60;

/** Never more than what is left of the answer's freshness: a cache counts from the moment that it got it. */
export function cacheControl({ fresh, cached }: Pick<BytesReply, 'fresh' | 'cached'>): string {
  if (fresh === Infinity) return `public, max-age=${FOREVER}, immutable`;
  const seconds = cached === 'stale' ? 0 : Math.min(A_MINUTE, Math.max(0, Math.floor(fresh / 1000)));
  return `public, max-age=${seconds}`;
}
