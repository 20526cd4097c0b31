import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, it } from 'node:test';
import { MemoryRepository, never, placeAt } from './memory-repository.test.kit.ts';
import { infoOf } from './origin.ts';
import { findRevision } from './revisions.ts';

const TAGS = [
  'v1.0.0',
  'v1.1.0+x',
  'v2.0.0',
  'v1',
  'other',
  'sub/v0.1.0',
  'sub/v0.0.0-20200101000000-abcdefabcdef',
];

/** As the go command sums tags up, all on one commit. */
function tagSum(hash: string, ...tags: string[]): string {
  const lines = tags.map((tag) => `"${tag}" ${hash}\n`);
  return `t1:${createHash('sha256').update(lines.join('')).digest('base64')}`;
}

/** what was asked, path, text → fields of Origin beside VCS, URL and Hash, by the hash of the first of two commits */
const TABLE: readonly [what: string, path: string, asked: string, fields: (first: string) => object][] = [
  ['a tag', 'example.com/a', 'v1.0.0', () => ({ Ref: 'refs/tags/v1.0.0' })],
  [
    'a tag of a folder',
    'example.com/a!/sub',
    'v0.1.0',
    () => ({ Subdir: 'sub', Ref: 'refs/tags/sub/v0.1.0' }),
  ],
  [
    'a branch: the tags had a part in its version',
    'example.com/a',
    'main',
    (first) => ({ TagSum: tagSum(first, 'v1.0.0', 'v1.1.0+x', 'v2.0.0'), Ref: 'refs/heads/main' }),
  ],
  [
    'a branch, for a folder',
    'example.com/a!/sub',
    'main',
    (first) => ({
      Subdir: 'sub',
      TagPrefix: 'sub/',
      TagSum: tagSum(first, 'sub/v0.1.0'),
      Ref: 'refs/heads/main',
    }),
  ],
  [
    'a branch, for a later major version',
    'example.com/a!/v2',
    'main',
    (first) => ({ TagPrefix: 'v2.', TagSum: tagSum(first, 'v2.0.0'), Ref: 'refs/heads/main' }),
  ],
  [
    'a pseudo-version after a tag',
    'example.com/a',
    'v1.0.1-0.20240103030405-{second}',
    (first) => ({ TagSum: tagSum(first, 'v1.0.0', 'v1.1.0+x', 'v2.0.0') }),
  ],
  ['a pseudo-version after none', 'example.com/a', 'v0.0.0-20240103030405-{second}', () => ({})],
];

describe('the origin of a version', () => {
  for (const [what, path, asked, fields] of TABLE)
    it(what, async () => {
      const repository = new MemoryRepository();
      const module = `module example.com/a${path.endsWith('/v2') ? '/v2' : ''}\n`;
      const files = { 'go.mod': module, 'sub/go.mod': 'module example.com/a/sub\n' };
      const first = repository.commit({ files, tags: TAGS });
      const second = repository.commit({});
      const query = asked.replace('{second}', second.slice(0, 12));
      const place = placeAt(path);
      const revision = await findRevision(repository, place, query, never);
      const info = await infoOf(repository.url, place, revision, query, () => repository.refs());
      const { Version, Time, Origin } = JSON.parse(info.toString());
      assert.equal(Version, revision.version);
      assert.equal(Time, revision.commit.hash === first ? '2024-01-02T03:04:05Z' : '2024-01-03T03:04:05Z');
      const { VCS, URL, Hash, ...rest } = Origin;
      assert.deepEqual([VCS, URL, Hash], ['git', 'https://git.example/repo', revision.commit.hash]);
      assert.deepEqual(rest, fields(first));
    });
});
