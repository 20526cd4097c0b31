import assert from 'node:assert/strict';
import { test } from 'node:test';
import { acceptRequestId, RequestIds } from './request-id.ts';

test('ids are unique, short, and such that they would be taken over', () => {
  const ids = new RequestIds();
  const made = new Set(Array.from({ length: 10_000 }, () => ids.next()));
  assert.equal(made.size, 10_000);
  for (const id of made) assert.match(id, /^[0-9a-z]{8}-[0-9a-z]{1,3}$/);
  assert.equal(acceptRequestId(ids.next()) !== undefined, true);
  assert.notEqual(new RequestIds().next(), new RequestIds().next());
});

const HEADERS: [header: string | undefined, accepted: boolean][] = [
  [undefined, false],
  ['', false],
  ['a', true],
  ['7f3c2a10-9d4e.A_b', true],
  ['x'.repeat(128), true],
  ['x'.repeat(129), false],
  ['a b', false],
  ['a\n', false],
  ['a"b', false],
  ['é', false],
  ['a/b', false],
];

for (const [header, accepted] of HEADERS) {
  test(`X-Request-Id ${JSON.stringify(header)?.slice(0, 20)} is ${accepted ? 'taken over' : 'left'}`, () => {
    assert.equal(acceptRequestId(header), accepted ? header : undefined);
  });
}
