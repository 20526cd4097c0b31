import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { pairFor, sourceSettings } from '../kit/gateway.ts';
import { Modgate } from '../kit/modgate.ts';
import { Upstream } from '../kit/upstream.ts';

const LIST = '/example.com/plain/@v/list';

describe('chains and routes', () => {
  let first: Upstream;
  let second: Upstream;
  let tree: string;
  before(async () => {
    first = await Upstream.start();
    second = await Upstream.start();
    tree = fs.mkdtempSync(path.join(os.tmpdir(), 'modgate-tree-'));
    second.fixture.writeTree(tree);
  });
  after(async () => {
    await first.close();
    await second.close();
    fs.rmSync(tree, { recursive: true });
  });

  const CASES: [string, { chain: string; first: number; status: number; second: number; text?: RegExp }][] = [
    ['"," goes on at 404', { chain: 'one,two', first: 404, status: 200, second: 1 }],
    ['"," goes on at 410', { chain: 'one,two', first: 410, status: 200, second: 1 }],
    ['"," stops at 500', { chain: 'one,two', first: 500, status: 502, second: 0, text: /one/ }],
    ['"," stops at 403', { chain: 'one,two', first: 403, status: 502, second: 0, text: /one/ }],
    ['"|" goes on at 500', { chain: 'one|two', first: 500, status: 200, second: 1 }],
    ['"|" goes on at 404', { chain: 'one|two', first: 404, status: 200, second: 1 }],
    ['off ends it', { chain: 'one,off', first: 404, status: 404, second: 0, text: /one/ }],
    ['off alone', { chain: 'off', first: 200, status: 403, second: 0, text: /off/ }],
    ['a tree of files', { chain: 'one,files', first: 404, status: 200, second: 0 }],
  ];
  for (const [name, { chain, first: answer, status, second: asked, text }] of CASES) {
    test(name, async (t) => {
      first.heal();
      second.forget();
      if (answer !== 200) first.fault(/./, { kind: 'status', status: answer });
      const modgate = await Modgate.start({
        config: {
          chain,
          sources: {
            one: sourceSettings(first.url),
            two: sourceSettings(second.url),
            files: { url: `file://${tree}` },
          },
        },
      });
      t.after(() => modgate.remove());
      const reply = await modgate.ask(LIST);
      assert.equal(reply.status, status, reply.text);
      if (text !== undefined) assert.match(reply.text, text);
      assert.equal(second.count(LIST), asked);
      if (status === 200) assert.equal((await modgate.ask('/example.com/mod/v2/@v/v2.0.0.zip')).status, 200);
    });
  }

  test('the first route that matches has the say', async (t) => {
    first.heal();
    const modgate = await Modgate.start({
      config: {
        chain: 'one',
        sources: { one: sourceSettings(first.url), two: sourceSettings(second.url) },
        routes: [
          { match: 'example.com/mod', chain: 'two' },
          { match: 'example.com/*,corp.example', chain: 'off' },
        ],
      },
    });
    t.after(() => modgate.remove());
    first.forget();
    second.forget();
    assert.equal((await modgate.ask('/example.com/mod/v2/@v/list')).status, 200);
    assert.equal(second.count(), 1);
    assert.equal((await modgate.ask(LIST)).status, 403);
    assert.equal((await modgate.ask('/corp.example/x/@v/list')).status, 403);
    assert.equal((await modgate.ask('/golang.org/toolchain/@v/list')).status, 200);
    assert.equal(first.count(), 1);
  });
});

describe('the checksum database', () => {
  test('is passed through, cached and served when the upstream is dead', async (t) => {
    const { modgate, upstream } = await pairFor(t, { config: { cache: { fresh: '0s' } } });
    const base = `/sumdb/${upstream.sumdb.name}`;
    const lookup = `${base}/lookup/example.com/plain@v1.0.0`;
    const tile = `${base}/tile/8/0/000.p/${upstream.sumdb.size}`;
    assert.equal((await modgate.ask(`${base}/supported`)).status, 200);
    for (const url of [lookup, tile, `${base}/latest`])
      assert.deepEqual((await modgate.ask(url)).body, upstream.sumdb.answer(url)?.body, url);
    await upstream.refuse();
    assert.equal((await modgate.ask(`${base}/supported`)).status, 200);
    for (const url of [lookup, tile]) assert.equal((await modgate.ask(url)).headers['x-cache'], 'hit', url);
    assert.equal((await modgate.ask(`${base}/latest`)).headers['x-cache'], 'stale');
    const cold = await modgate.ask(`${base}/lookup/example.com/plain@v1.1.0`);
    assert.equal(cold.status, 502, 'an outage is not absence');
  });

  test('one that is not configured is 404, so that the go command asks it itself', async (t) => {
    const { modgate, upstream } = await pairFor(t);
    for (const endpoint of ['supported', 'latest', 'lookup/example.com/plain@v1.0.0']) {
      assert.equal((await modgate.ask(`/sumdb/sum.other.example/${endpoint}`)).status, 404);
    }
    assert.equal(upstream.count(), 0);
  });
});
