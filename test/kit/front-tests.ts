/** What must hold behind every front and in each of its modes. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import http2 from 'node:http2';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { Front, HOST, type Program, tunnel } from './front.ts';
import { type Pair, type PairOptions, pairFor, SOURCE } from './gateway.ts';
import { Go, WENT_DIRECT, withoutGo } from './go.ts';
import type { LogLine, Modgate, Piece } from './modgate.ts';
import { type Ending, Scope } from './scope.ts';
import { bounded } from './wait.ts';

export type FrontMode = 'proxy' | 'try-files' | 'auth-request' | 'accel';

export interface Behind extends Pair {
  readonly front: Front;
  /** the environment of a go command that knows the front's names and their authority */
  readonly env: Readonly<Record<string, string>>;
}

interface Settings extends PairOptions {
  readonly program: Program;
  readonly flags?: readonly string[];
  /** default: TLS ends in the front */
  readonly variant?: 'plain' | 'passthrough';
}

/**
 * What modgate is told in every mode: where the front is to send no files itself, it must get none named either.
 */
export const SENDFILE: Readonly<Record<Program, Piece>> = {
  nginx: { type: 'x-accel-redirect' },
  caddy: { type: 'x-accel-redirect', prefix: '/internal/modules/' },
  apache: { type: 'x-sendfile' },
};

/** modgate behind a front; both end with the test or the suite. */
export async function behind(
  t: Ending,
  { program, flags = [], variant, ...options }: Settings,
): Promise<Behind> {
  const config = { trusted_proxies: '127.0.0.1', sendfile: SENDFILE[program], ...options.config };
  const pair = await pairFor(t, { source: { retry: { attempts: 1 } }, ...options, config });
  const front = await Front.start(t, pair.modgate, {
    program,
    flags,
    ...(variant === undefined ? {} : { variant }),
  });
  const proxy = await tunnel(t);
  return { ...pair, front, env: { HTTP_PROXY: proxy, HTTPS_PROXY: proxy, SSL_CERT_FILE: front.ca } };
}

/** Downloads and verifies the application's whole build list with a go command that has nothing yet. */
export async function download({ upstream, env }: Behind, proxy: string): Promise<void> {
  const go = new Go();
  try {
    const cwd = go.project(['example.com/app v1.0.0']);
    const options = { proxy, sumdb: upstream.sumdb.verifier, cwd, env };
    const run = await go.run(['mod', 'download', 'all'], options);
    assert.equal(run.code, 0, run.stderr);
    assert.ok(fs.existsSync(path.join(go.modcache, 'example.com/!upper/!case@v1.0.0/c.go')));
    const verified = await go.run(['mod', 'verify'], options);
    assert.equal(verified.stdout, 'all modules verified\n', verified.stderr);
  } finally {
    go.remove();
  }
}

/** What a go command says that has nothing yet; it must fail, and never go direct. */
export async function refusal({ env }: Behind, proxy: string, version: string): Promise<string> {
  const go = new Go();
  try {
    const run = await go.run(['mod', 'download', version], { proxy: `${proxy},direct`, env });
    assert.equal(run.code, 1, run.stdout);
    assert.doesNotMatch(run.stderr, WENT_DIRECT);
    return run.stderr;
  } finally {
    go.remove();
  }
}

/** The access records that modgate writes while something is done. */
async function records(modgate: Modgate, action: () => Promise<unknown>): Promise<LogLine[]> {
  const from = await mark(modgate);
  await action();
  const to = await mark(modgate);
  return modgate.logs.slice(from + 1, to).filter((line) => line.msg === 'request');
}

/** Makes a record behind those of all requests so far; its place. */
async function mark(modgate: Modgate): Promise<number> {
  const id = `mark-${modgate.logs.length}`;
  await modgate.ask('/version', { headers: { 'x-request-id': id } });
  return modgate.logs.indexOf(await modgate.log((line) => line.request === id, 'the last request'));
}

/** Which requests modgate sees when a large zip is asked for that it has: its URL, or that of the question. */
const ZIP = '/example.com/medium/@v/v1.0.0.zip';
const SEEN: Readonly<Record<FrontMode, readonly [url: string, bytes: boolean][]>> = {
  proxy: [[ZIP, true]],
  'try-files': [],
  'auth-request': [['/authorize', false]],
  accel: [[ZIP, false]],
};

