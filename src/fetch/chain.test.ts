import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Code, ModgateError, toModgateError } from '../errors/index.ts';
import { Chain, type ChainLink, Yielded } from './chain.ts';
import type { Source } from './source.ts';

/** A source that a chain only hands on: its name says what it answers. */
function source(name: string): Source {
  const never = () => Promise.reject(new Error('not asked in this test'));
  return {
    name,
    state: 'closed',
    list: never,
    query: never,
    file: never,
    sumdb: never,
    close: async () => {},
  };
}

function chainOf(text: string): Chain {
  const links: ChainLink[] = [...text.matchAll(/(\w+)([,|]?)/g)].map(([, name = '', separator]) => ({
    step: name === 'off' ? name : source(name),
    separator: separator === ',' || separator === '|' ? separator : undefined,
  }));
  return new Chain(links);
}

const ANSWERS: Readonly<Record<string, Code>> = {
  absent: 'NOT_FOUND',
  down: 'UPSTREAM_UNREACHABLE',
  slow: 'UPSTREAM_TIMEOUT',
  denied: 'UPSTREAM_DENIED',
};

/** chain → who answers, or the code that stands; then who was asked */
const TABLE: readonly [chain: string, outcome: string, asked: string][] = [
  ['good', 'good', 'good'],
  ['absent,good', 'good', 'absent good'],
  ['absent|good', 'good', 'absent good'],
  ['down,good', 'UPSTREAM_UNREACHABLE', 'down'],
  ['down|good', 'good', 'down good'],
  ['denied,good', 'UPSTREAM_DENIED', 'denied'],
  ['denied|good', 'good', 'denied good'],
  ['down|absent', 'UPSTREAM_UNREACHABLE', 'down absent'],
  ['absent,slow', 'UPSTREAM_TIMEOUT', 'absent slow'],
  ['absent|slow|absent', 'UPSTREAM_TIMEOUT', 'absent slow absent'],
  ['absent,off', 'NOT_FOUND', 'absent'],
  ['absent,off,good', 'NOT_FOUND', 'absent'],
  ['off', 'LOOKUP_OFF', ''],
];

describe('a chain', () => {
  for (const [text, outcome, askedNames] of TABLE) {
    it(`${text} → ${outcome}`, async () => {
      const asked: string[] = [];
      const result = chainOf(text).ask('x', async ({ name }) => {
        asked.push(name);
        const code = ANSWERS[name];
        if (code !== undefined) throw new ModgateError(code, name);
        return name;
      });
      assert.equal(await result.catch((error: unknown) => toModgateError(error).code), outcome);
      assert.equal(asked.join(' '), askedNames);
    });
  }

  /** A last source that yields where it is down. */
  function yielding(first: string, separator: ',' | '|'): Promise<unknown> {
    const last: Source = { ...source('last'), yields: ({ code }) => code === 'UPSTREAM_UNREACHABLE' };
    const chain = new Chain([
      { step: source(first), separator },
      { step: last, separator: undefined },
    ]);
    const answer = chain.ask('x', async ({ name }) => {
      if (name === 'last')
        throw new ModgateError('UPSTREAM_UNREACHABLE', 'no such host\nmore', { source: name });
      throw new ModgateError(ANSWERS[name] ?? 'INTERNAL', `${name} here`);
    });
    return answer.catch((error: unknown) => error);
  }

  it('lets the absence stand where its last source yields, and is an outage to itself', async () => {
    const error = await yielding('absent', ',');
    assert.ok(error instanceof Yielded);
    assert.deepEqual([error.code, error.absent], ['UPSTREAM_UNREACHABLE', false]);
    assert.equal(error.absence.code, 'NOT_FOUND');
    assert.equal(error.absence.message, 'absent here\nlast was passed over: no such host');
  });

  it('keeps an outage before a source that yields', async () => {
    const error = toModgateError(await yielding('slow', '|'));
    assert.deepEqual([error.code, error instanceof Yielded], ['UPSTREAM_TIMEOUT', false]);
  });
});
