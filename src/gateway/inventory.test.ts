/** Pages of stored versions: none ends beyond its size, and none is missed or comes twice. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { DatabaseSync } from '@photostructure/sqlite';
import { createLogger, systemClock } from '../observe/index.ts';
import { FileTree, Storeroom } from '../store/index.ts';
import { cursorOf, usage, type VersionsPage, versions, versionsPage } from './inventory.ts';
import { meantFiles } from './meant-files.ts';
import { countMeant, purge } from './purge.ts';
import { Selection } from './selection.ts';

const logger = createLogger({ level: 'silent', format: 'json', destination: { write: () => true } });

it('a page ends within a large module, and the next one goes on there', async () => {
  const data = fs.mkdtempSync(path.join(os.tmpdir(), 'modgate-inventory-'));
  for (const name of ['a', 'b', 'c']) {
    const folder = path.join(data, `tree/example.com/${name}/@v`);
    fs.mkdirSync(folder, { recursive: true });
    for (let i = 0; i < 25; i++) fs.writeFileSync(path.join(folder, `v1.0.${i}.mod`), '');
  }
  const tree = await FileTree.open(data, { logger });
  const room = new Storeroom(tree, data);
  await room.reconcile(0);
  const seen: string[] = [];
  for (let after: string | undefined = ''; after !== undefined; ) {
    const { value } = await versions(room, new Selection([]), after, 10).next();
    assert.ok((value?.length ?? 0) <= 10);
    seen.push(...(value ?? []).map((one) => `${one.path}@${one.version}`));
    after = value === undefined ? undefined : cursorOf(value);
  }
  assert.deepEqual([seen.length, new Set(seen).size], [75, 75]);
  room.close();
  await tree.close();
  fs.rmSync(data, { recursive: true, force: true });
});

it('what a pattern of versions takes is counted by them alone', async () => {
  const data = fs.mkdtempSync(path.join(os.tmpdir(), 'modgate-inventory-'));
  for (const name of ['a', 'b']) {
    const folder = path.join(data, `tree/example.com/${name}/@v`);
    fs.mkdirSync(folder, { recursive: true });
    for (let i = 0; i < 3; i++) fs.writeFileSync(path.join(folder, `v1.${i}.0.mod`), 'x');
  }
  const tree = await FileTree.open(data, { logger });
  const room = new Storeroom(tree, data);
  await room.reconcile(0);
  const USAGES: readonly [patterns: string[], usages: string[]][] = [
    [[], ['example.com/a 3 12288', 'example.com/b 3 12288']],
    [['example.com/a'], ['example.com/a 3 12288']],
    [['example.com/a@v1.1.0'], ['example.com/a 1 4096']],
    [
      ['example.com/*@v1.[01].0', 'example.com/b'],
      ['example.com/b 3 12288', 'example.com/a 2 8192'],
    ],
    [['example.com/*@v9.0.0'], []],
  ];
  for (const [patterns, usages] of USAGES) {
    const found = await usage(room, new Selection(patterns), 0);
    assert.deepEqual(
      found.map((one) => `${one.path} ${one.versions} ${one.bytes}`),
      usages,
    );
  }
  room.close();
  await tree.close();
  fs.rmSync(data, { recursive: true, force: true });
});

describe('a store of 100,000 versions', () => {
  const LARGE = 'example.com/large';
  const EACH = 50_000;
  let data: string;
  let tree: FileTree;
  let room: Storeroom;
  /** that the catalogue gave */
  let rows = 0;

  before(async () => {
    data = fs.mkdtempSync(path.join(os.tmpdir(), 'modgate-inventory-'));
    tree = await FileTree.open(data, { logger });
    room = new Storeroom(tree, data);
    await room.reconcile(0);
    const database = new DatabaseSync(path.join(data, 'catalog.db'));
    // One module with many versions, and many modules with one.
    for (const [from, module] of [
      [0, `'${LARGE}'`],
      [EACH, `'example.com/m' || i`],
    ] as const)
      database.exec(`INSERT INTO version (time, path, version, info, zip, listed, disk, used)
        WITH RECURSIVE n(i) AS (SELECT ${from + 1} UNION ALL SELECT i + 1 FROM n WHERE i < ${from + EACH})
        SELECT i, ${module}, 'v1.0.' || i, 2, 2, 1, 4096, 1 FROM n`);
    database.close();
    const { catalog } = room;
    for (const name of ['versionsOf', 'version', 'paths', 'parts', 'leastUsed'] as const) {
      const own = catalog[name].bind(catalog) as (...args: unknown[]) => unknown;
      Object.assign(catalog, {
        [name]: (...args: unknown[]) => {
          const found = own(...args);
          rows += Array.isArray(found) ? found.length : 1;
          return found;
        },
      });
    }
  });
  after(async () => {
    room.close();
    await tree.close();
    fs.rmSync(data, { recursive: true, force: true });
  });

  const one = `${LARGE}@v1.0.777`;
  const WORK: [what: string, most: number, work: () => Promise<unknown>][] = [
    ['counting one version', 2, () => countMeant(room, new Selection([one]))],
    ['a page of one version', 2, () => versionsPage(room, new Selection([one]), '', 1000)],
    ['what a small module takes', 1, () => usage(room, new Selection(['example.com/m60000']), 0)],
    [
      'a dry purge of one version',
      2,
      () => drain(purge({ room, clock: systemClock, logger }, new Selection([one]), DRY)),
    ],
    [
      'a page within the large module',
      1002,
      () => versionsPage(room, new Selection([]), `${LARGE}@v1.0.3`, 1000),
    ],
    ['the first page of everything', 2002, () => versionsPage(room, new Selection([]), '', 1000)],
    [
      'a module behind many others',
      2,
      () => versionsPage(room, new Selection(['example.com/m99999']), '', 10),
    ],
    ['modules by a beginning', 24, () => versionsPage(room, new Selection(['example.com/m9999*']), '', 1000)],
  ];
  for (const [what, most, work] of WORK) {
    it(`${what} reads at most ${most} rows`, async () => {
      rows = 0;
      await work();
      assert.ok(rows <= most, `${rows} rows`);
    });
  }

  it('verifying one version looks at its files only', () => {
    let looks = 0;
    const stat = room.stat.bind(room);
    room.stat = (key) => {
      looks++;
      return stat(key);
    };
    room.files = () => assert.fail('the whole tree is walked');
    assert.deepEqual([...meantFiles(room, new Selection([one]), '')], []);
    // Its four files, and what may be said of it.
    assert.equal(looks, 6);
  });

  it('a page holds no more than its limit, and the pages hold each version once', async () => {
    let seen = 0;
    let last = '';
    for (let next: string | undefined = ''; next !== undefined; ) {
      const page: VersionsPage = await versionsPage(room, new Selection([]), next, 7777);
      assert.ok(page.versions.length <= 7777);
      seen += page.versions.length;
      assert.ok((page.next ?? '~') > last, 'each page comes behind the one before');
      last = page.next ?? '~';
      next = page.next;
    }
    assert.equal(seen, 2 * EACH);
  });

  it('sums are those of all', async () => {
    const [all] = await usage(room, new Selection([]), 1);
    assert.deepEqual([all?.modules, all?.versions, all?.bytes], [EACH + 1, 2 * EACH, 2 * EACH * 4096]);
  });
});

const DRY = { hard: true, dryRun: true, signal: new AbortController().signal };

async function drain(events: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of events);
}
