import { toModgateError } from '../errors/index.ts';
import type { Source } from '../fetch/index.ts';
import type { HotCache, PartState } from '../http/index.ts';
import type { Gauge, Logger, Metrics } from '../observe/index.ts';
import type { Storeroom, Tree } from '../store/index.ts';
import { type Build, commitOf } from './version.ts';

/** bytes; less free space than this is told by /readyz before writes begin to fail */
const LITTLE_SPACE = 256 << 20;

/** ms; a disk that takes longer is told as such instead of keeping the page waiting */
const PROBE_PATIENCE = 1000;

export async function storeState(tree: Tree): Promise<PartState> {
  const probed = await Promise.race([tree.probe(), after(PROBE_PATIENCE)]);
  if (probed === undefined) {
    return {
      name: 'store',
      ok: false,
      detail: `no write within ${PROBE_PATIENCE} ms: the disk hangs or is overloaded`,
    };
  }
  const { writable, freeBytes, fault } = probed;
  if (!writable)
    return {
      name: 'store',
      ok: false,
      detail: `stored files are served, nothing new can be kept: ${fault?.message ?? 'not writable'}`,
    };
  const little = freeBytes < LITTLE_SPACE;
  return {
    name: 'store',
    ok: !little,
    detail: `${Math.floor(freeBytes / 2 ** 20)} MiB free${little ? ', which is little' : ''}`,
  };
}

/** Without its catalogue a gateway serves as ever, but keeps no cap and has no /index: an alert, not an empty store. */
export function catalogueState({ catalog }: Storeroom): PartState {
  try {
    return { name: 'catalogue', ok: true, detail: `${catalog.totals().versions} versions` };
  } catch (thrown) {
    const { message } = toModgateError(thrown);
    return { name: 'catalogue', ok: false, detail: `the cap, the scrub and /index stand still: ${message}` };
  }
}

/** Tells at the start what /readyz tells later. */
export async function warnOfStore(tree: Tree, logger: Logger): Promise<void> {
  const { ok, detail } = await storeState(tree);
  if (!ok) logger.warn({ part: 'store', detail }, 'the store is not well');
}

function after(ms: number): Promise<undefined> {
  return new Promise((resolve) => setTimeout(resolve, ms, undefined).unref());
}

/** @param elsewhere of the same source in other processes: 0 closed, 1 half-open, 2 open */
export function sourceState({ name, state: own }: Source, elsewhere = 0): PartState {
  const states = ['closed', 'half-open', 'open'] as const;
  const state = states[Math.max(states.indexOf(own), elsewhere)] ?? own;
  const detail =
    state === 'closed'
      ? 'asked as usual'
      : state === 'open'
        ? 'suspended after failures in a row'
        : 'being tried again';
  return { name, ok: state === 'closed', detail };
}

/** A full or read-only disk breaks every miss: worth an alert before a build meets it. */
export function countStore(metrics: Metrics, tree: Tree): void {
  const free = metrics.gauge(
    'modgate_store_free_bytes',
    'Bytes that the store may still write.',
    [],
    undefined,
    'min',
  );
  const help = 'Whether the store takes new files: 1 or 0.';
  const collect = async (gauge: Gauge) => {
    const probed = await Promise.race([tree.probe(), after(PROBE_PATIENCE)]);
    gauge.with().set(probed?.writable ? 1 : 0);
    if (probed !== undefined) free.with().set(probed.freeBytes);
  };
  metrics.gauge('modgate_store_writable', help, [], collect, 'min');
}

export function countMemory(metrics: Metrics, hot: HotCache): void {
  metrics.gauge('modgate_memory_cache_bytes', 'Bytes of answers that are held in memory.', [], (gauge) =>
    gauge.with().set(hot.bytes),
  );
  metrics.gauge('modgate_memory_cache_entries', 'Answers that are held in memory.', [], (gauge) =>
    gauge.with().set(hot.size),
  );
}

/** Which build runs where, by the usual info metric. */
export function countBuild(metrics: Metrics, build: Build): void {
  metrics
    .gauge(
      'modgate_build_info',
      'Always 1; what runs is in its labels.',
      ['version', 'commit', 'node'],
      undefined,
      'max',
    )
    .with(build.version, commitOf(build), process.version)
    .set(1);
}
