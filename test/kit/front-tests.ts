/** What must hold behind every front and in each of its modes. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import http2 from 'node:http2';
import { type TestContext, test } from 'node:test';
import { Front, HOST, type Program, tunnel } from './front.ts';
import { type Pair, pairFor, SOURCE } from './gateway.ts';
import { Go, hasGo, WENT_DIRECT } from './go.ts';
import { APP_OUTPUT } from './modules.ts';
import { bounded } from './wait.ts';
import { badZip } from './zip.ts';

export type FrontMode = 'proxy' | 'try-files' | 'auth-request' | 'accel';

export interface Behind extends Pair {
  readonly front: Front;
}

/** modgate behind a front; both end with the test. */
export async function behind(
  t: TestContext,
  program: Program,
  mode: FrontMode,
  more: readonly string[] = [],
): Promise<Behind> {
  const pair = await pairFor(t, {
    config: { trusted_proxies: '127.0.0.1' },
    source: { retry: { attempts: 1 } },
  });
  const front = await Front.start(t, pair.modgate, { program, flags: ['--mode', mode, ...more] });
  return { ...pair, front };
}

/** The environment of a go command that knows the front's name and its authority. */
export async function goEnv(t: TestContext, front: Front): Promise<Record<string, string>> {
  const proxy = await tunnel(t);
  return { HTTP_PROXY: proxy, HTTPS_PROXY: proxy, SSL_CERT_FILE: front.ca };
}

export function freshGo(t: TestContext): Go {
  const go = new Go();
  t.after(() => go.remove());
  return go;
}

