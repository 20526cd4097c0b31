/** Where the code of a module lives: what hosts with real names say, over TLS, and what is made of it. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { type TestContext, test } from 'node:test';
import v8 from 'node:v8';
import vm from 'node:vm';
import { type Code, ModgateError } from '../../src/errors/index.ts';
import { RootFinder, type RootOptions, type RootRules } from '../../src/fetch/index.ts';
import { parseModulePath } from '../../src/module/index.ts';
import { createLogger, Metrics } from '../../src/observe/index.ts';
import { Web } from '../kit/meta.ts';

const RULES: RootRules = { isPrivate: false, near: true };
const OPTIONS: RootOptions = { mappings: [], insecure: '', ca: undefined };

async function bench(t: TestContext, options: Partial<RootOptions> = {}) {
  const web = await Web.start(t);
  const logger = createLogger({ level: 'silent', format: 'json' });
  const finder = new RootFinder(
    { ...OPTIONS, ca: fs.readFileSync(web.ca, 'utf8'), ...options },
    { logger, metrics: new Metrics({ process: false }), env: web.env },
  );
  t.after(() => finder.close());
  const find = (path: string, rules: Partial<RootRules> = {}, signal = new AbortController().signal) =>
    finder.for({ ...RULES, ...rules }).find(parseModulePath(path), signal);
  return { web, finder, find };
}

async function faultOf(promise: Promise<unknown>): Promise<ModgateError> {
  try {
    await promise;
  } catch (error) {
    assert.ok(error instanceof ModgateError, String(error));
    return error;
  }
  assert.fail('no error');
}

const repository = (path: string, url: string, subdirectory = '') => ({
  kind: 'repository',
  path,
  vcs: 'git',
  url,
  subdirectory,
});

test('a host says where its modules are', async (t) => {
  const { web, find } = await bench(t);
  web.tags('corp.example/lib', 'corp.example/lib git https://git.corp.example/team/lib.git');
  web.tags('corp.example/mono/go', 'corp.example/mono/go git ssh://git@git.corp.example/mono go/src');
  web.tags('corp.example', 'corp.example git https://git.corp.example/all');
  web.tags(
    'proxied.example/a',
    'proxied.example/a git https://x.example/a',
    'proxied.example/a mod https://goproxy.example/base',
  );
  web.tags('gopkg.in/yaml.v3', 'gopkg.in/yaml.v3 git https://gopkg.in/yaml.v3');
  const rows: readonly (readonly [string, object])[] = [
    ['corp.example/lib', repository('corp.example/lib', 'https://git.corp.example/team/lib.git')],
    ['corp.example/mono/go', repository('corp.example/mono/go', 'ssh://git@git.corp.example/mono', 'go/src')],
    ['corp.example', repository('corp.example', 'https://git.corp.example/all')],
    ['proxied.example/a', { kind: 'proxy', path: 'proxied.example/a', url: 'https://goproxy.example/base' }],
    ['gopkg.in/yaml.v3', repository('gopkg.in/yaml.v3', 'https://gopkg.in/yaml.v3')],
  ];
  for (const [path, root] of rows) assert.deepEqual(await find(path), root);
});

test('a page above all of its paths must say the same as the page that was asked', async (t) => {
  const { web, find } = await bench(t);
  const tag = 'corp.example/all git https://git.corp.example/all';
  web.tags('corp.example/all', tag);
  web.tags('corp.example/all/sub/v2', tag);
  web.tags('corp.example/all/evil', 'corp.example/all git https://git.evil.example/all');
  web.tags('corp.example/all/folder', `${tag} folder`);
  web.tags('corp.example/none/sub', 'corp.example/none git https://git.corp.example/none');
  assert.deepEqual(
    await find('corp.example/all/sub/v2'),
    repository('corp.example/all', 'https://git.corp.example/all'),
  );
  for (const path of ['corp.example/all/evil', 'corp.example/all/folder', 'corp.example/none/sub']) {
    const fault = await faultOf(find(path));
    assert.equal(fault.code, 'UPSTREAM_BAD_ANSWER', path);
    assert.match(fault.message, /do not say the same/);
  }
});

test('a page counts whatever its status is, and a host without one is absence', async (t) => {
  const { web, find } = await bench(t);
  const tag = (path: string) => `<meta name=go-import content="${path} git https://git.corp.example/x">`;
  web.page('corp.example/missing', tag('corp.example/missing'), 404);
  web.page('corp.example/broken', tag('corp.example/broken'), 500);
  web.page('corp.example/moved', '', 302, { location: 'https://www.corp.example/elsewhere?go-get=1' });
  web.page('www.corp.example/elsewhere', tag('corp.example/moved'));
  for (const name of ['missing', 'broken', 'moved'])
    assert.deepEqual(
      await find(`corp.example/${name}`),
      repository(`corp.example/${name}`, 'https://git.corp.example/x'),
    );
});

const FAULTS: readonly (readonly [
  what: string,
  answer: (web: Web) => void,
  code: Code | 'UPSTREAM_',
  text: RegExp,
])[] = [
  ['no page', (web) => web.page('corp.example/other', ''), 'NOT_FOUND', /404/],
  ['a page without tags', (web) => web.page('corp.example/x', '<html>'), 'NOT_FOUND', /has no go-import tag/],
  [
    'a page that is no markup',
    (web) => web.page('corp.example/x', '<script>if (a < b)</script>'),
    'NOT_FOUND',
    /cannot be read further: .* in line 1/,
  ],
  [
    'tags of other paths',
    (web) =>
      web.tags('corp.example/x', 'corp.example/xy git https://a.example', 'b.example git https://b.example'),
    'NOT_FOUND',
    /for other paths only: "corp\.example\/xy", "b\.example"/,
  ],
  [
    'two tags that match',
    (web) =>
      web.tags(
        'corp.example/x',
        'corp.example/x git https://a.example',
        'corp.example git https://b.example',
      ),
    'UPSTREAM_BAD_ANSWER',
    /several go-import tags/,
  ],
  ['a host that nobody has', () => undefined, 'UPSTREAM_UNREACHABLE', /refused to connect/],
  ['no permission', (web) => web.page('corp.example/x', 'no', 403), 'UPSTREAM_DENIED', /403/],
  ['an outage', (web) => web.page('corp.example/x', 'no', 503), 'UPSTREAM_STATUS', /503/],
  [
    'a loop',
    (web) => web.page('corp.example/x', '', 302, { location: 'https://corp.example/x?go-get=1' }),
    'UPSTREAM_REDIRECT_LOOP',
    /redirect loop/,
  ],
  [
    'a page that is cut off',
    (web) =>
      web.host('corp.example', (_request, response) => {
        response.writeHead(200, { 'content-length': '100' });
        response.write('<html>', () => response.destroy());
      }),
    'UPSTREAM_',
    /./,
  ],
  ...(
    [
      ['hg', 'https://hg.example/x', 'VCS_UNSUPPORTED', /Mercurial \(hg\)/],
      ['svn', 'https://svn.example/x', 'VCS_UNSUPPORTED', /Subversion/],
      ['bzr', 'https://bzr.example/x', 'VCS_UNSUPPORTED', /Bazaar/],
      ['fossil', 'https://fossil.example/x', 'VCS_UNSUPPORTED', /Fossil/],
      ['cvs', 'https://cvs.example/x', 'UPSTREAM_BAD_ANSWER', /no version control system/],
      ['git', 'git.example/x', 'UPSTREAM_BAD_ANSWER', /no URL/],
      ['git', 'git@git.example:x', 'UPSTREAM_BAD_ANSWER', /no URL/],
      ['git', 'file:///etc', 'VCS_REFUSED', /file:/],
      ['git', 'ext::sh', 'UPSTREAM_BAD_ANSWER', /no URL/],
      ['git', 'git://git.example/x', 'VCS_REFUSED', /git:/],
      ['git', 'http://git.example/x', 'VCS_REFUSED', /http:/],
      ['mod', 'ssh://goproxy.example/x', 'VCS_REFUSED', /ssh:/],
      ['mod', 'file:///etc', 'VCS_REFUSED', /file:/],
      ['git', 'https://me:secret@git.example/x', 'VCS_REFUSED', /credentials/],
      ['git', 'ssh://a%zzb/x', 'VCS_REFUSED', /"a%zzb", which is no host/],
      ['git', 'https://git.example/x /etc', 'UPSTREAM_BAD_ANSWER', /folder "\/etc"/],
      ['git', 'https://git.example/x -x', 'UPSTREAM_BAD_ANSWER', /folder "-x"/],
      ['git', 'https://git.example/x a/../b', 'UPSTREAM_BAD_ANSWER', /folder/],
    ] as const
  ).map(
    ([vcs, rest, code, text]) =>
      [
        `the tag "${vcs} ${rest}"`,
        (web: Web) => web.tags('corp.example/x', `corp.example/x ${vcs} ${rest}`),
        code,
        text,
      ] as const,
  ),
];

for (const [what, answer, code, text] of FAULTS)
  test(`${what} is ${code}`, async (t) => {
    const { web, find } = await bench(t);
    answer(web);
    const fault = await faultOf(find('corp.example/x'));
    assert.match(fault.code, new RegExp(`^${code}`), fault.message);
    assert.match(fault.message, text);
    assert.doesNotMatch(fault.message, /secret/);
    assert.ok(fault.message.split('\n').length <= 6);
    assert.ok(fault.next !== undefined || fault.code === 'UPSTREAM_UNREACHABLE', 'there is a next step');
  });

test('a certificate that nobody vouches for is told as such, unless the path is insecure', async (t) => {
  const strict = await bench(t, { ca: undefined });
  strict.web.tags('corp.example/x', 'corp.example/x git http://git.corp.example/x');
  const fault = await faultOf(strict.find('corp.example/x'));
  assert.equal(fault.code, 'UPSTREAM_TLS');
  assert.match(fault.next ?? '', /vcs\.ca/);
  const lax = await bench(t, { ca: undefined, insecure: '*.corp.example,corp.example/*' });
  lax.web.tags('corp.example/x', 'corp.example/x git http://git.corp.example/x');
  assert.deepEqual(
    await lax.find('corp.example/x'),
    repository('corp.example/x', 'http://git.corp.example/x'),
  );
});

test('a page is asked by http only where the path is insecure', async (t) => {
  for (const insecure of ['', 'plain.example']) {
    const { web, find } = await bench(t, { insecure });
    web.host('plain.example', (request, response) => {
      if (web.requests.at(-1)?.scheme === 'https') request.socket.destroy();
      else response.end('<meta name="go-import" content="plain.example/x git https://git.example/x">');
    });
    if (insecure === '') {
      assert.match((await faultOf(find('plain.example/x'))).code, /^UPSTREAM_UNREACHABLE$/);
      assert.ok(web.requests.every(({ scheme }) => scheme === 'https'));
    } else
      assert.deepEqual(await find('plain.example/x'), repository('plain.example/x', 'https://git.example/x'));
  }
});

test('a host without https has its pages read, however many are asked for', async (t) => {
  const { web, find } = await bench(t, { insecure: 'plain.example' });
  web.host('plain.example', (request, response) => {
    const at = `plain.example${request.url?.replace('?go-get=1', '')}`;
    if (web.requests.at(-1)?.scheme === 'https') request.socket.destroy();
    else response.end(`<meta name="go-import" content="${at} git https://git.example/x">`);
  });
  for (const name of ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'])
    assert.deepEqual(
      await find(`plain.example/${name}`),
      repository(`plain.example/${name}`, 'https://git.example/x'),
    );
});

test('a hostile page is not kept: neither its tags nor the text around a few', async (t) => {
  const { web, find } = await bench(t);
  const tag = (at: string) => `<meta name="go-import" content="${at} git https://git.example/repository">`;
  web.page('corp.example/many', tag('corp.example/x').repeat(1001));
  const fault = await faultOf(find('corp.example/many'));
  assert.deepEqual(
    [fault.code, fault.message],
    ['UPSTREAM_BAD_ANSWER', 'https://corp.example/many?go-get=1 has more than 1000 go-import tags'],
  );
  web.page('corp.example/big', tag('corp.example/big') + tag(`corp.example/big/${'x'.repeat(1 << 15)}`));
  for (const _ of [1, 2])
    assert.deepEqual(
      await find('corp.example/big'),
      repository('corp.example/big', 'https://git.example/repository'),
    );
  assert.equal(web.pagesAsked.filter((at) => at === 'corp.example/big').length, 2);

  const before = heapAfterCollection();
  for (let i = 0; i < 30; i++) {
    const at = `corp.example/around/${i}`;
    web.page(at, `${tag(at)}</head>${' '.repeat(1 << 19)}`);
    await find(at);
    web.page(at, '');
  }
  assert.ok(heapAfterCollection() - before < 5 << 20, 'bytes of 30 pages of 512 KiB');
});

function heapAfterCollection(): number {
  v8.setFlagsFromString('--expose-gc');
  vm.runInNewContext('gc')();
  return process.memoryUsage().heapUsed;
}

test('one page is asked once by many', async (t) => {
  const { web, find } = await bench(t);
  web.tags('corp.example/x', 'corp.example/x git https://git.corp.example/x');
  await Promise.all(Array.from({ length: 20 }, () => find('corp.example/x')));
  await find('corp.example/x');
  assert.deepEqual(web.pagesAsked, ['corp.example/x']);
});

test('one who leaves does not end the page of the others', async (t) => {
  const { web, find } = await bench(t);
  const leaving = new AbortController();
  web.host('corp.example', (_request, response) => {
    leaving.abort();
    setImmediate(() =>
      response.end('<meta name="go-import" content="corp.example/x git https://git.example/x">'),
    );
  });
  const [left, stayed] = await Promise.all([
    faultOf(find('corp.example/x', {}, leaving.signal)),
    find('corp.example/x'),
  ]);
  assert.equal(left.code, 'CANCELED');
  assert.deepEqual(stayed, repository('corp.example/x', 'https://git.example/x'));
  assert.equal(web.requests.length, 1);
});

test('a private path is told to nobody but its own host', async (t) => {
  const { web, find } = await bench(t);
  web.page('corp.example/moved', '', 302, { location: 'https://public.example/corp?go-get=1' });
  web.page('corp.example/up', '', 302, { location: 'https://corp.example/elsewhere?go-get=1' });
  web.tags('corp.example/elsewhere', 'corp.example/up git https://git.corp.example/up');
  web.tags('public.example/corp', 'corp.example/moved git https://public.example/moved');
  web.tags('corp.example/mod', 'corp.example/mod mod https://goproxy.example');
  web.tags('corp.example/own', 'corp.example/own mod https://corp.example/goproxy');
  const rules = { isPrivate: true };
  const moved = await faultOf(find('corp.example/moved', rules));
  assert.equal(moved.code, 'UPSTREAM_BAD_ANSWER');
  assert.match(moved.message, /another host, which is refused because what is asked is private/);
  assert.ok(!web.asked.some((line) => line.includes('public.example')));
  const mod = await faultOf(find('corp.example/mod', rules));
  assert.equal(mod.code, 'VCS_REFUSED');
  assert.match(mod.message, /goproxy\.example, another host/);
  assert.deepEqual(await find('corp.example/own', rules), {
    kind: 'proxy',
    path: 'corp.example/own',
    url: 'https://corp.example/goproxy',
  });
  assert.deepEqual(
    await find('corp.example/up', rules),
    repository('corp.example/up', 'https://git.corp.example/up'),
  );
  // What is public may lead anywhere.
  assert.deepEqual(
    await find('corp.example/moved'),
    repository('corp.example/moved', 'https://public.example/moved'),
  );
});

test('nobody outside makes the gateway ask a private network or this machine', async (t) => {
  const { web, find } = await bench(t, {
    mappings: [{ match: 'mapped.example/*', url: 'ssh://git@127.0.0.1/{1}', subdirectory: '' }],
  });
  web.tags('corp.example/a', 'corp.example/a git https://127.0.0.1/a');
  web.tags('corp.example/b', 'corp.example/b git https://git.internal/b');
  web.tags('corp.example/c', 'corp.example/c mod https://[::1]/c');
  web.tags('corp.example/d', 'corp.example/d git ssh://git@localhost/d');
  web.tags('corp.example/f', 'corp.example/f git ssh://git@0x7f.1/f');
  web.tags('corp.example/e', 'corp.example/e git https://git.example/e');
  web.page('corp.example/r', '', 302, { location: 'https://169.254.169.254/latest' });
  const near = ['10.0.0.1/x', '127.0.0.1/x', '169.254.169.254/latest', 'wiki.internal/x', 'db.localhost/x'];
  const letters = ['a', 'b', 'c', 'd', 'f', 'r'].map((letter) => `corp.example/${letter}`);
  for (const path of [...near, ...letters]) {
    const fault = await faultOf(find(path, { near: false }));
    assert.equal(fault.code, 'VCS_REFUSED', `${path}: ${fault.message}`);
    assert.match(fault.next ?? '', /add a route/);
  }
  assert.ok(
    web.asked.every((line) => line === 'CONNECT corp.example:443'),
    web.asked.join('\n'),
  );
  assert.deepEqual(
    await find('corp.example/e', { near: false }),
    repository('corp.example/e', 'https://git.example/e'),
  );
  assert.deepEqual(await find('corp.example/a'), repository('corp.example/a', 'https://127.0.0.1/a'));
  // A mapping is written by whoever keeps the gateway.
  assert.deepEqual(
    await find('mapped.example/a/sub', { near: false }),
    repository('mapped.example/a', 'ssh://git@127.0.0.1/a'),
  );
});

test('a path of no possible host or folder is absence, with nobody asked', async (t) => {
  const mappings = [{ match: 'corp.example/*', url: 'https://git.example/mono', subdirectory: '{1}' }];
  const { web, find } = await bench(t, { mappings });
  for (const path of ['256.1.1.1/x', '1.2.3.4.5/x', '999.1.1.1/x.git', 'xn--a.example/x', 'corp.example/-x'])
    for (const near of [true, false])
      assert.equal((await faultOf(find(path, { near }))).code, 'NOT_FOUND', path);
  assert.deepEqual(web.asked, []);
});
