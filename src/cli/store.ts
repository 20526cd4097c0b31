import { Command } from 'commander';
import { parseDuration, parseSize } from '../config/index.ts';
import { ModgateError } from '../errors/index.ts';
import { describe } from './help.ts';
import { CONFIG_FILES, CONFIG_VARIABLES, SOURCE_FLAGS, STORE_FLAGS, withConfigFlags } from './options.ts';
import type {
  CollectOptions,
  ListOptions,
  PurgeFlags,
  QuarantineFlags,
  UsageOptions,
  VerifyFlags,
} from './store-run.ts';

const PATTERNS =
  'A pattern is a module path, a glob of paths in the syntax of GOPRIVATE, or either with @version behind it, where the version may be a glob too. A path without *, ? or [ is that one module; a glob is everything below what it matches.';
const ABOUT = { environment: CONFIG_VARIABLES, files: CONFIG_FILES };
const STOPPED = { 130: 'it was stopped by Ctrl-C; what was done until then stays done' };

export function storeCommand(): Command {
  const command = new Command('store').description('look at, check, shrink and clean the stored modules');
  for (const child of [ls(), stats(), du(), gc(), verify(), purge(), quarantine()]) command.addCommand(child);
  return describe(command, {
    details: 'All of them may run beside a server on the same data folder.',
    examples: [
      ['modgate store stats', 'how much is stored'],
      ['modgate store verify --data /var/lib/modgate', 'check every stored file'],
    ],
  });
}

function ls(): Command {
  const command = withConfigFlags(new Command('ls'), STORE_FLAGS)
    .argument('[pattern...]', 'which versions; default: all')
    .description('list stored versions: what they take, when they came and were used last, and from where')
    .option('--json', 'one JSON object a line')
    .option(
      '--limit <n>',
      'versions at most; where there are more, the last line says how to go on',
      positive,
    )
    .option('--after <module>', 'begin behind this module path, or where a page with --limit ended')
    .action(async (patterns: string[], options: ListOptions, command: Command) =>
      (await import('./store-run.ts')).runLs(command, patterns, options),
    );
  return describe(command, {
    ...ABOUT,
    details: PATTERNS,
    examples: [
      ['modgate store ls', 'every stored version'],
      ["modgate store ls 'golang.org/x/*' 'github.com/*@v0.*' --json", 'some of them, for a program'],
    ],
    exitCodes: { ...STOPPED, 1: 'nothing matches, or it failed' },
    seeAlso: ['modgate store du'],
  });
}

function stats(): Command {
  const command = withConfigFlags(new Command('stats'), STORE_FLAGS)
    .description('say how much is stored')
    .option('--json', 'as a JSON object')
    .action(async ({ json = false }: { json?: boolean }, command: Command) =>
      (await import('./store-run.ts')).runStats(command, json),
    );
  return describe(command, {
    ...ABOUT,
    examples: [['modgate store stats --json', 'modules, versions, bytes, cap and quarantine']],
  });
}

function du(): Command {
  const command = withConfigFlags(new Command('du'), STORE_FLAGS)
    .argument('[pattern...]', 'which versions; default: all')
    .description('say what each module takes, the largest first')
    .option('--json', 'one JSON object a line')
    .option('--limit <n>', 'lines at most', positive, 20)
    .option('--depth <n>', 'put modules together by so many elements of their path; 1: by host', whole, 0)
    .action(async (patterns: string[], options: UsageOptions, command: Command) =>
      (await import('./store-run.ts')).runDu(command, patterns, options),
    );
  return describe(command, {
    ...ABOUT,
    details: PATTERNS,
    examples: [
      ['modgate store du', 'the 20 largest modules'],
      ['modgate store du --depth 1', 'by host'],
    ],
    seeAlso: ['modgate store ls'],
  });
}

function gc(): Command {
  const command = withConfigFlags(new Command('gc'), SOURCE_FLAGS)
    .description('remove what dead processes left, bring the catalogue up to date, and evict down to the cap')
    .option('--json', 'one JSON object a line')
    .option('--cap <size>', 'cap for this once, for example 20GiB; default: store.cap', size, 0)
    .action(async (options: CollectOptions, command: Command) =>
      (await import('./store-run.ts')).runGc(command, options),
    );
  return describe(command, {
    ...ABOUT,
    details:
      "Only files go that a source still has, byte by byte; the least recently used first. Each source is asked again, whatever it said before. No source is asked about a version that came from another one: with another chain than the server's, such versions stay. What was imported is asked for as any other.",
    examples: [
      ['modgate store gc --config /etc/modgate.yaml', 'down to store.cap, asking the sources of the server'],
      ['modgate store gc --cap 20GiB', 'down to another cap'],
    ],
    exitCodes: { ...STOPPED, 1: 'the store is still above the cap, or it failed' },
  });
}

