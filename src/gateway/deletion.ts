import { ModgateError, toModgateError } from '../errors/index.ts';
import type { ModulePath, ModuleVersion, Version } from '../module/index.ts';
import { hashGoMod, isH1, type ZipChecker } from '../modzip/index.ts';
import type { Clock, Logger } from '../observe/index.ts';
import { keys, partsOf, type Storeroom, type TreeKey } from '../store/index.ts';
import { writeTreeList } from './lists.ts';
import { factsOf, readSaid } from './publication.ts';
import { MAX_REASON, readStone, readWhole, type Stone } from './stones.ts';

/** Who changes what is published, for the record. */
export interface Actor {
  /** name of the token, or of the command */
  readonly who: string;
  /** address of the caller; null: no request came from elsewhere */
  readonly remote: string | null;
  /** request id; null: there was no request */
  readonly request: string | null;
}

export interface Deleted extends Stone {
  readonly module: ModulePath;
  /** unchanged: it was deleted before; what was left of it is gone now */
  readonly status: 'deleted' | 'unchanged';
}

interface Deps {
  readonly room: Storeroom;
  readonly checker: ZipChecker;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Whoever publishes or deletes a version of the module has it for itself. */
export function turnOf(path: ModulePath): string {
  let hash = 0;
  for (let i = 0; i < path.length; i++) hash = (Math.imul(hash, 31) + path.charCodeAt(i)) >>> 0;
  return `publish/${hash % TURNS}`;
}

/** Names of exclusive work stay in the catalogue, so that there are only so many. */
const TURNS = 64;

/** ms that a deletion which is to be finished waits for its turn */
const TURN = 60_000;

/**
 * Takes a version away for good, in this order, each on the disk before the next: its h1 is found; `audit.jsonl`;
 * `V.deleted` (from here on no list, query or source tells of it, and it can only come back as it was); the tree's list;
 * `.info`, `.mod`, `.zip`; what was answered about the module. `V.ziphash` and `V.published` stay.
 *
 * A crash behind the stone leaves files that are still served. They are taken away by whichever process starts next on
 * the folder, by the one that looks after it within a minute, and by the same call or `store verify` at once.
 *
 * Failures: BAD_REQUEST for a reason that is none, NOT_CACHED where nothing of the version is stored.
 */
export async function deleteVersion(
  deps: Deps,
  m: ModuleVersion,
  reason: string,
  actor: Actor,
  signal: AbortSignal,
): Promise<Deleted> {
  const why = checkReason(reason);
  return deps.room.exclusively(turnOf(m.path), signal, async () => {
    const known = await readWhole(deps.room.tree, keys.mark(m, 'deleted'));
    const before = known === undefined ? undefined : (readStone(known) ?? unreadable(m));
    const stone = before ?? (await bury(deps, m, why, actor, signal));
    await finishDeletion(deps, m);
    return { module: m.path, ...stone, status: before === undefined ? 'deleted' : 'unchanged' };
  });
}

function checkReason(reason: string): string {
  const text = reason.trim();
  if (text !== '' && text.length <= MAX_REASON && !/\p{Cc}/u.test(text)) return text;
  const fault = text === '' ? 'a deletion needs a reason' : 'the reason is no line of text that can be shown';
  throw new ModgateError('BAD_REQUEST', fault, {
    next: `give one line of at most ${MAX_REASON} characters; everyone who asks for the version reads it`,
  });
}

async function bury(
  deps: Deps,
  m: ModuleVersion,
  reason: string,
  actor: Actor,
  signal: AbortSignal,
): Promise<Stone> {
  const { room, clock, logger } = deps;
  const isThere = room.filesOf(m).some((key) => room.stat(key) !== undefined);
  if (!isThere)
    throw new ModgateError('NOT_CACHED', `nothing of ${m.path}@${m.version} is stored here`, {
      next: 'see modgate store ls for what is stored',
    });
  const h1 = await h1Of(deps, m, signal);
  const mod = await readWhole(room.tree, keys.file(m, 'mod'));
  const { goModH1s, time: published } = factsOf(await readSaid(room, m));
  const now = clock.now();
  const stone: Stone = {
    version: m.version,
    time: new Date(now).toISOString().replace(/\.\d+/, ''),
    reason,
    by: actor.who,
    h1,
    go_mod_h1: goModH1s[0] ?? (mod === undefined ? null : hashGoMod(mod)),
    published: published ?? (await timeOf(room, m)),
  };
  await room.audit.append(
    { action: 'delete', module: m.path, version: m.version, h1, reason, ...actor },
    now,
  );
  const key = keys.mark(m, 'deleted');
  await room.tree.put(key, Buffer.from(`${JSON.stringify(stone)}\n`), { kind: 'keep' });
  // Who starts after a crash finds there what is to be finished.
  await room.settle([key]);
  logger.warn({ module: m.path, version: m.version, h1, reason, by: actor.who }, 'a version was deleted');
  return stone;
}

/** What its `.info` says. */
async function timeOf({ tree }: Storeroom, m: ModuleVersion): Promise<string | null> {
  const info = await readWhole(tree, keys.file(m, 'info'));
  try {
    const { Time } = JSON.parse(info?.toString('utf8') ?? '{}') ?? {};
    return typeof Time === 'string' && !Number.isNaN(Date.parse(Time)) ? Time : null;
  } catch {
    return null;
  }
}

/** The h1 that is remembered; of a zip that was copied into the tree without one, it is found out. */
async function h1Of({ room, checker }: Deps, m: ModuleVersion, signal: AbortSignal): Promise<string | null> {
  const key = keys.file(m, 'ziphash');
  const [said] = factsOf(await readSaid(room, m)).h1s;
  if (said !== undefined) return said;
  const kept = (await readWhole(room.tree, key))?.toString('utf8').trim();
  if (kept !== undefined && isH1(kept)) return kept;
  const zip = keys.file(m, 'zip');
  if (room.stat(zip) === undefined) return null;
  try {
    const { h1 } = await checker.check(room.path(zip), m, { signal });
    await room.tree.put(key, Buffer.from(h1), { kind: 'keep' });
    return h1;
  } catch (thrown) {
    if (toModgateError(thrown).code !== 'BAD_ZIP') throw thrown;
    return null;
  }
}

/** Where a crash came behind a stone, its files are there and are served: they go now. True where any were. */
export async function completeDeletion(
  deps: Pick<Deps, 'room' | 'clock'>,
  m: ModuleVersion,
): Promise<boolean> {
  const { room } = deps;
  const isCut = () =>
    room.stat(keys.mark(m, 'deleted')) !== undefined &&
    (['info', 'mod', 'zip'] as const).some((kind) => room.stat(keys.file(m, kind)) !== undefined);
  if (!isCut()) return false;
  return room.exclusively(turnOf(m.path), AbortSignal.timeout(TURN), async () => {
    // It may be published again, or be on its way out, at this very moment.
    const isLeft = isCut();
    if (isLeft) await finishDeletion(deps, m);
    return isLeft;
  });
}

/** Removes what is left of a version that has its stone: all but the ziphash and what is said of it. */
async function finishDeletion(
  { room, clock }: Pick<Deps, 'room' | 'clock'>,
  m: ModuleVersion,
): Promise<void> {
  const { tree } = room;
  // Whoever uses the tree as a GOPROXY must not be told of a version that is half there.
  await writeTreeList(tree, m.path, clock.now(), new Set<Version>([m.version]));
  const files = (['info', 'mod', 'zip'] as const).map((kind) => keys.file(m, kind));
  for (const key of files) await tree.delete(key);
  const answers = await changingAnswers(room, m.path);
  for (const key of answers) await tree.delete(key);
  await writeTreeList(tree, m.path, clock.now());
  await room.settle([...files, ...room.marksOf(m), ...answers, keys.list(m.path)]);
}

/** What was answered about the module and may name other versions now. */
export async function changingAnswers(
  { tree }: Pick<Storeroom, 'tree'>,
  path: ModulePath,
): Promise<TreeKey[]> {
  const folder = keys.versions(path);
  const queries = (await tree.names(folder)).flatMap((name) => {
    const parts = partsOf(`${folder}/${name}`);
    return parts.kind === 'query' ? [keys.query(path, parts.query)] : [];
  });
  return [keys.latest(path), keys.namedList(path), ...queries];
}

function unreadable({ version }: ModuleVersion): Stone {
  return {
    version,
    time: new Date(0).toISOString(),
    reason: 'can be read no more',
    by: '',
    h1: null,
    go_mod_h1: null,
    published: null,
  };
}
