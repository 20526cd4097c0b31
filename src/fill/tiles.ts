/**
 * Which tiles of a checksum database a client reads to check its records (golang.org/design/25530-sumdb; x/mod
 * sumdb/tlog TileHashReader). A tile holds 256 hashes of one level; tiles of level L hash whole tiles of level L-1.
 * A tree whose size is no multiple ends, on each level, in a partial tile of its own width.
 */

/** hashes in a full tile */
const WIDTH = 256;
/** levels of the tree in one of tiles */
const HEIGHT = 8;

export interface SumRecord {
  readonly id: number;
  /** records of the tree that its look-up was answered with */
  readonly size: number;
}

interface Tile {
  readonly level: number;
  /** place in its level */
  readonly at: number;
  /** hashes, 1 to 256 */
  readonly width: number;
}

/**
 * Endpoints such as `tile/8/0/x001/234.p/56`. A client that begins anew takes any of the trees for its latest one,
 * and then proves in it each older tree and each record; so for each tree they are all here.
 */
export function tilesFor(records: readonly SumRecord[]): string[] {
  const sizes = [...new Set(records.map(({ size }) => size))].sort((a, b) => a - b);
  const found = new Set<string>();
  for (const size of sizes) {
    const tiles = new Set<string>();
    for (const { level, at } of subtrees(size)) climb(tiles, level, at, size);
    for (const older of sizes) {
      if (older >= size) break;
      for (const { level, at } of subtrees(older)) climb(tiles, level, at, size);
    }
    for (const record of records) if (record.size <= size) climb(tiles, 0, record.id, size);
    for (const tile of tiles) found.add(tile);
  }
  return [...found];
}

/** The full tile in whose beginning a partial one is; undefined for one that is full itself. */
export function fullTile(endpoint: string): string | undefined {
  const cut = endpoint.indexOf('.p/');
  return cut < 0 ? undefined : endpoint.slice(0, cut);
}

/** The largest whole subtrees that a tree is made of, from the left. */
function* subtrees(size: number): Generator<{ level: number; at: number }> {
  let start = 0;
  while (start < size) {
    const level = Math.floor(Math.log2(size - start));
    const leaves = 2 ** level;
    yield { level, at: start / leaves };
    start += leaves;
  }
}

/** Adds the tile that holds a hash, and those above it up to one that is there already. */
function climb(tiles: Set<string>, level: number, at: number, size: number): void {
  let tileLevel = Math.floor(level / HEIGHT);
  let place = Math.floor((at * 2 ** (level % HEIGHT)) / WIDTH);
  for (;;) {
    const tile = tileOf(tileLevel, place, size);
    if (tile === undefined) return;
    const endpoint = endpointOf(tile);
    if (tiles.has(endpoint)) return;
    tiles.add(endpoint);
    // Only a full tile has its hash above.
    if (tile.width < WIDTH) return;
    tileLevel++;
    place = Math.floor(place / WIDTH);
  }
}

function tileOf(level: number, at: number, size: number): Tile | undefined {
  const hashes = Math.floor(size / 2 ** (level * HEIGHT));
  const width = Math.min(hashes - at * WIDTH, WIDTH);
  return width <= 0 ? undefined : { level, at, width };
}

function endpointOf({ level, at, width }: Tile): string {
  const groups =
    String(at)
      .padStart(Math.ceil(String(at).length / 3) * 3, '0')
      .match(/\d{3}/g) ?? [];
  const place = groups.map((group, i) => (i < groups.length - 1 ? `x${group}` : group)).join('/');
  return `tile/${HEIGHT}/${level}/${place}${width === WIDTH ? '' : `.p/${width}`}`;
}
