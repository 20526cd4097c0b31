import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseModulePath } from '../../module/index.ts';
import { MappedRoots } from './mapping.ts';

const MAPPINGS = [
  { match: 'corp.example/special', url: 'https://git.corp.example/other', subdirectory: '' },
  {
    match: 'corp.example/*, corp.test/x/*',
    url: 'ssh://git@git.corp.example/team/{1}.git',
    subdirectory: 'go',
  },
  { match: 'two.example/*/lib-?/[ab]*', url: 'https://git.example/{3}/{1}', subdirectory: 'src/{2}' },
  { match: '*.wild.example', url: 'https://git.example/{1}', subdirectory: '' },
  { match: 'fixed.example/mono/', url: 'https://git.example/mono', subdirectory: '' },
];

const ROWS: readonly (readonly [
  path: string,
  found?: readonly [root: string, url: string, folder: string],
])[] = [
  ['corp.example/special/sub', ['corp.example/special', 'https://git.corp.example/other', '']],
  ['corp.example/lib', ['corp.example/lib', 'ssh://git@git.corp.example/team/lib.git', 'go']],
  ['corp.example/lib/sub/v2', ['corp.example/lib', 'ssh://git@git.corp.example/team/lib.git', 'go']],
  ['corp.test/x/lib', ['corp.test/x/lib', 'ssh://git@git.corp.example/team/lib.git', 'go']],
  ['two.example/t/lib-1/abc/d', ['two.example/t/lib-1/abc', 'https://git.example/abc/t', 'src/lib-1']],
  ['a.wild.example/x', ['a.wild.example', 'https://git.example/a.wild.example', '']],
  ['fixed.example/mono/v3', ['fixed.example/mono', 'https://git.example/mono', '']],
  ['corp.example'],
  ['two.example/t/lib-12/abc'],
  ['other.example/x'],
];

const roots = new MappedRoots(MAPPINGS);
for (const [path, found] of ROWS)
  test(`${path} → ${found?.[1] ?? 'no mapping'}`, () => {
    const [root, url, subdirectory] = found ?? [];
    assert.deepEqual(
      roots.find(parseModulePath(path)),
      found && { kind: 'repository', path: root, vcs: 'git', url, subdirectory },
    );
  });
