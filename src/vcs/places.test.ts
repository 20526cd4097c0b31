import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Kind, Places } from './places.ts';

const NEVER: AbortSignal = new AbortController().signal;
const END = Symbol('end');

/** True where the place is there at once. */
async function isFree(places: Places, host: string, kind: Kind, anonymous: boolean): Promise<boolean> {
  const leaving = new AbortController();
  const taken = places.take(host, kind, anonymous, leaving.signal).then(
    (release) => release,
    () => undefined,
  );
  for (let turns = 0; turns < 20; turns++) await new Promise((resolve) => setImmediate(resolve));
  leaving.abort(END);
  const release = await taken;
  release?.();
  return release !== undefined;
}

describe('places of git commands', () => {
  const rows: readonly (readonly [
    who: string,
    host: string,
    kind: Kind,
    anonymous: boolean,
    free: boolean,
  ])[] = [
    ['the same host', 'slow.example', 'refs', false, false],
    ['another host', 'fast.example', 'refs', false, true],
    ['another port of it', 'slow.example:8443', 'refs', false, true],
    ['a fetch from it', 'slow.example', 'fetch', false, true],
    ['strangers at it', 'slow.example', 'refs', true, true],
  ];
  for (const [who, host, kind, anonymous, free] of rows) {
    it(`a host that hangs holds up ${free ? 'not ' : ''}${who}`, async () => {
      const places = new Places();
      const held = await Promise.all(
        Array.from({ length: 8 }, () => places.take('slow.example', 'refs', false, NEVER)),
      );
      assert.equal(await isFree(places, host, kind, anonymous), free);
      for (const release of held) release();
      assert.equal(await isFree(places, host, kind, anonymous), true);
    });
  }

  it('strangers with any number of hosts have a bound, and hold up nobody whose route is written down', async () => {
    const places = new Places();
    const held = await Promise.all(
      Array.from({ length: 64 }, (_, i) => places.take(`${i}.example`, 'refs', true, NEVER)),
    );
    assert.equal(await isFree(places, 'new.example', 'refs', true), false);
    assert.equal(await isFree(places, '0.example', 'refs', false), true);
    assert.equal(await isFree(places, 'new.example', 'fetch', true), true);
    held[0]?.();
    assert.equal(await isFree(places, 'new.example', 'refs', true), true);
  });

  it('a full queue is told, and a caller that leaves frees its turn', async () => {
    const places = new Places();
    const leaving = new AbortController();
    const takes = Array.from({ length: 1008 }, () =>
      places.take('slow.example', 'refs', false, leaving.signal).then(
        () => 'taken',
        () => 'left',
      ),
    );
    await assert.rejects(places.take('slow.example', 'refs', false, NEVER), { code: 'OVERLOADED' });
    leaving.abort(END);
    assert.equal((await Promise.all(takes)).filter((outcome) => outcome === 'taken').length, 8);
  });
});
