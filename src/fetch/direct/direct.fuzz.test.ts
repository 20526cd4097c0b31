import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ModgateError } from '../../errors/index.ts';
import { compareVersions, isCanonicalVersion, isPseudoVersion, parseVersion } from '../../module/index.ts';
import { listVersions } from './listing.ts';
import { MemoryRepository, never, placeAt } from './memory-repository.test.kit.ts';
import { findRevision } from './revisions.ts';

const RUNS = 500 * Number(process.env.MODGATE_TEST_FUZZ ?? 1);

const PATHS = [
  'example.com/a',
  'example.com/a!/v2',
  'example.com/a!/sub',
  'example.com/a!/sub/v3',
  'gopkg.in/a.v1',
];

const tag = fc
  .tuple(
    fc.constantFrom('', '', '', 'sub/', 'sub/v3/', 'x'),
    fc.oneof(
      fc
        .tuple(fc.nat({ max: 3 }), fc.nat({ max: 2 }), fc.nat({ max: 2 }))
        .map((numbers) => `v${numbers.join('.')}`),
      fc.constantFrom('v1', 'v1.2', 'v01.0.0', 'v9', 'v0.0.0-20240102030405-abcdefabcdef'),
      fc.string({ maxLength: 8 }),
    ),
    fc.constantFrom('', '', '', '-rc.1', '-0', '-rc.01', '+meta', '+incompatible', '-rc.1+meta', '^{}'),
  )
  .map((parts) => parts.join(''));

const goMod = fc.oneof(
  fc.constantFrom(
    undefined,
    undefined,
    'module example.com/a\n',
    'module example.com/a/v2\n',
    'module example.com/a/sub/v3\nretract [v3.0.0, v3.1.0]\n',
    'module example.com/a\nretract [v1.0.0, v2.0.0]\n',
    'module gopkg.in/a.v1\n',
    'module "\n',
    'go 1.20\n',
  ),
  fc.string({ unit: 'binary', maxLength: 30 }),
);

const commit = fc.record({
  tags: fc.array(tag, { maxLength: 4 }),
  files: fc.record({ 'go.mod': goMod, 'sub/go.mod': goMod, 'v2/go.mod': goMod, 'sub/v3/go.mod': goMod }),
});

function build(
  commits: readonly { tags: string[]; files: Record<string, string | undefined> }[],
): MemoryRepository {
  const repository = new MemoryRepository();
  for (const { tags, files } of commits) {
    const there = Object.entries(files).filter((entry): entry is [string, string] => entry[1] !== undefined);
    repository.commit({ tags, files: Object.fromEntries(there) });
  }
  return repository;
}

const commits = fc.array(commit, { minLength: 1, maxLength: 4 });
const path = fc.constantFrom(...PATHS);

test('fuzz: whatever is tagged, a list has versions of the module only, in order', async () => {
  const property = fc.asyncProperty(commits, path, async (made, where) => {
    const place = placeAt(where);
    const versions = await listVersions(build(made), place, never);
    assert.deepEqual(versions, versions.toSorted(compareVersions));
    for (const version of versions) {
      assert.ok(isCanonicalVersion(version) && !isPseudoVersion(version));
      assert.equal(parseVersion(place.path, version), version);
    }
  });
  await fc.assert(property, { numRuns: RUNS });
});

test('fuzz: a revision stands for a version that stands for the same commit, or is refused by name', async () => {
  const asked = fc.oneof(tag, fc.constantFrom('main', 'HEAD', 'v1', 'v2.0.0+incompatible'));
  const property = fc.asyncProperty(commits, path, asked, async (made, where, query) => {
    const repository = build(made);
    const place = placeAt(where);
    try {
      const { version, commit } = await findRevision(repository, place, query, never);
      assert.equal(parseVersion(place.path, version), version);
      const again = await findRevision(repository, place, version, never);
      assert.deepEqual([again.version, again.commit.hash], [version, commit.hash]);
    } catch (error) {
      if (!(error instanceof ModgateError)) throw error;
      assert.ok(error.code === 'NOT_FOUND' || error.code === 'BAD_MODULE', `${error.code}: ${error.message}`);
    }
  });
  await fc.assert(property, { numRuns: RUNS });
});
