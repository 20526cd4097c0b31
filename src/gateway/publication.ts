import type { ModuleVersion } from '../module/index.ts';
import { isH1 } from '../modzip/index.ts';
import { keys, type Storeroom } from '../store/index.ts';
import { readStone, readWhole, type Stone } from './stones.ts';

/** What is kept of a version that was published here: `V.published`, as JSON. */
export interface Publication {
  readonly version: string;
  /** "h1:…" of its zip */
  readonly h1: string;
  /** "h1:…" of its go.mod */
  readonly go_mod_h1: string;
  /** RFC 3339, as its `.info` says: the same after a deletion and a return */
  readonly time: string;
}

/** What is said of a version beside its files; undefined: nothing is. broken: it is there, and cannot be read. */
export interface Said {
  readonly publication: Publication | 'broken' | undefined;
  readonly stone: Stone | 'broken' | undefined;
}

export async function readSaid({ tree }: Pick<Storeroom, 'tree'>, m: ModuleVersion): Promise<Said> {
  const mark = await readWhole(tree, keys.mark(m, 'published'));
  const stone = await readWhole(tree, keys.mark(m, 'deleted'));
  return {
    publication: mark === undefined ? undefined : (readPublication(mark, m) ?? 'broken'),
    stone: stone === undefined ? undefined : (readStone(stone) ?? 'broken'),
  };
}

/** What V.published and V.deleted say; null and broken ones say nothing. */
export function factsOf({ publication, stone }: Said): {
  readonly h1s: readonly string[];
  readonly goModH1s: readonly string[];
  readonly time: string | undefined;
} {
  const all = [publication, stone].filter((one) => typeof one === 'object');
  const time = typeof publication === 'object' ? publication.time : undefined;
  const buried = typeof stone === 'object' ? (stone.published ?? undefined) : undefined;
  return {
    h1s: all.flatMap(({ h1 }) => h1 ?? []),
    goModH1s: all.flatMap(({ go_mod_h1 }) => go_mod_h1 ?? []),
    time: time ?? buried,
  };
}

/** The h1 that a version has by what is said of it; undefined where nothing is, or one thing and another. */
export async function vouchedH1(
  room: Pick<Storeroom, 'tree'>,
  m: ModuleVersion,
): Promise<string | undefined> {
  const [h1, ...others] = factsOf(await readSaid(room, m)).h1s;
  return h1 !== undefined && isH1(h1) && others.every((one) => one === h1) ? h1 : undefined;
}

export function publicationBytes(publication: Publication): Buffer {
  return Buffer.from(`${JSON.stringify(publication)}\n`);
}

/** Undefined where the bytes are no such file of that version; that there is one is enough for it to stay. */
export function readPublication(bytes: Buffer, { version }: ModuleVersion): Publication | undefined {
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString('utf8'));
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null) return undefined;
  const fields: Readonly<Record<string, unknown>> = { ...value };
  const { h1, go_mod_h1, time } = fields;
  const isWhole = [h1, go_mod_h1, time].every((text) => typeof text === 'string');
  if (!isWhole || fields.version !== version) return undefined;
  return { version, h1: String(h1), go_mod_h1: String(go_mod_h1), time: String(time) };
}
