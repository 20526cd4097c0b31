/**
 * The catalogue: paging while others add, several processes, what it makes of a tree that changed behind its back. This
 * file is also the child: run with a data folder, a name and a number, it adds that many versions.
 */
import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { crc32 } from 'node:zlib';
import { parseModulePath, parseVersion } from '../module/index.ts';
import { Catalog, type Listed, STATEMENTS } from './catalog.ts';
import { CatalogWriter, type Note } from './catalog-writer.ts';
import { FileTree } from './file-tree.ts';
import { type Folder, silent, tempFolder } from './fixtures.test.kit.ts';
import { parseKey } from './key.ts';
import { keys } from './keys.ts';
import { Reconciler } from './reconcile.ts';
import { openDatabase } from './sqlite.ts';
import { Storeroom } from './storeroom.ts';

/** versions of one transaction of the children */
const BATCH = 500;

/** Files of versions v1.0.0, v1.0.1, … of a module, on the disk. */
function writeVersions(data: string, name: string, from: number, to: number): Note[] {
  const folder = join(data, 'tree', `example.com/${name}/@v`);
  mkdirSync(folder, { recursive: true });
  const notes: Note[] = [];
  for (let n = from; n < to; n++) {
    const text = `{"Version":"v1.0.${n}"}`;
    writeFileSync(join(folder, `v1.0.${n}.info`), text);
    notes.push({ key: parseKey(`example.com/${name}/@v/v1.0.${n}.info`) });
  }
  return notes;
}

const LATER = { code: 'OVERLOADED', retryAfter: 5 };

const OLDER = 'older';

/** Everything from that byte on; what waits in the log is written into the file first. */
function breakCatalog(data: string, from: number | typeof OLDER): void {
  const file = join(data, 'catalog.db');
  const database = openDatabase(file);
  if (from === OLDER) database.exec('PRAGMA user_version = 1');
  database.exec('PRAGMA wal_checkpoint(TRUNCATE)');
  database.close();
  if (from === OLDER) return;
  const fd = openSync(file, 'r+');
  writeSync(fd, Buffer.alloc(statSync(file).size - from, 0xaa), 0, null, from);
  closeSync(fd);
}

/** undefined while it cannot be read. */
function totalsOf(room: Storeroom): number | undefined {
  try {
    return room.catalog.totals().versions;
  } catch {
    return undefined;
  }
}

function addVersions(data: string, name: string, count: number): void {
  const writer = new CatalogWriter(data, silent());
  for (let from = 0; from < count; from += BATCH)
    writer.perform({ kind: 'settle', notes: writeVersions(data, name, from, Math.min(from + BATCH, count)) });
  writer.close();
}

const [, , childData, childName, childCount] = process.argv;
if (process.send !== undefined && childData !== undefined && childName !== undefined) {
  addVersions(childData, childName, Number(childCount));
  process.disconnect();
} else {
  suite();
}

