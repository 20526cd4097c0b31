import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fullTile, type SumRecord, tilesFor } from './tiles.ts';

// Worked out by hand from golang.org/design/25530-sumdb, "Checksum Database", tiles of height 8.
const TABLE: readonly [what: string, records: readonly SumRecord[], tiles: readonly string[]][] = [
  ['none', [], []],
  ['a tree of one record', [{ id: 0, size: 1 }], ['tile/8/0/000.p/1']],
  ['one full tile', [{ id: 7, size: 256 }], ['tile/8/1/000.p/1', 'tile/8/0/000']],
  [
    'a record in a full tile, the tree ends in the next',
    [{ id: 7, size: 300 }],
    ['tile/8/1/000.p/1', 'tile/8/0/001.p/44', 'tile/8/0/000'],
  ],
  ['a record in the last tile', [{ id: 299, size: 300 }], ['tile/8/1/000.p/1', 'tile/8/0/001.p/44']],
  [
    'two trees: the old one is proved in the new one, whose tile is full by then',
    [
      { id: 0, size: 300 },
      { id: 1, size: 1024 },
    ],
    ['tile/8/1/000.p/1', 'tile/8/0/001.p/44', 'tile/8/0/000', 'tile/8/1/000.p/4', 'tile/8/0/001'],
  ],
  [
    'numbers of more than three digits, three levels',
    [{ id: 1_234_567, size: 16_777_216 }],
    ['tile/8/3/000.p/1', 'tile/8/0/x004/822', 'tile/8/1/018', 'tile/8/2/000'],
  ],
];

for (const [what, records, tiles] of TABLE) {
  test(what, () => assert.deepEqual([...tilesFor(records)].sort(), [...tiles].sort()));
}

test('the full tile of a partial one', () => {
  assert.equal(fullTile('tile/8/0/x001/234.p/56'), 'tile/8/0/x001/234');
  assert.equal(fullTile('tile/8/0/x001/234'), undefined);
});
