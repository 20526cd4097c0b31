import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { MemoryRepository, never, placeAt } from './memory-repository.test.kit.ts';
import { findModule } from './module-folder.ts';

type Files = Readonly<Record<string, string>>;

const A = 'module example.com/a\n';
const A2 = 'module example.com/a/v2\n';

/** path, its go.mod files → the folder, or what the go command says */
const TABLE: readonly [path: string, version: string, files: Files, outcome: string][] = [
  ['example.com/a', 'v1.0.0', {}, 'none in ""'],
  ['example.com/a', 'v1.0.0', { 'go.mod': A }, 'go.mod in ""'],
  ['example.com/a', 'v1.0.0', { 'go.mod': 'module example.com/fork\n' }, 'go.mod in ""'],
  ['example.com/a', 'v1.0.0', { 'go.mod': 'module gopkg.in/a.v1\n' }, 'go.mod in ""'],
  ['example.com/a', 'v2.0.0', { 'go.mod': 'module gopkg.in/a.v2\n' }, 'go.mod in ""'],
  [
    'example.com/a',
    'v1.2.0',
    { 'go.mod': A2 },
    'go.mod has post-v1 module path "example.com/a/v2" at revision v1.2.0',
  ],
  ['example.com/a', 'v1.2.0', { 'go.mod': 'go 1.20\n' }, 'go.mod is missing module path at revision v1.2.0'],
  [
    'example.com/a',
    'v1.2.0',
    { 'go.mod': 'module example.com/a/v1\n' },
    'go.mod has malformed module path "example.com/a/v1" at revision v1.2.0',
  ],
  ['example.com/a!/v2', 'v2.0.0', { 'go.mod': A2 }, 'go.mod in ""'],
  ['example.com/a!/v2', 'v2.0.0', { 'go.mod': A, 'v2/go.mod': A2 }, 'go.mod in "v2"'],
  [
    'example.com/a!/v2',
    'v2.0.0',
    { 'go.mod': A2, 'v2/go.mod': A2 },
    'example.com/a/go.mod and .../v2/go.mod both have .../v2 module paths at revision v2.0.0',
  ],
  [
    'example.com/a!/v2',
    'v2.0.0',
    { 'go.mod': A2, 'v2/go.mod': A },
    'example.com/a/v2/go.mod has non-.../v2 module path "example.com/a" at revision v2.0.0',
  ],
  [
    'example.com/a!/v2',
    'v2.0.0',
    { 'v2/go.mod': '' },
    'example.com/a/v2/go.mod is missing module path at revision v2.0.0',
  ],
  [
    'example.com/a!/v2',
    'v2.0.0',
    { 'go.mod': A },
    'go.mod has non-.../v2 module path "example.com/a" (and .../v2/go.mod does not exist) at revision v2.0.0',
  ],
  ['example.com/a!/v2', 'v2.0.0', {}, 'missing example.com/a/go.mod and .../v2/go.mod at revision v2.0.0'],
  ['example.com/a!/sub', 'v1.0.0', { 'sub/go.mod': 'module example.com/a/sub\n' }, 'go.mod in "sub"'],
  [
    'example.com/a!/sub',
    'v1.0.0',
    { 'go.mod': A },
    'missing example.com/a/sub/go.mod at revision sub/v1.0.0',
  ],
  [
    'example.com/a!/sub/v2',
    'v2.0.0',
    { 'sub/v2/go.mod': 'module example.com/a/sub/v2\n' },
    'go.mod in "sub/v2"',
  ],
  ['example.com/a/v2', 'v2.0.0', { 'v2/go.mod': A2 }, 'missing example.com/a/v2/go.mod at revision v2.0.0'],
  ['gopkg.in/a.v2', 'v2.0.0', {}, 'none in ""'],
  ['gopkg.in/a.v2', 'v2.0.0', { 'go.mod': 'module gopkg.in/a.v2\n' }, 'go.mod in ""'],
  ['gopkg.in/a.v2', 'v2.0.0', { 'go.mod': A2 }, 'go.mod in ""'],
  [
    'gopkg.in/a.v2',
    'v2.0.0',
    { 'go.mod': A },
    'go.mod has non-....v2 module path "example.com/a" at revision v2.0.0',
  ],
];

describe('the folder of a module', () => {
  for (const [path, version, files, outcome] of TABLE)
    it(`${path}@${version} with ${Object.keys(files).join(', ') || 'no go.mod'}: ${outcome}`, async () => {
      const repository = new MemoryRepository();
      repository.commit({ files });
      const place = placeAt(path);
      const commit = await repository.resolve('HEAD');
      const found = findModule(repository, place, commit, version, never);
      if (/^(none|go\.mod) in "/.test(outcome)) {
        const { folder, goMod } = await found;
        assert.equal(`${goMod === undefined ? 'none' : 'go.mod'} in "${folder}"`, outcome);
      } else {
        await assert.rejects(found, {
          code: 'NOT_FOUND',
          message: `${place.path}@${version}: invalid version: ${outcome}`,
        });
      }
    });
});
