/** Repositories over a real git http-backend: what is asked of the remote, and what is answered. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { readAll } from '../kit/http.ts';
import { faultOf, NEVER, type VcsBench, vcsBench } from '../kit/vcs.ts';

/** v1.0.0 on the first commit, an annotated v1.1.0 on the second, main on a third, side on a fourth. */
function library(bench: VcsBench, name = 'lib.git', format: 'sha1' | 'sha256' = 'sha1') {
  const project = bench.folder.create(name, format);
  const first = project.commit(
    { 'go.mod': 'module lib\n', 'sub/a.go': 'package sub\n' },
    { tags: ['v1.0.0'] },
  );
  const second = project.commit({ 'go.mod': 'module lib // 2\n' });
  project.annotate('v1.1.0', second);
  const third = project.commit({
    'b.go': 'package b\n',
    link: { symlink: 'b.go' },
    dep: { submodule: first },
  });
  const side = project.commit({ 'side.go': 'package side\n' }, { branch: 'side', parents: [first] });
  return { project, first, second, third, side };
}

for (const format of ['sha1', 'sha256'] as const) {
  for (const v2 of [true, false]) {
    describe(`a ${format} repository over protocol ${v2 ? 'v2' : 'v0'}`, () => {
      it('answers all questions', async (t) => {
        const bench = await vcsBench(t, {}, { v2 });
        const { first, second, third, side } = library(bench, 'lib.git', format);
        const repository = bench.open('lib.git');
        const refs = await repository.refs(NEVER);
        assert.deepEqual(refs, {
          head: third,
          branches: new Map([
            ['main', third],
            ['side', side],
          ]),
          tags: new Map([
            ['v1.0.0', first],
            ['v1.1.0', second],
          ]),
        });
        const tag = await repository.resolve('v1.1.0', NEVER);
        assert.deepEqual(tag, {
          hash: second,
          time: new Date('2024-01-01T00:01:00Z'),
          tags: ['v1.1.0'],
          ref: 'refs/tags/v1.1.0',
        });
        const head = await repository.resolve('HEAD', NEVER);
        assert.deepEqual([head.hash, head.ref], [third, 'HEAD']);
        assert.equal((await repository.resolve(first.slice(0, 12), NEVER)).hash, first);
        const files = await repository.files(tag, ['go.mod', 'absent', 'sub', 'sub/a.go'], 100, NEVER);
        assert.deepEqual(
          files.map((file) => file?.toString()),
          ['module lib // 2\n', undefined, undefined, 'package sub\n'],
        );
        assert.deepEqual(await repository.tree(head, '', NEVER), [
          { path: 'b.go', kind: 'file', size: 10 },
          { path: 'dep', kind: 'submodule', size: 0 },
          { path: 'go.mod', kind: 'file', size: 16 },
          { path: 'link', kind: 'symlink', size: 4 },
          { path: 'sub/a.go', kind: 'file', size: 12 },
        ]);
        const below = await repository.tree(head, 'sub', NEVER);
        assert.deepEqual(below, [{ path: 'sub/a.go', kind: 'file', size: 12 }]);
        for (const none of ['su', 'go.mod', '-r', ':(glob)*', '*']) {
          assert.deepEqual(await repository.tree(head, none, NEVER), [], none);
        }
        assert.deepEqual(await repository.tagsUpTo(head, NEVER), ['v1.0.0', 'v1.1.0']);
        assert.equal(await repository.descendsFrom(head, 'v1.0.0', NEVER), true);
        const branch = await repository.resolve('side', NEVER);
        assert.equal(await repository.descendsFrom(branch, 'v1.1.0', NEVER), false);
        const zip = await readAll((await repository.archive(tag, 'sub', NEVER)) as never);
        assert.equal(zip.subarray(0, 2).toString(), 'PK');
        assert.ok(zip.includes('prefix/sub/a.go') && !zip.includes('go.mod'));
        assert.equal((await faultOf(repository.resolve('v9.9.9', NEVER))).code, 'NOT_FOUND');
      });
    });
  }
}
