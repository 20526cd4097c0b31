/** What a build writes of itself, in a copy of the project: with git, changed, without git, told by the environment. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const SCRIPT = fileURLToPath(new URL('../../scripts/build-info.js', import.meta.url));
const GIVEN = 'abcdef0123456789abcdef0123456789abcdef01';

describe('build-info', () => {
  let outer: string;
  let project: string;
  before(() => {
    outer = fs.mkdtempSync(path.join(os.tmpdir(), 'modgate-build-'));
    project = path.join(outer, 'project');
    for (const folder of ['dist/scripts', 'dist/src/cli'])
      fs.mkdirSync(path.join(project, folder), { recursive: true });
    fs.copyFileSync(SCRIPT, path.join(project, 'dist/scripts/build-info.js'));
    fs.writeFileSync(path.join(project, 'package.json'), '{"type":"module","version":"1.2.3"}');
  });
  after(() => fs.rmSync(outer, { recursive: true }));

  function built(env: Record<string, string> = {}): unknown {
    const run = spawnSync(process.execPath, ['dist/scripts/build-info.js'], {
      cwd: project,
      encoding: 'utf8',
      env: { PATH: process.env.PATH, HOME: outer, ...env },
    });
    assert.equal(run.status, 0, run.stderr);
    return JSON.parse(fs.readFileSync(path.join(project, 'dist/src/cli/build.json'), 'utf8'));
  }

  function git(folder: string, ...args: string[]): string {
    const who = ['-c', 'user.name=t', '-c', 'user.email=t@example.com'];
    const run = spawnSync('git', ['-C', folder, ...who, ...args], {
      encoding: 'utf8',
      env: { ...process.env, GIT_COMMITTER_DATE: '2026-03-04T23:30:00-0800' },
    });
    assert.equal(run.status, 0, run.stderr);
    return run.stdout.trim();
  }

  test('no git at all, and no git command', () => {
    const unknown = { version: '1.2.3', commit: 'unknown', dirty: false, date: '' };
    assert.deepEqual(built(), unknown);
    assert.deepEqual(built({ PATH: '/nowhere' }), unknown);
  });

  test('unpacked inside a repository of somebody else', () => {
    git(outer, 'init', '-q');
    git(outer, 'commit', '-q', '--allow-empty', '-m', 'theirs');
    assert.deepEqual(built(), { version: '1.2.3', commit: 'unknown', dirty: false, date: '' });
  });

  test('a commit with its date in UTC; changed files make it dirty, new ones do not', () => {
    git(project, 'init', '-q');
    git(project, 'add', 'package.json');
    git(project, 'commit', '-q', '-m', 'ours');
    const commit = git(project, 'rev-parse', 'HEAD').slice(0, 12);
    assert.deepEqual(built(), { version: '1.2.3', commit, dirty: false, date: '2026-03-05' });
    fs.appendFileSync(path.join(project, 'package.json'), '\n');
    assert.deepEqual(built(), { version: '1.2.3', commit, dirty: true, date: '2026-03-05' });
  });

  const TOLD: readonly (readonly [env: Record<string, string>, facts: object])[] = [
    [{ BUILD_COMMIT: GIVEN }, { commit: 'abcdef012345', dirty: false, date: '' }],
    [{ BUILD_COMMIT: 'abcdef0-dirty' }, { commit: 'abcdef0', dirty: true, date: '' }],
    [
      { BUILD_COMMIT: GIVEN, SOURCE_DATE_EPOCH: '1600000000' },
      { commit: 'abcdef012345', dirty: false, date: '2020-09-13' },
    ],
  ];
  for (const [env, facts] of TOLD) {
    test(`told by the environment: ${JSON.stringify(env)}`, () => {
      assert.deepEqual(built(env), { version: '1.2.3', ...facts });
    });
  }
});
