import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseModulePath } from '../../module/index.ts';
import { fixedRoot, isLaunchpad } from './fixed-roots.ts';

/** root and repository; a text alone: what is wrong */
const ROWS: readonly (readonly [path: string, root: string | undefined, vcs?: string, url?: string])[] = [
  [
    'github.com/golang/groupcache',
    'github.com/golang/groupcache',
    'git',
    'https://github.com/golang/groupcache',
  ],
  ['github.com/a/b/c/v2', 'github.com/a/b', 'git', 'https://github.com/a/b'],
  ['github.com/a/b.c_d', 'github.com/a/b.c_d', 'git', 'https://github.com/a/b.c_d'],
  ['github.com/a', 'no repository of github.com has such a path'],
  ['github.com', 'no repository of github.com has such a path'],
  ['github.com/a/b/~c', 'no repository of github.com has such a path'],
  ['github.com/a/b.git', 'paths of github.com have no suffix ".git"'],
  ['github.com/a/b.git/c', 'paths of github.com have no suffix ".git"'],
  ['github.com/a/b.hg', 'paths of github.com have no suffix ".hg"'],
  ['github.com/a/b/c.git', 'github.com/a/b', 'git', 'https://github.com/a/b'],
  ['github.company.example/a/b', undefined],
  ['bitbucket.org/a/b/c', 'bitbucket.org/a/b', 'git', 'https://bitbucket.org/a/b'],
  ['bitbucket.org/a/b.git', 'paths of bitbucket.org have no suffix ".git"'],
  ['hub.jazz.net/git/user1/pkg', 'hub.jazz.net/git/user1/pkg', 'git', 'https://hub.jazz.net/git/user1/pkg'],
  ['hub.jazz.net/git/User/pkg', 'no repository of hub.jazz.net/git has such a path'],
  ['hub.jazz.net/other', undefined],
  ['git.apache.org/a.git/b', 'git.apache.org/a.git', 'git', 'https://git.apache.org/a.git'],
  ['git.apache.org/a', 'no repository of git.apache.org has such a path'],
  ['git.openstack.org/a/b/c', 'git.openstack.org/a/b', 'git', 'https://git.openstack.org/a/b'],
  ['git.openstack.org/a/b.git/c', 'git.openstack.org/a/b.git', 'git', 'https://git.openstack.org/a/b.git'],
  [
    'chiselapp.com/user/k/repository/f',
    'chiselapp.com/user/k/repository/f',
    'fossil',
    'https://chiselapp.com/user/k/repository/f',
  ],
  ['chiselapp.com/user/k/repository/f/g', 'no repository of chiselapp.com has such a path'],
  ['corp.example/team/lib.git', 'corp.example/team/lib.git', 'git', 'https://corp.example/team/lib'],
  ['corp.example/team/lib.git/sub/v2', 'corp.example/team/lib.git', 'git', 'https://corp.example/team/lib'],
  ['corp.example/~me/lib.git', 'corp.example/~me/lib.git', 'git', 'https://corp.example/~me/lib'],
  ['corp.example/a.git/b.hg', 'corp.example/a.git', 'git', 'https://corp.example/a'],
  ['corp.example/a.hg', 'corp.example/a.hg', 'hg', 'https://corp.example/a'],
  ['corp.example/a.svn/trunk', 'corp.example/a.svn', 'svn', 'https://corp.example/a'],
  ['corp.example/a.gitx', undefined],
  ['corp.example.git', undefined],
  ['corp.example/a~b/lib.git', undefined],
  ['golang.org/x/text', undefined],
  ['gopkg.in/yaml.v3', undefined],
];

for (const [path, root, vcs, url] of ROWS)
  test(`${path} → ${root ?? 'its host must tell'}`, () => {
    const expected = vcs === undefined ? root && { fault: root } : { path: root, vcs, url };
    assert.deepEqual(fixedRoot(parseModulePath(path)), expected);
  });

test('a path of many dots and slashes takes no longer than others', () => {
  const started = performance.now();
  fixedRoot(parseModulePath(`${'a.'.repeat(20_000)}example/${'a.b/'.repeat(20_000)}~a`));
  assert.ok(performance.now() - started < 2000);
});

test('Launchpad is Bazaar where its host tells nothing', () => {
  for (const path of ['launchpad.net/p', 'launchpad.net/p/series/sub', 'launchpad.net/~me/p/branch'])
    assert.ok(isLaunchpad(parseModulePath(path)), path);
  for (const path of ['launchpad.net', 'launchpad.net/~me/p', 'corp.example/p'])
    assert.ok(!isLaunchpad(parseModulePath(path)), path);
});
