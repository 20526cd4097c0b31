/** `modgate store` and the administrative listener beside a running server, with the real go command in front of the tree. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { describe, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { openDatabase } from '../../src/store/sqlite.ts';
import { type Pair, type PairOptions, pairFor } from '../kit/gateway.ts';
import { Go, withoutGo } from '../kit/go.ts';
import { hangUp } from '../kit/reload.ts';
import { admin, adminUrl, lines, storeCommand } from '../kit/store.ts';
import { onTerminal, withoutTerminal } from '../kit/terminal.ts';
import { Upstream } from '../kit/upstream.ts';
import { until } from '../kit/wait.ts';

const PLAIN = '/example.com/plain/@v';
const MODULES = [
  ...['v1.0.0', 'v1.1.0', 'v1.2.0'].map((v) => `${PLAIN}/${v}`),
  '/example.com/mod/@v/v1.0.0',
  '/example.com/mod/v2/@v/v2.0.0',
];
const TOKEN = 'a-token-of-the-tests-0123456789';
const LONG = { cache: { fresh: '1h' }, store: { scrub: '0' } };

interface Ending {
  after(fn: () => Promise<void>): void;
}

/** A server that has stored some versions, and whose tree's own lists are written. */
async function filled(t: Ending, options: PairOptions = {}): Promise<Pair> {
  const pair = await pairFor(t, { ...options, config: { ...LONG, ...options.config } });
  for (const base of MODULES) for (const kind of ['info', 'mod', 'zip']) await get(pair, `${base}.${kind}`);
  for (const url of [`${PLAIN}/list`, '/example.com/plain/@latest', `${PLAIN}/main.info`])
    await get(pair, url);
  for (const [module, version] of [
    ['example.com/plain', 'v1.2.0'],
    ['example.com/mod', 'v1.0.0'],
    ['example.com/mod/v2', 'v2.0.0'],
  ] as const)
    await until(() => (treeList(pair, module).includes(version) ? true : undefined), "the tree's own list");
  return pair;
}

async function get({ modgate }: Pair, url: string): Promise<string> {
  const reply = await modgate.ask(url);
  assert.equal(reply.status, 200, `${url}: ${reply.text}`);
  return reply.text;
}

function treeList({ modgate }: Pair, module = 'example.com/plain'): string {
  const file = path.join(modgate.data, 'tree', module, '@v/list');
  return fs.existsSync(file) ? fs.readFileSync(file, 'utf8') : '';
}

const filesOf = ({ modgate }: Pair, below: string) => modgate.files(`tree/${below}`);

describe('after kill -9', () => {
  test('the next server looks after the store at once, and the lists of the tree name what is stored', async (t) => {
    const pair = await pairFor(t, { config: LONG });
    for (const kind of ['info', 'mod', 'zip']) await get(pair, `${PLAIN}/v1.1.0.${kind}`);
    await pair.modgate.kill9();
    fs.rmSync(path.join(pair.modgate.data, 'tree/example.com/plain/@v/list'), { force: true });
    await pair.modgate.restart();
    await until(
      () => (treeList(pair) === 'v1.1.0\n' ? true : undefined),
      "the tree's own list",
      // Upkeep begins 5 s after the start, and would wait 30 s for the lease of the one that was killed.
      20_000,
    );
  });

  test('gc mends the lists of the tree too', async (t) => {
    const pair = await filled(t);
    await pair.modgate.kill9();
    fs.writeFileSync(path.join(pair.modgate.data, 'tree/example.com/plain/@v/list'), 'v1.0.0\n');
    assert.equal((await storeCommand(pair.modgate, 'gc')).code, 0);
    assert.equal(treeList(pair), 'v1.0.0\nv1.1.0\nv1.2.0\n');
  });
});

