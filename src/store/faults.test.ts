/** A disk that is full or broken, at every step of an admission and for real. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import { ModgateError } from '../errors/index.ts';
import { FileTree } from './file-tree.ts';
import {
  ADMISSION,
  admit,
  linklessOps,
  OLD_LIST,
  openDescriptors,
  readAll,
  type Step,
  sample,
  silent,
  steppedOps,
  systemError,
  tempFolder,
  tempNames,
} from './fixtures.test.kit.ts';
import { type FsOps, systemOps } from './fs-ops.ts';
import { parseKey } from './key.ts';

const logger = silent();
const MANY = 500;

interface Fault {
  /** on a file system without hard links as well; one fault of a kind is enough there */
  readonly linkless?: true;
  readonly code: string;
  readonly becomes: string;
  /** for how many steps; afterwards the disk is well again */
  readonly lasts: number;
}

const FAULTS: readonly Fault[] = [
  { code: 'ENOSPC', becomes: 'DISK_FULL', lasts: 1 },
  { code: 'ENOSPC', becomes: 'DISK_FULL', lasts: Number.POSITIVE_INFINITY, linkless: true },
  { code: 'EDQUOT', becomes: 'DISK_FULL', lasts: 1 },
  { code: 'EIO', becomes: 'STORE_FAILED', lasts: 1, linkless: true },
  { code: 'EIO', becomes: 'STORE_FAILED', lasts: Number.POSITIVE_INFINITY },
  { code: 'EMFILE', becomes: 'OVERLOADED', lasts: 1 },
  { code: 'EXDEV', becomes: 'STORE_FAILED', lasts: 1 },
];

/** Freeing something needs no space: a full disk refuses only what takes some. */
const TAKES_SPACE: ReadonlySet<Step['name']> = new Set([
  'open',
  'write',
  'fsync',
  'link',
  'rename',
  'mkdir',
  'touch',
]);

describe('a fault at every step of an admission', () => {
  for (const [name, base] of Object.entries({ links: systemOps, 'no links': linklessOps })) {
    for (const fault of FAULTS) {
      if (base === linklessOps && fault.linkless === undefined) continue;
      it(`${fault.code} ${fault.lasts === 1 ? 'once' : 'from then on'}, file system with ${name}`, async () => {
        let failed = 0;
        for (let number = 1; ; number++) {
          assert.ok(number < MANY, 'the admission never came to its end');
          const met = await admitWithFault(base, fault, number);
          if (met === 'not met') break;
          if (met === 'failed') failed++;
        }
        assert.ok(failed > 20, `only ${failed} faults were told`);
      });
    }
  }
});

async function admitWithFault(
  base: FsOps,
  fault: Fault,
  at: number,
): Promise<'not met' | 'failed' | 'survived'> {
  const folder = tempFolder('memory');
  let met = false;
  let broken = true;
  const ops = steppedOps(({ number, name }) => {
    if (!broken || number < at || number >= at + fault.lasts) return;
    met = true;
    if (fault.code === 'ENOSPC' && !TAKES_SPACE.has(name)) return;
    throw systemError(fault.code);
  }, base);
  let tree: FileTree | undefined;
  try {
    const list = join(folder.path, 'tree', ADMISSION.list.key);
    mkdirSync(dirname(list), { recursive: true });
    writeFileSync(list, OLD_LIST);
    const before = openDescriptors();
    let failure: unknown;
    try {
      tree = await FileTree.open(folder.path, { logger, ops });
      await admit(tree);
    } catch (error) {
      failure = error;
      assert.ok(error instanceof ModgateError, `step ${at}: ${String(error)}`);
      assert.equal(error.code, fault.becomes, `step ${at}: ${error.message}`);
    }
    assert.equal(openDescriptors(), before, `descriptors after step ${at}`);
    broken = false;
    tree ??= await FileTree.open(folder.path, { logger, ops });
    await checkFiles(tree, at, failure === undefined);
    await admit(tree);
    await checkFiles(tree, at, true);
    assert.deepEqual(tempNames(folder.path), [], `left after step ${at}`);
    assert.equal(openDescriptors(), before);
    if (!met) return 'not met';
    return failure === undefined ? 'survived' : 'failed';
  } finally {
    await tree?.close();
    folder.remove();
  }
}

