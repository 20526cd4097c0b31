/** Names in lower case → values, quotes and escapes removed: what one proxy said. */
type Element = ReadonlyMap<string, string>;

/**
 * A pair, and what ends it (RFC 7239, 4; token and quoted-string of RFC 9110, 5.6). White space around ";" is let
 * pass. No two parts that stand beside each other can take the same character, so the time is linear.
 */
const STEP =
  /[ \t]*(?:([\w!#$%&'*+.^`|~-]+)=(?:([\w!#$%&'*+.^`|~-]+)|"([^"\\]*(?:\\.[^"\\]*)*)")[ \t]*)?([,;]|$)/y;

/**
 * The elements of a Forwarded header, the nearest proxy's last. A header that is malformed anywhere has none: a quote
 * that a client leaves open would change what the text behind it means, which the proxies appended.
 */
export function forwardedElements(header: string): readonly Element[] {
  const elements: Element[] = [];
  let element = new Map<string, string>();
  STEP.lastIndex = 0;
  for (;;) {
    const found = STEP.exec(header);
    if (found === null) return [];
    const [, key, token, text, end] = found;
    if (key !== undefined) {
      const name = key.toLowerCase();
      if (element.has(name)) return [];
      element.set(name, token ?? text?.replace(/\\(.)/g, '$1') ?? '');
    }
    if (end === ';') continue;
    if (element.size > 0) elements.push(element);
    if (end === '') return elements;
    element = new Map();
  }
}
