/** What purges, evictions and checks do to versions that are published or deleted here, before or meanwhile. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { ModgateError } from '../errors/index.ts';
import { keys, type TreeKey } from '../store/index.ts';
import { Evictor } from './evict.ts';
import { M, moduleZip, Shop } from './publish.test.kit.ts';
import { purge } from './purge.ts';
import { Selection } from './selection.ts';
import { Upkeep } from './upkeep.ts';
import { Verifier } from './verify.ts';

const WHOLE = 'info mod published zip ziphash';
const signal = new AbortController().signal;

/** Hides the mark of the version until somebody has the module for himself: as if it was published meanwhile. */
function publishedMeanwhile(shop: Shop): void {
  const mark = shop.file('v1.0.0.published');
  fs.renameSync(mark, `${mark}.aside`);
  const exclusively = shop.room.exclusively.bind(shop.room);
  shop.room.exclusively = (name, until, work) => {
    if (fs.existsSync(`${mark}.aside`)) fs.renameSync(`${mark}.aside`, mark);
    return exclusively(name, until, work);
  };
}

describe('a purge', () => {
  it('looks at the marks when its turn has come', async (t) => {
    const shop = await Shop.open(t);
    await shop.publish(moduleZip(M));
    publishedMeanwhile(shop);
    const options = { hard: true, dryRun: false, signal };
    const told = [];
    for await (const one of purge(shop.deps, new Selection([M.path]), options)) told.push(one);
    assert.deepEqual(told, [{ module: M.path, versions: [], bytes: 0, kept: ['v1.0.0'] }]);
    assert.equal(shop.kinds(), WHOLE);
  });
});

it('an eviction looks at the mark when its turn has come', async (t) => {
  const none = () => Promise.reject(new ModgateError('NOT_FOUND', 'none'));
  const file = async (_m: unknown, kind: string) => {
    const body = fs.createReadStream(shop.file(`v1.0.0.${kind}`));
    return { body, length: undefined, source: 'up', url: kind, trace: { source: 'up', links: {} } };
  };
  const rest = { list: none, query: none, sumdb: none, close: async () => undefined };
  const shop = await Shop.open(t, [{ name: 'up', state: 'closed', file, ...rest }]);
  await shop.publish(moduleZip(M));
  publishedMeanwhile(shop);
  await new Evictor(shop.deps).run(1, { anew: true, own: false }, signal);
  assert.equal(shop.kinds(), WHOLE);
});

describe('a deletion that a crash has cut behind its stone', () => {
  async function cut(t: Parameters<typeof Shop.open>[0]): Promise<Shop> {
    const shop = await Shop.open(t);
    await shop.publish(moduleZip(M));
    shop.before(keys.file(M, 'info'), () => Promise.reject(new Error('crash')));
    await assert.rejects(shop.delete());
    assert.equal(shop.kinds(), 'deleted info mod published zip ziphash');
    return shop;
  }

  it('is finished as soon as a process starts on the folder, and whoever holds answers is told', async (t) => {
    const shop = await cut(t);
    let forgotten: () => void = () => undefined;
    const over = new Promise<void>((resolve) => {
      forgotten = resolve;
    });
    const limits = { cap: 0, scrub: 0, settle: 1e8 };
    const upkeep = new Upkeep({ ...shop.deps, forget: () => forgotten() }, limits);
    upkeep.start();
    await over;
    await upkeep.close();
    assert.equal(shop.kinds(), 'deleted published ziphash');
    assert.ok(!fs.existsSync(shop.file('list')));
  });

  it('is finished by another try', async (t) => {
    const shop = await cut(t);
    assert.equal((await shop.delete()).status, 'unchanged');
    assert.equal(shop.kinds(), 'deleted published ziphash');
  });
});

describe('a check of all files', () => {
  /** The keys of the files that were moved away, and whether they were mended. */
  async function verify(shop: Shop): Promise<[string, boolean | undefined][]> {
    const found: [string, boolean | undefined][] = [];
    const verifier = new Verifier(shop.deps);
    const options = { quarantine: true, signal, parallel: 1 };
    for await (const { findings } of verifier.run(new Selection([]), options))
      for (const one of findings) if (one.outcome === 'bad') found.push([path.basename(one.key), one.mended]);
    return found;
  }

  const damages: readonly [what: string, damage: (text: string) => string][] = [
    ['a longer', (text) => `${text}x`],
    ['another', (text) => text.replace(/^h1:./, (begin) => (begin === 'h1:A' ? 'h1:B' : 'h1:A'))],
  ];
  for (const [what, damage] of damages)
    for (const isCatalogued of [true, false])
      it(`makes ${what} ziphash of a published version again from its mark, ${isCatalogued ? 'with' : 'without'} a catalogue`, async (t) => {
        const shop = await Shop.open(t);
        await shop.publish(moduleZip(M));
        const right = shop.text('ziphash');
        fs.writeFileSync(shop.file('v1.0.0.ziphash'), damage(right));
        if (!isCatalogued) await forget(shop);
        assert.deepEqual(await verify(shop), [['v1.0.0.ziphash', true]]);
        assert.equal(shop.text('ziphash'), right);
        assert.equal(shop.kinds(), WHOLE);
      });

  it('makes the ziphash of a deleted version again from its stone, so that nothing else gets in', async (t) => {
    const shop = await Shop.open(t);
    await shop.publish(moduleZip(M));
    await shop.delete();
    const right = shop.text('ziphash');
    fs.appendFileSync(shop.file('v1.0.0.ziphash'), 'x');
    fs.rmSync(shop.file('v1.0.0.published'));
    assert.deepEqual(await verify(shop), [['v1.0.0.ziphash', true]]);
    assert.equal(shop.text('ziphash'), right);
    const other = moduleZip(M, { 'b.go': 'package lib\n' });
    await assert.rejects(shop.publish(other), { code: 'ALREADY_PUBLISHED' });
  });

  /** As if the catalogue had just been made from the tree. */
  async function forget(shop: Shop): Promise<void> {
    const all: TreeKey[] = [...shop.room.filesOf(M), ...shop.room.marksOf(M)];
    const places = all.filter((key) => fs.existsSync(shop.room.path(key))).map((key) => shop.room.path(key));
    for (const place of places) fs.renameSync(place, `${place}.aside`);
    await shop.room.settle(all);
    for (const place of places) fs.renameSync(`${place}.aside`, place);
    await shop.room.settle(all);
  }
});
