/**
 * The go command asks for every prefix of a package's path. On the route that nobody wrote down a probe that the proxy
 * answered with 404 stays 404 where version control cannot be asked about it; on a written one an outage is an outage.
 */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { GitFolder } from '../kit/git.ts';
import { GitServer } from '../kit/git-http.ts';
import { Go, withoutGo } from '../kit/go.ts';
import { Web } from '../kit/meta.ts';
import { Modgate, type Piece } from '../kit/modgate.ts';
import { Upstream } from '../kit/upstream.ts';

/** of the module example.com/plain */
const PACKAGE = 'example.com/plain/sub/pkg';
const FILES = ['@v/list', '@latest', '@v/v1.0.0.info', '@v/v1.0.0.mod', '@v/v1.0.0.zip'];
/** a host that answers, and whose repository does not */
const BROKEN = 'answers.example/lib';
/** of a host that is there, below which the repository vanishes */
const MODULE = 'corp.example/lib';

describe('prefix probes', () => {
  const folder = new GitFolder();
  let upstream: Upstream;
  let server: GitServer;
  let web: Web;
  let config: Record<string, Piece>;
  const running: Modgate[] = [];

  before(async () => {
    folder.create('lib').commit({ 'go.mod': `module ${MODULE}\n` }, { tags: ['v1.0.0'] });
    server = await GitServer.start({ folder: folder.folder });
    upstream = await Upstream.start();
    web = await Web.start();
    web.forward('git.example', server.url);
    web.tags(MODULE, `${MODULE} git https://git.example/lib`);
    web.tags(BROKEN, `${BROKEN} git https://git.example/broken`);
    server.fault('/broken', { kind: 'status', status: 500 });
    config = {
      sources: { public: { url: upstream.url, proxy: 'none' } },
      chain: 'public,direct',
      routes: [{ match: 'written.example,github.com/written', chain: 'public,direct' }],
      cache: { fresh: '1ms', negative: '1ms' },
      // A list is asked for anew each time, so that an outage is seen at once.
      vcs: { refs: '0s' },
    };
  });
  after(async () => {
    for (const modgate of running) await modgate.remove();
    await web?.close();
    await upstream?.close();
    await server?.close();
    folder.remove();
  });

  async function start(more: Record<string, Piece> = {}, env: Record<string, string> = {}) {
    const modgate = await Modgate.start({ config: { ...config, ...more }, env: { ...web.env, ...env } });
    running.push(modgate);
    return modgate;
  }

  async function gets(modgate: Modgate): Promise<void> {
    const go = new Go();
    try {
      const cwd = go.project();
      const { code, stderr } = await go.run(['get', PACKAGE], { proxy: modgate.url, cwd });
      assert.equal(code, 0, stderr);
      assert.match(fs.readFileSync(path.join(cwd, 'go.mod'), 'utf8'), /require example\.com\/plain v/);
    } finally {
      go.remove();
    }
  }

  describe('where the hosts of modules cannot be reached', () => {
    let modgate: Modgate;
    before(async () => {
      modgate = await start();
    });

    test('go get finds the module by a shorter prefix', { skip: withoutGo }, () => gets(modgate));

    /** what is asked → status, and what its text says */
    const ROWS: readonly (readonly [what: string, asked: string, status: number, says: RegExp])[] = [
      ['a host without a page', 'example.com/none', 404, /direct was passed over: .*example\.com/],
      ['a repository by its path alone', 'github.com/a/b/c', 404, /direct was passed over: .*github\.com/],
      ['a page whose repository fails', BROKEN, 502, /UPSTREAM_STATUS/],
      ['a written route', 'written.example/a', 502, /UPSTREAM_UNREACHABLE/],
      ['a repository of a written route', 'github.com/written/a', 502, /UPSTREAM_UNREACHABLE/],
    ];
    for (const [what, module, status, says] of ROWS)
      test(`${what}: ${status}`, async () => {
        // A host that fails more often is not asked at all for a while, which is another code.
        for (const file of status === 404 ? FILES : FILES.slice(0, 2)) {
          const reply = await modgate.ask(`/${module}/${file}`);
          assert.equal(reply.status, status, `${file}: ${reply.body}`);
          assert.match(String(reply.body), says);
          assert.ok(String(reply.body).trimEnd().split('\n').length <= 8);
        }
      });

    test('a chain of direct alone has nobody who said 404: 502', async () => {
      const alone = await start({ chain: 'direct' });
      const { status, body } = await alone.ask('/example.com/none/@v/list');
      assert.equal(status, 502, String(body));
    });

    test('what was listed before the outage stays listed', async () => {
      const own = await start();
      assert.equal(String((await own.ask(`/${MODULE}/@v/list`)).body), 'v1.0.0\n');
      await server.refuse();
      try {
        for (let round = 0; round < 2; round += 1) {
          const { status, body } = await own.ask(`/${MODULE}/@v/list`);
          assert.deepEqual([status, String(body)], [200, 'v1.0.0\n']);
          await own.log(({ msg }) => String(msg).startsWith('cannot refresh'), 'that a refresh failed');
        }
      } finally {
        await server.accept();
      }
    });
  });

  describe('on a machine without git', () => {
    let modgate: Modgate;
    before(async () => {
      modgate = await start({}, { PATH: '/nowhere' });
    });

    test('it says so at the start', async () => {
      const line = await modgate.log(({ code }) => code === 'VCS_FAILED', 'that there is no git');
      assert.match(String(line.msg), /there is no git .* "git" is not found/);
    });

    test('go get finds the module by a shorter prefix', { skip: withoutGo }, () => gets(modgate));

    test('what the proxy does not have is 404, and the text says why nobody else was asked', async () => {
      const { status, body } = await modgate.ask(`/${MODULE}/@v/list`);
      assert.equal(status, 404, String(body));
      assert.match(String(body), /direct was passed over: there is no git/);
      assert.match(String(body), /next: install git/);
    });

    test('on a written route it is a failure', async () => {
      const { status, body } = await modgate.ask('/github.com/written/a/@v/list');
      assert.equal(status, 502, String(body));
      assert.match(String(body), /there is no git[\s\S]*VCS_FAILED/);
    });
  });
});
