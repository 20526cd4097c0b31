import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { describe, test } from 'node:test';
import { pairFor, startPair } from '../kit/gateway.ts';
import { Go, withoutGo } from '../kit/go.ts';
import { open, readAll } from '../kit/http.ts';
import { bounded, until } from '../kit/wait.ts';
import { writeZip } from '../kit/zip.ts';

const MEDIUM = '/example.com/medium/@v/v1.0.0.zip';

describe('kill -9 during an admission', () => {
  /** Bytes of the upstream's answer that have been sent when the process dies. */
  for (const after of [0, 1, 2 << 20, 4 << 20]) {
    test(`after ${after} bytes: nothing partial is served, temp is cleaned, the next request succeeds`, async (t) => {
      const { modgate, upstream } = await pairFor(t, { source: { timeouts: { idle: '30s' } } });
      const heal = upstream.fault(MEDIUM, { kind: 'hang-body', after });
      const coming = upstream.next(MEDIUM);
      const asked = modgate.ask(MEDIUM).catch(() => undefined);
      await coming;
      if (after > 1 << 20)
        await until(() => (modgate.bytesInTmp() >= 1 << 20 ? true : undefined), 'bytes in tmp');
      await modgate.kill9();
      assert.equal(await asked, undefined, 'the caller must not see a whole answer');
      assert.ok(!modgate.files('tree').some((file) => file.endsWith('.zip')));
      heal();
      upstream.release();
      const left = modgate.files('tmp');
      await modgate.restart();
      const there = modgate.files('tmp');
      assert.deepEqual(
        left.filter((name) => there.includes(name)),
        [],
        'what the dead process left in tmp is removed at the start',
      );
      const reply = await modgate.ask(MEDIUM);
      assert.equal(reply.status, 200);
      assert.deepEqual(reply.body, upstream.fixture.answer(MEDIUM)?.body);
    });
  }

  test('at random moments of many admissions: what is stored is whole', async (t) => {
    const { modgate, upstream } = await pairFor(t);
    const urls = [
      'plain/@v/v1.0.0',
      'plain/@v/v1.1.0',
      'plain/@v/v1.2.0',
      'mod/@v/v1.0.0',
      'mod/v2/@v/v2.0.0',
      'medium/@v/v1.0.0',
    ].flatMap((m) => ['info', 'mod', 'zip'].map((kind) => `/example.com/${m}.${kind}`));
    for (let round = 0; round < 6; round++) {
      const asked = urls.map((url) => modgate.ask(url).catch(() => undefined));
      // The moment of the kill: when the round's n-th answer is there.
      await Promise.race([...asked.slice(round * 2), Promise.all(asked)]);
      await modgate.kill9();
      await Promise.all(asked);
      for (const file of modgate.files('tree').filter((name) => /\.(info|mod|zip)$/.test(name))) {
        const stored = fs.readFileSync(path.join(modgate.data, 'tree', file));
        assert.deepEqual(stored, upstream.fixture.answer(`/${file}`)?.body, `${file} in round ${round}`);
      }
      await modgate.restart();
    }
    for (const url of urls)
      assert.deepEqual((await modgate.ask(url)).body, upstream.fixture.answer(url)?.body, url);
  });

  test('then the real go command downloads', { skip: withoutGo }, async (t) => {
    const { modgate, upstream } = await pairFor(t);
    const url = '/example.com/plain/@v/v1.2.0.zip';
    upstream.fault(url, { kind: 'hang-body', after: 50 }, 1);
    const coming = upstream.next(url);
    const go = new Go();
    t.after(() => go.remove());
    const asked = modgate.ask(url).catch(() => undefined);
    await coming;
    await modgate.kill9();
    await asked;
    await modgate.restart();
    const run = await go.run(['mod', 'download', '-json', 'example.com/plain@v1.2.0'], {
      proxy: modgate.url,
    });
    assert.equal(run.code, 0, run.stdout + run.stderr);
    assert.match(
      run.stdout,
      new RegExp(upstream.fixture.h1('example.com/plain', 'v1.2.0').replace(/[+/]/g, '.')),
    );
  });
});

