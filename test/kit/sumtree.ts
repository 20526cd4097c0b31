/**
 * A checksum database whose tree has many records and has grown: each look-up is answered with the tree of another
 * size, as a cache in between does it. The records of the fixture stand among others that nobody asks for.
 */
import type { FixtureAnswer } from './fixture.ts';
import { DatabaseKey, sha256 } from './sumdb.ts';

/** hashes in a full tile; levels of the tree in one of tiles */
const WIDTH = 256;
const HEIGHT = 8;

export interface GrownRecord {
  /** as in a look-up */
  readonly key: string;
  readonly lines: string;
  readonly id: number;
  /** of the tree that the look-up is answered with */
  readonly size: number;
}

/** URL path → answer, of all look-ups, and of all tiles that trees of these sizes have. */
export function grownDatabase(
  name: string,
  records: readonly GrownRecord[],
): { readonly verifier: string; readonly answers: Map<string, FixtureAnswer> } {
  const sizes = [...new Set(records.map(({ size }) => size))];
  const key = new DatabaseKey(name);
  const levels = hashLevels(records, Math.max(...sizes));
  const answers = new Map<string, FixtureAnswer>();
  const put = (endpoint: string, body: Buffer) =>
    answers.set(`/sumdb/${name}/${endpoint}`, { type: 'application/octet-stream', body });
  put('supported', Buffer.alloc(0));
  for (const { key: lookup, lines, id, size } of records)
    put(`lookup/${lookup}`, Buffer.from(`${id}\n${lines}\n${key.head(size, rootOf(levels, size))}`));
  for (const size of sizes) for (const [endpoint, body] of tilesOf(levels, size)) put(endpoint, body);
  return { verifier: key.verifier, answers };
}

/** levels[l][i]: the hash over leaves i·2^l to (i+1)·2^l (RFC 6962, section 2.1) */
function hashLevels(records: readonly GrownRecord[], size: number): Buffer[][] {
  const lines = new Map(records.map((record) => [record.id, record.lines]));
  let level = Array.from({ length: size }, (_, id) =>
    sha256(Buffer.of(0), Buffer.from(lines.get(id) ?? `other.test v1.0.${id} h1:\n`)),
  );
  const levels = [level];
  while (level.length > 1) {
    const below = level;
    level = Array.from({ length: Math.floor(below.length / 2) }, (_, i) =>
      sha256(Buffer.of(1), below[2 * i] ?? Buffer.alloc(0), below[2 * i + 1] ?? Buffer.alloc(0)),
    );
    levels.push(level);
  }
  return levels;
}

function rootOf(levels: readonly Buffer[][], size: number): Buffer {
  const parts: Buffer[] = [];
  let start = 0;
  for (let level = levels.length - 1; level >= 0; level--) {
    const leaves = 2 ** level;
    if (size - start < leaves) continue;
    parts.push(levels[level]?.[start / leaves] ?? Buffer.alloc(0));
    start += leaves;
  }
  return parts.reduceRight((right, left) => sha256(Buffer.of(1), left, right));
}

function* tilesOf(levels: readonly Buffer[][], size: number): Generator<[endpoint: string, body: Buffer]> {
  for (let level = 0; level * HEIGHT < levels.length; level++) {
    const hashes = Math.floor(size / 2 ** (level * HEIGHT));
    for (let at = 0; at * WIDTH < hashes; at++) {
      const width = Math.min(hashes - at * WIDTH, WIDTH);
      const digits = String(at).padStart(3, '0');
      const place = at < 1000 ? digits : `x${digits.slice(0, -3).padStart(3, '0')}/${digits.slice(-3)}`;
      const partial = width < WIDTH ? `.p/${width}` : '';
      const body = Buffer.concat((levels[level * HEIGHT] ?? []).slice(at * WIDTH, at * WIDTH + width));
      yield [`tile/8/${level}/${place}${partial}`, body];
    }
  }
}
