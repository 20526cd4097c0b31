import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { parseModulePath, parseVersion } from '../module/index.ts';
import { createLogger } from '../observe/index.ts';
import { FileTree, keys } from '../store/index.ts';
import { readPublication } from './publication.ts';
import { PublishedSource } from './published-source.ts';
import { readStone, Stones } from './stones.ts';

const logger = createLogger({ level: 'silent', format: 'json', destination: { write: () => true } });
const MODULE = parseModulePath('corp.test/lib');

interface Published {
  /** what go.mod retracts */
  readonly retract?: string;
  readonly left?: 'unfinished' | 'deleted';
}

/** A source over a tree with these versions. */
async function source(t: { after(fn: () => Promise<void>): void }, all: Readonly<Record<string, Published>>) {
  const data = mkdtempSync(join(tmpdir(), 'modgate-published-'));
  const tree = await FileTree.open(data, { logger });
  t.after(async () => {
    await tree.close();
    rmSync(data, { recursive: true, force: true });
  });
  for (const [text, { retract, left }] of Object.entries(all)) {
    const m = { path: MODULE, version: parseVersion(MODULE, text) };
    const put = (key: ReturnType<typeof keys.list>, body: string) =>
      tree.put(key, Buffer.from(body), { kind: 'keep' });
    await put(keys.mark(m, 'published'), '{}');
    await put(
      keys.file(m, 'mod'),
      `module ${MODULE}\n${retract === undefined ? '' : `retract ${retract}\n`}`,
    );
    if (left !== 'unfinished') await put(keys.file(m, 'info'), JSON.stringify({ Version: text }));
    if (left === 'deleted') await put(keys.mark(m, 'deleted'), '{}');
  }
  return { found: new PublishedSource(tree), tree };
}

describe('queries', () => {
  const ROWS: readonly (readonly [
    what: string,
    versions: Readonly<Record<string, Published>>,
    answers: Readonly<Record<string, string | undefined>>,
  ])[] = [
    ['nothing', {}, { latest: undefined, v1: undefined }],
    [
      'releases before pre-releases',
      { 'v1.0.0': {}, 'v1.2.0': {}, 'v1.10.0': {}, 'v1.11.0-rc.1': {} },
      { latest: 'v1.10.0', v1: 'v1.10.0', 'v1.2': 'v1.2.0', 'v1.11': 'v1.11.0-rc.1', 'v1.3': undefined },
    ],
    ['pre-releases alone', { 'v0.1.0-a': {}, 'v0.1.0-b': {} }, { latest: 'v0.1.0-b', v0: 'v0.1.0-b' }],
    [
      'what the newest go.mod retracts',
      { 'v1.0.0': {}, 'v1.1.0': {}, 'v1.2.0': { retract: '[v1.1.0, v1.2.0]' } },
      { latest: 'v1.0.0', v1: 'v1.0.0', 'v1.1': 'v1.1.0' },
    ],
    [
      'a newest go.mod that cannot be read',
      { 'v1.0.0': {}, 'v1.1.0': { retract: 'v1.1.0\nrequire (' } },
      { latest: 'v1.1.0', v1: 'v1.1.0' },
    ],
    ['all retracted', { 'v1.0.0': { retract: 'v1.0.0' } }, { latest: 'v1.0.0' }],
    [
      'what is unfinished or deleted',
      { 'v1.0.0': {}, 'v1.1.0': { left: 'unfinished' }, 'v1.2.0': { left: 'deleted' } },
      { latest: 'v1.0.0', 'v1.1': undefined, 'v1.2': undefined },
    ],
    ['branches', { 'v1.0.0': {} }, { main: undefined, 'v1.0.0': undefined, '0123456789ab': undefined }],
  ];
  for (const [what, versions, answers] of ROWS)
    for (const [query, expected] of Object.entries(answers))
      test(`${what}: ${query} is ${expected ?? 'absent'}`, async (t) => {
        const { found } = await source(t, versions);
        const answer = found.query(MODULE, query);
        if (expected === undefined) await assert.rejects(answer, { code: 'NOT_FOUND' });
        else assert.equal((await answer).value.version, expected);
      });
});

test('a list has what is published, and no file is ever had from here', async (t) => {
  const { found } = await source(t, { 'v1.10.0': {}, 'v1.2.0': {}, 'v1.3.0': { left: 'deleted' } });
  assert.deepEqual((await found.list(MODULE)).value, ['v1.2.0', 'v1.10.0']);
  await assert.rejects(found.list(parseModulePath('corp.test/none')), {
    code: 'NOT_FOUND',
    next: /modgate publish/,
  });
  const m = { path: MODULE, version: parseVersion(MODULE, 'v1.2.0') };
  await assert.rejects(found.file(m), { code: 'NOT_FOUND' });
});

describe('stones', () => {
  test('whatever a stone holds, its version is deleted', async (t) => {
    const { tree } = await source(t, { 'v1.0.0': { left: 'deleted' } });
    const refusal = await new Stones(tree).refusal({ path: MODULE, version: parseVersion(MODULE, 'v1.0.0') });
    assert.equal(refusal?.code, 'DELETED');
  });

  test('any bytes are read as a stone, as a mark, or as none', () => {
    const least = { version: 'v1.0.0', time: '2026-01-02T03:04:05Z', reason: 'x', by: 'admin', h1: null };
    const known = { ...least, go_mod_h1: 'h1:x', published: '2026-01-01T03:04:05Z' };
    assert.deepEqual(readStone(Buffer.from(JSON.stringify(known))), known);
    const rest = { go_mod_h1: null, published: null };
    assert.deepEqual(readStone(Buffer.from(JSON.stringify(least))), { ...least, ...rest });
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.json(),
          fc.object().map((o) => JSON.stringify(o)),
        ),
        (text) => {
          const stone = readStone(Buffer.from(text));
          assert.ok(stone === undefined || typeof stone.reason === 'string');
          const m = { path: MODULE, version: parseVersion(MODULE, 'v1.0.0') };
          const mark = readPublication(Buffer.from(text), m);
          assert.ok(mark === undefined || mark.version === m.version);
        },
      ),
    );
  });
});
