import { ModgateError, toModgateError } from '../errors/index.ts';
import type { Source } from './source.ts';

/** ms */
const ORIGIN_LASTS = 10_000;

/** One element of a chain in GOPROXY syntax, with the separator that follows it. */
export interface ChainLink {
  readonly step: Source | 'off';
  /** `,` goes on at absence only, `|` at any error; undefined behind the last one */
  readonly separator: ',' | '|' | undefined;
}

/**
 * A failure of the last source in the place of which callers are told the absence that a source before it told. To all
 * else it is the failure that it is: nothing that is stored goes because of it, and it is not remembered.
 */
export class Yielded extends ModgateError {
  /** as callers are told it */
  readonly absence: ModgateError;

  constructor(failure: ModgateError, absence: ModgateError) {
    const { code, message, cause, next, retryAfter, source } = failure;
    super(code, message, { cause, next, retryAfter, source });
    const why = message.split('\n', 1)[0];
    this.absence = new ModgateError(absence.code, `${absence.message}\n${source} was passed over: ${why}`, {
      cause: absence,
      next: next ?? absence.next,
      source: absence.source,
    });
  }
}

/**
 * Sources asked one after the other, as the go command walks GOPROXY (cmd/go modfetch/proxy.go TryProxies): where
 * all of them fail, an outage outranks absence, so that it can never look like absence.
 */
export class Chain {
  readonly links: readonly ChainLink[];
  /** another one for another chain, and for the same names with other places behind them; says nothing of either */
  readonly id: string;

  constructor(links: readonly ChainLink[], id = '') {
    this.links = links;
    this.id = id;
  }

  get sources(): readonly Source[] {
    return this.links.flatMap(({ step }) => (typeof step === 'string' ? [] : [step]));
  }

  /** Whether the first source is the origin of what it has. */
  get beginsAtOrigin(): boolean {
    const step = this.links[0]?.step;
    return typeof step === 'object' && step.isOrigin === true;
  }

  /** ms for which what it says holds at the most: what was pushed a moment ago is expected of an origin. */
  get lasts(): number {
    return this.beginsAtOrigin ? ORIGIN_LASTS : Infinity;
  }

  /** Why nobody may be asked for it; undefined where a source may. */
  refusal(what: string): ModgateError | undefined {
    return this.links[0]?.step === 'off' || this.links.length === 0 ? nobodyAsked(what) : undefined;
  }

  /** What the first source that has it answers. */
  async ask<T>(what: string, question: (source: Source) => Promise<T>): Promise<T> {
    let best: ModgateError | undefined;
    for (const { step, separator } of this.links) {
      if (step === 'off') break;
      try {
        return await question(step);
      } catch (thrown) {
        const error = fault(thrown, step, best);
        if (error.code === 'CANCELED' || error instanceof Yielded) throw error;
        if (best === undefined || best.absent) best = error;
        if (separator !== '|' && !error.absent) break;
      }
    }
    throw best ?? nobodyAsked(what);
  }
}

function fault(thrown: unknown, source: Source, before: ModgateError | undefined): ModgateError {
  const error = toModgateError(thrown);
  const yields = before?.absent === true && source.yields?.(error) === true;
  return yields ? new Yielded(error, before) : error;
}

function nobodyAsked(what: string): ModgateError {
  return new ModgateError('LOOKUP_OFF', `no source may be asked for ${what}\nits chain is "off"`, {
    next: 'ask the keeper of the gateway to add a source to the chain of this module path',
  });
}
