/** What was there first stays, and what is told of a version is true, whatever comes in between. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import fs from 'node:fs';
import { describe, it } from 'node:test';
import { toModgateError } from '../errors/index.ts';
import { keys } from '../store/index.ts';
import { M, moduleZip, Shop } from './publish.test.kit.ts';

const OTHER_MOD = 'module corp.test/lib\n\ngo 1.22\n';
const WHOLE = 'info mod published zip ziphash';

describe('an upload', () => {
  it('that meets a go.mod which was fetched meanwhile leaves nothing but that, and the record says so', async (t) => {
    const shop = await Shop.open(t);
    shop.before(keys.file(M, 'mod'), async () => {
      await shop.tree.put(keys.file(M, 'mod'), Buffer.from(OTHER_MOD), { kind: 'keep' });
    });
    await assert.rejects(shop.publish(moduleZip(M)), { code: 'ALREADY_PUBLISHED' });
    assert.equal(shop.kinds(), 'mod');
    assert.equal(shop.text('mod'), OTHER_MOD);
    assert.deepEqual(shop.actions(), ['publish', 'withdraw']);
    const same = moduleZip(M, { 'go.mod': OTHER_MOD });
    assert.equal((await shop.publish(same)).status, 'published');
  });

  it('that a crash has cut, and that others came before, bars nobody', async (t) => {
    const shop = await Shop.open(t);
    shop.before(keys.file(M, 'mod'), () => Promise.reject(new Error('crash')));
    await assert.rejects(shop.publish(moduleZip(M)));
    assert.equal(shop.kinds(), 'published');
    fs.writeFileSync(shop.file('v1.0.0.mod'), OTHER_MOD);
    await assert.rejects(shop.publish(moduleZip(M)), { code: 'ALREADY_PUBLISHED' });
    assert.equal((await shop.publish(moduleZip(M, { 'go.mod': OTHER_MOD }))).status, 'published');
  });

  it('that cannot be recorded stores nothing, and the version is free', async (t) => {
    const shop = await Shop.open(t);
    const mend = shop.breakAudit();
    await assert.rejects(shop.publish(moduleZip(M)), { code: 'STORE_FAILED' });
    assert.equal(shop.kinds(), '');
    mend();
    assert.equal((await shop.publish(moduleZip(M, { 'b.go': 'package lib\n' }))).status, 'published');
    assert.equal(shop.kinds(), WHOLE);
  });

  it('of a deleted version that cannot be recorded leaves it deleted', async (t) => {
    const shop = await Shop.open(t);
    await shop.publish(moduleZip(M));
    await shop.delete();
    const mend = shop.breakAudit();
    await assert.rejects(shop.publish(moduleZip(M)), { code: 'STORE_FAILED' });
    assert.equal(shop.kinds(), 'deleted published ziphash');
    mend();
    assert.equal((await shop.publish(moduleZip(M))).status, 'published');
    assert.deepEqual(shop.actions(), ['publish', 'delete', 'restore']);
  });

  for (const kind of ['mod', 'ziphash', 'zip', 'info'] as const)
    it(`cut before its ${kind} is completed by the same one, and by no other`, async (t) => {
      const shop = await Shop.open(t);
      shop.before(keys.file(M, kind), () => Promise.reject(new Error('crash')));
      await assert.rejects(shop.publish(moduleZip(M)));
      assert.ok(!shop.kinds().includes('info'));
      const other = moduleZip(M, { 'b.go': 'package lib\n' });
      await assert.rejects(shop.publish(other), { code: 'ALREADY_PUBLISHED' });
      assert.equal((await shop.publish(moduleZip(M))).status, 'published');
      assert.equal(shop.kinds(), WHOLE);
    });
});

describe('a version that was deleted', () => {
  it('comes back with its h1 alone, also where its ziphash is lost', async (t) => {
    for (const lost of ['ziphash', 'published', 'ziphash published'].map((kinds) => kinds.split(' '))) {
      const shop = await Shop.open(t);
      await shop.publish(moduleZip(M));
      await shop.delete();
      for (const kind of lost) fs.rmSync(shop.file(`v1.0.0.${kind}`));
      const other = moduleZip(M, { 'b.go': 'package lib\n' });
      await assert.rejects(shop.publish(other), { code: 'ALREADY_PUBLISHED' }, lost.join());
      assert.equal((await shop.publish(moduleZip(M))).status, 'published');
    }
  });

  it('of which nothing can be read any more does not come back', async (t) => {
    const shop = await Shop.open(t);
    await shop.publish(moduleZip(M));
    await shop.delete();
    for (const kind of ['ziphash', 'published']) fs.rmSync(shop.file(`v1.0.0.${kind}`));
    fs.writeFileSync(shop.file('v1.0.0.deleted'), 'rot');
    await assert.rejects(shop.publish(moduleZip(M)), { code: 'ALREADY_PUBLISHED' });
  });

  it('of which only the go.mod was stored comes back with that one', async (t) => {
    const shop = await Shop.open(t);
    await shop.tree.put(keys.file(M, 'mod'), Buffer.from(OTHER_MOD), { kind: 'keep' });
    assert.equal((await shop.delete()).h1, null);
    await assert.rejects(shop.publish(moduleZip(M)), { code: 'ALREADY_PUBLISHED' });
    assert.equal((await shop.publish(moduleZip(M, { 'go.mod': OTHER_MOD }))).status, 'published');
  });

  it('has the same .info when it comes back', async (t) => {
    const shop = await Shop.open(t);
    await shop.publish(moduleZip(M));
    const info = shop.text('info');
    assert.equal(info, '{"Version":"v1.0.0","Time":"2026-01-02T03:04:05Z"}');
    await shop.delete();
    // Whichever of the two that know its time is left.
    fs.rmSync(shop.file('v1.0.0.published'));
    shop.now += 1e9;
    await shop.publish(moduleZip(M));
    assert.equal(shop.text('info'), info);
    await shop.delete();
    shop.now += 1e9;
    await shop.publish(moduleZip(M));
    assert.equal(shop.text('info'), info);
  });
});

it('who has a module for himself is told when another process may have it too', async (t) => {
  const shop = await Shop.open(t);
  t.mock.timers.enable({ apis: ['setInterval'] });
  await shop.room.exclusively('x', new AbortController().signal, async (held) => {
    const over = once(held, 'abort');
    t.mock.timers.tick(10_000);
    shop.room.lease = async () => false;
    t.mock.timers.tick(10_000);
    await over;
    assert.equal(toModgateError(held.reason).code, 'OVERLOADED');
  });
});