describe('modgate store', () => {
  test('ls, du and stats say what is there', async (t) => {
    const pair = await filled(t);
    const ls = await storeCommand(pair.modgate, 'ls');
    assert.equal(ls.code, 0, ls.stderr);
    const rows = ls.stdout.trimEnd().split('\n');
    assert.equal(rows.length, 1 + MODULES.length);
    assert.match(rows[0] ?? '', /^module +version +on disk +files +stored +last use +source$/);
    assert.match(
      rows[1] ?? '',
      /^example\.com\/mod +v1\.0\.0 +16\.0 KiB +info mod zip +\d+ s ago .*corp-upstream$/,
    );
    const LISTED: [string[], string[]][] = [
      [['example.com/plain'], ['v1.0.0', 'v1.1.0', 'v1.2.0']],
      [['example.com/plain@v1.1.*'], ['v1.1.0']],
      [['example.com/m*'], ['v1.0.0', 'v2.0.0']],
      [['example.com/mod'], ['v1.0.0']],
      [
        ['example.com/*@v2.*', 'example.com/plain@v1.0.0'],
        ['v2.0.0', 'v1.0.0'],
      ],
      [['example.com/mod/'], ['v1.0.0']],
    ];
    for (const [patterns, expected] of LISTED) {
      const run = await storeCommand(pair.modgate, 'ls', '--json', ...patterns);
      assert.deepEqual(
        lines(run.stdout).map(({ version }) => version),
        expected,
        patterns.join(' '),
      );
    }
    const du = lines((await storeCommand(pair.modgate, 'du', '--json', '--depth', '1')).stdout);
    assert.deepEqual(
      du.map(({ path: host, versions, modules }) => ({ host, versions, modules })),
      [{ host: 'example.com', versions: 5, modules: 3 }],
    );
    const stats = lines((await storeCommand(pair.modgate, 'stats', '--json')).stdout)[0];
    assert.equal(stats?.versions, MODULES.length);
    const REFUSED: [args: string[], code: number, why: RegExp][] = [
      [['ls', 'example.com/['], 2, /malformed module pattern/],
      [['ls', '--limit', '0'], 2, /0 would show nothing/],
      [['du', '--limit', '0'], 2, /0 would show nothing/],
      ...[
        ['ls', 'example.org/*'],
        ['ls', '--json', 'example.org/*'],
        ['verify', 'example.com'],
        ['purge', '--hard', 'example.com/plain@v9.9.9'],
        ['purge', 'example.com/plainer'],
      ].map((args): [string[], number, RegExp] => [
        args,
        1,
        /no stored version matches example\.\S+\nnext: See modgate store ls/,
      ]),
    ];
    for (const [args, code, why] of REFUSED) {
      const run = await storeCommand(pair.modgate, ...args);
      assert.equal(run.code, code, args.join(' '));
      assert.match(run.stderr, why);
      assert.doesNotMatch(run.stdout, /fit/);
    }
    const pages: unknown[] = [];
    for (let after: string[] = []; ; ) {
      const page = await storeCommand(pair.modgate, 'ls', '--json', '--limit', '2', ...after);
      const rows = lines(page.stdout);
      assert.ok(rows.length <= 2, page.stdout);
      pages.push(...rows.map(({ module, version }) => `${String(module)}@${String(version)}`));
      const next = /^there may be more: (--after) (\S+)$/m.exec(page.stderr);
      if (next === null) break;
      after = next.slice(1);
    }
    assert.deepEqual(
      pages,
      lines((await storeCommand(pair.modgate, 'ls', '--json')).stdout).map(
        ({ module, version }) => `${String(module)}@${String(version)}`,
      ),
    );
  });

  test('a folder without a store is no store', async (t) => {
    const pair = await pairFor(t, { config: LONG });
    const run = await storeCommand(
      pair.modgate,
      'stats',
      '--data',
      path.join(pair.modgate.folder, 'nowhere'),
    );
    assert.equal(run.code, 2);
    assert.match(run.stderr, /there is no store in /);
    assert.equal(fs.existsSync(path.join(pair.modgate.folder, 'nowhere')), false);
  });

  test('purge --hard removes every file, and a running server forgets what it held', {
    skip: withoutGo,
  }, async (t) => {
    const pair = await filled(t);
    const { modgate, upstream } = pair;
    assert.equal((await modgate.ask(`${PLAIN}/v1.0.0.info`)).headers['x-cache'], 'hit');
    const dry = await storeCommand(modgate, 'purge', '--hard', '--dry-run', 'example.com/*@v1.0.*');
    assert.match(
      dry.stdout,
      /^would purge example\.com\/mod: v1\.0\.0\nwould purge example\.com\/plain: v1\.0\.0\n$/,
    );
    const unasked = await storeCommand(modgate, 'purge', '--hard', 'example.com/*@v1.0.*');
    assert.equal(unasked.code, 2);
    assert.match(unasked.stderr, /Remove 2 versions of 2 modules.*\n.*--yes/);
    assert.equal(
      filesOf(pair, 'example.com/plain/@v').filter((name) => name.startsWith('v1.0.0.')).length,
      4,
    );

    upstream.forget();
    const run = await storeCommand(modgate, 'purge', '--hard', '--yes', 'example.com/*@v1.0.*');
    assert.equal(run.code, 0, run.stderr);
    assert.deepEqual(
      filesOf(pair, 'example.com/plain/@v').filter((name) => name.startsWith('v1.0.0.')),
      [],
    );
    assert.equal(treeList(pair), 'v1.1.0\nv1.2.0\n');

    const go = new Go();
    t.after(async () => go.remove());
    const proxy = pathToFileURL(path.join(modgate.data, 'tree')).href;
    const listed = await go.run(['list', '-m', '-versions', '-retracted', 'example.com/plain'], {
      proxy,
      cwd: go.project(),
    });
    assert.equal(listed.stdout, 'example.com/plain v1.1.0 v1.2.0\n');

    // The server looks once a second; then the source is asked again, and may bring another content.
    await until(async () => {
      const { headers, status } = await modgate.ask(`${PLAIN}/v1.0.0.info`);
      assert.equal(status, 200);
      return headers['x-cache'] === 'miss' ? true : undefined;
    }, 'a server that has forgotten');
    const other = upstream.fixture.answer(`${PLAIN}/v1.1.0.mod`);
    assert.ok(other !== undefined);
    upstream.answers.set(`${PLAIN}/v1.0.0.mod`, {
      ...other,
      body: Buffer.concat([other.body, Buffer.from('// new\n')]),
    });
    assert.match(await get(pair, `${PLAIN}/v1.0.0.mod`), /\/\/ new/);
  });

  test('a wholly purged module leaves nothing behind, lists and answers to queries included', async (t) => {
    const pair = await filled(t);
    const run = await storeCommand(pair.modgate, 'purge', '--hard', '-y', 'example.com/plain', '--json');
    assert.equal(run.code, 0, run.stderr);
    assert.deepEqual(
      lines(run.stdout).map(({ event, versions }) => ({ event, versions })),
      [
        { event: 'purged', versions: ['v1.0.0', 'v1.1.0', 'v1.2.0'] },
        { event: 'end', versions: 3 },
      ],
    );
    assert.deepEqual(filesOf(pair, 'example.com/plain'), []);
    assert.equal(fs.existsSync(path.join(pair.modgate.data, 'tree/example.com/plain')), false);
    assert.ok(fs.existsSync(path.join(pair.modgate.data, 'tree/example.com/mod')));
  });

  const ANSWERS: readonly [answer: string, code: number, said: RegExp, left: boolean][] = [
    ['n\n', 1, /nothing was changed\r\n$/, true],
    ['\n', 1, /nothing was changed\r\n$/, true],
    ['\x04', 130, /stopped: nothing was changed\r\n/, true],
    ['\x03', 130, /stopped: nothing was changed\r\n/, true],
    ['y\n', 0, /removed example\.com\/plain: /, false],
  ];
  for (const [answer, code, said, left] of ANSWERS)
    test(`purge --hard on a terminal, answered by ${JSON.stringify(answer)}`, {
      skip: withoutTerminal,
    }, async (t) => {
      const { modgate } = await filled(t);
      await modgate.stop();
      const args = ['store', 'purge', '--hard', 'example.com/*', '--data', modgate.data];
      const shown = await onTerminal(args, { answer });
      assert.match(shown.text, /Remove \d+ versions of \d+ modules, .*\? \[y\/N\] /);
      assert.match(shown.text, said);
      assert.equal(shown.code, code, shown.text);
      assert.equal(fs.existsSync(path.join(modgate.data, 'tree/example.com/plain/@v/v1.0.0.zip')), left);
    });

  test('versions that are purged one by one leave no empty folder behind', async (t) => {
    const pair = await filled(t);
    const run = await storeCommand(pair.modgate, 'purge', '--hard', 'example.com/mod/v2@v2.0.0');
    assert.equal(run.code, 0, run.stderr);
    assert.equal(fs.existsSync(path.join(pair.modgate.data, 'tree/example.com/mod/v2')), false);
    assert.ok(fs.existsSync(path.join(pair.modgate.data, 'tree/example.com/mod/@v/v1.0.0.zip')));
  });

  test('a soft purge removes nothing: what may change is asked for again, and stands in where nobody answers', async (t) => {
    const pair = await filled(t);
    const { modgate, upstream } = pair;
    const before = filesOf(pair, '');
    assert.equal((await storeCommand(modgate, 'purge', 'example.com/plain')).code, 0);
    assert.deepEqual(filesOf(pair, ''), before);
    await upstream.refuse();
    const stale = await until(async () => {
      const reply = await modgate.ask(`${PLAIN}/list`);
      return reply.headers['x-cache'] === 'stale' ? reply : undefined;
    }, 'the old list, stale');
    assert.equal(stale.status, 200);
    assert.match(stale.text, /v1\.3\.0-rc\.1/);
    await upstream.accept();
    upstream.forget();
    await until(async () => {
      await get(pair, '/example.com/plain/@latest');
      return upstream.count('/example.com/plain/@latest') > 0 ? true : undefined;
    }, 'a question at the source');
    // A use that the server has not told yet may come in between, once.
    await until(
      async () => {
        assert.equal((await storeCommand(modgate, 'purge', 'example.com/plain')).code, 0);
        const found = lines((await storeCommand(modgate, 'ls', '--json', 'example.com/plain@v1.0.0')).stdout);
        return found[0]?.used === null ? true : undefined;
      },
      'a version that is the first to be evicted',
      60_000,
    );
  });

  test('gc --cap evicts for this once, and sweeps', async (t) => {
    const pair = await filled(t);
    const stale = path.join(pair.modgate.data, 'tree/example.com/empty/@v');
    fs.mkdirSync(stale, { recursive: true });
    const run = await storeCommand(pair.modgate, 'gc', '--cap', '60KiB', '--json');
    const end = lines(run.stdout).at(-1);
    assert.equal(end?.over, 0, run.stdout);
    const stats = lines((await storeCommand(pair.modgate, 'stats', '--json')).stdout)[0];
    assert.ok(Number(stats?.bytes) <= 60 << 10, `${String(stats?.bytes)} bytes`);
    assert.equal(fs.existsSync(stale), false);
    await get(pair, `${PLAIN}/v1.0.0.zip`);
  });
});

