/** Repositories whose host sends git elsewhere, for a while. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { describe, it, type TestContext } from 'node:test';
import { systemClock } from '../../src/observe/index.ts';
import { faultOf, NEVER, vcsBench } from '../kit/vcs.ts';

/** `lib.git`, which for now is redirected to a copy below `moved/`. */
async function movedBench(t: TestContext) {
  const bench = await vcsBench(t, { refs: 0 });
  const here = bench.folder.create('lib.git').commit({ at: 'lib.git' }, { tags: ['v1.0.0'] });
  const project = bench.folder.create('moved/lib.git');
  const there = project.commit({ at: 'moved/lib.git' }, { tags: ['v1.0.0'] });
  const back = bench.server.fault(/^\/lib\.git/, { kind: 'redirect', base: `${bench.server.url}/moved` });
  const repository = bench.open('lib.git');
  /** commit of the tag, and which of both were asked for it */
  const ask = async () => {
    bench.server.forget();
    const commit = (await repository.refs(NEVER)).tags.get('v1.0.0');
    const asked = bench.server.requests.map((request) => request.path.split('/lib.git')[0] || '/');
    return { commit, asked: [...new Set(asked)] };
  };
  return { ...bench, here, there, project, back, repository, ask };
}

describe('a redirect', () => {
  it('is remembered for some minutes, and then the named URL is asked again', async (t) => {
    const { here, there, back, ask } = await movedBench(t);
    assert.deepEqual(await ask(), { commit: there, asked: ['/', '/moved'] });
    assert.deepEqual(await ask(), { commit: there, asked: ['/moved'] });
    back();
    assert.deepEqual(await ask(), { commit: there, asked: ['/moved'] });
    t.mock.method(systemClock, 'monotonic', () => performance.now() + 601_000);
    assert.deepEqual(await ask(), { commit: here, asked: ['/'] });
  });

  it('is forgotten when its target is gone, and the named URL answers at once', async (t) => {
    const { here, there, project, back, ask } = await movedBench(t);
    assert.equal((await ask()).commit, there);
    back();
    fs.rmSync(project.folder, { recursive: true });
    assert.deepEqual(await ask(), { commit: here, asked: ['/moved', '/'] });
    assert.deepEqual(await ask(), { commit: here, asked: ['/'] });
  });

  it('to what is not there is absence, and the next question begins anew', async (t) => {
    const { here, project, back, repository, ask } = await movedBench(t);
    fs.rmSync(project.folder, { recursive: true });
    for (let i = 0; i < 2; i++) assert.equal((await faultOf(repository.refs(NEVER))).code, 'NOT_FOUND');
    back();
    assert.deepEqual(await ask(), { commit: here, asked: ['/'] });
  });
});
