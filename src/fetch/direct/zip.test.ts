import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { describe, it } from 'node:test';
import { ModgateError } from '../../errors/index.ts';
import { parseModulePath, parseVersion } from '../../module/index.ts';
import type { Repository, TreeFile } from '../../vcs/index.ts';
import { MemoryRepository, never } from './memory-repository.test.kit.ts';
import { zipOf } from './zip.ts';

const path = parseModulePath('example.com/a');
const m = { path, version: parseVersion(path, 'v1.0.0') };
const SUB = ['sub/go.mod', 'sub/a.go'];

/** What git makes of files that hold their names. */
function archiveOf(names: readonly string[]): Buffer {
  const folder = mkdtempSync(join(tmpdir(), 'modgate-archive-'));
  try {
    const git = (...args: string[]) =>
      execFileSync('git', args, { cwd: folder, env: { PATH: process.env.PATH, HOME: folder } });
    git('init', '-q');
    for (const name of names) {
      mkdirSync(dirname(join(folder, name)), { recursive: true });
      writeFileSync(join(folder, name), `${name}\n`);
    }
    git('add', '.');
    const tree = git('write-tree').toString().trim();
    return git('archive', '--format=zip', '--prefix=prefix/', tree);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** A repository of one commit, and of one archive. */
async function repositoryWith(
  names: readonly string[],
  archive: Readable,
): Promise<{ repository: Repository; take: () => Promise<Readable> }> {
  const repository = new MemoryRepository();
  repository.commit({ files: Object.fromEntries([...names, 'LICENSE'].map((name) => [name, `${name}\n`])) });
  const files: TreeFile[] = names.map((name) => ({ path: name, kind: 'file', size: name.length + 1 }));
  repository.tree = async () => files;
  repository.archive = async () => archive;
  const commit = await repository.resolve('main');
  const revision = { commit, folder: 'sub', goMod: Buffer.from('module example.com/a\n'), version: 'v1.0.0' };
  return { repository, take: () => zipOf(repository, m, revision, never) };
}

describe('the zip of a commit', () => {
  it('is the same each time, with the LICENSE of the repository where the folder has none', async () => {
    const zips: Buffer[] = [];
    for (const _ of [1, 2]) {
      const { take } = await repositoryWith(SUB, Readable.from([archiveOf(SUB)]));
      zips.push(await buffer(await take()));
    }
    assert.deepEqual(zips[0], zips[1]);
    const text = zips[0]?.toString('latin1') ?? '';
    for (const name of ['go.mod', 'a.go', 'LICENSE'])
      assert.ok(text.includes(`example.com/a@v1.0.0/${name}`), name);
    assert.ok(!text.includes('prefix/') && !text.includes('/sub/'));
  });

  it('breaks off where the archive lacks a file, instead of being a smaller module', async () => {
    const { take } = await repositoryWith(SUB, Readable.from([archiveOf(['sub/go.mod'])]));
    await assert.rejects(buffer(await take()), { code: 'VCS_FAILED', message: /lacks "a\.go"/ });
  });

  it('breaks off with the reason where git breaks off', async () => {
    const archive = new Readable({ read: () => undefined });
    const { take } = await repositoryWith(SUB, archive);
    const body = await take();
    archive.push(archiveOf(SUB).subarray(0, 60));
    archive.destroy(new ModgateError('VCS_FAILED', 'git was killed'));
    await assert.rejects(buffer(body), { code: 'VCS_FAILED', message: 'git was killed' });
  });

  it('whoever leaves early ends git', async () => {
    const archive = new Readable({ read: () => undefined });
    const { take } = await repositoryWith(SUB, archive);
    const body = await take();
    const closed = once(archive, 'close');
    body.destroy();
    await closed;
    assert.ok(archive.destroyed);
  });

  it('a tree that no zip can be made of is refused before git is asked for an archive', async () => {
    const archive = new Readable({ read: () => assert.fail('the archive is read') });
    const { take } = await repositoryWith(['sub/a.go', 'sub/A.go'], archive);
    await assert.rejects(take(), {
      code: 'BAD_MODULE',
      message: /^example\.com\/a@v1\.0\.0: files that no module zip may hold:\n"A\.go"/,
    });
  });
});
