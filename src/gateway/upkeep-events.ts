import type { PurgeOptions } from './purge.ts';
import type { Collected, Upkeep } from './upkeep.ts';
import type { VerifyOptions } from './verify.ts';

/** What a long piece of upkeep tells while it runs, one JSON object a line; the last one is `end`, or `error`. */
export type UpkeepEvent =
  /** bytes on the disk that will be read */
  | { readonly event: 'begin'; readonly bytes: number }
  | { readonly event: 'progress'; readonly files: number; readonly bytes: number }
  | {
      readonly event: 'finding';
      readonly key: string;
      readonly outcome: 'bad' | 'odd' | 'unreadable';
      readonly why: string;
      /** where it is now, below the data folder; null: where it was */
      readonly moved: string | null;
      /** true: whole again at once */
      readonly mended: boolean;
    }
  | ({ readonly event: 'end' } & VerifySum)
  | {
      readonly event: 'purged';
      readonly hard: boolean;
      /** true: nothing was done */
      readonly dry_run: boolean;
      readonly module: string;
      readonly versions: readonly string[];
      readonly bytes: number;
      /** versions that stay, since they were published or deleted here */
      readonly kept: readonly string[];
    }
  | {
      readonly event: 'end';
      readonly hard: boolean;
      readonly dry_run: boolean;
      readonly modules: number;
      readonly versions: number;
      readonly bytes: number;
    }
  | ({ readonly event: 'end' } & Collected);

export interface VerifySum {
  /** files that were read */
  readonly files: number;
  /** of these, as they lie on the disk */
  readonly bytes: number;
  readonly bad: number;
  readonly odd: number;
  /** that the disk does not give */
  readonly unreadable: number;
  /** removed while it ran */
  readonly gone: number;
  /** files that are none of modgate's */
  readonly foreign: number;
}

/** ms between two lines about progress */
const TELL_EVERY = 500;
/** files that are checked side by side */
const PARALLEL = 4;
/** bytes of the blocks by which the store counts */
const BLOCK = 4096;

export async function* verifyEvents(
  upkeep: Upkeep,
  patterns: readonly string[],
  options: Pick<VerifyOptions, 'quarantine' | 'signal'>,
): AsyncGenerator<UpkeepEvent, void, void> {
  const sum = { files: 0, bytes: 0, bad: 0, odd: 0, unreadable: 0, gone: 0, foreign: 0 };
  yield { event: 'begin', bytes: await upkeep.bytes(patterns) };
  let told = performance.now();
  for await (const { file, findings } of upkeep.verify(patterns, { ...options, parallel: PARALLEL })) {
    sum.files++;
    sum.bytes += Math.ceil(file.size / BLOCK) * BLOCK;
    for (const finding of findings) {
      if (finding.outcome === 'fits') continue;
      sum[finding.outcome]++;
      if (!('why' in finding)) continue;
      const { key, outcome, why, moved = null, mended = false } = finding;
      yield { event: 'finding', key, outcome, why, moved, mended };
    }
    if (performance.now() - told < TELL_EVERY) continue;
    told = performance.now();
    yield { event: 'progress', files: sum.files, bytes: sum.bytes };
  }
  yield { event: 'end', ...sum };
}

export async function* purgeEvents(
  upkeep: Upkeep,
  patterns: readonly string[],
  options: PurgeOptions,
): AsyncGenerator<UpkeepEvent, void, void> {
  const how = { hard: options.hard, dry_run: options.dryRun };
  const sum = { modules: 0, versions: 0, bytes: 0 };
  let before = '';
  for await (const { module, versions, bytes, kept } of upkeep.purge(patterns, options)) {
    if (module !== before && versions.length > 0) sum.modules++;
    before = module;
    sum.versions += versions.length;
    sum.bytes += bytes;
    yield { event: 'purged', ...how, module, versions, bytes, kept };
  }
  yield { event: 'end', ...how, ...sum };
}

export async function* collectEvents(
  upkeep: Upkeep,
  cap: number,
  signal: AbortSignal,
): AsyncGenerator<UpkeepEvent, void, void> {
  yield { event: 'begin', bytes: await upkeep.bytes([]) };
  yield { event: 'end', ...(await upkeep.collect(cap, signal)) };
}
