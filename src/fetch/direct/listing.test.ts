import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ModgateError } from '../../errors/index.ts';
import { listVersions } from './listing.ts';
import { MemoryRepository, never, placeAt } from './memory-repository.test.kit.ts';

interface Tagged {
  readonly tags: readonly string[];
  readonly goMod?: boolean;
}

/** what a user can rely on, path, tags of commits with or without a go.mod → the list */
const TABLE: readonly [what: string, path: string, commits: readonly Tagged[], list: string][] = [
  ['nothing tagged', 'example.com/a', [{ tags: [] }], ''],
  [
    'in semver order',
    'example.com/a',
    [{ tags: ['v1.10.0', 'v1.2.0', 'v1.2.0-rc.1', 'v0.1.0'] }],
    'v0.1.0 v1.2.0-rc.1 v1.2.0 v1.10.0',
  ],
  [
    'canonical tags only',
    'example.com/a',
    [{ tags: ['v1', 'v1.2', '1.0.0', 'v1.0.0+meta', 'v01.0.0', 'x'] }],
    '',
  ],
  [
    'no pseudo-versions',
    'example.com/a',
    [{ tags: ['v0.0.0-20200101000000-abcdefabcdef', 'v0.1.0'] }],
    'v0.1.0',
  ],
  [
    'nor in a folder',
    'example.com/a!/sub',
    [{ tags: ['sub/v0.0.0-20200101000000-abcdefabcdef', 'sub/v0.1.0'] }],
    'v0.1.0',
  ],
  ['a tag that says +incompatible is none', 'example.com/a', [{ tags: ['v2.0.0+incompatible'] }], ''],
  ['of its major version', 'example.com/a!/v2', [{ tags: ['v1.0.0', 'v2.0.0', 'v3.0.0'] }], 'v2.0.0'],
  ['of its folder', 'example.com/a!/sub', [{ tags: ['v1.0.0', 'sub/v1.1.0', 'sub/x/v1.2.0'] }], 'v1.1.0'],
  ['not +incompatible in a folder', 'example.com/a!/sub', [{ tags: ['sub/v2.0.0'] }], ''],
  [
    'the folder, not the major version, is in a tag',
    'example.com/a!/sub/v2',
    [{ tags: ['sub/v2/v2.0.0', 'sub/v2.1.0'] }],
    'v2.1.0',
  ],
  ['gopkg.in', 'gopkg.in/a.v1', [{ tags: ['v1.0.0', 'v2.0.0', 'v0.1.0'] }], 'v1.0.0'],
  ['nothing is tagged for unstable', 'gopkg.in/a.v2-unstable', [{ tags: ['v2.0.0'] }], ''],
  [
    'above v1 without go.mod',
    'example.com/a',
    [{ tags: ['v1.0.0', 'v2.0.0', 'v3.1.0'] }],
    'v1.0.0 v2.0.0+incompatible v3.1.0+incompatible',
  ],
  [
    'the newest below has a go.mod: nothing above',
    'example.com/a',
    [{ tags: ['v2.0.0'] }, { tags: ['v1.0.0'], goMod: true }],
    'v1.0.0',
  ],
  [
    'the newest of a major has a go.mod: none of that major',
    'example.com/a',
    [{ tags: ['v2.0.0', 'v3.0.0'] }, { tags: ['v2.1.0'], goMod: true }],
    'v3.0.0+incompatible',
  ],
];

describe('the list of versions', () => {
  for (const [what, path, commits, list] of TABLE)
    it(`${what}: ${path} → ${list || 'nothing'}`, async () => {
      const repository = new MemoryRepository();
      for (const { tags, goMod } of commits)
        repository.commit({ tags, files: goMod === true ? { 'go.mod': 'module example.com/a\n' } : {} });
      assert.equal((await listVersions(repository, placeAt(path), never)).join(' '), list);
    });

  it('costs one look at the refs, however many tags there are', async () => {
    const repository = new MemoryRepository();
    repository.commit({ tags: Array.from({ length: 2000 }, (_, i) => `v1.${i}.0`) });
    assert.equal((await listVersions(repository, placeAt('example.com/a'), never)).length, 2000);
    assert.deepEqual(repository.calls, ['refs']);
  });

  it('an outage is no empty list', async () => {
    const repository = new MemoryRepository();
    repository.outage = new ModgateError('UPSTREAM_TIMEOUT', 'slow');
    await assert.rejects(listVersions(repository, placeAt('example.com/a'), never), {
      code: 'UPSTREAM_TIMEOUT',
    });
  });
});
