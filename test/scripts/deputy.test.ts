/**
 * Whose credentials read what: any host's page can name any repository, also one that only this gateway may read. On a
 * path that no route names, modgate asks as a stranger would.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { GitFolder } from '../kit/git.ts';
import { GitServer } from '../kit/git-http.ts';
import { Web } from '../kit/meta.ts';
import { Modgate } from '../kit/modgate.ts';

const TOKEN = 'glpat-s3cret';
/** the company's own path, and one of a host that names the company's repository for it */
const OURS = 'corp.example/secret';
const THEIRS = 'evil.example/secret';
/** likewise, on a route that is written down */
const LEAVE = 'friend.example/secret';

describe('a page that names a repository of the company', () => {
  const folder = new GitFolder();
  let server: GitServer;
  let web: Web;
  let modgate: Modgate;

  before(async () => {
    const files = { 'a.go': 'package a\n' };
    // Without a go.mod, so that the repository itself does not tell under which path it may be asked for.
    folder.create('secret').commit(files, { tags: ['v1.0.0'] });
    folder.create('public').commit(files, { tags: ['v1.0.0'] });
    server = await GitServer.start({ folder: folder.folder });
    server.require('/secret', { password: TOKEN });
    web = await Web.start();
    web.forward('git.corp.example', server.url);
    for (const path of [OURS, THEIRS, LEAVE]) web.tags(path, `${path} git https://git.corp.example/secret`);
    web.tags('evil.example/public', 'evil.example/public git https://git.corp.example/public');
    modgate = await Modgate.start({
      config: {
        chain: 'direct',
        routes: [
          { match: 'corp.example', chain: 'direct' },
          { match: 'friend.example', chain: 'direct' },
        ],
        vcs: { credentials: [{ match: 'git.corp.example', token: { env: 'CORP_TOKEN' } }] },
      },
      env: { ...web.env, CORP_TOKEN: TOKEN },
    });
  });
  after(async () => {
    await modgate?.remove();
    await web?.close();
    await server?.close();
    folder.remove();
  });

  test('is not read with the credentials of the company, not even from the copy that they made', async () => {
    assert.equal((await modgate.ask(`/${OURS}/@v/v1.0.0.info`)).status, 200);
    assert.ok(server.requests.some(({ headers }) => headers.authorization !== undefined));
    server.forget();
    for (const file of ['list', 'v1.0.0.info', 'v1.0.0.mod', 'v1.0.0.zip']) {
      const { status, body } = await modgate.ask(`/${THEIRS}/@v/${file}`);
      assert.equal(status, 502, `${file}: ${body}`);
      assert.match(String(body), /UPSTREAM_DENIED/);
      assert.match(String(body), /credentials are used only for routes that are written down/);
      assert.match(String(body), /next: add a route for this module path, with direct in its chain/);
    }
    assert.ok(server.count('/secret') > 0);
    assert.deepEqual(
      server.requests.flatMap(({ headers }) => headers.authorization ?? []),
      [],
    );
  });

  test('is served where everybody may read it', async () => {
    const { status, body } = await modgate.ask('/evil.example/public/@v/v1.0.0.info');
    assert.equal(status, 200, String(body));
  });

  test('on a written route is read as the go command would read it', async () => {
    const { status, body } = await modgate.ask(`/${LEAVE}/@v/v1.0.0.info`);
    assert.equal(status, 200, String(body));
  });
});