describe('gc that cannot reach the cap', () => {
  test('by another chain than the one that filled the store asks it nothing, says why, and exits 1', async (t) => {
    const pair = await filled(t);
    const other = await Upstream.start();
    t.after(() => other.close());
    const { modgate, upstream } = pair;
    const run = await storeCommand(modgate, 'gc', '--cap', '1KiB', '--chain', other.url);
    assert.equal(run.code, 1, run.stderr);
    assert.deepEqual(other.requests, [], 'no name of the other source is told');
    assert.match(
      run.stdout,
      /\nkept 5 versions, 80\.0 KiB:\n {2}5 from sources that this .* --config\nthe store is still .* above the cap; .*\n$/,
    );

    upstream.fault('plain/@v/v1.0.0.info', { kind: 'status', status: 404 });
    for (const round of ['first', 'second']) {
      const again = await storeCommand(modgate, 'gc', '--cap', '1KiB', '--json');
      assert.equal(again.code, 1, again.stderr);
      const end = lines(again.stdout).at(-1);
      assert.deepEqual([end?.kept, end?.why], [1, { gone: 1 }], `${round}: ${again.stdout}`);
    }
    upstream.heal();
    await storeCommand(modgate, 'gc', '--cap', '1KiB');
    assert.deepEqual(
      filesOf(pair, 'example.com/plain/@v').filter((name) => name.endsWith('.zip')),
      [],
      'an earlier verdict counts no more',
    );
  });
});

