/** What a fault of an upstream is made of, and the errors inside the room that become one. */
import { type Code, ModgateError } from '../errors/index.ts';
import type { Verdict } from './breaker.ts';

/**
 * never: another try cannot help or may not be made; backoff: after a waiting; told: only after the time that
 * the upstream asked for; at-once: a kept connection turned out dead, a fresh one may do
 */
export type Retry = 'never' | 'backoff' | 'told' | 'at-once';

export interface FaultFacts {
  readonly code: Code;
  /** what happened, one line */
  readonly what: string;
  readonly next?: string | undefined;
  readonly retryAfter?: number | undefined;
  readonly retry: Retry;
  readonly verdict: Verdict;
  /** lines of the upstream's own text */
  readonly quoted?: readonly string[];
  readonly cause?: unknown;
  /** begin of what the upstream sent with its refusal, for who asked to keep it */
  readonly page?: Buffer;
}

/** Where a fault happened. */
export interface Place {
  readonly source: string;
  /** URL for messages */
  readonly url: string;
  /** the proxy that the request goes through, for messages */
  readonly proxy: string | undefined;
}

export class UpstreamFault extends ModgateError {
  readonly facts: FaultFacts;
  readonly place: Place;

  constructor(facts: FaultFacts, place: Place, tries = 1) {
    const { what, next, retryAfter, cause, quoted = [] } = facts;
    const via = place.proxy === undefined ? '' : ` through the proxy ${place.proxy}`;
    const count = tries > 1 ? `, ${tries} tries` : '';
    const lines = [`source "${place.source}": ${what}${count} (${place.url}${via})`];
    for (const line of quoted) lines.push(`it says: ${line}`);
    super(facts.code, lines.join('\n'), { source: place.source, next, retryAfter, cause });
    this.facts = facts;
    this.place = place;
  }

  /** The same fault, with the number of tries in its text. */
  after(tries: number): UpstreamFault {
    return tries > 1 ? new UpstreamFault(this.facts, this.place, tries) : this;
  }
}

/** One of a source's time limits has passed. */
export class TimeLimit extends Error {
  readonly kind: 'connect' | 'firstByte' | 'idle' | 'total';
  readonly limit: number;

  /** @param limit ms */
  constructor(kind: TimeLimit['kind'], limit: number) {
    super(`time limit: ${kind}`);
    this.kind = kind;
    this.limit = limit;
  }
}

/** The proxy failed, not what lies behind it. */
export class ProxyFault extends Error {
  /** of its answer to CONNECT; undefined where it gave none */
  readonly status: number | undefined;

  constructor(status: number | undefined, cause?: unknown) {
    super('proxy fault', { cause });
    this.status = status;
  }
}

/** The answer ended before its length. */
export class ShortBody extends Error {
  readonly received: number;
  readonly announced: number;

  constructor(received: number, announced: number) {
    super('short body');
    this.received = received;
    this.announced = announced;
  }
}
