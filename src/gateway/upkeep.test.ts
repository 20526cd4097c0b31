/** What upkeep does with what it cannot do, and with what nobody knows. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { ModgateError } from '../errors/index.ts';
import { Chain } from '../fetch/index.ts';
import { parseModulePath, parseVersion } from '../module/index.ts';
import { ZipChecker } from '../modzip/index.ts';
import { createLogger, Metrics, systemClock } from '../observe/index.ts';
import { FileTree, type Mark, Storeroom } from '../store/index.ts';
import { Router } from './router.ts';
import { Upkeep } from './upkeep.ts';

const LIB = parseModulePath('example.com/lib');
const USE: Mark = { path: LIB, version: parseVersion(LIB, 'v1.0.0'), used: 2_000_000_000 };

describe('upkeep', () => {
  let data: string;
  let tree: FileTree;
  let room: Storeroom;
  let checker: ZipChecker;
  let logged: string[];

  beforeEach(async () => {
    data = fs.mkdtempSync(path.join(os.tmpdir(), 'modgate-upkeep-'));
    logged = [];
    tree = await FileTree.open(data, { logger: logger() });
    room = new Storeroom(tree, data);
    checker = new ZipChecker();
  });
  afterEach(async () => {
    await checker.close();
    room.close();
    await tree.close();
    fs.rmSync(data, { recursive: true, force: true });
  });

  function logger() {
    const write = (line: string) => logged.push(line) > 0;
    return createLogger({ level: 'warn', format: 'json', destination: { write } });
  }

  function upkeepWith(sweepUses?: (keep: (uses: readonly Mark[]) => Promise<void>) => Promise<void>): Upkeep {
    const router = new Router([], new Chain([], ''));
    const metrics = new Metrics({ process: false });
    const forget = () => undefined;
    const deps = { room, router, checker, clock: systemClock, logger: logger(), metrics, forget, sweepUses };
    return new Upkeep(deps, { cap: 0, scrub: 0 });
  }

  it('tells who remembers uses that they were not noted, and says so at the end', async () => {
    const ask = tree.catalog.bind(tree);
    tree.catalog = async (order) => {
      if (order.kind === 'mark') throw new ModgateError('STORE_FAILED', 'the catalogue is locked');
      return await ask(order);
    };
    const kept: string[] = [];
    const upkeep = upkeepWith((keep) =>
      keep([USE]).catch((error: Error) => {
        kept.push(error.message);
        throw error;
      }),
    );
    await assert.rejects(upkeep.collect(0, new AbortController().signal), { code: 'STORE_FAILED' });
    await upkeep.close();
    assert.deepEqual(kept, ['the catalogue is locked', 'the catalogue is locked']);
    assert.equal(
      logged.filter((line) => line.includes('the last uses of versions were not noted')).length,
      1,
    );
  });

  it('what was moved away nobody knows when is in no list of what is older, but in that of all', async () => {
    const NAMES = ['2001-02-03T040506.789Z', '2001-99-03T040506.789Z', '2001-02-03T996106.789Z', 'by-hand'];
    for (const name of NAMES) {
      fs.mkdirSync(path.join(data, 'quarantine', name), { recursive: true });
      fs.writeFileSync(path.join(data, 'quarantine', name, 'file'), '');
    }
    const upkeep = upkeepWith();
    const all = [...upkeep.quarantined([])].map(({ moved }) => moved);
    const old = [...upkeep.quarantined([], Date.now())].map(({ moved }) => moved);
    await upkeep.close();
    assert.deepEqual(
      all.filter((moved) => moved !== null),
      old,
    );
    assert.equal(all.length, NAMES.length);
    assert.deepEqual(old, ['2001-02-03T04:05:06.789Z']);
  });
});