function suite(): void {
  let folder: Folder;
  let catalog: Catalog;

  beforeEach(() => {
    folder = tempFolder('memory');
    mkdirSync(join(folder.path, 'tree'));
    catalog = new Catalog(folder.path);
  });
  afterEach(() => {
    catalog.close();
    folder.remove();
  });

  const settle = (notes: readonly Note[]) => {
    const writer = new CatalogWriter(folder.path, silent());
    writer.perform({ kind: 'settle', notes });
    writer.close();
  };

  describe('paging', () => {
    it('misses none of 100,000 versions while two other processes add, and repeats only the one it asks from', async () => {
      const each = 50_000;
      const children = ['one', 'two'].map((name) =>
        fork(fileURLToPath(import.meta.url), [folder.path, name, String(each)], { stdio: 'inherit' }),
      );
      let running = children.length;
      const ended = children.map(async (child) => {
        const [code] = await once(child, 'exit');
        running--;
        assert.equal(code, 0);
      });
      const seen = new Map<string, number>();
      let last = 0;
      let slowest = 0;
      for (;;) {
        const over = running === 0;
        const began = performance.now();
        const page = catalog.listed(last, 2000);
        slowest = Math.max(slowest, performance.now() - began);
        for (const one of page) take(seen, one, last);
        const before = last;
        last = page.at(-1)?.time ?? last;
        if (over && last === before) break;
        if (last === before) await new Promise((resolve) => setImmediate(resolve));
      }
      await Promise.all(ended);
      assert.equal(seen.size, 2 * each);
      assert.ok(slowest < 2000, `a page took ${Math.round(slowest)} ms`);
      assert.deepEqual(catalog.totals().versions, 2 * each);
    });

    function take(seen: Map<string, number>, { path, version, time }: Listed, since: number): void {
      const name = `${path}@${version}`;
      const before = seen.get(name);
      if (before !== undefined) assert.ok(before === time && time === since, `${name} came twice`);
      assert.ok(time >= since, 'in ascending order');
      seen.set(name, time);
    }

    it('each page is read by the index, however many rows there are', () => {
      settle(writeVersions(folder.path, 'one', 0, 3000));
      const [{ time } = { time: 0 }] = catalog.listed(0, 3000).slice(-1);
      assert.equal(catalog.listed(time, 10).length, 1);
      assert.equal(catalog.listed(time + 1, 10).length, 0);
    });

    it('each statement searches an index, and sorts nothing', () => {
      settle(writeVersions(folder.path, 'one', 0, 1));
      const database = openDatabase(join(folder.path, 'catalog.db'));
      for (const [name, sql] of Object.entries(STATEMENTS)) {
        const values = Array<number>(sql.split('?').length - 1).fill(1);
        const plan = database.prepare(`EXPLAIN QUERY PLAN ${sql}`).all(...values);
        const steps = plan.map(({ detail }) => String(detail));
        const told = `${name}: ${steps.join('; ')}`;
        assert.ok(
          steps.some((step) => /^SEARCH (version|file) USING (.*INDEX|INTEGER PRIMARY KEY)/.test(step)),
          told,
        );
        assert.ok(!steps.some((step) => /^SCAN (version|file)|ORDER BY/.test(step)), told);
      }
      database.close();
    });

    it('a version that was removed and comes again is a new one to whoever pages', () => {
      const [note] = writeVersions(folder.path, 'one', 0, 1);
      assert.ok(note !== undefined);
      settle([note]);
      const [first] = catalog.listed(0, 1);
      rmSync(join(folder.path, 'tree', note.key));
      settle([note]);
      assert.deepEqual(catalog.listed(0, 1), []);
      writeVersions(folder.path, 'one', 0, 1);
      settle([note]);
      const [again] = catalog.listed(0, 1);
      assert.ok(first !== undefined && again !== undefined && again.time > first.time);
    });

    it('the order does not follow a clock that is set back', (t) => {
      settle(writeVersions(folder.path, 'one', 0, 1));
      const [first] = catalog.listed(0, 1);
      t.mock.timers.enable({ apis: ['Date'], now: Date.UTC(2001, 0, 1) });
      settle(writeVersions(folder.path, 'two', 0, 1));
      t.mock.timers.reset();
      const times = catalog.listed(0, 2).map(({ time }) => time);
      assert.deepEqual(times, [first?.time, (first?.time ?? 0) + 1]);
    });
  });

  describe('what the tree says counts', () => {
    const path = parseModulePath('example.com/Lib');
    const m = { path, version: parseVersion(path, 'v1.2.3') };
    let tree: FileTree;
    let room: Storeroom;

    beforeEach(async () => {
      tree = await FileTree.open(folder.path, { logger: silent() });
      room = new Storeroom(tree, folder.path);
    });
    afterEach(async () => {
      room.close();
      await tree.close();
    });

    it('a file that comes in is noted with its size, CRC-32 and source, in blocks of 4 KiB', async () => {
      await tree.put(keys.file(m, 'mod'), Buffer.from('123456789'), { kind: 'immutable', source: 'corp' });
      const staged = await tree.stage();
      await staged.write(Buffer.from('12345'));
      await staged.write(Buffer.from('6789'));
      await tree.adopt(keys.file(m, 'zip'), staged, { kind: 'keep', source: 'corp' });
      await staged.release();
      await tree.catalog({ kind: 'flush' });
      const row = room.catalog.version(m);
      // The check value of CRC-32, of "123456789".
      assert.deepEqual([row?.mod, row?.zip], Array(2).fill({ size: 9, crc: 0xcbf43926 }));
      assert.deepEqual([row?.source, row?.info, row?.disk], ['corp', undefined, 8192]);
      assert.deepEqual(room.catalog.totals(), { bytes: 8192, versions: 1 });
    });

    it('a file that is written again as it is stays known by its bytes', async () => {
      const [info, ziphash] = [keys.file(m, 'info'), keys.file(m, 'ziphash')];
      for (const known of [true, false]) {
        await tree.put(info, Buffer.from('123456789'), { kind: 'keep', source: 'corp' });
        await tree.put(ziphash, Buffer.from('123456789'), { kind: 'immutable', source: 'corp' });
        if (known) await tree.catalog({ kind: 'flush' });
      }
      await tree.put(ziphash, Buffer.from('123456789'), { kind: 'immutable' });
      await tree.catalog({ kind: 'flush' });
      const row = room.catalog.version(m);
      assert.deepEqual([row?.info, row?.ziphash], Array(2).fill({ size: 9, crc: 0xcbf43926 }));
      for (const key of [info, ziphash]) await tree.delete(key);
      for (let n = 0; n < 2; n++) {
        await tree.put(info, Buffer.from('987654321'), { kind: 'keep', source: 'corp' });
        await tree.put(ziphash, Buffer.from('987654321'), { kind: 'immutable', source: 'corp' });
      }
      await tree.catalog({ kind: 'flush' });
      const after = room.catalog.version(m);
      const crc = crc32('987654321');
      assert.deepEqual([after?.info, after?.ziphash], Array(2).fill({ size: 9, crc }));
    });

    it('notes of a process that is late change nothing: the file is looked at again', async () => {
      const key = keys.file(m, 'info');
      await tree.put(key, Buffer.from('{}'), { kind: 'keep' });
      rmSync(room.path(key));
      await tree.catalog({ kind: 'flush' });
      assert.deepEqual(room.catalog.totals(), { bytes: 0, versions: 0 });
    });

    const BEHIND: [string, (root: string) => void, number][] = [
      ['a version was added by hand', () => writeVersions(folder.path, 'new', 0, 1), 4],
      ['a version was removed by hand', (root) => rmSync(join(root, 'example.com/one/@v/v1.0.1.info')), 2],
      [
        'a module was removed by hand',
        (root) => rmSync(join(root, 'example.com/one'), { recursive: true }),
        0,
      ],
      [
        'all files of a module were removed by hand, its folder left',
        (root) => {
          rmSync(join(root, 'example.com/one/@v'), { recursive: true });
          mkdirSync(join(root, 'example.com/one/@v'));
        },
        0,
      ],
      ['nothing changed', () => undefined, 3],
    ];
    for (const [what, change, versions] of BEHIND) {
      it(`${what}: a look at the tree brings the catalogue up to date`, async () => {
        writeVersions(folder.path, 'one', 0, 3);
        writeFileSync(join(folder.path, 'tree/example.com/one/@v/list'), 'v1.0.0\n');
        await room.reconcile(0);
        change(join(folder.path, 'tree'));
        await room.reconcile(0);
        const { bytes } = room.catalog.totals();
        const files = [...room.files()];
        assert.equal(room.catalog.totals().versions, versions);
        assert.equal(bytes, files.length * 4096);
        assert.equal((await room.reconcile(0)).settled, 0, 'once is enough');
      });
    }

    it('a module with 50,000 versions was removed by hand: a look finds them all, some at a time', async () => {
      await room.reconcile(0);
      const database = openDatabase(join(folder.path, 'catalog.db'));
      database.exec(`INSERT INTO version (time, path, version, info, listed, disk, used)
        WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 50000)
        SELECT i, 'example.com/large', 'v1.0.' || i, 2, 1, 4096, 1 FROM n`);
      const settled: number[] = [];
      const look = new Reconciler(join(folder.path, 'tree'), (found) => void settled.push(found.length));
      while (!look.slice(database, false).done) assert.ok(Math.max(0, ...settled) <= 500);
      database.close();
      assert.equal(
        settled.reduce((sum, n) => sum + n, 0),
        4 * 50_000,
      );
    });

    it('folders that hold nothing are removed, those that vanish meanwhile are passed over', async () => {
      for (let i = 0; i < 250; i++) mkdirSync(join(folder.path, 'tree', `a${i}/@v`), { recursive: true });
      mkdirSync(join(folder.path, 'tree/z/@v'), { recursive: true });
      const removing = room.removeAllEmptyFolders();
      // It lets others have their turn after the first 200.
      rmSync(join(folder.path, 'tree/z'), { recursive: true });
      await removing;
      assert.deepEqual(readdirSync(join(folder.path, 'tree')), []);
    });

    it('the CRC of who is late is not put to the answer that another process put in its place', async () => {
      const other = await FileTree.open(folder.path, { logger: silent() });
      const key = keys.latest(path);
      await tree.put(key, Buffer.from('{"Version":"v1.0.0"}'), { kind: 'replace', fetchedAt: Date.now() });
      const bytes = Buffer.from('{"Version":"v1.0.1"}');
      await other.put(key, bytes, { kind: 'replace', fetchedAt: Date.now() });
      await other.catalog({ kind: 'flush' });
      await tree.catalog({ kind: 'flush' });
      await other.close();
      assert.equal(room.catalog.answer(key)?.crc, crc32(bytes));
    });

    it('a broken catalogue is moved aside and made again from the tree', async () => {
      writeVersions(folder.path, 'one', 0, 5);
      await room.reconcile(0);
      room.close();
      await tree.close();
      for (const rest of ['-wal', '-shm']) rmSync(join(folder.path, `catalog.db${rest}`), { force: true });
      writeFileSync(join(folder.path, 'catalog.db'), 'this is no database'.repeat(1000));
      tree = await FileTree.open(folder.path, { logger: silent() });
      room = new Storeroom(tree, folder.path);
      await room.reconcile(0);
      assert.equal(room.catalog.totals().versions, 5);
      assert.ok(readdirSync(folder.path).some((name) => name.startsWith('catalog.db.broken-')));
    });

    it('one of a newer layout is refused, and left as it is', async () => {
      writeVersions(folder.path, 'one', 0, 2);
      await room.reconcile(0);
      const file = join(folder.path, 'catalog.db');
      const newer = openDatabase(file);
      newer.exec('UPDATE version SET used = 1900000000; PRAGMA user_version = 1000');
      const { ino } = statSync(file);
      const refused = { code: 'STORE_FAILED', message: /made by a newer modgate: it has layout 1000/ };
      // Those who have it open, and those who open it.
      for (const time of ['open', 'opened']) {
        assert.throws(() => room.catalog.totals(), refused, time);
        await assert.rejects(room.setMeta('name', 'value'), refused, time);
        await assert.rejects(room.reconcile(0), refused, time);
        await tree.put(keys.file(m, 'info'), Buffer.from('{}'), { kind: 'keep' });
        await tree.catalog({ kind: 'flush' });
        room.close();
        await tree.close();
        tree = await FileTree.open(folder.path, { logger: silent() });
        room = new Storeroom(tree, folder.path);
      }
      newer.exec('UPDATE version SET used = used + 1');
      const used = newer.prepare('SELECT used FROM version').all();
      newer.close();
      assert.deepEqual(
        used.map((row) => row.used),
        [1900000001, 1900000001],
      );
      assert.equal(statSync(file).ino, ino);
      assert.ok(!readdirSync(folder.path).some((name) => name.includes('.broken-')));
    });

    it('a reader waits for no writer that is about to lay out the file, and changes nothing', () => {
      const file = join(folder.path, 'catalog.db');
      const writer = openDatabase(file);
      writer.exec('PRAGMA journal_mode = WAL; BEGIN IMMEDIATE');
      assert.equal(room.complete, false);
      assert.deepEqual(room.catalog.totals(), { bytes: 0, versions: 0 });
      writer.exec('ROLLBACK');
      assert.deepEqual(writer.prepare('SELECT * FROM sqlite_schema').all(), []);
      writer.close();
    });

    const page = 4096;
    const BROKEN: [string, number | typeof OLDER, () => unknown][] = [
      ['by a reader, in its pages', page, () => assert.throws(() => room.catalog.listed(0, 5000), LATER)],
      ['by a reader, in its head', 0, () => assert.throws(() => room.catalog.totals(), LATER)],
      ['by a writer', 0, () => room.setMeta('name', 'value')],
      ['by a look at the tree', page, () => room.reconcile(0)],
      [
        'by a reader, as one of an older layout',
        OLDER,
        () => assert.throws(() => room.catalog.totals(), LATER),
      ],
      ['by a writer, as one of an older layout', OLDER, () => room.setMeta('name', 'value')],
    ];
    for (const [who, from, meets] of BROKEN) {
      it(`a catalogue that is found broken ${who} is moved aside once, and made again while all runs`, {
        timeout: 30_000,
      }, async () => {
        writeVersions(folder.path, 'one', 0, 2000);
        await room.reconcile(0);
        assert.ok(room.complete);
        breakCatalog(folder.path, from);
        room.catalog.close();
        await meets();
        while (totalsOf(room) !== 2000 || !room.complete) await new Promise((done) => setTimeout(done, 5));
        await room.healed();
        const aside = readdirSync(folder.path).filter((name) => name.startsWith('catalog.db.broken-'));
        assert.equal(aside.length, 1);
      });
    }

    it('nothing reads what is not there: no file is made by a reader', () => {
      assert.deepEqual(catalog.listed(0, 10), []);
      assert.deepEqual(catalog.totals(), { bytes: 0, versions: 0 });
      assert.equal(existsSync(join(folder.path, 'catalog.db')), false);
    });

    it('one process at a time has a lease, and another one when it ends', async () => {
      const other = new Storeroom(tree, folder.path);
      assert.deepEqual([await room.lease('upkeep'), await other.lease('upkeep')], [true, false]);
      assert.equal(await room.lease('upkeep'), true, 'who has it keeps it');
      await room.release('upkeep');
      assert.equal(await other.lease('upkeep'), true);
      other.close();
    });

    it('the last use stays the latest; a soft purge puts it before all others until the next use', async () => {
      await tree.put(keys.file(m, 'info'), Buffer.from('{}'), { kind: 'keep' });
      const at = async (used: number) => {
        await room.mark([{ ...m, used }]);
        return room.catalog.version(m)?.used;
      };
      const later = Math.floor(Date.now() / 1000) + 100;
      assert.deepEqual(
        [await at(later), await at(later - 50), await at(0), await at(5)],
        [later, later, 0, 5],
      );
    });
  });
}
