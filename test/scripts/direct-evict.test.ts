/** What came from version control is evicted like all else: only where the very same bytes would come again. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { GitFolder, type GitProject } from '../kit/git.ts';
import { GitServer } from '../kit/git-http.ts';
import { Web } from '../kit/meta.ts';
import { Modgate } from '../kit/modgate.ts';
import { Scope } from '../kit/scope.ts';
import { until } from '../kit/wait.ts';

const HOST = 'corp.example';
const zip = (name: string) => `/${HOST}/${name}.git/@v/v1.0.0.zip`;
const info = (name: string) => `/${HOST}/${name}.git/@v/v1.0.0.info`;

describe('a store below its cap, filled from version control', () => {
  const folder = new GitFolder();
  let still: GitProject;
  let moving: GitProject;
  let server: GitServer;
  let web: Web;
  before(async () => {
    still = folder.create('still');
    moving = folder.create('moving');
    for (const project of [still, moving])
      project.commit(
        { LICENSE: 'free\n', 'a.go': `package a // ${'x'.repeat(10_000)}\n` },
        { tags: ['v1.0.0'] },
      );
    server = await GitServer.start({ folder: folder.folder });
    web = await Web.start();
    web.forward(HOST, server.url);
  });
  after(async () => {
    await web?.close();
    await server?.close();
    folder.remove();
  });

  test('a zip goes and comes again the same; that of a moved tag stays', async (t) => {
    const settings = { config: { chain: 'direct', store: { cap: '1GiB' } }, env: web.env };
    const modgate = await Modgate.start(settings);
    const scope = new Scope();
    t.after(() => scope.close());
    scope.after(() => modgate.remove());
    const bytes = new Map<string, Buffer>();
    for (const name of ['still', 'moving']) {
      assert.equal((await modgate.ask(info(name))).status, 200);
      bytes.set(name, (await modgate.ask(zip(name))).body);
    }
    moving.commit({ 'a.go': 'package a\n' }, { tags: ['v1.0.0'] });
    await modgate.stop();
    const small = await Modgate.start({
      ...settings,
      config: { chain: 'direct', store: { cap: '1KiB' } },
      data: modgate.data,
    });
    scope.after(() => small.remove());
    const file = (name: string) => path.join(modgate.data, 'tree', zip(name));
    await until(
      () => (fs.existsSync(file('still')) ? undefined : true),
      'the eviction of what can come again',
      60_000,
    );
    assert.deepEqual((await small.ask(zip('still'))).body, bytes.get('still'));
    const refused = /^modgate_evictions_refused_total\{why="other"\} [1-9]/m;
    await until(
      async () => refused.test((await small.ask('/metrics')).text) || undefined,
      'a refusal',
      60_000,
    );
    assert.ok(fs.existsSync(file('moving')));
    assert.deepEqual((await small.ask(zip('moving'))).body, bytes.get('moving'));
  });
});
