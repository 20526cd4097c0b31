/** Units of durations, in ms. */
const DURATIONS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/** Units of sizes, in bytes: SI by thousands, IEC by 1024. */
const SIZES: Readonly<Record<string, number>> = {
  B: 1,
  kB: 1e3,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  TiB: 2 ** 40,
};

export const DURATION_PATTERN = '^(0|([0-9]+(\\.[0-9]+)?(ms|s|m|h|d))+)$';
export const SIZE_PATTERN = '^[0-9]+(\\.[0-9]+)?(B|[kK]B|MB|GB|TB|KiB|MiB|GiB|TiB)?$';

/** `500ms`, `10s`, `1m30s`, `7d`, `0` as whole ms; undefined where the text is none. */
export function parseDuration(text: string): number | undefined {
  if (!new RegExp(DURATION_PATTERN).test(text)) return undefined;
  let total = 0;
  for (const [, amount, unit] of text.matchAll(/([0-9.]+)(ms|s|m|h|d)/g)) {
    total += Number(amount) * (DURATIONS[unit ?? ''] ?? Number.NaN);
  }
  return whole(total);
}

/** `64MiB`, `1GB`, `4096` as bytes; undefined where the text is none. */
export function parseSize(text: string): number | undefined {
  if (!new RegExp(SIZE_PATTERN).test(text)) return undefined;
  const [, amount, unit] = /^([0-9.]+)([A-Za-z]*)$/.exec(text) ?? [];
  return whole(Number(amount) * (SIZES[unit === '' ? 'B' : (unit ?? '')] ?? Number.NaN));
}

function whole(value: number): number | undefined {
  const rounded = Math.round(value);
  return Number.isSafeInteger(rounded) ? rounded : undefined;
}

/** The shortest text that `parseDuration` reads as this many ms, largest units first. */
export function formatDuration(ms: number): string {
  let left = ms;
  let text = '';
  for (const unit of ['d', 'h', 'm', 's', 'ms']) {
    const size = DURATIONS[unit] ?? 1;
    const amount = Math.floor(left / size);
    if (amount > 0) text += `${amount}${unit}`;
    left -= amount * size;
  }
  return text === '' ? '0' : text;
}

/** Exact: in the largest unit of 1024s that divides it, else plain bytes. */
export function formatSize(bytes: number): string | number {
  const unit = ['TiB', 'GiB', 'MiB', 'KiB'].find((name) => bytes > 0 && bytes % (SIZES[name] ?? 1) === 0);
  return unit === undefined ? bytes : `${bytes / (SIZES[unit] ?? 1)}${unit}`;
}