export function frontTests(program: Program, modes: readonly FrontMode[]): void {
  for (const mode of modes) {
    test(`${mode}: the go command builds through it, cold and warm`, {
      skip: hasGo ? false : 'no go',
    }, async (t) => {
      const { front, upstream } = await behind(t, program, mode);
      const env = await goEnv(t, front);
      for (const state of ['cold', 'warm']) {
        const go = freshGo(t);
        const cwd = go.project(['example.com/app v1.0.0', 'example.com/medium v1.0.0']);
        const options = {
          proxy: front.url(),
          sumdb: upstream.sumdb.verifier,
          cwd,
          env: { ...env, GONOSUMDB: 'example.com/medium' },
        };
        const run = await go.run(['run', '-mod=mod', 'example.com/app'], options);
        assert.equal(run.stdout, APP_OUTPUT, `${state}: ${run.stderr}`);
        const all = await go.run(['mod', 'download', 'example.com/medium@v1.0.0'], options);
        assert.equal(all.code, 0, `${state}: ${all.stderr}`);
      }
    });

    test(`${mode}: answers are modgate's own`, async (t) => {
      const { front, modgate } = await behind(t, program, mode);
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
        '/example.com/medium/@v/v1.0.0.zip',
        '/cached-only/example.com/plain/@v/v1.0.0.zip',
        '/cached-only/example.com/plain/@v/v1.1.0.zip',
        '/example.com/none/@v/list',
        '/example.com/plain/@v/v9.9.9.zip',
        '/example.com/plain/../plain/@v/list',
        '/example.com//plain/@v/v1.0.0.zip',
        '/example.com%2Fplain/@v/v1.0.0.zip',
      ];
      for (const round of ['cold', 'warm'])
        for (const target of TARGETS) {
          const [through, straight] = [await front.ask(target), await modgate.ask(target)];
          assert.equal(through.status, straight.status, `${round} ${target}: ${through.text}`);
          if (straight.status !== 200) continue;
          assert.deepEqual(through.body, straight.body, target);
          for (const name of ['content-type', 'cache-control', 'content-length', 'x-content-type-options'])
            assert.equal(through.headers[name], straight.headers[name], `${round} ${target}: ${name}`);
        }
    });

    test(`${mode}: a part of a stored zip, and a comparison`, async (t) => {
      const { front, modgate } = await behind(t, program, mode);
      for (const target of ['/example.com/plain/@v/v1.0.0.zip', '/example.com/medium/@v/v1.0.0.zip']) {
        const whole = await modgate.ask(target);
        const part = await front.ask(target, { headers: { range: 'bytes=10-19' } });
        assert.equal(part.status, 206, target);
        assert.deepEqual(part.body, whole.body.subarray(10, 20));
        const head = await front.ask(target, { method: 'HEAD' });
        assert.equal(head.headers['content-length'], String(whole.body.length));
        const again = await front.ask(target, { headers: { 'if-none-match': String(head.headers.etag) } });
        assert.equal(again.status, 304, target);
      }
    });

    test(`${mode}: only the protocol gets through`, async (t) => {
      const { front, modgate } = await behind(t, program, mode);
      const REFUSED: [string, string, number][] = [
        ['GET', '/', 404],
        ['GET', '/metrics', 404],
        ['GET', '/healthz', 404],
        ['GET', '/authorize', 404],
        ['GET', '/example.com/plain/@v/', 404],
        ['GET', '/example.com/plain/@v/v1.0.0.ziphash', 404],
        ['GET', '/example.com/plain/@v/.named', 404],
        ['GET', '/_modgate_tree/example.com/plain/@v/v1.0.0.zip', 404],
        ['GET', '/_modgate_authorize', 404],
        ['POST', '/example.com/plain/@v/list', 405],
        ['DELETE', '/example.com/plain/@v/v1.0.0.zip', 405],
      ];
      for (const [method, target, status] of REFUSED) {
        const { status: got, text } = await front.ask(target, { method });
        assert.equal(got, status, `${method} ${target}: ${text}`);
      }
      const seen = modgate.logs.filter((line) => line.msg === 'request').map((line) => line.url);
      assert.deepEqual(
        seen.filter((url) => url !== '/_modgate_tree/example.com/plain/@v/v1.0.0.zip'),
        [],
      );
    });

    test(`${mode}: a client cannot make modgate name a file`, async (t) => {
      const { front, modgate } = await behind(t, program, mode);
      const target = '/example.com/medium/@v/v1.0.0.zip';
      const whole = await modgate.ask(target);
      for (const type of ['X-Accel-Redirect', 'X-Sendfile']) {
        const headers = { 'x-sendfile-type': type, 'x-accel-mapping': `${modgate.data}/tree/=/elsewhere/` };
        const reply = await front.ask(target, { headers });
        assert.equal(reply.status, 200, reply.text.slice(0, 200));
        assert.deepEqual(reply.body, whole.body);
      }
    });

    test(`${mode}: a zip that is cut off does not look whole, and the next try reads why`, async (t) => {
      const { front, upstream } = await behind(t, program, mode);
      const target = '/example.com/plain/@v/v1.0.0.zip';
      upstream.answers.set(target, {
        type: 'application/zip',
        body: badZip('wrong prefix', 'example.com/plain@v1.0.0/'),
      });
      const first = await front.ask(target).catch(() => undefined);
      if (first !== undefined) assert.equal(first.status, 502, first.text.slice(0, 200));
      const second = await front.ask(target);
      assert.equal(second.status, 502);
      assert.match(second.text, /BAD_ZIP/);
      assert.match(second.text, new RegExp(SOURCE));
    });
  }

  test('HTTP/2 by ALPN, with the same answers', async (t) => {
    const { front, modgate } = await behind(t, program, 'proxy');
    const session = http2.connect(`https://127.0.0.1:${front.port}`, {
      servername: HOST,
      ca: fs.readFileSync(front.ca),
    });
    t.after(() => session.destroy());
    const target = '/example.com/!upper/!case/@v/v1.0.0.zip';
    const stream = session.request({ ':path': target, ':authority': HOST });
    const pieces: Buffer[] = [];
    stream.on('data', (piece: Buffer) => pieces.push(piece));
    await bounded(
      new Promise((resolve, reject) => stream.on('end', resolve).on('error', reject)),
      'the answer',
    );
    assert.equal(session.alpnProtocol, 'h2');
    assert.deepEqual(Buffer.concat(pieces), (await modgate.ask(target)).body);
  });

  test("go: a refusal's reason reaches the terminal, and nothing goes direct", {
    skip: hasGo ? false : 'no go',
  }, async (t) => {
    const { front, upstream } = await behind(t, program, 'proxy');
    upstream.fault('/example.com/plain/', { kind: 'status', status: 500 });
    const go = freshGo(t);
    const env = await goEnv(t, front);
    const run = await go.run(['mod', 'download', 'example.com/plain@v1.0.0'], {
      proxy: `${front.url()},direct`,
      env,
    });
    assert.equal(run.code, 1);
    assert.match(run.stderr, new RegExp(SOURCE), front.text);
    assert.doesNotMatch(run.stderr, WENT_DIRECT);
  });
}
