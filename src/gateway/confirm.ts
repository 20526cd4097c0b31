import { toModgateError } from '../errors/index.ts';
import { checkInfo, MAX_INFO_BYTES, pieces, readSmall, type Source } from '../fetch/index.ts';
import type { ModuleVersion } from '../module/index.ts';
import type { Logger } from '../observe/index.ts';
import { type Content, keys, type Tree } from '../store/index.ts';
import type { Router } from './router.ts';

/** ms for which a source may think about whether it still has a version */
const PATIENCE = 30_000;
/** bytes/ms; a file that comes more slowly than that stays */
const SLOWEST = 256;

/**
 * 'yes': a source has these very bytes; 'gone': none has the version; 'other': one has other bytes, which would be
 * refused if they came; 'silent': it is not known
 */
export type Answer = 'yes' | 'gone' | 'other' | 'silent';

interface Deps {
  readonly tree: Tree;
  readonly router: Router;
  readonly logger: Logger;
}

/**
 * Whether a stored file could be fetched again. Asked right before, and not of any cache: what a source has lost is the
 * only copy now. The whole file is compared: of a moved tag, the `.info`, the length and the beginning can be the same.
 */
export async function confirm(
  { tree, router, logger }: Deps,
  m: ModuleVersion,
  kind: 'mod' | 'zip',
  signal: AbortSignal,
): Promise<Answer> {
  const { chain } = router.find(m.path);
  if (chain.sources.length === 0) return 'gone';
  const what = `${m.path}@${m.version}`;
  let stored: Content | undefined;
  try {
    stored = await tree.open(keys.file(m, kind));
    const patience = PATIENCE + Math.ceil((stored?.size ?? 0) / SLOWEST);
    const limited = AbortSignal.any([signal, AbortSignal.timeout(patience)]);
    await chain.ask(what, async (source) => {
      const { value } = await readSmall(source, m, 'info', MAX_INFO_BYTES, limited);
      checkInfo(m, value, source.name);
    });
    const own = stored;
    // Asked for by itself, as it would be fetched: another source may have it than the one that has the `.info`.
    const same =
      own === undefined || (await chain.ask(what, (source) => holds(source, m, kind, own, limited)));
    return same ? 'yes' : 'other';
  } catch (thrown) {
    if (signal.aborted) throw signal.reason;
    const error = toModgateError(thrown);
    // Its tag names another commit now.
    if (error.code === 'TAG_MOVED') return 'other';
    logger.debug({ module: m.path, version: m.version, code: error.code }, 'not evicted: no source has it');
    return error.absent || error.code === 'LOOKUP_OFF' ? 'gone' : 'silent';
  } finally {
    await stored?.close();
  }
}

/** Ends the fetch at the first byte that differs. */
async function holds(
  source: Source,
  m: ModuleVersion,
  kind: 'mod' | 'zip',
  stored: Content,
  signal: AbortSignal,
): Promise<boolean> {
  const file = await source.file(m, kind, signal);
  if (file.length !== undefined && file.length !== stored.size) {
    file.body.destroy();
    return false;
  }
  let position = 0;
  for await (const piece of pieces(file)) {
    const own = Buffer.allocUnsafe(piece.length);
    const count = await stored.read(own, position);
    if (count !== piece.length || !own.equals(piece)) return false;
    position += count;
  }
  return position === stored.size;
}
