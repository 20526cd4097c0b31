/** Interpreted string literals of Go, as strconv.Unquote reads them. */

const SIMPLE: Readonly<Record<string, number>> = {
  a: 7,
  b: 8,
  f: 12,
  n: 10,
  r: 13,
  t: 9,
  v: 11,
  '\\': 92,
  '"': 34,
};
const ESCAPE = /\\(?:([abfnrtv\\"])|x([0-9a-fA-F]{2})|([0-7]{3})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8}))/y;
const PLAIN = /[^\\"\n]+/y;

/**
 * The text that a literal in double quotes stands for, undefined where it is malformed. Bytes that are no
 * UTF-8 become U+FFFD.
 */
export function unquote(literal: string): string | undefined {
  if (literal.length < 2 || !literal.startsWith('"') || !literal.endsWith('"')) return undefined;
  const body = literal.slice(1, -1);
  const parts: Buffer[] = [];
  for (let at = 0; at < body.length; ) {
    const pattern = body[at] === '\\' ? ESCAPE : PLAIN;
    pattern.lastIndex = at;
    const match = pattern.exec(body);
    const bytes = match === null ? undefined : pattern === PLAIN ? Buffer.from(match[0]) : escaped(match);
    if (match === null || bytes === undefined) return undefined;
    parts.push(bytes);
    at += match[0].length;
  }
  return Buffer.concat(parts).toString('utf8');
}

function escaped(match: RegExpExecArray): Buffer | undefined {
  const [, simple, hex, octal, u4, u8] = match;
  if (simple !== undefined) return Buffer.of(SIMPLE[simple] ?? 0);
  if (hex !== undefined) return Buffer.of(Number.parseInt(hex, 16));
  if (octal !== undefined) {
    const byte = Number.parseInt(octal, 8);
    return byte > 0xff ? undefined : Buffer.of(byte);
  }
  const rune = Number.parseInt(u4 ?? u8 ?? '', 16);
  if (rune > 0x10ffff || (rune >= 0xd800 && rune <= 0xdfff)) return undefined;
  return Buffer.from(String.fromCodePoint(rune));
}
