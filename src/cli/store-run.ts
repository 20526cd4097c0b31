import { once } from 'node:events';
import { createInterface } from 'node:readline/promises';
import type { Command } from 'commander';
import { ModgateError } from '../errors/index.ts';
import {
  collectEvents,
  entryOf,
  purgeEvents,
  type UpkeepEvent,
  type VerifySum,
  type VersionEntry,
  type VersionsPage,
  verifyEvents,
} from '../gateway/index.ts';
import { Progress } from './progress.ts';
import { type StoreSession, withStore } from './store-room.ts';
import {
  collectedText,
  quarantineTable,
  sizeText,
  statsText,
  usageTable,
  verifiedText,
  versionsTable,
} from './store-view.ts';

export interface ListOptions {
  readonly json?: boolean;
  readonly limit?: number;
  readonly after?: string;
}

export interface UsageOptions {
  readonly json?: boolean;
  readonly limit: number;
  readonly depth: number;
}

export interface CollectOptions {
  readonly json?: boolean;
  /** bytes; 0: as configured */
  readonly cap: number;
}

export interface VerifyFlags {
  readonly json?: boolean;
  readonly quarantine: boolean;
}

export interface QuarantineFlags {
  readonly json?: boolean;
  readonly remove?: boolean;
  readonly yes?: boolean;
  /** ms */
  readonly older?: number;
}

export interface PurgeFlags {
  readonly hard?: boolean;
  readonly dryRun?: boolean;
  readonly yes?: boolean;
  readonly json?: boolean;
}

export function runLs(command: Command, patterns: string[], options: ListOptions): Promise<void> {
  return withStore(command, (session) => list(session, patterns, options));
}

export function runStats(command: Command, json: boolean): Promise<void> {
  return withStore(command, async ({ upkeep }) => {
    const found = await upkeep.stats();
    await print(json ? `${JSON.stringify(found)}\n` : statsText(found, Date.now()));
  });
}

export function runDu(command: Command, patterns: string[], options: UsageOptions): Promise<void> {
  return withStore(command, async ({ upkeep }) => {
    const found = (await upkeep.usage(patterns, options.depth)).slice(0, options.limit);
    const lines = found.map((entry) => `${JSON.stringify(entry)}\n`).join('');
    await print(options.json === true ? lines : usageTable(found, Date.now()));
  });
}

export function runGc(command: Command, { json = false, cap }: CollectOptions): Promise<void> {
  return withStore(command, async ({ upkeep, signal }) => {
    for await (const event of collectEvents(upkeep, cap, signal)) {
      const done = event.event === 'end' && 'settled' in event ? event : undefined;
      if (done !== undefined && done.over > 0) process.exitCode = 1;
      if (json) await print(`${JSON.stringify(event)}\n`);
      else if (done !== undefined) await print(collectedText(done));
    }
  });
}

export function runVerify(command: Command, patterns: string[], flags: VerifyFlags): Promise<void> {
  return withStore(command, (session) => verifyAll(session, patterns, flags));
}

export function runQuarantine(command: Command, patterns: string[], flags: QuarantineFlags): Promise<void> {
  return withStore(command, (session) => quarantine(session, patterns, flags));
}

export function runPurge(command: Command, patterns: string[], flags: PurgeFlags): Promise<void> {
  return withStore(command, (session) => purgeAll(session, patterns, flags));
}

async function list(
  { upkeep, signal }: StoreSession,
  patterns: string[],
  options: ListOptions,
): Promise<void> {
  const { json = false, limit, after = '' } = options;
  const found: VersionEntry[] = [];
  let count = 0;
  let next: string | undefined;
  for await (const some of limit === undefined ? upkeep.versions(patterns, after) : onePage(limit)) {
    signal.throwIfAborted();
    const entries = some.map(entryOf);
    count += entries.length;
    if (json) await print(entries.map((entry) => `${JSON.stringify(entry)}\n`).join(''));
    else found.push(...entries);
  }
  if (count === 0 && after === '' && patterns.length > 0) throw nothingMatches(patterns);
  if (!json) await print(count === 0 ? 'no stored version\n' : versionsTable(found, Date.now()));
  if (next !== undefined) process.stderr.write(`there may be more: --after ${next}\n`);

  async function* onePage(most: number): AsyncGenerator<VersionsPage['versions'], void, void> {
    const page = await upkeep.page(patterns, after, most);
    next = page.next;
    yield page.versions;
  }
}

/** Whoever asks for something by name has mistyped it, or looks at another store. */
function nothingMatches(patterns: readonly string[]): ModgateError {
  const named = patterns.slice(0, 5).join(' ');
  return new ModgateError(
    'NOT_CACHED',
    `no stored version matches ${named}${patterns.length > 5 ? ' …' : ''}`,
    {
      next: 'See modgate store ls for what is stored; a path without a glob is that module alone, "path/*" what is below it.',
    },
  );
}

