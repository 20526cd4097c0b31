import { once } from 'node:events';
import { createInterface } from 'node:readline/promises';
import { Command } from 'commander';
import { parseSize } from '../config/index.ts';
import { ModgateError } from '../errors/index.ts';
import {
  collectEvents,
  entryOf,
  purgeEvents,
  type UpkeepEvent,
  type VerifySum,
  type VersionEntry,
  verifyEvents,
} from '../gateway/index.ts';
import { withConfigFlags } from './options.ts';
import { Progress } from './progress.ts';
import { type StoreSession, withStore } from './store-room.ts';
import { collectedText, sizeText, statsText, usageTable, verifiedText, versionsTable } from './store-view.ts';

const PATTERNS = `
A pattern is a module path, a glob of paths in the syntax of GOPRIVATE, or either with @version behind it, where the
version may be a glob too. A path without *, ? or [ is that one module; a glob is everything below what it matches.`;

export function storeCommand(): Command {
  const command = new Command('store').description('look at, check, shrink and clean the stored modules');
  for (const child of [ls(), stats(), du(), gc(), verify(), purge()]) command.addCommand(child);
  return command.addHelpText(
    'after',
    '\nAll of them may run beside a server on the same data folder.\n\nExamples:\n  modgate store stats\n  modgate store verify --data /var/lib/modgate',
  );
}

function ls(): Command {
  return withConfigFlags(new Command('ls'))
    .argument('[pattern...]', 'which versions; default: all')
    .description('list stored versions: what they take, when they came and were used last, and from where')
    .option('--json', 'one JSON object a line')
    .option('--limit <n>', 'versions at most; the page ends between modules', whole)
    .option('--after <module>', 'begin behind this module path')
    .addHelpText(
      'after',
      `${PATTERNS}\n\nExamples:\n  modgate store ls\n  modgate store ls 'golang.org/x/*' 'github.com/*@v0.*' --json`,
    )
    .action((patterns: string[], options: ListOptions, command: Command) =>
      withStore(command, (session) => list(session, patterns, options)),
    );
}

interface ListOptions {
  readonly json?: boolean;
  readonly limit?: number;
  readonly after?: string;
}

async function list(
  { upkeep, signal }: StoreSession,
  patterns: string[],
  options: ListOptions,
): Promise<void> {
  const { json = false, limit = Infinity, after = '' } = options;
  const found: VersionEntry[] = [];
  let count = 0;
  for await (const module of upkeep.versions(patterns, after)) {
    signal.throwIfAborted();
    const entries = module.map(entryOf);
    count += entries.length;
    if (json) await print(entries.map((entry) => `${JSON.stringify(entry)}\n`).join(''));
    else found.push(...entries);
    if (count >= limit) break;
  }
  if (json) return;
  if (found.length === 0)
    await print(`no stored version${patterns.length === 0 ? '' : ` matches ${patterns.join(' ')}`}\n`);
  else await print(versionsTable(found, Date.now()));
}

function stats(): Command {
  return withConfigFlags(new Command('stats'))
    .description('say how much is stored')
    .option('--json', 'as a JSON object')
    .addHelpText('after', '\nExample:\n  modgate store stats --json')
    .action((options: { json?: boolean }, command: Command) =>
      withStore(command, async ({ upkeep }) => {
        const found = await upkeep.stats();
        await print(options.json === true ? `${JSON.stringify(found)}\n` : statsText(found, Date.now()));
      }),
    );
}

function du(): Command {
  return withConfigFlags(new Command('du'))
    .argument('[pattern...]', 'which modules; default: all')
    .description('say what each module takes, the largest first')
    .option('--json', 'one JSON object a line')
    .option('--limit <n>', 'lines at most', whole, 20)
    .option('--depth <n>', 'put modules together by so many elements of their path; 1: by host', whole, 0)
    .addHelpText('after', '\nExamples:\n  modgate store du\n  modgate store du --depth 1')
    .action(
      (patterns: string[], options: { json?: boolean; limit: number; depth: number }, command: Command) =>
        withStore(command, async ({ upkeep }) => {
          const found = (await upkeep.usage(patterns, options.depth)).slice(0, options.limit);
          const lines = found.map((entry) => `${JSON.stringify(entry)}\n`).join('');
          await print(options.json === true ? lines : usageTable(found, Date.now()));
        }),
    );
}

function gc(): Command {
  return withConfigFlags(new Command('gc'))
    .description('remove what dead processes left, bring the catalogue up to date, and evict down to the cap')
    .option('--json', 'one JSON object a line')
    .option('--cap <size>', 'cap for this once, for example 20GiB; default: store.cap', size, 0)
    .addHelpText(
      'after',
      '\nOnly versions go that a source says it still has.\n\nExamples:\n  modgate store gc\n  modgate store gc --cap 20GiB',
    )
    .action((options: { json?: boolean; cap: number }, command: Command) =>
      withStore(command, async ({ upkeep, signal }) => {
        for await (const event of collectEvents(upkeep, options.cap, signal)) {
          if (options.json === true) await print(`${JSON.stringify(event)}\n`);
          else if (event.event === 'end' && 'settled' in event) await print(collectedText(event));
        }
      }),
    );
}

