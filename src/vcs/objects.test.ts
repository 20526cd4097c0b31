import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { ModgateError } from '../errors/index.ts';
import { BatchReader, commitTime, parseTree } from './objects.ts';

const HASH = 'a'.repeat(40);

describe('answers of cat-file', () => {
  it('are the same however the bytes are cut', () => {
    const bytes = Buffer.from(`${HASH} blob 3\na\nb\nx missing\n${HASH} commit 0\n\n${HASH}:y ambiguous\n`);
    const expected = [
      { hash: HASH, type: 'blob', size: 3, body: Buffer.from('a\nb') },
      undefined,
      { hash: HASH, type: 'commit', size: 0, body: Buffer.alloc(0) },
      undefined,
    ];
    fc.assert(
      fc.property(fc.array(fc.nat(bytes.length)), (cuts) => {
        const reader = new BatchReader([9, 9, 9, 9]);
        const ends = [...cuts.sort((a, b) => a - b), bytes.length];
        ends.reduce((from, to) => {
          reader.push(bytes.subarray(from, to));
          return to;
        }, 0);
        assert.deepEqual(reader.answers, expected);
      }),
    );
  });

  it('an object beyond its limit is told by its header alone', () => {
    const reader = new BatchReader([5, 2]);
    reader.push(Buffer.from(`${HASH} blob 5\nhello\n${HASH} blob 3\n`));
    assert.deepEqual([reader.answers.length, reader.tooLarge], [1, { index: 1, size: 3 }]);
  });

  it('any other bytes end in a coded error, or are waited for', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        const reader = new BatchReader([10, 10]);
        try {
          reader.push(Buffer.from(bytes));
        } catch (error) {
          assert.ok(error instanceof ModgateError && error.code === 'VCS_FAILED');
        }
      }),
    );
  });
});

describe('the time of a commit', () => {
  const TIMES: readonly (readonly [text: string, expected: string | undefined])[] = [
    ['tree x\nauthor A <a> 5 +0000\ncommitter A <a> 1704067200 +0200\n\ntext', '2024-01-01T00:00:00.000Z'],
    ['tree x\ncommitter A > <a> 1704067200 -0000\n\n', '2024-01-01T00:00:00.000Z'],
    ['tree x\ncommitter A <a@b> 1312735823 +051800\n\n', '2011-08-07T16:50:23.000Z'],
    ['tree x\ncommitter A <a@b>5 +0\n\n', '1970-01-01T00:00:05.000Z'],
    ['committer A <a> 5 +0000\ncommitter A <a> 6 +0000\n\n', '1970-01-01T00:00:06.000Z'],
    [
      'author A\rcommitter A <a> 5 +0000\ncommitter A\rcommitter B <a> 6 +0000\n\n',
      '1970-01-01T00:00:06.000Z',
    ],
    ['committer A <a> 253402300799 +0000\n\n', '9999-12-31T23:59:59.000Z'],
    ['committer A <a> 253402300800 +0000\n\n', undefined],
    ['committer A <a> 99999999999999999999999 +0000\n\n', undefined],
    ['committer A <a> 1312735823\n\n', undefined],
    ['committer A <a> -5 +0000\n\n', undefined],
    ['tree x\n\ncommitter A <a> 1704067200 +0000\n', undefined],
    ['tree x\ncommitter A <a>\n\n', undefined],
    ['', undefined],
  ];
  for (const [text, expected] of TIMES) {
    it(JSON.stringify(text), () => {
      assert.equal(commitTime(Buffer.from(text))?.toISOString(), expected);
    });
  }
});

describe('the list of a tree', () => {
  it('has files, links and submodules', () => {
    const lines = [
      `100644 blob ${HASH}      12\tgo.mod`,
      `100755 blob ${HASH}       0\ta b\tc\nd`,
      `120000 blob ${HASH}       4\tlink`,
      `160000 commit ${HASH}       -\tdep`,
      `040000 tree ${HASH}       -\tfolder`,
    ];
    assert.deepEqual(parseTree(Buffer.from(lines.map((line) => `${line}\0`).join(''))), [
      { path: 'go.mod', kind: 'file', size: 12 },
      { path: 'a b\tc\nd', kind: 'file', size: 0 },
      { path: 'link', kind: 'symlink', size: 4 },
      { path: 'dep', kind: 'submodule', size: 0 },
    ]);
  });

  it('bytes that are no UTF-8 are U+FFFD', () => {
    const line = Buffer.concat([Buffer.from(`100644 blob ${HASH} 1\t`), Buffer.from([0xff, 0])]);
    assert.deepEqual(parseTree(line), [{ path: '\ufffd', kind: 'file', size: 1 }]);
  });

  it('any bytes give entries, or a coded error', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        try {
          parseTree(Buffer.from(bytes));
        } catch (error) {
          assert.ok(error instanceof ModgateError && error.code === 'VCS_FAILED');
        }
      }),
    );
  });
});