function verify(): Command {
  const command = withConfigFlags(new Command('verify'), STORE_FLAGS)
    .argument('[pattern...]', 'which versions; default: every stored file')
    .description('read everything again, and move what is not what was stored to quarantine/')
    .option('--json', 'one JSON object a line')
    .option('--no-quarantine', 'only tell')
    .action(async (patterns: string[], flags: VerifyFlags, command: Command) =>
      (await import('./store-run.ts')).runVerify(command, patterns, flags),
    );
  return describe(command, {
    ...ABOUT,
    details: `What was moved away is fetched anew by the next request for it. ${PATTERNS}`,
    examples: [
      ['modgate store verify', 'every stored file'],
      ["modgate store verify 'example.com/*' --no-quarantine", 'only tell, for some modules'],
    ],
    exitCodes: { ...STOPPED, 1: 'something was bad or could not be read, nothing matches, or it failed' },
  });
}

function purge(): Command {
  const command = withConfigFlags(new Command('purge'), STORE_FLAGS)
    .argument('<pattern...>', 'which versions')
    .description('have what may change asked for again, and versions evicted first; with --hard remove them')
    .option('--hard', 'remove every file of the versions, their ziphash too')
    .option('--dry-run', 'only tell what would be purged')
    .option('-y, --yes', 'do not ask')
    .option('--json', 'one JSON object a line')
    .action(async (patterns: string[], flags: PurgeFlags, command: Command) =>
      (await import('./store-run.ts')).runPurge(command, patterns, flags),
    );
  return describe(command, {
    ...ABOUT,
    details: `After --hard the next fetch may bring other bytes; only go.sum and the checksum database then notice. What was published or deleted here stays, and is told. ${PATTERNS}`,
    examples: [
      ['modgate store purge example.com/lib', 'ask for its lists again'],
      ["modgate store purge --hard 'example.com/*@v1.*' --dry-run", 'see what would be removed'],
    ],
    seeAlso: ['modgate delete'],
    exitCodes: { ...STOPPED, 1: 'nothing matches, the answer was no, or it failed' },
  });
}

function quarantine(): Command {
  const command = withConfigFlags(new Command('quarantine'), STORE_FLAGS)
    .argument('[pattern...]', 'of which versions; default: every file')
    .description('list what was moved away because it was not what was stored; with --remove delete it')
    .option('--older <duration>', 'only what was moved away longer ago than that, for example 30d', duration)
    .option('--remove', 'delete it for good')
    .option('-y, --yes', 'do not ask')
    .option('--json', 'one JSON object a line')
    .action(async (patterns: string[], flags: QuarantineFlags, command: Command) =>
      (await import('./store-run.ts')).runQuarantine(command, patterns, flags),
    );
  return describe(command, {
    ...ABOUT,
    details: `Nothing else empties the quarantine: where a source lost a version, a file in it may be the only copy. ${PATTERNS}`,
    examples: [
      ['modgate store quarantine', 'what lies there, since when'],
      ['modgate store quarantine --older 90d --remove', 'empty it of what is old'],
    ],
    exitCodes: { ...STOPPED, 1: 'the answer was no, or it failed' },
    seeAlso: ['modgate store verify'],
  });
}

function duration(text: string): number {
  const ms = parseDuration(text);
  if (ms !== undefined) return ms;
  throw new ModgateError('USAGE', `${JSON.stringify(text)} is no duration`, {
    next: 'Write for example 12h or 30d.',
  });
}

function whole(text: string): number {
  if (/^[0-9]{1,9}$/.test(text)) return Number(text);
  throw new ModgateError('USAGE', `${JSON.stringify(text)} is no whole number`);
}

function positive(text: string): number {
  const n = whole(text);
  if (n > 0) return n;
  throw new ModgateError('USAGE', '0 would show nothing', {
    next: 'Give a number from 1 on, or leave it out.',
  });
}

function size(text: string): number {
  const bytes = parseSize(text);
  if (bytes !== undefined && bytes > 0) return bytes;
  throw new ModgateError('USAGE', `${JSON.stringify(text)} is no size`, {
    next: 'Write for example 500MB or 20GiB.',
  });
}
