/** How URLs, durations and foreign text stand in a message. */

/** A URL for messages and logs: no user info, no fragment, and no query, which may be a signature. */
export function urlText(url: URL): string {
  return `${url.protocol}//${url.host}${url.pathname}${url.search === '' ? '' : '?…'}`;
}

/** @param ms 0.. */
export function durationText(ms: number): string {
  return ms >= 1000 ? `${Number((ms / 1000).toFixed(1))} s` : `${Math.round(ms)} ms`;
}

/** lines of foreign text that a message may hold */
const MAX_LINES = 2;
/** characters of a line */
const MAX_LINE = 200;

/**
 * The first lines of a text that the upstream controls, fit for a terminal: graphic characters only, at most
 * 2 lines of 200 characters. An invalid byte sequence becomes U+FFFD.
 * @param secrets that must not be repeated, as an upstream that echoes its request would
 */
export function quotedLines(bytes: Uint8Array, secrets: readonly string[] = []): readonly string[] {
  const text = secrets.reduce(
    (masked, secret) => masked.replaceAll(secret, '[secret]'),
    new TextDecoder().decode(bytes),
  );
  return text
    .split(/\r?\n/)
    .map((line) => graphic(line).slice(0, MAX_LINE))
    .filter((line) => line !== '')
    .slice(0, MAX_LINES);
}

/** Only letters, marks, numbers, punctuation, symbols and single spaces remain. */
export function graphic(text: string): string {
  return text.replace(/[^\p{L}\p{M}\p{N}\p{P}\p{S}]+/gu, ' ').trim();
}
