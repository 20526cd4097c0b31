import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ownerIndex } from './relay.ts';

test('modules are spread evenly, whatever they have in common', () => {
  for (const workers of [2, 3, 8]) {
    const counts = Array.from({ length: workers }, () => 0);
    for (let n = 0; n < 8000; n++) {
      const owner = ownerIndex(`github.com/corp/service-${n}`, workers);
      counts[owner] = (counts[owner] ?? 0) + 1;
    }
    const fair = 8000 / workers;
    for (const count of counts)
      assert.ok(Math.abs(count - fair) < fair * 0.1, `${workers}: ${counts.join(' ')}`);
  }
});

test('FNV-1a of 32 bits, as its authors publish it', () => {
  assert.equal(ownerIndex('', 2 ** 32), 0x811c9dc5);
  assert.equal(ownerIndex('a', 2 ** 32), 0xe40c292c);
  assert.equal(ownerIndex('foobar', 2 ** 32), 0xbf9cf968);
});
