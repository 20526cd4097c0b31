import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Version } from '../module/index.ts';
import { readModuleVersion } from './module-version.ts';
import { retraction } from './retraction.ts';
import type { Way } from './retraction-facts.ts';

const ROWS: readonly (readonly [
  what: string,
  asked: string,
  stored: string,
  way: Way | undefined,
  has: readonly string[],
  hasNot: RegExp | undefined,
])[] = [
  [
    'the next version',
    'v1.2.3',
    '',
    'published',
    ['git tag v1.2.4', 'modgate publish --version v1.2.4'],
    /git push/,
  ],
  [
    'one behind the newest',
    'v1.2.3',
    'v1.2.4 v1.10.0 v1.9.0',
    'published',
    ['--version v1.10.1'],
    /v1\.2\.4/,
  ],
  [
    'no release because of a pre-release',
    'v1.2.3',
    'v1.3.0-rc.1',
    'published',
    ['--version v1.2.4'],
    undefined,
  ],
  ['the release of a pre-release', 'v1.3.0-rc.1', 'v1.2.0', 'published', ['--version v1.3.0'], undefined],
  [
    'a tag where a repository is asked',
    'v1.2.3',
    '',
    'direct',
    ['git push origin HEAD v1.2.4'],
    /modgate publish/,
  ],
  [
    'both ways where nobody knows',
    'v1.2.3',
    '',
    undefined,
    ['git push origin', 'modgate publish --version'],
    undefined,
  ],
  [
    'a version that can have a go.mod',
    'v2.0.0+incompatible',
    'v1.4.0 v2.0.0+incompatible',
    'published',
    [
      'git tag v1.4.1',
      'git push origin HEAD v1.4.1',
      'go mod init',
      'retract v2.0.0+incompatible // loses data',
    ],
    /modgate publish|v2\.0\.1/,
  ],
  ['the first of them', 'v2.0.0+incompatible', '', undefined, ['git tag v1.0.0'], /modgate publish|v2\.0\.1/],
];

describe('modgate retract proposes', () => {
  for (const [what, asked, stored, way, has, hasNot] of ROWS)
    it(`${what}: ${asked}${stored === '' ? '' : ` beside ${stored}`}`, () => {
      const m = readModuleVersion(`corp.example/lib@${asked}`);
      const versions = stored.split(' ').filter((one) => one !== '') as Version[]; // The table holds versions only.
      const text = retraction(m, { way, versions }, 'loses data');
      for (const line of has) assert.ok(text.includes(line), text);
      if (hasNot !== undefined) assert.doesNotMatch(text, hasNot);
    });
});
