import { ModgateError } from '../errors/index.ts';
import type { ModuleVersion } from '../module/index.ts';
import { keys, type Tree, type TreeKey } from '../store/index.ts';

/** What is kept of a version that an administrator has deleted: `V.deleted`, as JSON. */
export interface Stone {
  readonly version: string;
  /** RFC 3339 */
  readonly time: string;
  readonly reason: string;
  /** name of the token, or of the command */
  readonly by: string;
  /** "h1:…" of its zip, with which alone it can come back; null: none is known */
  readonly h1: string | null;
  /** "h1:…" of its go.mod, likewise */
  readonly go_mod_h1: string | null;
  /** RFC 3339; the time that its `.info` said; null: none is known */
  readonly published: string | null;
}

/** characters of a reason: it is shown with every refusal */
export const MAX_REASON = 300;

/** Which versions are deleted. */
export class Stones {
  readonly #tree: Tree;

  constructor(tree: Tree) {
    this.#tree = tree;
  }

  /** Throws DELETED, with the reason, for a version that is. */
  async check(m: ModuleVersion): Promise<void> {
    const refusal = await this.refusal(m);
    if (refusal !== undefined) throw refusal;
  }

  async refusal(m: ModuleVersion): Promise<ModgateError | undefined> {
    const bytes = await readWhole(this.#tree, keys.mark(m, 'deleted'));
    if (bytes === undefined) return undefined;
    const stone = readStone(bytes);
    const when = stone === undefined ? '' : ` on ${stone.time.slice(0, 10)}`;
    const why = stone === undefined ? 'the reason can be read no more' : `reason: ${stone.reason}`;
    return new ModgateError('DELETED', `${m.path}@${m.version} was deleted here${when}\n${why}`, {
      next: 'use another version, or ask the keeper of this gateway',
    });
  }
}

/** Undefined where the bytes are no such file; that there is one is enough for the version to be deleted. */
export function readStone(bytes: Buffer): Stone | undefined {
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString('utf8'));
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null) return undefined;
  const fields: Readonly<Record<string, unknown>> = { ...value };
  const { version, time, reason, by, h1 } = fields;
  const texts = [version, time, reason, by];
  if (!texts.every((text) => typeof text === 'string') || (h1 !== null && typeof h1 !== 'string'))
    return undefined;
  const [go_mod_h1, published] = [textOf(fields.go_mod_h1), textOf(fields.published)];
  return {
    version: String(version),
    time: String(time),
    reason: String(reason),
    by: String(by),
    h1,
    go_mod_h1,
    published,
  };
}

function textOf(value: unknown): string | null {
  return typeof value === 'string' ? value : null;
}

/** All bytes of a stored file; undefined where there is none. */
export async function readWhole(tree: Tree, key: TreeKey): Promise<Buffer | undefined> {
  const content = await tree.open(key);
  if (content === undefined) return undefined;
  try {
    return await content.bytes();
  } finally {
    await content.close();
  }
}
