import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ModgateError, toModgateError } from '../errors/index.ts';
import { Flights } from './flights.ts';

const forever = new AbortController().signal;

function code(error: unknown): string {
  return toModgateError(error).code;
}

describe('flights', () => {
  it('run a job once for everybody who asks meanwhile, and anew afterwards', async () => {
    const flights = new Flights<number>();
    let runs = 0;
    const job = async () => ++runs;
    const together = await Promise.all([1, 2, 3].map(() => flights.join('a', forever, job)));
    assert.deepEqual(together, [1, 1, 1]);
    assert.equal(await flights.join('a', forever, job), 2);
    assert.equal(flights.size, 0);
  });

  it('keep keys apart', async () => {
    const flights = new Flights<string>();
    const both = await Promise.all(['a', 'b'].map((key) => flights.join(key, forever, async () => key)));
    assert.deepEqual(both, ['a', 'b']);
  });

  it('give everybody the failure', async () => {
    const flights = new Flights<never>();
    const fail = () => Promise.reject(new ModgateError('UPSTREAM_STATUS', 'no'));
    const codes = await Promise.all([1, 2].map(() => flights.join('a', forever, fail).catch(code)));
    assert.deepEqual(codes, ['UPSTREAM_STATUS', 'UPSTREAM_STATUS']);
    assert.equal(flights.size, 0);
  });

  it('go on for the others when one leaves, and end with the last', async () => {
    const flights = new Flights<string>();
    const first = new AbortController();
    const second = new AbortController();
    let ended: ModgateError | undefined;
    const job = (signal: AbortSignal) =>
      new Promise<string>((_resolve, reject) => {
        signal.addEventListener('abort', () => {
          ended = toModgateError(signal.reason);
          reject(signal.reason);
        });
      });
    const a = flights.join('a', first.signal, job).catch(code);
    const b = flights.join('a', second.signal, job).catch(code);
    first.abort(new ModgateError('CANCELED', 'left'));
    assert.equal(await a, 'CANCELED');
    assert.equal(ended, undefined);
    second.abort(new ModgateError('UPSTREAM_TIMEOUT', 'patience'));
    assert.equal(await b, 'UPSTREAM_TIMEOUT');
    assert.equal(toModgateError(ended).code, 'CANCELED');
    assert.equal(flights.size, 0);
  });

  it('refuse who has left already', async () => {
    const gone = AbortSignal.abort(new ModgateError('CANCELED', 'left'));
    assert.equal(await new Flights<void>().join('a', gone, async () => {}).catch(code), 'CANCELED');
  });
});
