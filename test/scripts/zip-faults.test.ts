import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, afterEach, before, describe, test } from 'node:test';
import type { Fault } from '../kit/faults.ts';
import { HASTY, type Pair, pairFor, SOURCE, startPair } from '../kit/gateway.ts';
import { Go, WENT_DIRECT, withoutGo } from '../kit/go.ts';
import { until } from '../kit/wait.ts';
import { badZip, ZIP_FAULTS } from '../kit/zip.ts';

const ZIP = '/example.com/plain/@v/v1.0.0.zip';

/** Nothing of the zip may be in the tree, and nothing of it left in tmp. */
async function assertNothingStored({ modgate }: Pair): Promise<void> {
  assert.deepEqual(
    modgate.files('tree').filter((file) => /\.zip(hash)?$/.test(file)),
    [],
  );
  await until(() => (modgate.files('tmp').length === 0 ? true : undefined), 'tmp to be empty');
}

describe('a bad zip', () => {
  let pair: Pair;
  before(async () => {
    pair = await startPair({
      source: {
        retry: { attempts: 1 },
      },
    });
  });
  after(() => pair.close());
  afterEach(() => pair.upstream.heal());

  ZIP_FAULTS.forEach((fault, n) => {
    // Of another version each, since the verdict about one is remembered.
    const m = `example.com/bad${n}`;
    test(`${fault}: is never complete, nothing is stored, and the next try reads why`, async () => {
      const url = `/${m}/@v/v1.0.0.zip`;
      pair.upstream.answers.set(url, { type: 'application/zip', body: badZip(fault, `${m}@v1.0.0/`) });
      const first = await pair.modgate.ask(url).catch(() => undefined);
      // Either the connection was aborted before the last bytes, or the refusal came at once as text.
      if (first !== undefined) assert.equal(first.status, 502, first.text.slice(0, 200));
      const second = await pair.modgate.ask(url);
      assert.equal(second.status, 502, second.text);
      assert.match(second.text, /\b(BAD_ZIP|UPSTREAM_BAD_ANSWER)\b/);
      assert.match(second.text, new RegExp(SOURCE), 'the text names the source');
      await assertNothingStored(pair);
      pair.upstream.answers.delete(url);
    });
  });

  const BODY_FAULTS: [string, Fault][] = [
    ['resets in mid-body', { kind: 'reset-body', after: 100 }],
    ['ends before its length', { kind: 'truncate', after: 100 }],
    ['promises a longer answer', { kind: 'wrong-length', delta: 10 }],
    ['hangs in mid-body', { kind: 'hang-body', after: 100 }],
    ['resets before its first byte', { kind: 'reset-body', after: 0 }],
  ];
  BODY_FAULTS.forEach(([name, fault], n) => {
    test(`${name}: the caller's connection is aborted or it reads why; the next request succeeds`, async (t) => {
      const hangs = fault.kind === 'hang-body';
      const broken = hangs ? await pairFor(t, { source: { retry: { attempts: 1 }, timeouts: HASTY } }) : pair;
      const url = `/example.com/cold/body${n}/@v/v1.0.0.zip`;
      const heal = broken.upstream.fault(url, fault);
      const reply = await broken.modgate.ask(url).catch(() => undefined);
      if (reply !== undefined) {
        assert.equal(reply.status, hangs ? 504 : 502, reply.text);
        assert.match(reply.text, new RegExp(SOURCE));
      }
      await assertNothingStored(broken);
      heal();
      const next = await broken.modgate.ask(url);
      assert.equal(next.status, 200, next.text);
      fs.rmSync(path.join(broken.modgate.data, 'tree/example.com/cold'), { recursive: true });
    });
  });
});

test('go: a bad zip ends the download with the reason, and nothing goes direct', {
  skip: withoutGo,
}, async (t) => {
  const { modgate, upstream } = await pairFor(t, { source: { retry: { attempts: 1 } } });
  upstream.answers.set(ZIP, {
    type: 'application/zip',
    body: badZip('wrong prefix', 'example.com/plain@v1.0.0/'),
  });
  const go = new Go();
  t.after(() => go.remove());
  const download = () =>
    go.run(['mod', 'download', 'example.com/plain@v1.0.0'], { proxy: `${modgate.url},direct` });
  const first = await download();
  const second = await download();
  for (const run of [first, second]) {
    assert.equal(run.code, 1, run.stdout);
    assert.doesNotMatch(run.stderr, WENT_DIRECT);
  }
  assert.match(second.stderr, /BAD_ZIP/);
  assert.match(second.stderr, new RegExp(SOURCE));
});