async function verifyAll(
  { upkeep, signal }: StoreSession,
  patterns: string[],
  { json = false, quarantine }: VerifyFlags,
): Promise<void> {
  let progress: Progress | undefined;
  try {
    for await (const event of verifyEvents(upkeep, patterns, { quarantine, signal })) {
      if (event.event === 'begin') progress = new Progress('verify', event.bytes);
      if (isSum(event) && event.bad + event.unreadable > 0) process.exitCode = 1;
      if (isSum(event) && event.files === 0 && patterns.length > 0) throw nothingMatches(patterns);
      if (json) await print(`${JSON.stringify(event)}\n`);
      else await tell(event, progress);
    }
  } finally {
    if (!json) progress?.clear();
  }
}

async function tell(event: UpkeepEvent, progress: Progress | undefined): Promise<void> {
  if (event.event === 'progress') progress?.show(event.files, event.bytes);
  else progress?.clear();
  if (event.event === 'finding') {
    const moved =
      event.moved === null ? '' : ` (now ${event.moved}${event.mended ? ', and made again' : ''})`;
    await print(`${event.outcome} ${event.key}: ${event.why}${moved}\n`);
  } else if (isSum(event)) await print(verifiedText(event));
}

function isSum(event: UpkeepEvent): event is Extract<UpkeepEvent, { event: 'end' }> & VerifySum {
  return event.event === 'end' && 'unreadable' in event;
}

async function quarantine(
  { upkeep, signal }: StoreSession,
  patterns: string[],
  flags: QuarantineFlags,
): Promise<void> {
  const { json = false, remove = false, yes = false, older } = flags;
  const found = [...upkeep.quarantined(patterns, older === undefined ? undefined : Date.now() - older)];
  const bytes = found.reduce((sum, { size }) => sum + size, 0);
  const what = `${numberOf(found.length, 'file')}, ${sizeText(bytes)}`;
  const question = `Remove ${what}, of which there may be no other copy?`;
  if (remove && found.length > 0 && !yes && !(await agreed(question, 'see what it is without --remove')))
    return;
  for (const file of remove ? found : []) {
    signal.throwIfAborted();
    await upkeep.removeQuarantined(file);
    // At once: where it ends in between, it has been said what is gone.
    await print(json ? `${JSON.stringify({ ...file, removed: true })}\n` : `removed ${file.path}\n`);
  }
  if (json && !remove)
    await print(found.map((file) => `${JSON.stringify({ ...file, removed: false })}\n`).join(''));
  if (!json) await print(remove ? `removed ${what}\n` : quarantineTable(found, Date.now()));
}

async function purgeAll(
  { upkeep, signal }: StoreSession,
  patterns: string[],
  flags: PurgeFlags,
): Promise<void> {
  const { hard = false, dryRun = false, yes = false, json = false } = flags;
  const { versions, modules, bytes } = await upkeep.count(patterns);
  const what = `${numberOf(versions, 'version')} of ${numberOf(modules, 'module')}, ${sizeText(bytes)}`;
  // What can be undone needs --yes on a terminal only.
  const asks = versions > 1 && !dryRun && !yes && (hard || process.stdin.isTTY);
  if (asks && !(await agreed(`${hard ? 'Remove' : 'Purge'} ${what}?`, 'see --dry-run first'))) return;
  const verb = dryRun ? 'would purge' : hard ? 'removed' : 'purged';
  let [purged, kept] = [0, 0];
  for await (const event of purgeEvents(upkeep, patterns, { hard, dryRun, signal })) {
    if (event.event === 'purged') {
      purged += event.versions.length;
      kept += event.kept.length;
    }
    if (json) await print(`${JSON.stringify(event)}\n`);
    else if (event.event === 'purged') await print(purgedText(event, verb));
  }
  if (purged === 0) throw kept === 0 ? nothingMatches(patterns) : onlyPublished();
}

function purgedText(
  { module, versions, kept }: Extract<UpkeepEvent, { event: 'purged' }>,
  verb: string,
): string {
  const gone = versions.length === 0 ? '' : `${verb} ${module}: ${versions.join(' ')}\n`;
  return kept.length === 0 ? gone : `${gone}kept ${module}, published here: ${kept.join(' ')}\n`;
}

/** A purge is for what can come again. */
function onlyPublished(): ModgateError {
  return new ModgateError(
    'FORBIDDEN',
    'nothing was purged: what matches was published here, and no source has it',
    {
      next: 'Use modgate delete where a version must go for good.',
    },
  );
}

function numberOf(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}

/**
 * False where the answer is no; nothing is to be changed then, and the exit code is set.
 * @param instead what else one can do than say yes
 */
export async function agreed(question: string, instead: string): Promise<boolean> {
  if (!process.stdin.isTTY)
    throw new ModgateError('USAGE', `nobody is here to answer: ${question}`, {
      next: `Add --yes, or ${instead}.`,
    });
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  // The end of the input is an answer too.
  const ended = once(lines, 'close').then(() => '');
  const answer = await Promise.race([lines.question(`${question} [y/N] `), ended]).catch((cause: unknown) => {
    process.stderr.write('\n');
    throw new ModgateError('CANCELED', 'stopped: nothing was changed', { cause });
  });
  lines.close();
  if (/^y(?:es)?$/i.test(answer.trim())) return true;
  process.stderr.write('nothing was changed\n');
  process.exitCode = 1;
  return false;
}

/** Whoever reads may be slow, or have read enough. */
async function print(text: string): Promise<void> {
  if (text === '' || process.stdout.write(text)) return;
  await once(process.stdout, 'drain');
}
