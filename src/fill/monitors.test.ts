import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ModgateError } from '../errors/index.ts';
import { failureText, formatBytes, JsonLines, Progress } from './monitors.ts';
import { type Monitor, Tally } from './tally.ts';

class Paper {
  text = '';
  readonly columns = 60;
  write(text: string): void {
    this.text += text;
  }
}

async function work(monitor: Monitor): Promise<Tally> {
  const tally = new Tally(monitor);
  tally.phase('modules', 2);
  await tally.unit('a.test/b@v1.0.0', async () => {
    tally.moved('a.test/b@v1.0.0', 3 << 20);
    tally.add('a.test/b@v1.0.0', 'zip', 'added', 3 << 20);
  });
  await tally.unit('a.test/c@v1.0.0', async () =>
    tally.fail('a.test/c@v1.0.0', 'zip', new ModgateError('BAD_ZIP', 'it is broken', { next: 'look' })),
  );
  return tally;
}

test('lines in a log: the state of each phase at its end at least', async () => {
  const paper = new Paper();
  const progress = new Progress(paper, false);
  await work(progress);
  progress.close();
  assert.match(paper.text, /^modules 2\/2, 3\.0 MiB, .*B\/s, 1 failed\n$/);
});

test('a bar on a terminal: one line, no longer than it is wide', async () => {
  const paper = new Paper();
  const progress = new Progress(paper, true);
  await work(progress);
  progress.close();
  const pictures = paper.text.split('\r').slice(1);
  assert.match(pictures.at(-1) ?? '', /^modules \[#{24}\] 2\/2 {2}3\.0 MiB.*\n$/);
  for (const picture of pictures) assert.ok(picture.replace('\u001b[K', '').trimEnd().length < 60, picture);
});

test('JSON lines, and what is counted', async () => {
  const paper = new Paper();
  const tally = await work(new JsonLines(paper));
  const what = 'a.test/c@v1.0.0';
  assert.deepEqual(
    paper.text
      .trimEnd()
      .split('\n')
      .map((line): unknown => JSON.parse(line)),
    [
      { event: 'phase', name: 'modules', total: 2 },
      { event: 'file', what: 'a.test/b@v1.0.0', kind: 'zip', result: 'added', bytes: 3 << 20 },
      {
        event: 'file',
        what,
        kind: 'zip',
        result: 'failed',
        bytes: 0,
        code: 'BAD_ZIP',
        message: 'it is broken',
        next: 'look',
      },
    ],
  );
  assert.deepEqual(tally.counts, { added: 1, stored: 0, planned: 0, skipped: 0, failed: 1 });
  assert.deepEqual([...tally.codes], [['BAD_ZIP', 1]]);
});

test('a run does not go on after a cancellation or on a full disk', () => {
  const tally = new Tally(new JsonLines(new Paper()));
  for (const code of ['CANCELED', 'DISK_FULL'] as const)
    assert.throws(() => tally.fail('x', undefined, new ModgateError(code, 'no')), /no/);
});

test('a failure as text, without what a terminal would act on', () => {
  const error = new ModgateError('BAD_ZIP', 'why\nand how', { next: 'look' });
  const text = failureText({ what: 'evil\u001b[2J', kind: undefined, result: 'failed', bytes: 0, error });
  assert.equal(text, 'failed: evil?[2J\n  why\n  and how\n  next: look\n  code: BAD_ZIP\n');
});

const SIZES: readonly [bytes: number, text: string][] = [
  [0, '0 B'],
  [1023, '1023 B'],
  [1024, '1.0 KiB'],
  [1536 << 20, '1.5 GiB'],
];
for (const [bytes, text] of SIZES) test(`${bytes} bytes`, () => assert.equal(formatBytes(bytes), text));
