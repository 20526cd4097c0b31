import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { placeAt } from './memory-repository.test.kit.ts';

/** the root's path ! the rest of the module's, subdirectory of the root → folder, prefix of tags, major suffix */
const TABLE: readonly [path: string, subdirectory: string, folder: string, tags: string, major: string][] = [
  ['example.com/a', '', '', '', ''],
  ['example.com/a!/v2', '', '', '', '/v2'],
  ['example.com/a!/sub', '', 'sub', 'sub/', ''],
  ['example.com/a!/sub/v2', '', 'sub', 'sub/', '/v2'],
  ['example.com/a/v2', '', '', '', '/v2'],
  ['example.com/a/v2', 'go', 'go', 'go/', '/v2'],
  ['example.com/a!/v3', 'go/lib', 'go/lib', 'go/lib/', '/v3'],
  ['example.com/a!/sub', 'go', 'sub/go', 'sub/go/', ''],
  ['gopkg.in/yaml.v2', '', '', '', '.v2'],
  ['gopkg.in/macaroon-bakery.v2-unstable', '', '', '', '.v2-unstable'],
];

describe('the place of a module', () => {
  for (const [path, subdirectory, folder, tags, major] of TABLE)
    it(`${path} in ${subdirectory || 'the root'} → ${folder || 'the root'}`, () => {
      const place = placeAt(path, subdirectory);
      assert.deepEqual([place.folder, place.tagPrefix, place.pathMajor], [folder, tags, major]);
    });

  for (const path of ['example.com/ab!x', 'example.com/a/v!2', 'gopkg.in/yaml.v2!/abc'])
    it(`${path}: a root that cannot hold it is absence`, () => {
      assert.throws(() => placeAt(path), /NOT_FOUND|cannot contain module|INVALID|malformed/);
    });
});