const TARGETS = [
  '/example.com/plain/@v/list',
  '/example.com/plain/@latest',
  '/example.com/plain/@v/master.info',
  '/example.com/plain/@v/v1.0.0.info',
  '/example.com/plain/@v/v1.0.0.mod',
  '/example.com/plain/@v/v1.0.0.zip',
  '/example.com/!upper/!case/@v/v1.1.0-!r!c1.zip',
  '/example.com/%21upper/%21case/@v/v1.0.0.zip',
  '/example.com/legacy/@v/v2.0.0+incompatible.mod',
  ZIP,
  '/cached-only/example.com/plain/@v/v1.0.0.zip',
  '/cached-only/example.com/plain/@v/v1.1.0.zip',
  '/example.com/none/@v/list',
  '/example.com/plain/@v/v9.9.9.zip',
  '/example.com/plain/../plain/@v/list',
  '/example.com//plain/@v/v1.0.0.zip',
  '/example.com%2Fplain/@v/v1.0.0.zip',
  '/example.com/x/%2e%2e/plain/@v/v1.0.0.zip',
];

const REFUSED: readonly [method: string, target: string, status: number][] = [
  ['GET', '/', 404],
  ['GET', '/metrics', 404],
  ['GET', '/healthz', 404],
  ['GET', '/authorize', 404],
  ['GET', '/example.com/plain/@v/', 404],
  ['GET', '/example.com/plain/@v/v1.0.0.ziphash', 404],
  ['GET', '/example.com/plain/@v/.named', 404],
  ['GET', '/_modgate_tree/example.com/plain/@v/list', 404],
  ['GET', '/_modgate_authorize', 404],
  ['POST', '/example.com/plain/@v/list', 405],
  ['DELETE', '/example.com/plain/@v/v1.0.0.zip', 405],
];

export function frontTests(program: Program, modes: readonly FrontMode[]): void {
  for (const mode of modes)
    describe(mode, () => {
      const scope = new Scope();
      let all: Behind;
      before(async () => {
        all = await behind(scope, { program, flags: ['--mode', mode] });
      });
      after(() => scope.close());
      modeTests(program, mode, () => all);
    });
}

/** nginx keeps them of the answer that named a file, whatever comes later, and nothing takes them away. */
const TWICE_BY_NGINX = ['accept-ranges', 'cache-control'];

export function unexpectedlyTwice(program: Program, twice: readonly string[]): string[] {
  return twice.filter((name) => program !== 'nginx' || !TWICE_BY_NGINX.includes(name));
}

