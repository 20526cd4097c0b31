/** The store keeps within 5 % of its cap: what was not used for longest goes, and nothing that no source has any more. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { Fixture } from '../kit/fixture.ts';
import { pairFor } from '../kit/gateway.ts';
import { lines, storeCommand } from '../kit/store.ts';
import { Upstream } from '../kit/upstream.ts';
import { until } from '../kit/wait.ts';

const MODULE = 'example.com/bulky';
const BULK = 512 << 10;
const CAP = 24 << 20;
const WAVE = 20;
const WAVES = 5;

const version = (n: number) => `v1.0.${n}`;
const zip = (n: number) => `/${MODULE}/@v/${version(n)}.zip`;
const info = (n: number) => `/${MODULE}/@v/${version(n)}.info`;

function bulky(): Fixture {
  const files = { 'go.mod': `module ${MODULE}\n`, 'b.go': 'package bulky\n' };
  const versions = Array.from({ length: WAVE * WAVES }, (_, n) => ({
    version: version(n),
    time: '2024-01-02T03:04:05Z',
    files,
    bulk: BULK,
  }));
  // The fixture's checksum database covers small ones only, and needs one.
  const small = {
    version: 'v1.0.0',
    time: '2024-01-02T03:04:05Z',
    files: { 'go.mod': 'module example.com/small\n' },
  };
  return new Fixture([
    { path: MODULE, versions, latest: version(0) },
    { path: 'example.com/small', versions: [small] },
  ]);
}

/** As du counts, in blocks of 4 KiB. */
function bytesIn(folder: string): number {
  const entries = fs.readdirSync(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => fs.statSync(path.join(entry.path, entry.name), { throwIfNoEntry: false })?.size ?? 0)
    .reduce((sum, size) => sum + Math.ceil(size / 4096) * 4096, 0);
}

/** The last use of a version is known to the second. */
async function anotherSecond(): Promise<void> {
  const second = Math.floor(Date.now() / 1000);
  await until(() => (Date.now() / 1000 > second + 1 ? true : undefined), 'another second');
}

test('five waves of versions through a small store', { timeout: 200_000 }, async (t) => {
  const upstream = await Upstream.start(bulky());
  const { modgate } = await pairFor(t, { upstream, config: { store: { cap: CAP, scrub: '0' } } });
  const tree = path.join(modgate.data, 'tree');
  const has = (n: number) => fs.existsSync(path.join(tree, zip(n)));
  const fetch = async (n: number) => {
    for (const url of [info(n), zip(n)]) assert.equal((await modgate.ask(url)).status, 200, url);
  };
  // Version 3 is stored, and then its source loses it; version 5 is used again and again.
  const lost = 3;
  const used = 5;
  for (let wave = 0; wave < WAVES; wave++) {
    if (wave === 1) upstream.fault(`${version(lost)}.info`, { kind: 'status', status: 404 });
    for (let n = wave * WAVE; n < (wave + 1) * WAVE; n++) await fetch(n);
    await anotherSecond();
    await fetch(used);
    await anotherSecond();
    const total = await until(
      () => {
        const bytes = bytesIn(tree);
        return bytes <= CAP * 1.05 ? bytes : undefined;
      },
      `at most the cap after wave ${wave}`,
      60_000,
    );
    if (wave >= 3) assert.ok(total >= CAP * 0.9, `no more than needed was evicted: ${total} of ${CAP}`);
  }
  const settled = await until(
    () => {
      const bytes = bytesIn(tree);
      return bytes <= CAP ? bytes : undefined;
    },
    'at most the cap in the end',
    60_000,
  );
  assert.ok(settled >= CAP * 0.95 - BULK, `within 5 % of the cap: ${settled} of ${CAP}`);

  assert.ok(has(lost), 'what no source has any more stays');
  assert.ok(has(used), 'what was used lately stays');
  const last = WAVE * WAVES - 1;
  assert.ok(has(last), 'the newest stays');
  const stored = Array.from({ length: last + 1 }, (_, n) => n).filter(
    (n) => has(n) && n !== lost && n !== used,
  );
  const oldest = stored[0] ?? -1;
  assert.equal(
    stored.length,
    last - oldest + 1,
    `the least recently used ones are gone, in order: ${stored.join()}`,
  );
  for (let n = 0; n < oldest; n++)
    assert.ok(
      fs.existsSync(path.join(tree, `${MODULE}/@v/${version(n)}.ziphash`)),
      `the ziphash of ${n} stays`,
    );

  // The catalogue and the disk agree, and an evicted version comes again.
  const stats = lines((await storeCommand(modgate, 'stats', '--json')).stdout)[0];
  assert.equal(stats?.bytes, bytesIn(tree));
  await fetch(0);
  const metrics = (await modgate.ask('/metrics')).text;
  assert.match(metrics, /modgate_evictions_total\{what="zip"\} [1-9]/);
  assert.match(metrics, /modgate_evictions_refused_total\{why="gone"\} [1-9]/);
});
