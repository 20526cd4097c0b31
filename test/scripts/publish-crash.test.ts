/** kill -9 while modules are published or deleted: nothing half is told, and the same again completes it. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { describe, test } from 'node:test';
import type { Modgate } from '../kit/modgate.ts';
import { modgateCommand } from '../kit/modgate.ts';
import { libZip, MODULE, publish, publishingPair } from '../kit/publish.ts';
import { Random } from '../kit/random.ts';
import { lines, storeCommand } from '../kit/store.ts';
import { until } from '../kit/wait.ts';

const BASE = `/${MODULE}/@v`;
/** characters that no compression makes small, so that an upload takes several pieces */
const BULK = 3 << 20;

const fileOf = ({ data }: Modgate, name: string) => path.join(data, 'tree', `${BASE}/${name}`);

/** What is told of a version is whole. */
async function assertWhole(modgate: Modgate, version: string, zip: Buffer): Promise<void> {
  const list = await modgate.ask(`${BASE}/list`);
  const isListed = list.text.split('\n').includes(version);
  const info = await modgate.ask(`${BASE}/${version}.info`);
  assert.equal(info.status === 200, isListed, `${version}: ${info.status}, list ${list.text}`);
  const index = await until(async () => {
    const found = (await modgate.ask('/index')).text.includes(`"${version}"`);
    return found === isListed ? 'as the list' : undefined;
  }, `the index to tell of ${version} what the list does`);
  assert.ok(index);
  if (!isListed) return;
  assert.equal((await modgate.ask(`${BASE}/${version}.mod`)).status, 200);
  assert.deepEqual((await modgate.ask(`${BASE}/${version}.zip`)).body, zip);
}

async function assertPublished(modgate: Modgate, version: string, zip: Buffer): Promise<void> {
  const again = await publish(modgate, version, zip);
  assert.ok(again.status === 200 || again.status === 201, again.text);
  await assertWhole(modgate, version, zip);
  assert.match((await modgate.ask(`${BASE}/list`)).text, new RegExp(`^${version}$`, 'm'));
  assert.match((await modgate.ask('/index')).text, new RegExp(`"${version}"`));
  const audit = lines(fs.readFileSync(path.join(modgate.data, 'audit.jsonl'), 'utf8'));
  assert.ok(audit.some((entry) => entry.version === version));
}

describe('kill -9 during an upload', () => {
  test('as soon as each of its files is there', { timeout: 200_000 }, async (t) => {
    const { modgate } = await publishingPair(t);
    for (const [n, kind] of ['published', 'mod', 'ziphash', 'zip', 'info'].entries()) {
      const version = `v1.${n}.0`;
      const zip = libZip(version, { 'bulk.txt': randomBytes(BULK / 2).toString('hex') });
      const asked = publish(modgate, version, zip).catch(() => undefined);
      await until(() => (fs.existsSync(fileOf(modgate, `${version}.${kind}`)) ? true : undefined), kind);
      await modgate.kill9();
      await asked;
      await modgate.restart();
      await assertWhole(modgate, version, zip);
      await assertPublished(modgate, version, zip);
    }
    assert.equal((await storeCommand(modgate, 'verify')).code, 0);
  });

  test('at random moments', { timeout: 200_000 }, async (t) => {
    const { modgate } = await publishingPair(t);
    const random = new Random(26);
    for (let n = 0; n < 8; n++) {
      const version = `v1.${n}.0`;
      const zip = libZip(version, { 'bulk.txt': randomBytes(BULK / 2).toString('hex') });
      const asked = publish(modgate, version, zip).catch(() => undefined);
      const enough = random.below(BULK * 1.3);
      const moment = until(() => (modgate.bytesInTmp() > enough ? true : undefined), 'so many bytes').catch(
        () => undefined,
      );
      await Promise.race([asked, moment]);
      await modgate.kill9();
      await asked;
      await modgate.restart();
      await assertWhole(modgate, version, zip);
      await assertPublished(modgate, version, zip);
    }
  });
});

test('kill -9 between the stone of a version and its files: verify takes away what is left', async (t) => {
  const { modgate } = await publishingPair(t);
  for (const version of ['v1.0.0', 'v1.1.0']) await publish(modgate, version, libZip(version));
  await modgate.stop();
  // What a crash right behind the stone leaves.
  const stone = {
    version: 'v1.1.0',
    time: '2026-01-02T03:04:05Z',
    reason: 'a secret',
    by: 'command',
    h1: null,
  };
  fs.writeFileSync(fileOf(modgate, 'v1.1.0.deleted'), `${JSON.stringify(stone)}\n`);
  await modgate.restart();
  assert.equal((await modgate.ask(`${BASE}/list`)).text, 'v1.0.0\n');
  assert.match((await modgate.ask(`/${MODULE}/@latest`)).text, /v1\.0\.0/);
  const run = modgateCommand([
    'delete',
    `${MODULE}@v1.1.0`,
    '--reason',
    'x',
    '--yes',
    '--config',
    modgate.file,
  ]);
  assert.match(run.stdout, /was deleted before, at 2026-01-02T03:04:05Z: a secret/, run.stderr);
  assert.equal(fs.existsSync(fileOf(modgate, 'v1.1.0.info')), false);

  fs.writeFileSync(fileOf(modgate, 'v1.1.0.info'), '{"Version":"v1.1.0","Time":"2026-01-02T03:04:05Z"}');
  const verified = await storeCommand(modgate, 'verify', MODULE);
  assert.equal(verified.code, 0, verified.stdout);
  assert.equal(fs.existsSync(fileOf(modgate, 'v1.1.0.info')), false);
  assert.equal((await modgate.ask(`${BASE}/v1.1.0.info`)).status, 410);
});
