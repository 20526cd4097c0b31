import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pieces } from './pieces.ts';

const [LARGE, SMALL] = [256 << 10, 16 << 10];

test('64 MiB of large pieces, then small ones; a place comes back with its piece or without it', () => {
  const taken = Array.from({ length: 300 }, () => pieces.take());
  const sizes = taken.map((piece) => piece.length);
  assert.deepEqual([sizes.filter((size) => size === LARGE).length, sizes.at(-1)], [256, SMALL]);
  const [given, dropped, ...rest] = taken;
  assert.ok(given !== undefined && dropped !== undefined);
  pieces.give(given);
  assert.equal(pieces.take(), given, 'it is used again');
  pieces.drop(dropped);
  const fresh = pieces.take();
  assert.equal(fresh.length, LARGE);
  assert.notEqual(fresh, dropped, 'somebody may still hold it');
  assert.equal(pieces.take().length, SMALL);
  for (const piece of [given, fresh, ...rest]) pieces.drop(piece);
  assert.equal(pieces.take().length, LARGE);
});
