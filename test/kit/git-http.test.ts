import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { client, GitFolder, git } from './git.ts';
import { GARBLE, GitServer } from './git-http.ts';

let folder: GitFolder;
let server: GitServer;
let scratch: string;

before(async () => {
  folder = new GitFolder();
  scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'modgate-clone-'));
  server = await GitServer.start({ folder: folder.folder });
});
after(async () => {
  await server.close();
  folder.remove();
  fs.rmSync(scratch, { recursive: true, force: true });
});

describe('git over HTTP in tests', () => {
  it('the same calls give the same hashes', () => {
    const hashes = ['a.git', 'b.git'].map((name) => folder.create(name).commit({ 'go.mod': 'module a\n' }));
    assert.deepEqual(hashes, [hashes[0], hashes[0]]);
  });

  it('clones what was committed: files, links, submodules, merges, annotated tags', async () => {
    const project = folder.create('team/lib.git');
    const first = project.commit(
      { 'go.mod': 'module x\n', gone: 'x', 'we"ird\\': 'y' },
      { tags: ['v1.0.0'] },
    );
    const side = project.commit({ side: 's' }, { branch: 'side', parents: [first] });
    project.commit({
      gone: null,
      link: { symlink: 'go.mod' },
      run: { executable: '#!' },
      sub: { submodule: first },
    });
    const main = project.commit({}, { parents: [project.git('rev-parse', 'main'), side] });
    project.annotate('v1.1.0', main);
    const done = await client(
      'clone',
      '-q',
      '--bare',
      `${server.url}/team/lib.git`,
      path.join(scratch, 'lib.git'),
    );
    assert.deepEqual(done, { code: 0, text: '' });
    const tree = git(['--git-dir', path.join(scratch, 'lib.git'), 'ls-tree', '--name-only', '-z', 'v1.1.0']);
    assert.deepEqual(tree.split('\0').filter(Boolean).sort(), ['go.mod', 'link', 'run', 'sub', 'we"ird\\']);
    assert.deepEqual(
      server.requests.map(({ step }) => step),
      ['info', 'ls-refs', 'fetch'],
    );
  });

  it('asks for credentials', async () => {
    folder.create('closed.git').commit({ a: 'a' });
    server.require('/closed.git', { password: 's3cret' });
    const url = `${server.url}/closed.git`;
    assert.match((await client('ls-remote', url)).text, /could not read Username/);
    assert.equal((await client('ls-remote', url.replace('//', '//u:s3cret@'))).code, 0);
  });

  it('garbles no length of a packet to another length', () => {
    const digits = Buffer.from('0123456789abcdefABCDEF');
    assert.doesNotMatch(Buffer.from(digits.map((digit) => digit ^ GARBLE)).toString('latin1'), /[0-9a-f]/i);
  });

  it('breaks as it is told, as often as it is told', async () => {
    folder.create('faulty.git').commit({ a: 'a' });
    server.fault('/faulty.git', { kind: 'status', status: 500 }, 1);
    const url = `${server.url}/faulty.git`;
    assert.match((await client('ls-remote', url)).text, /error: 500/);
    assert.equal((await client('ls-remote', url)).code, 0);
  });
});
