/** What a loss of power may undo is told by the order of the steps: the tests read the record of them. */
import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { FileTree } from './file-tree.ts';
import { ADMISSION, admit, type Folder, linklessOps, silent, tempFolder } from './fixtures.test.kit.ts';
import { type FsOps, systemOps } from './fs-ops.ts';
import { parseKey } from './key.ts';

/** What is on the disk for sure, whatever the system has written by itself. */
class Ledger {
  readonly ops: FsOps;
  /** path → the file's bytes are flushed */
  readonly #flushed = new Map<string, boolean>();
  /** names whose entry in their folder is flushed */
  readonly durable = new Set<string>();
  /** folder → names that came in since the last fsync of the folder began */
  readonly #pending = new Map<string, Set<string>>();
  readonly #paths = new Map<number, string>();
  readonly faults: string[] = [];
  folderFlushes = 0;

  constructor(base: FsOps) {
    this.ops = {
      ...base,
      open: async (path, flags) => {
        const fd = await base.open(path, flags);
        this.#paths.set(fd, path);
        if (flags === 'wx+') this.#flushed.set(path, false);
        return fd;
      },
      write: async (fd, bytes, position) => {
        this.#flushed.set(this.#paths.get(fd) ?? '', false);
        return await base.write(fd, bytes, position);
      },
      touch: async (fd, modified) => {
        this.#flushed.set(this.#paths.get(fd) ?? '', false);
        await base.touch(fd, modified);
      },
      fsync: (fd) => this.#fsync(base, this.#paths.get(fd) ?? '', fd),
      link: async (from, to) => {
        await base.link(from, to);
        this.#came(from, to);
      },
      rename: async (from, to) => {
        await base.rename(from, to);
        this.#came(from, to);
      },
      mkdir: async (path) => {
        await base.mkdir(path);
        this.#enter(path);
      },
    };
  }

  async #fsync(base: FsOps, path: string, fd: number): Promise<void> {
    const covered = this.#pending.get(path);
    this.#pending.delete(path);
    await base.fsync(fd);
    if (this.#flushed.has(path)) this.#flushed.set(path, true);
    else this.folderFlushes++;
    for (const name of covered ?? []) this.durable.add(name);
  }

  #came(from: string, to: string): void {
    if (this.#flushed.get(from) !== true) this.faults.push(`${to} came in before its bytes were flushed`);
    this.#enter(to);
  }

  #enter(path: string): void {
    this.durable.delete(path);
    const names = this.#pending.get(dirname(path)) ?? new Set();
    this.#pending.set(dirname(path), names.add(path));
  }
}

describe('order of the steps', () => {
  let folder: Folder;
  let data: string;

  beforeEach(() => {
    folder = tempFolder();
    data = join(folder.path, 'a', 'data');
  });
  afterEach(() => folder.remove());

  function assertDurable(ledger: Ledger, key: string): void {
    for (let at = join(data, 'tree', key); at !== folder.path; at = dirname(at)) {
      assert.ok(ledger.durable.has(at), `the entry ${at} is not flushed`);
    }
  }

  for (const [name, base] of Object.entries({ links: systemOps, 'no links': linklessOps })) {
    it(`bytes, then the name, then every folder above, file system with ${name}`, async () => {
      const ledger = new Ledger(base);
      const tree = await FileTree.open(data, { logger: silent(), ops: ledger.ops });
      await admit(tree);
      for (const { key } of Object.values(ADMISSION)) assertDurable(ledger, key);
      await tree.put(ADMISSION.list.key, Buffer.from('v9.0.0\n'), { kind: 'replace', fetchedAt: 5 });
      assertDurable(ledger, ADMISSION.list.key);
      assert.deepEqual(ledger.faults, []);
      await tree.close();
    });
  }

  it('many at once: each is durable when it resolves, and they share flushes of folders', async () => {
    const ledger = new Ledger(systemOps);
    const tree = await FileTree.open(data, { logger: silent(), ops: ledger.ops });
    const before = ledger.folderFlushes;
    const count = 200;
    await Promise.all(
      Array.from({ length: count }, async (_, i) => {
        const key = parseKey(`corp.example/team/m${i % 5}/@v/v1.0.${i}.mod`);
        await tree.put(key, Buffer.from(`${i}`), { kind: 'immutable' });
        assertDurable(ledger, key);
      }),
    );
    assert.deepEqual(ledger.faults, []);
    const flushes = ledger.folderFlushes - before;
    assert.ok(flushes < count / 2, `${flushes} flushes of folders for ${count} files`);
    await tree.close();
  });

  it("'same' is durable too, whoever stored it", async () => {
    const other = await FileTree.open(data, { logger: silent() });
    await admit(other);
    const ledger = new Ledger(systemOps);
    const tree = await FileTree.open(data, { logger: silent(), ops: ledger.ops });
    const before = ledger.folderFlushes;
    const { key, bytes } = ADMISSION.mod;
    assert.equal(await tree.put(key, bytes, { kind: 'immutable' }), 'same');
    // @v, and once for this process each parent: lib, team, corp.example, tree
    assert.equal(ledger.folderFlushes - before, 5);
    assert.equal(await tree.put(key, bytes, { kind: 'immutable' }), 'same');
    assert.equal(ledger.folderFlushes - before, 6);
    await tree.close();
    await other.close();
  });

  it('a hit makes one open, one fstat, one read, and waits for no write', async () => {
    const steps: string[] = [];
    const entered = new EventEmitter();
    let hanging: keyof FsOps | undefined;
    const hit = join(data, 'tree', ADMISSION.mod.key);
    const note = <T>(step: string, result: T): T => {
      steps.push(step);
      return result;
    };
    const hang = <T>(name: keyof FsOps): Promise<T> => {
      entered.emit(name);
      return new Promise<T>(() => undefined);
    };
    const ops: FsOps = {
      ...systemOps,
      open: (path, flags) =>
        path === hit ? note('open', systemOps.open(path, flags)) : systemOps.open(path, flags),
      fstat: (fd) => note('fstat', systemOps.fstat(fd)),
      stat: (path) => note('stat', systemOps.stat(path)),
      read: (...args) => note('read', systemOps.read(...args)),
      fsync: (fd) => (hanging === 'fsync' ? hang('fsync') : systemOps.fsync(fd)),
      mkdir: (path) => (hanging === 'mkdir' ? hang('mkdir') : systemOps.mkdir(path)),
    };
    // One lane for fsync: the first that hangs fills it.
    const tree = await FileTree.open(data, { logger: silent(), ops, threads: 3 });
    await admit(tree);
    for (const name of ['fsync', 'mkdir'] as const) {
      hanging = name;
      const full = once(entered, name);
      for (let i = 0; i < 50; i++) {
        const folder = name === 'fsync' ? 'team/lib' : `m${i}`;
        void tree.put(parseKey(`corp.example/${folder}/@v/v2.0.${i}.mod`), Buffer.from('x'), {
          kind: 'keep',
        });
      }
      await full;
    }
    steps.length = 0;
    const content = await tree.open(ADMISSION.mod.key);
    assert.deepEqual(await content?.bytes(), ADMISSION.mod.bytes);
    await content?.close();
    assert.deepEqual(steps, ['open', 'fstat', 'read']);
  });
});