describe('a stored version never changes', () => {
  test('a zip with another h1 is refused, counted, and not stored', async (t) => {
    const { modgate, upstream } = await pairFor(t, { config: { cache: { negative: '0s' } } });
    const url = '/example.com/plain/@v/v1.0.0.zip';
    assert.equal((await modgate.ask(url)).status, 200);
    await modgate.stop();
    fs.rmSync(path.join(modgate.data, 'tree', url));
    upstream.answers.set(url, {
      type: 'application/zip',
      body: writeZip([
        { name: 'example.com/plain@v1.0.0/go.mod', data: Buffer.from('module example.com/plain\n') },
      ]),
    });
    await modgate.restart();
    const reply = await modgate.ask(url);
    assert.equal(reply.status, 502, reply.text);
    assert.match(reply.text, /IMMUTABLE_CONFLICT|CHECKSUM_MISMATCH/);
    assert.ok(!modgate.files('tree').includes(url.slice(1)));
    const metrics = (await modgate.ask('/metrics')).text;
    assert.match(metrics, /^modgate_store_conflicts_total 1$/m);
    upstream.answers.delete(url);
    assert.equal((await modgate.ask(url)).status, 200, 'the right bytes are welcome again');
  });

  test('the same files in other bytes of zip are the same version', async (t) => {
    const { modgate, upstream } = await pairFor(t);
    const url = '/example.com/mod/@v/v1.0.0.zip';
    assert.equal((await modgate.ask(url)).status, 200);
    await modgate.stop();
    fs.rmSync(path.join(modgate.data, 'tree', url));
    const files =
      upstream.fixture.modules.find((m) => m.path === 'example.com/mod')?.versions[0]?.files ?? {};
    const stored = Object.entries(files).map(([name, body]) => ({
      name: `example.com/mod@v1.0.0/${name}`,
      data: Buffer.from(body),
      method: 'store' as const,
    }));
    upstream.answers.set(url, { type: 'application/zip', body: writeZip(stored) });
    await modgate.restart();
    assert.equal((await modgate.ask(url)).status, 200);
  });
});

describe('the end of the process', () => {
  test('SIGTERM lets a running transfer end, and takes no new connection', async (t) => {
    const { modgate, upstream } = await pairFor(t, { source: { timeouts: { idle: '30s' } } });
    upstream.fault(MEDIUM, { kind: 'hang-body', after: 1 << 20 });
    const response = await open(modgate.url, MEDIUM);
    const body = readAll(response);
    modgate.signal('SIGTERM');
    await until(
      () =>
        modgate.ask('/healthz').then(
          () => undefined,
          () => true,
        ),
      'connections to be refused',
    );
    upstream.release();
    assert.equal(
      (await bounded(body, 'the rest of the transfer')).length,
      Number(response.headers['content-length']),
    );
    assert.equal(await modgate.exited(), 0);
  });

  test('a transfer that does not end is broken off when the time is over', async (t) => {
    const { modgate, upstream } = await pairFor(t, {
      source: { timeouts: { idle: '30s' } },
      config: { shutdown: '300ms' },
    });
    upstream.fault(MEDIUM, { kind: 'hang-body', after: 1 << 20 });
    const response = await open(modgate.url, MEDIUM);
    const body = readAll(response);
    modgate.signal('SIGTERM');
    await assert.rejects(body, /aborted|ECONNRESET/);
    assert.equal(await modgate.exited(), 0);
  });
});

test('two processes on one folder', async (t) => {
  const one = await pairFor(t);
  const two = await startPair({ upstream: one.upstream, data: one.modgate.data });
  t.after(() => two.modgate.remove());
  const urls = [
    'plain/@v/v1.0.0.zip',
    'plain/@v/v1.1.0.zip',
    'medium/@v/v1.0.0.zip',
    'mod/v2/@v/v2.0.0.zip',
    'plain/@v/v1.0.0.mod',
  ].map((rest) => `/example.com/${rest}`);
  const replies = await Promise.all(
    urls.flatMap((url) =>
      [one, two, one, two].map(async ({ modgate }) => ({ url, reply: await modgate.ask(url) })),
    ),
  );
  for (const { url, reply } of replies) {
    assert.equal(reply.status, 200, reply.text);
    assert.deepEqual(reply.body, one.upstream.fixture.answer(url)?.body);
  }
  const before = one.upstream.count();
  for (const { modgate } of [one, two])
    for (const url of urls) assert.equal((await modgate.ask(url)).headers['x-cache'], 'hit');
  assert.equal(one.upstream.count(), before);
});
