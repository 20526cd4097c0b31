import { ModgateError, toModgateError } from '../errors/index.ts';
import type { Source } from './source.ts';

/** One element of a chain in GOPROXY syntax, with the separator that follows it. */
export interface ChainLink {
  readonly step: Source | 'direct' | 'off';
  /** `,` goes on at absence only, `|` at any error; undefined behind the last one */
  readonly separator: ',' | '|' | undefined;
}

const DIRECT_NOTE =
  '"direct" is in the chain, but this version of modgate cannot fetch from version control: passed over';

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

  /** Why nobody may be asked for it; undefined where a source may. */
  refusal(what: string): ModgateError | undefined {
    const off = this.links.findIndex(({ step }) => step === 'off');
    const steps = this.links.slice(0, off < 0 ? undefined : off).map(({ step }) => step);
    if (steps.some((step) => typeof step !== 'string')) return undefined;
    return nobodyAsked(what, steps.includes('direct'));
  }

  /** What the first source that has it answers. */
  async ask<T>(what: string, question: (source: Source) => Promise<T>): Promise<T> {
    let best: ModgateError | undefined;
    let passedOver = false;
    for (const { step, separator } of this.links) {
      if (step === 'direct') {
        passedOver = true;
        continue;
      }
      if (step === 'off') break;
      try {
        return await question(step);
      } catch (thrown) {
        const error = toModgateError(thrown);
        if (error.code === 'CANCELED') throw error;
        if (best === undefined || best.absent) best = error;
        if (separator !== '|' && !error.absent) break;
      }
    }
    throw best === undefined ? nobodyAsked(what, passedOver) : withNote(best, passedOver);
  }
}

function nobodyAsked(what: string, passedOver: boolean): ModgateError {
  const why = passedOver ? DIRECT_NOTE : 'its chain is "off"';
  return new ModgateError('LOOKUP_OFF', `no source may be asked for ${what}\n${why}`, {
    next: 'ask the keeper of the gateway to add a source to the chain of this module path',
  });
}

function withNote(error: ModgateError, passedOver: boolean): ModgateError {
  if (!passedOver || !error.absent) return error;
  const { code, message, cause, next, retryAfter, source } = error;
  return new ModgateError(code, `${message}\n${DIRECT_NOTE}`, { cause, next, retryAfter, source });
}
