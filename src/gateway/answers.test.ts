import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { type Code, ModgateError, toModgateError } from '../errors/index.ts';
import { parseModulePath } from '../module/index.ts';
import { createLogger, Metrics } from '../observe/index.ts';
import { FileTree, keys } from '../store/index.ts';
import { Answers, type Question } from './answers.ts';

const MINUTE = 60_000;
const logger = createLogger({ level: 'silent', format: 'json' });
const signal = new AbortController().signal;
const key = keys.list(parseModulePath('example.com/plain'));

class FakeClock {
  time = Date.UTC(2026, 0, 1);
  now = () => this.time;
  monotonic = () => this.time;
  /** ms */
  pass(time: number): void {
    this.time += time;
  }
}

/** A source whose answer can be changed, and that tells when it was asked. */
class Origin {
  asked = 0;
  /** versions, or the code of a failure */
  answer = 'v1.0.0\n';
  own: string | undefined;
  waits = false;
  lasts: number | undefined;
  hung: Promise<void> | undefined;
  #waiting: (() => void)[] = [];

  question(): Question {
    return {
      key,
      what: 'the list',
      waits: this.waits,
      ...(this.lasts === undefined ? {} : { lasts: this.lasts }),
      ask: async () => {
        this.asked++;
        for (const wake of this.#waiting.splice(0)) wake();
        await this.hung;
        if (this.answer.startsWith('v'))
          return { value: Buffer.from(this.answer), trace: { source: 'fake', links: {} } };
        throw new ModgateError(this.answer as Code, 'from the origin'); // The table below gives versions or codes only.
      },
      own: async () => (this.own === undefined ? undefined : Buffer.from(this.own)),
    };
  }

  nextAsk(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }
}

describe('answers that age', () => {
  let folder = '';
  let tree: FileTree;
  let clock: FakeClock;
  let origin: Origin;
  let answers: Answers;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'modgate-answers-'));
    tree = await FileTree.open(folder, { logger });
    clock = new FakeClock();
    origin = new Origin();
    answers = answersAfter(20);
  });

  /** @param ownAfter ms that a caller waits for a slow source */
  function answersAfter(ownAfter: number): Answers {
    return new Answers(
      { tree, clock, logger, metrics: new Metrics({ process: false }) },
      { fresh: MINUTE, stale: 60 * MINUTE, negative: MINUTE, ownAfter },
    );
  }

  afterEach(async () => {
    answers.close();
    await tree.close();
    await rm(folder, { recursive: true });
  });

  async function get(cachedOnly = false): Promise<string> {
    try {
      const { cached, bytes } = await answers.get(origin.question(), { signal, cachedOnly });
      return `${cached} ${bytes.toString().trim()}`;
    } catch (error) {
      return toModgateError(error).code;
    }
  }

  it('are asked for once, then served from the store while fresh', async () => {
    assert.equal(await get(), 'miss v1.0.0');
    clock.pass(MINUTE - 1);
    assert.equal(await get(), 'hit v1.0.0');
    assert.equal(origin.asked, 1);
  });

  it('are served stale at once while one refresh runs, then fresh', async () => {
    await get();
    clock.pass(MINUTE);
    origin.answer = 'v1.1.0\n';
    const refreshed = origin.nextAsk();
    assert.deepEqual(await Promise.all([get(), get(), get()]), [
      'stale v1.0.0',
      'stale v1.0.0',
      'stale v1.0.0',
    ]);
    await refreshed;
    let last = await get();
    while (last.startsWith('stale')) last = await get();
    assert.equal(last, 'hit v1.1.0');
    assert.equal(origin.asked, 2);
  });

  it('of an origin are asked for again while the caller waits, and stand in where it fails', async () => {
    answers.close();
    answers = answersAfter(MINUTE);
    origin.waits = true;
    await get();
    clock.pass(MINUTE);
    origin.answer = 'v1.1.0\n';
    assert.equal(await get(), 'miss v1.1.0', 'not an old one first');
    clock.pass(MINUTE);
    origin.answer = 'UPSTREAM_UNREACHABLE';
    assert.equal(await get(), 'stale v1.1.0');
    assert.equal(await get(), 'stale v1.1.0');
    assert.equal(origin.asked, 3, 'and nobody asks a source that failed a moment ago');
  });

  it('of an origin stand in where it is slow', async () => {
    await get();
    origin.waits = true;
    clock.pass(MINUTE);
    origin.hung = new Promise(() => {});
    assert.equal(await get(), 'stale v1.0.0');
  });

  it('hold no longer than the question says, absence included', async () => {
    answers.close();
    answers = answersAfter(MINUTE);
    origin.waits = true;
    origin.lasts = 10_000;
    const first = await answers.get(origin.question(), { signal, cachedOnly: false });
    assert.equal(first.fresh, 10_000, 'of which clients are told');
    clock.pass(9_999);
    assert.equal(await get(), 'hit v1.0.0');
    assert.equal((await answers.fresh(key, 10_000))?.fresh, 1);
    clock.pass(1);
    assert.equal(await answers.fresh(key, 10_000), undefined);
    origin.answer = 'NOT_FOUND';
    assert.equal(await get(), 'NOT_FOUND');
    clock.pass(9_999);
    origin.answer = 'v1.1.0\n';
    assert.equal(await get(), 'NOT_FOUND');
    clock.pass(1);
    assert.equal(await get(), 'miss v1.1.0');
  });

  it('stay while the source fails, and are not asked for at every request', async () => {
    await get();
    clock.pass(MINUTE);
    origin.answer = 'UPSTREAM_UNREACHABLE';
    const refreshed = origin.nextAsk();
    assert.equal(await get(), 'stale v1.0.0');
    await refreshed;
    for (let i = 0; i < 20; i++) assert.equal(await get(), 'stale v1.0.0');
    assert.ok(origin.asked <= 3, `asked ${origin.asked} times`);
  });

  it('fail when they are older than the stale time and nothing of their own is stored', async () => {
    await get();
    clock.pass(61 * MINUTE);
    origin.answer = 'UPSTREAM_TIMEOUT';
    assert.equal(await get(), 'UPSTREAM_TIMEOUT');
    origin.own = 'v0.9.0\n';
    assert.match(await get(), /^stale/);
  });

  it('fall back to what is stored where a source was never reached', async () => {
    origin.answer = 'UPSTREAM_UNREACHABLE';
    assert.equal(await get(), 'UPSTREAM_UNREACHABLE');
    origin.own = 'v0.9.0\n';
    assert.equal(await get(), 'stale v0.9.0');
  });

  it('fall back to what is stored where a source does not answer, and are fetched behind the answer', async () => {
    let answered = () => {};
    origin.hung = new Promise<void>((resolve) => {
      answered = resolve;
    });
    origin.own = 'v0.9.0\n';
    assert.equal(await get(), 'stale v0.9.0');
    assert.equal(await get(), 'stale v0.9.0', 'and nobody else waits');
    answered();
    let last = await get();
    while (last.startsWith('stale')) last = await get();
    assert.match(last, /^(?:miss|hit) v1\.0\.0$/);
    assert.equal(origin.asked, 1);
  });

  it('are absent for a while when the origin says so, and asked for again afterwards', async () => {
    origin.answer = 'NOT_FOUND';
    assert.equal(await get(), 'NOT_FOUND');
    origin.answer = 'v1.0.0\n';
    assert.equal(await get(), 'NOT_FOUND');
    assert.equal(origin.asked, 1);
    clock.pass(MINUTE);
    assert.equal(await get(), 'miss v1.0.0');
  });

  it('come from the store alone where the caller wants it so', async () => {
    assert.equal(await get(true), 'NOT_CACHED');
    await get();
    clock.pass(2 * MINUTE);
    assert.equal(await get(true), 'stale v1.0.0');
    assert.equal(origin.asked, 1);
  });

  it('are not believed to be fresh where their time lies in the future', async () => {
    await get();
    clock.pass(-24 * 60 * MINUTE);
    const refreshed = origin.nextAsk();
    assert.equal(await get(), 'stale v1.0.0');
    await refreshed;
  });
});
