import type { Collected, Stay, StoreStats, UsageEntry, VerifySum, VersionEntry } from '../gateway/index.ts';
import type { QuarantinedFile } from '../store/index.ts';

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];

/** `8.4 MiB`; at most one digit behind the point. */
export function sizeText(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < UNITS.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${UNITS[unit] ?? ''}`;
}

const AGES: readonly (readonly [seconds: number, name: string])[] = [
  [86_400, 'd'],
  [3_600, 'h'],
  [60, 'min'],
];

/** `3 d ago`; the largest unit only. */
function ageText(time: string | null, now: number): string {
  if (time === null) return '-';
  const seconds = Math.max(0, (now - Date.parse(time)) / 1000);
  const [size, name] = AGES.find(([one]) => seconds >= one) ?? [1, 's'];
  return `${Math.floor(seconds / size)} ${name} ago`;
}

/** Columns two spaces apart; those in `right` end, the others begin together. */
function table(rows: readonly (readonly string[])[], right: readonly number[] = []): string {
  const widths: number[] = [];
  for (const row of rows)
    for (const [i, cell] of row.entries()) widths[i] = Math.max(widths[i] ?? 0, cell.length);
  const line = (row: readonly string[]) =>
    row
      .map((cell, i) => (right.includes(i) ? cell.padStart(widths[i] ?? 0) : cell.padEnd(widths[i] ?? 0)))
      .join('  ')
      .trimEnd();
  return rows.map((row) => `${line(row)}\n`).join('');
}

export function versionsTable(entries: readonly VersionEntry[], now: number): string {
  const rows = entries.map((one) => [
    one.module,
    one.version,
    sizeText(one.disk),
    ['info', 'mod', 'zip'].filter((kind) => one[kind as 'info' | 'mod' | 'zip'] !== null).join(' '),
    ageText(one.stored, now),
    one.used === null ? 'purged' : ageText(one.used, now),
    one.source,
  ]);
  return table([['module', 'version', 'on disk', 'files', 'stored', 'last use', 'source'], ...rows], [2]);
}

export function quarantineTable(files: readonly QuarantinedFile[], now: number): string {
  if (files.length === 0) return 'nothing is in quarantine\n';
  const rows = files.map(({ moved, size, path }) => [sizeText(size), ageText(moved, now), path]);
  return table([['size', 'moved', 'file, below the data folder'], ...rows], [0]);
}

export function usageTable(entries: readonly UsageEntry[], now: number): string {
  const rows = entries.map(({ path, modules, versions, bytes, used }) => [
    sizeText(bytes),
    String(versions),
    String(modules),
    ageText(used, now),
    path,
  ]);
  return table([['on disk', 'versions', 'modules', 'last use', 'path'], ...rows], [0, 1, 2]);
}

export function statsText(stats: StoreStats, now: number): string {
  const share = stats.cap === 0 ? 'none' : `${sizeText(stats.cap)}, ${percent(stats.bytes, stats.cap)} used`;
  return table([
    ['modules', String(stats.modules)],
    ['versions', String(stats.versions)],
    ['on disk', `${sizeText(stats.bytes)}, of which ${sizeText(stats.otherBytes)} lists, answers, checksums`],
    ['cap', share],
    ['quarantine', `${stats.quarantinedFiles} files, ${sizeText(stats.quarantinedBytes)}`],
    ['all checked', stats.scrubbed === null ? 'not yet' : ageText(stats.scrubbed, now)],
  ]);
}

export function percent(part: number, whole: number): string {
  return `${whole === 0 ? 100 : Math.floor((part / whole) * 100)} %`;
}

/** Why versions stay, and how to go on. */
const WHY_KEPT: Readonly<Record<Stay, string>> = {
  gone: 'that no source has any more: what is not needed goes by modgate store purge --hard',
  other: 'of which a source has other bytes: what is not needed goes by modgate store purge --hard',
  silent: 'about which no source answered: run it again when they do',
  used: 'that were used or changed meanwhile',
  published: 'published here, where no source has them',
  foreign: "from sources that this configuration does not ask for them: name the server's with --config",
  unknown:
    'that were imported, or whose source nobody knows: only the running server asks about them, by store.cap or its own gc',
};

export function collectedText(done: Collected): string {
  const lines = [
    `looked at ${done.files} files; the catalogue was brought up to date for ${done.settled}`,
    `evicted from ${done.versions} versions: ${sizeText(done.bytes)}`,
    `removed ${done.emptied} empty folders`,
  ];
  if (done.kept > 0) lines.push(`kept ${done.kept} versions, ${sizeText(done.keptBytes)}:`);
  for (const [why, text] of Object.entries(WHY_KEPT)) {
    // Its keys are those of the table above.
    const count = done.why[why as Stay] ?? 0;
    if (count > 0) lines.push(`  ${count} ${text}`);
  }
  if (done.unanswered) lines.push('stopped asking: no source answers. Run it again when they do');
  if (done.over > 0)
    lines.push(
      `the store is still ${sizeText(done.over)} above the cap; modgate store stats and du tell what takes it`,
    );
  return lines.map((line) => `${line}\n`).join('');
}

export function verifiedText(sum: VerifySum): string {
  const { files, bytes, bad, odd, unreadable, foreign } = sum;
  const what = [
    bad > 0 ? `${bad} bad` : '',
    unreadable > 0 ? `${unreadable} unreadable` : '',
    odd > 0 ? `${odd} odd` : '',
    foreign > 0 ? `${foreign} that are none of modgate's` : '',
  ].filter((part) => part !== '');
  const rest = bad + unreadable === 0 ? ['all fit', ...what] : what;
  return `checked ${files} files, ${sizeText(bytes)}: ${rest.join(', ')}\n`;
}