function verify(): Command {
  return withConfigFlags(new Command('verify'))
    .argument('[pattern...]', 'which versions; default: every stored file')
    .description(
      'read everything again; what is not what was stored is moved to quarantine/; exit 1 where there was some',
    )
    .option('--json', 'one JSON object a line')
    .option('--no-quarantine', 'only tell')
    .addHelpText(
      'after',
      `${PATTERNS}\n\nExamples:\n  modgate store verify\n  modgate store verify 'example.com/*' --no-quarantine`,
    )
    .action((patterns: string[], options: { json?: boolean; quarantine: boolean }, command: Command) =>
      withStore(command, (session) => verifyAll(session, patterns, options)),
    );
}

async function verifyAll(
  { upkeep, signal }: StoreSession,
  patterns: string[],
  { json = false, quarantine }: { json?: boolean; quarantine: boolean },
): Promise<void> {
  let progress: Progress | undefined;
  try {
    for await (const event of verifyEvents(upkeep, patterns, { quarantine, signal })) {
      if (event.event === 'begin') progress = new Progress('verify', event.bytes);
      if (isSum(event) && event.bad + event.unreadable > 0) process.exitCode = 1;
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

function purge(): Command {
  return withConfigFlags(new Command('purge'))
    .argument('<pattern...>', 'which versions')
    .description('have what may change asked for again, and versions evicted first; with --hard remove them')
    .option('--hard', 'remove every file of the versions, their ziphash too')
    .option('--dry-run', 'only tell what would be purged')
    .option('-y, --yes', 'do not ask')
    .option('--json', 'one JSON object a line')
    .addHelpText(
      'after',
      `${PATTERNS}\n\nExamples:\n  modgate store purge example.com/lib\n  modgate store purge --hard 'example.com/*@v1.*' --dry-run`,
    )
    .action((patterns: string[], options: PurgeFlags, command: Command) =>
      withStore(command, (session) => purgeAll(session, patterns, options)),
    );
}

interface PurgeFlags {
  readonly hard?: boolean;
  readonly dryRun?: boolean;
  readonly yes?: boolean;
  readonly json?: boolean;
}

async function purgeAll(
  { upkeep, signal }: StoreSession,
  patterns: string[],
  flags: PurgeFlags,
): Promise<void> {
  const { hard = false, dryRun = false, yes = false, json = false } = flags;
  const { versions, modules, bytes } = await upkeep.count(patterns);
  const what = `${versions} versions of ${modules} modules, ${sizeText(bytes)}`;
  if (versions > 1 && !dryRun && !yes) await ask(`${hard ? 'Remove' : 'Purge'} ${what}?`, hard);
  const verb = dryRun ? 'would purge' : hard ? 'removed' : 'purged';
  let purged = 0;
  for await (const event of purgeEvents(upkeep, patterns, { hard, dryRun, signal })) {
    if (json) await print(`${JSON.stringify(event)}\n`);
    else if (event.event === 'purged') {
      purged += event.versions.length;
      await print(`${verb} ${event.module}: ${event.versions.join(' ')}\n`);
    }
  }
  if (!json && purged === 0) await print(`no stored version matches ${patterns.join(' ')}\n`);
}

/** On a terminal; elsewhere only what cannot be undone needs --yes. */
async function ask(question: string, hard: boolean): Promise<void> {
  if (!process.stdin.isTTY) {
    if (!hard) return;
    throw new ModgateError('USAGE', `${question} Nobody is here to answer`, {
      next: 'Add --yes, or see --dry-run first.',
    });
  }
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  const answer = await lines.question(`${question} [y/N] `).finally(() => lines.close());
  if (!/^y(?:es)?$/i.test(answer.trim())) throw new ModgateError('CANCELED', 'nothing was purged');
}

/** Whoever reads may be slow, or have read enough. */
async function print(text: string): Promise<void> {
  if (text === '' || process.stdout.write(text)) return;
  await once(process.stdout, 'drain');
}

function whole(text: string): number {
  if (/^[0-9]{1,9}$/.test(text)) return Number(text);
  throw new ModgateError('USAGE', `${JSON.stringify(text)} is no whole number`);
}

function size(text: string): number {
  const bytes = parseSize(text);
  if (bytes !== undefined && bytes > 0) return bytes;
  throw new ModgateError('USAGE', `${JSON.stringify(text)} is no size`, {
    next: 'Write for example 500MB or 20GiB.',
  });
}
