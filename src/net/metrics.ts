import type { Code } from '../errors/index.ts';
import type { Metrics } from '../observe/index.ts';
import type { BreakerState } from './breaker.ts';
import type { Links } from './options.ts';

/** seconds */
const BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

const STATES: Readonly<Record<BreakerState, number>> = { closed: 0, 'half-open': 1, open: 2 };

/** What a request came to: `ok`, `not_modified`, or the code of its error. */
export type Outcome = 'ok' | 'not_modified' | Code;

/** The metrics of one source; all sources share the families. */
export interface SourceMetrics {
  request(outcome: Outcome): void;
  retry(): void;
  entered(): void;
  left(): void;
  links(links: Links, which: readonly (keyof Links)[]): void;
}

/** @param state read at each exposition, since a breaker half-opens by time alone */
export function sourceMetrics(metrics: Metrics, source: string, state: () => BreakerState): SourceMetrics {
  const requests = metrics.counter(
    'modgate_upstream_requests_total',
    'Tries to fetch from a source, by outcome.',
    ['source', 'outcome'],
  );
  const retries = metrics
    .counter('modgate_upstream_retries_total', 'Tries after the first one.', ['source'])
    .with(source);
  const inFlight = metrics
    .gauge('modgate_upstream_in_flight', 'Requests that hold a place of the source.', ['source'])
    .with(source);
  metrics.gauge(
    'modgate_upstream_breaker_state',
    'Circuit breaker: 0 closed, 1 half-open, 2 open.',
    ['source'],
    (gauge) => gauge.with(source).set(STATES[state()]),
    'max',
  );
  const seconds = metrics.histogram(
    'modgate_upstream_link_seconds',
    'Time of each link of an answered request.',
    ['source', 'link'],
    BUCKETS,
  );
  return {
    request: (outcome) => requests.with(source, outcome.toLowerCase()).inc(),
    retry: () => retries.inc(),
    entered: () => inFlight.inc(),
    left: () => inFlight.dec(),
    links: (links, which) => {
      for (const link of which) {
        const ms = links[link];
        if (ms !== undefined) seconds.with(source, LABELS[link]).observe(ms / 1000);
      }
    },
  };
}

const LABELS: Readonly<Record<keyof Links, string>> = {
  dns: 'dns',
  connect: 'connect',
  tls: 'tls',
  firstByte: 'first_byte',
  body: 'body',
};