describe('what a killed server had not noted yet', () => {
  test('is in the index after the next start', async (t) => {
    const pair = await pairFor(t, { config: LONG });
    for (const base of MODULES) await get(pair, `${base}.info`);
    await pair.modgate.kill9();
    fs.rmSync(path.join(pair.modgate.data, 'catalog.db'), { force: true });
    await pair.modgate.restart();
    const text = await until(
      async () => {
        const index = await get(pair, '/index');
        return lines(index).length === MODULES.length ? index : undefined;
      },
      'an index of everything',
      30_000,
    );
    const times = lines(text).map(({ Timestamp }) => String(Timestamp));
    assert.deepEqual(times, [...times].sort());
    assert.match(times[0] ?? '', /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
    const since = await get(pair, `/index?since=${times[2]}&limit=2`);
    assert.deepEqual(
      lines(since).map(({ Timestamp }) => Timestamp),
      times.slice(2, 4),
    );
    const BAD = ['/index?since=yesterday', '/index?limit=-1', '/catalog?token=x', '/catalog?pagesize=0'];
    for (const url of BAD) assert.equal((await pair.modgate.ask(url)).status, 400, url);
    const found: unknown[] = [];
    for (let next = ''; ; ) {
      const page = JSON.parse(await get(pair, `/catalog?pagesize=2&token=${next}`));
      found.push(...page.modules);
      if (page.next === undefined) break;
      next = page.next;
    }
    assert.equal(found.length, MODULES.length);
  });
});

describe('the administrative listener', () => {
  const STATS = '/api/v1/store/stats';

  test('wants the token where there is one', async (t) => {
    const pair = await filled(t, {
      config: { admin: { listen: '127.0.0.1:0', token: { env: 'ADMIN_TOKEN' } } },
      env: { ADMIN_TOKEN: TOKEN },
    });
    const url = await adminUrl(pair);
    const TABLE: [string | undefined, number][] = [
      [undefined, 401],
      ['Bearer wrong', 401],
      [`Basic ${TOKEN}`, 401],
      [`Bearer ${TOKEN}x`, 401],
      [`Bearer ${TOKEN}`, 200],
    ];
    for (const [authorization, status] of TABLE) {
      const reply = await admin(
        url,
        'GET',
        STATS,
        authorization === undefined ? {} : { headers: { authorization } },
      );
      assert.equal(reply.status, status, authorization);
      if (status === 401) assert.match(reply.headers['www-authenticate'] ?? '', /^Bearer/);
    }
    assert.equal((await admin(url, 'GET', '/metrics')).status, 401, 'every page');
    const purged = await admin(url, 'POST', '/api/v1/store/purge', {
      headers: { authorization: `Bearer ${TOKEN}` },
      body: JSON.stringify({ match: ['example.com/plain@v1.0.0'], hard: true }),
    });
    assert.equal(purged.status, 200, purged.text);
    // Whoever removes drops its own memory at once.
    assert.equal((await pair.modgate.ask(`${PLAIN}/v1.0.0.info`)).headers['x-cache'], 'miss');
  });

  test('without a token it answers programs of this machine only', async (t) => {
    const pair = await filled(t, { config: { admin: { listen: '127.0.0.1:0' } } });
    const url = await adminUrl(pair);
    const { port } = new URL(url);
    const TABLE: [Record<string, string>, number][] = [
      [{}, 200],
      [{ host: `localhost:${port}` }, 200],
      [{ host: `[::1]:${port}` }, 200],
      [{ host: `rebound.example:${port}` }, 403],
      [{ host: '127.0.0.1.example' }, 403],
      [{ origin: 'https://page.example' }, 403],
      [{ origin: 'null' }, 403],
      [{ 'sec-fetch-site': 'cross-site' }, 403],
    ];
    for (const [headers, status] of TABLE)
      assert.equal((await admin(url, 'GET', STATS, { headers })).status, status, JSON.stringify(headers));

    const REQUESTS: [string, string, string | undefined, number, string | undefined][] = [
      ['GET', '/healthz', undefined, 200, undefined],
      ['GET', '/metrics', undefined, 200, undefined],
      ['GET', '/api/v1/store/versions?match=example.com/plain', undefined, 200, undefined],
      ['GET', '/api/v1/store/du?depth=1', undefined, 200, undefined],
      ['GET', '/api/v1/store/du?depth=x', undefined, 400, 'BAD_REQUEST'],
      ['GET', '/api/v1/store/versions?match=%5B', undefined, 400, 'BAD_REQUEST'],
      ['GET', '/api/v1/store/versions?limit=0', undefined, 400, 'BAD_REQUEST'],
      ['GET', '/api/v1/store/versions?mach=example.com/plain', undefined, 400, 'BAD_REQUEST'],
      ['GET', '/api/v1/store/versions?limit=1&limit=2', undefined, 400, 'BAD_REQUEST'],
      ['POST', '/api/v1/store/purge?dry_run=true', '{"match":["example.com/none"]}', 400, 'BAD_REQUEST'],
      ['GET', '/api/v1/store/nothing', undefined, 404, 'BAD_ROUTE'],
      ['GET', '/example.com/plain/@v/list', undefined, 404, 'BAD_ROUTE'],
      ['POST', STATS, undefined, 405, 'METHOD_NOT_ALLOWED'],
      ['DELETE', '/healthz', undefined, 405, 'METHOD_NOT_ALLOWED'],
      ['POST', '/api/v1/store/purge', '{}', 400, 'BAD_REQUEST'],
      ['POST', '/api/v1/store/purge', '{"match":"x"}', 400, 'BAD_REQUEST'],
      ['POST', '/api/v1/store/purge', '{"all":true}', 400, 'BAD_REQUEST'],
      ['POST', '/api/v1/store/gc', '[', 400, 'BAD_REQUEST'],
      ['POST', '/api/v1/store/gc', `{"cap":${' '.repeat(300_000)}1}`, 400, 'BAD_REQUEST'],
      ['POST', '/api/v1/store/gc', '{"cap":-1}', 400, 'BAD_REQUEST'],
      ['POST', '/api/v1/store/gc', '{"cap":"20 apples"}', 400, 'BAD_REQUEST'],
      ['POST', '/api/v1/store/gc', '{"cap":"20GiB"}', 200, undefined],
      ['GET', '/api/v1/store/gc', undefined, 405, 'METHOD_NOT_ALLOWED'],
    ];
    for (const [method, target, body, status, code] of REQUESTS) {
      const reply = await admin(url, method, target, body === undefined ? {} : { body });
      assert.equal(reply.status, status, `${method} ${target}: ${reply.text.slice(0, 200)}`);
      if (code !== undefined) assert.equal(JSON.parse(reply.text).code, code, `${method} ${target}`);
    }
    const ALLOWED: [method: string, target: string, allow: string][] = [
      ['POST', STATS, 'GET, HEAD'],
      ['GET', '/api/v1/store/gc', 'POST'],
      ['DELETE', '/healthz', 'GET, HEAD'],
    ];
    for (const [method, target, allow] of ALLOWED)
      assert.equal((await admin(url, method, target)).headers.allow, allow, `${method} ${target}`);
    const verify = await admin(url, 'POST', '/api/v1/store/verify');
    const events = lines(verify.text).filter(({ event }) => event !== 'progress');
    assert.deepEqual(
      events.map(({ event, bad }) => [event, bad]),
      [
        ['begin', undefined],
        ['end', 0],
      ],
    );
    const page = JSON.parse((await admin(url, 'GET', '/api/v1/store/versions?limit=1')).text);
    const [first] = page.versions;
    assert.deepEqual([page.versions.length, page.next], [1, `example.com/mod@${first.version}`]);
    const rest = JSON.parse(
      (await admin(url, 'GET', `/api/v1/store/versions?after=${encodeURIComponent(page.next)}`)).text,
    );
    assert.deepEqual([rest.versions.length, rest.next], [MODULES.length - 1, undefined]);
  });

  test('tells in its events and in the log which kind of purge it was', async (t) => {
    const pair = await filled(t, { config: { admin: { listen: '127.0.0.1:0' } } });
    const url = await adminUrl(pair);
    const KINDS: [hard: boolean, dry: boolean, logged: RegExp][] = [
      [true, true, /tried by the administrator: nothing was done/],
      [false, false, /marked by the administrator/],
      [true, false, /removed by the administrator/],
    ];
    for (const [hard, dry, logged] of KINDS) {
      const body = JSON.stringify({ match: ['example.com/plain@v1.0.0'], hard, dry_run: dry });
      const reply = await admin(url, 'POST', '/api/v1/store/purge', { body });
      assert.deepEqual(
        lines(reply.text).map((line) => [line.event, line.hard, line.dry_run]),
        [
          ['purged', hard, dry],
          ['end', hard, dry],
        ],
      );
      await pair.modgate.log(({ msg }) => logged.test(String(msg)), String(logged));
    }
  });

  test('waits for a catalogue that is not complete yet', async (t) => {
    const pair = await filled(t, { config: { admin: { listen: '127.0.0.1:0' } } });
    const TABLE: [method: string, target: string, body: string, told: RegExp][] = [
      ['GET', STATS, '', /"modules": 3,/],
      ['POST', '/api/v1/store/purge', '{"match":["example.com/mod"],"hard":true}', /"end",.*"modules":1,/],
    ];
    for (const [method, target, body, told] of TABLE) {
      await pair.modgate.stop();
      for (const name of fs.readdirSync(pair.modgate.data).filter((file) => file.startsWith('catalog.db')))
        fs.rmSync(path.join(pair.modgate.data, name));
      await pair.modgate.restart();
      const reply = await admin(await adminUrl(pair), method, target, body === '' ? {} : { body });
      assert.match(reply.text, told);
    }
  });

  test('a catalogue of a newer modgate: the server serves, is degraded, and claims no empty store', async (t) => {
    const { modgate } = await filled(t);
    await modgate.stop();
    const newer = openDatabase(path.join(modgate.data, 'catalog.db'));
    newer.exec('PRAGMA user_version = 1000');
    newer.close();
    await modgate.restart();
    assert.equal((await modgate.ask('/example.com/plain/@v/v1.0.0.zip')).status, 200);
    const ready = JSON.parse((await modgate.ask('/readyz')).text);
    assert.equal(ready.status, 'degraded');
    assert.match(JSON.stringify(ready), /stand still: .*made by a newer modgate/);
    assert.match((await modgate.ask('/metrics')).text, /^modgate_store_versions NaN$/m);
    assert.equal((await modgate.ask('/index')).status, 500);
  });

  test('a command over a broken catalogue makes it again, and says so', async (t) => {
    const { modgate } = await filled(t);
    await modgate.stop();
    const file = path.join(modgate.data, 'catalog.db');
    fs.writeFileSync(file, fs.readFileSync(file).fill(0xaa));
    const run = await storeCommand(modgate, 'stats', '--json');
    assert.equal(run.code, 0, run.stderr);
    assert.match(run.stderr, /the catalogue was broken: .*catalog\.db\.broken/);
    assert.ok(fs.readdirSync(modgate.data).some((name) => name.startsWith('catalog.db.broken-')));
    assert.deepEqual(await storeCommand(modgate, 'ls', '--json').then(({ stderr }) => stderr), '');
  });

  for (const [where, from] of [
    ['head', 0],
    ['pages', 4096],
  ] as const)
    test(`over a catalogue that is broken in its ${where} says so until it is made again`, async (t) => {
      const pair = await filled(t, { config: { admin: { listen: '127.0.0.1:0' } } });
      const { modgate } = pair;
      const TABLE: [target: string, body: string, told: RegExp][] = [
        ['verify', '{"match":["example.com/plain"]}', /"end","files":1[0-9],.*"bad":0,/],
        ['purge', '{"match":["example.com/mod"],"hard":true}', /"end",.*"modules":1,"versions":1,/],
      ];
      for (const [target, body, told] of TABLE) {
        await modgate.stop();
        const file = path.join(modgate.data, 'catalog.db');
        const bytes = fs.readFileSync(file);
        fs.writeFileSync(file, bytes.fill(0xaa, from));
        await modgate.restart();
        const url = await adminUrl(pair);
        const before = filesOf(pair, '');
        let refused = 0;
        const done = await until(async () => {
          const reply = await admin(url, 'POST', `/api/v1/store/${target}`, { body });
          if (reply.status === 200) return reply;
          assert.deepEqual([reply.status, JSON.parse(reply.text).code], [503, 'OVERLOADED'], reply.text);
          assert.match(reply.headers['retry-after'] ?? '', /^\d+$/);
          assert.deepEqual(filesOf(pair, ''), before, 'nothing is removed meanwhile');
          refused++;
          return undefined;
        }, 'a catalogue that was made again');
        assert.ok(refused > 0, 'a broken catalogue is no empty one');
        assert.match(done.text, told);
      }
    });

  for (const workers of [1, 2])
    test(`what it has begun runs on when the configuration is read again, until the stop; workers: ${workers}`, async (t) => {
      const config = { workers, shutdown: '60s', admin: { listen: '127.0.0.1:0' } };
      const pair = await filled(t, { config });
      const { modgate, upstream } = pair;
      /** A gc that waits for a source, which it asks before it evicts anything. */
      const begun = async () => {
        upstream.fault(/\.info$/, { kind: 'hang' });
        const asked = upstream.next(/\.info$/);
        const running = admin(await adminUrl(pair), 'POST', '/api/v1/store/gc', { body: '{"cap":1}' });
        running.catch(() => undefined);
        await asked;
        return { running };
      };
      const first = await begun();
      await hangUp(modgate);
      await get(pair, `${PLAIN}/v1.0.0.mod`);
      upstream.heal();
      const [, end] = lines((await first.running).text);
      assert.equal(end?.event, 'end', JSON.stringify(end));
      // With several workers the uses that the others told of meanwhile count.
      const { used: _, ...why } = Object(end?.why);
      assert.deepEqual(why, {});
      for (const base of MODULES) await get(pair, `${base}.zip`);
      const second = await begun();
      await hangUp(modgate);
      assert.equal(await modgate.stop(), 0);
      assert.match((await second.running).text, /"event":"error","code":"SHUTTING_DOWN"/);
    });

  test('may be a socket', async (t) => {
    const folder = fs.mkdtempSync(path.join(process.env.TESTS_OF_MODGATE_SCRATCH ?? '/tmp', 'admin-'));
    const socket = path.join(folder, 's');
    await pairFor(t, { config: { ...LONG, admin: { listen: `unix:${socket}` } } });
    assert.equal((await admin('http://any.example', 'GET', STATS, { socket })).status, 200);
  });
});
