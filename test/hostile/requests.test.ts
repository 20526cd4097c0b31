import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { type Pair, startPair } from '../kit/gateway.ts';
import { Random } from '../kit/random.ts';
import { until } from '../kit/wait.ts';
import { attack, sentinel } from './generator.ts';
import { KNOWN } from './known.ts';
import { residentBytes } from './process.ts';
import { type Talk, talk } from './wire.ts';

const COUNT = Number(process.env.MODGATE_TEST_ATTACKS ?? 1500);
const SEED = Number(process.env.MODGATE_TEST_SEED ?? Date.now() % 2 ** 31);
/** ms that a server is silent before it seems to wait for more; where it was not, an answer is lost and no harm done */
const SHORT = 500;
/** ms, where the first answer counts */
const LONG = 4000;
/** requests at the same time */
const LANES = 8;
/** What stands beside the tree and must be shown to nobody. */
const CANARY = 'canary-5f1c2b';
/** Everything that a caller's own fault may bring; no 5xx, since none of this is the server's. */
const ALLOWED = new Set([200, 206, 304, 400, 404, 405, 408, 413, 414, 416, 417, 431]);

describe('hostile requests', () => {
  let pair: Pair;
  let stored: readonly string[];
  before(async () => {
    pair = await startPair({ config: { cache: { negative: '1s' }, log: { level: 'info', access: false } } });
    const { modgate } = pair;
    for (const folder of [modgate.folder, modgate.data, path.join(modgate.data, 'tmp', '..')])
      fs.writeFileSync(path.join(folder, 'canary.txt'), CANARY);
    // What a generated path may rightly ask for is there already, so that anything new is wrong.
    for (const file of ['list', 'v1.0.0.info', 'v1.0.0.mod', 'v1.0.0.zip', 'main.info'])
      await modgate.ask(`/example.com/plain/@v/${file}`);
    await modgate.ask('/example.com/plain/@latest');
    for (const file of ['supported', 'latest']) await modgate.ask(`/sumdb/sum.modgate.test/${file}`);
    const list = 'example.com/plain/@v/list';
    await until(() => (modgate.files('tree').includes(list) ? true : undefined), 'the list of the tree');
    stored = modgate.files('tree');
  });
  after(() => pair.close());

  /** Holds the answers of one connection to what must be true whatever was sent. */
  function judge(name: string, { replies, rest }: Talk, id: string): void {
    assert.equal(rest, '', `${name}: bytes that are no answer`);
    for (const { status, headers, body } of replies) {
      assert.ok(ALLOWED.has(status), `${name}: ${status} ${body}`);
      assert.doesNotMatch(body, new RegExp(`${CANARY}|root:`), name);
      const given = headers.get('x-request-id') ?? '';
      assert.ok(!given.startsWith('hidden-'), `${name}: an answer to what was in a body`);
    }
    const at = replies.findIndex(({ headers }) => headers.get('x-request-id') === id);
    if (at < 0) return;
    assert.equal(at, replies.length - 1, `${name}: the last request has the last answer`);
    assert.deepEqual([replies[at]?.status, replies[at]?.body], [200, 'ok\n'], name);
  }

  test(`${COUNT} by chance, MODGATE_TEST_SEED=${SEED}`, async () => {
    const random = new Random(SEED);
    const early = residentBytes(pair.modgate.pid);
    let next = 0;
    let framed = 0;
    const lane = async () => {
      while (next < COUNT) {
        const n = next++;
        const made = attack(random, `n${n}`);
        const end = `end-${n}`;
        const answers = await talk(pair.modgate.url, made.bytes + sentinel(end), {
          isHead: (id) => made.heads.has(id),
          silence: SHORT,
        });
        judge(`${made.what} ${n}: ${JSON.stringify(made.bytes.slice(0, 600))}`, answers, end);
        if (answers.replies.some(({ headers }) => headers.get('x-request-id') === end)) framed++;
      }
    };
    await Promise.all(Array.from({ length: LANES }, lane));
    assert.ok(framed > COUNT / 4, `${framed} connections were still in step: the attacks reach the handler`);
    assert.ok(residentBytes(pair.modgate.pid) < early + (150 << 20), 'memory is bounded');
  });

  describe('by name', { concurrency: LANES }, () => {
    for (const { name, bytes, first, only } of KNOWN) {
      test(name, async () => {
        const sent = bytes('hidden-1');
        const answers = await talk(pair.modgate.url, sent + sentinel('end'), {
          isHead: (id) => id === 'head',
          silence: LONG,
        });
        judge(name, answers, 'end');
        assert.match(String(answers.replies[0]?.status ?? 'closed'), first);
        if (only) assert.ok(answers.replies.length <= 1, 'nothing behind it is believed');
      });
    }
  });

  test('afterwards it is as before: alive, with nothing new in the store', async () => {
    const reply = await pair.modgate.ask('/example.com/plain/@v/v1.0.0.mod');
    assert.equal(reply.status, 200);
    const names = pair.modgate.files('tree').filter((file) => !stored.includes(file));
    assert.deepEqual(names, []);
    assert.deepEqual(pair.modgate.files('tmp'), []);
    assert.equal(
      pair.modgate.logs.filter((line) => line.level === 'error' || line.level === 'fatal').length,
      0,
    );
  });
});