async function checkFiles(tree: FileTree, at: number, complete: boolean): Promise<void> {
  for (const { key, bytes } of Object.values(ADMISSION)) {
    const found = await readAll(tree, key);
    if (!complete && (found === undefined || (key === ADMISSION.list.key && found.equals(OLD_LIST))))
      continue;
    assert.deepEqual(found, bytes, `${key} after step ${at}`);
  }
}

describe('a staged file', () => {
  it('is spoilt by a failed write and by a failed fsync', async () => {
    for (const failing of ['write', 'fsync'] as const) {
      const folder = tempFolder();
      let broken = false;
      const ops = steppedOps(({ name }) => {
        if (broken && name === failing) throw systemError('EIO');
      });
      const tree = await FileTree.open(folder.path, { logger, ops });
      const key = parseKey('corp.example/m/@v/v1.0.0.zip');
      const staged = await tree.stage();
      await staged.write(Buffer.from('some'));
      broken = true;
      // More than is held in memory, so that it must be written.
      const first =
        failing === 'write' ? staged.write(sample(2 << 20, 1)) : tree.adopt(key, staged, { kind: 'keep' });
      await assert.rejects(first, { code: 'STORE_FAILED' });
      broken = false;
      await assert.rejects(staged.write(Buffer.from('more')), { code: 'STORE_FAILED' });
      await assert.rejects(tree.adopt(key, staged, { kind: 'keep' }), { code: 'STORE_FAILED' });
      await staged.release();
      assert.equal(await tree.open(key), undefined);
      assert.deepEqual(tempNames(folder.path), []);
      await tree.close();
      folder.remove();
    }
  });
});

describe('a disk that is full for real', () => {
  it('DISK_FULL, nothing partial, well again when there is space', async (t) => {
    const folder = tempFolder();
    const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', folder.path], {
      encoding: 'utf8',
    });
    if (mounted.status !== 0) {
      folder.remove();
      t.skip(`no tmpfs can be mounted: ${mounted.error?.message ?? mounted.stderr.trim()}`);
      return;
    }
    try {
      await fillUp(folder.path);
    } finally {
      // Lazily: a descriptor that a failed test leaked must not leave the mount behind.
      spawnSync('umount', ['-l', folder.path]);
      folder.remove();
    }
  });
});

async function fillUp(data: string): Promise<void> {
  const tree = await FileTree.open(data, { logger });
  // The thread that writes has descriptors of its own.
  await tree.delete(ADMISSION.zip.key);
  const before = openDescriptors();
  const staged = await tree.stage();
  const write = async () => {
    for (let i = 0; i < 32; i++) await staged.write(sample(64 * 1024, i));
  };
  await assert.rejects(write(), { code: 'DISK_FULL' });
  await assert.rejects(tree.adopt(ADMISSION.zip.key, staged, { kind: 'keep' }), { code: 'DISK_FULL' });
  await assert.rejects(tree.put(ADMISSION.zip.key, ADMISSION.zip.bytes, { kind: 'keep' }), {
    code: 'DISK_FULL',
  });
  const probe = await tree.probe();
  assert.equal(probe.writable, false);
  assert.equal(probe.fault?.code, 'DISK_FULL');
  assert.equal(await tree.open(ADMISSION.zip.key), undefined);
  assert.ok(staged.size > 0);
  const buffer = Buffer.alloc(1024);
  assert.equal(await staged.read(buffer, 0), 1024, 'what was written can be read');
  await staged.release();
  assert.deepEqual(tempNames(data), []);
  await admit(tree);
  assert.deepEqual(await readAll(tree, ADMISSION.zip.key), ADMISSION.zip.bytes);
  assert.equal(openDescriptors(), before);
  await tree.close();
}