function modeTests(program: Program, mode: FrontMode, all: () => Behind): void {
  test('the go command downloads all through it, cold and warm', { skip: withoutGo }, async () => {
    await download(all(), all().front.url());
    await download(all(), all().front.url());
  });

  for (const state of ['cold', 'warm'])
    test(`answers are modgate's own, ${state}`, async () => {
      const { front, modgate } = all();
      for (const target of TARGETS) {
        const [through, straight] = [await front.ask(target), await modgate.ask(target)];
        assert.equal(through.status, straight.status, `${target}: ${through.text}`);
        if (straight.status !== 200) continue;
        assert.deepEqual(through.body, straight.body, target);
        const names = ['content-type', 'content-length', 'x-content-type-options'];
        // What may change has a shorter life each time that it is asked for.
        if (/\.(?:mod|zip)$/.test(target)) names.push('cache-control');
        for (const name of names)
          assert.equal(through.headers[name], straight.headers[name], `${target}: ${name}`);
      }
    });

  test('a stored zip is sent by who should send it', async () => {
    const { front, modgate } = all();
    const { body } = await modgate.ask(ZIP);
    const seen = await records(modgate, async () => {
      const reply = await front.ask(ZIP);
      assert.deepEqual(reply.body, body);
      assert.deepEqual(unexpectedlyTwice(program, reply.twice), []);
      if (mode !== 'accel') return;
      assert.equal(reply.headers['x-cache'], 'hit');
      assert.match(String(reply.headers['x-request-id']), /./);
    });
    const found = seen.map(({ url, bytes }) => [url, Number(bytes) > 0]);
    assert.deepEqual(found, SEEN[mode]);
  });

  for (const target of ['/example.com/plain/@v/v1.0.0.zip', ZIP])
    test(`a part of a stored zip, its head, a comparison: ${target}`, async () => {
      const { front, modgate } = all();
      const whole = await modgate.ask(target);
      const part = await front.ask(target, { headers: { range: 'bytes=10-19' } });
      assert.equal(part.status, 206);
      assert.deepEqual(part.body, whole.body.subarray(10, 20));
      const head = await front.ask(target, { method: 'HEAD' });
      assert.equal(head.headers['content-length'], String(whole.body.length));
      const { etag = '' } = head.headers;
      const again = await front.ask(target, { headers: { 'if-none-match': etag } });
      assert.equal(again.status, 304, etag);
      assert.equal((await front.ask(target, { headers: { 'if-none-match': '"0"' } })).status, 200);
      if (program === 'apache' && mode === 'accel') assert.equal(etag, whole.headers.etag);
    });

  test('only the protocol gets through', async () => {
    const { front, modgate } = all();
    const seen = await records(modgate, async () => {
      for (const [method, target, status] of REFUSED) {
        const { status: got, text } = await front.ask(target, { method });
        // What looks like a module of that name is asked for, and refused by modgate.
        assert.equal(got, status, `${method} ${target}: ${text}`);
      }
    });
    assert.deepEqual(
      seen.map(({ url }) => url).filter((url) => !String(url).startsWith('/_modgate_tree/')),
      [],
    );
  });

  test('a client cannot change who sends a file, and from where', async () => {
    const { front, modgate } = all();
    const whole = await modgate.ask(ZIP);
    const mapping = `${modgate.data}/tree/=/elsewhere/`;
    for (const headers of [
      { 'x-sendfile-type': 'X-Accel-Redirect', 'x-accel-mapping': mapping },
      { 'x-sendfile-type': 'X-Sendfile', 'x-modgate-sendfile': 'x-sendfile' },
      { 'x-modgate-sendfile': 'off' },
      { 'x-modgate-sendfile': '' },
    ]) {
      const reply = await front.ask(ZIP, { headers });
      assert.equal(reply.status, 200, reply.text.slice(0, 200));
      assert.deepEqual(reply.body, whole.body);
      assert.equal(reply.headers['x-accel-redirect'] ?? reply.headers['x-sendfile'], undefined);
    }
  });

  for (const chunked of [false, true])
    test(`a zip that is cut off does not look whole${chunked ? ', without a length either' : ''}; the next try reads why`, async () => {
      const { front, upstream } = all();
      const name = `example.com/bad${chunked ? 2 : 1}`;
      const target = `/${name}/@v/v1.0.0.zip`;
      // Another module's zip: large enough for most of it to be on its way before it is checked.
      const answer = upstream.fixture.answer(ZIP);
      assert.ok(answer !== undefined);
      upstream.answers.set(target, answer);
      if (chunked) upstream.fault(target, { kind: 'chunked' });
      const first = await front.ask(target).catch(() => undefined);
      if (first !== undefined) assert.equal(first.status, 502, first.text.slice(0, 200));
      const second = await front.ask(target);
      assert.equal(second.status, 502);
      assert.match(second.text, /BAD_ZIP/);
      assert.match(second.text, new RegExp(SOURCE));
    });

  test('HTTP/2 by ALPN, with the same answers', async (t) => {
    const { front, modgate } = all();
    const session = http2.connect(`https://127.0.0.1:${front.port}`, {
      servername: HOST,
      ca: fs.readFileSync(front.ca),
    });
    t.after(() => session.destroy());
    const target = '/example.com/!upper/!case/@v/v1.0.0.zip';
    const stream = session.request({ ':path': target, ':authority': HOST });
    const pieces: Buffer[] = [];
    stream.on('data', (piece: Buffer) => pieces.push(piece));
    const over = new Promise((resolve, reject) => stream.on('end', resolve).on('error', reject));
    await bounded(over, 'the answer');
    assert.equal(session.alpnProtocol, 'h2');
    assert.deepEqual(Buffer.concat(pieces), (await modgate.ask(target)).body);
  });

  test("go: a refusal's reason reaches the terminal, and nothing goes direct", {
    skip: withoutGo,
  }, async () => {
    const { front, upstream } = all();
    const heal = upstream.fault('/example.com/cold/refused', { kind: 'status', status: 500 });
    const said = await refusal(all(), front.url(), 'example.com/cold/refused@v1.0.0');
    assert.match(said, new RegExp(SOURCE));
    heal();
  });
}
