/** One element of a chain and what lets the next one be asked: `,` absence, `|` any failure. */
export interface ChainElement {
  /** a source's name, a URL, `direct`, `off` or `published` */
  readonly element: string;
  /** undefined for the last element */
  readonly separator: ',' | '|' | undefined;
}

/**
 * A chain in the syntax of GOPROXY; spaces around elements and empty elements are passed over, as
 * cmd/go/internal/modfetch proxyList does. Any text has a reading, the empty one no elements.
 */
export function parseChain(text: string): readonly ChainElement[] {
  const parts = [...text.matchAll(/([^,|]+)([,|]?)/g)]
    .map(([, part, separator]) => ({ element: (part ?? '').trim(), separator }))
    .filter(({ element }) => element !== '');
  return parts.map(({ element, separator }, i) => {
    const follows = i === parts.length - 1 ? undefined : separator === '|' ? '|' : ',';
    return { element, separator: follows };
  });
}

/** The text that `parseChain` reads as these elements. */
export function formatChain(elements: readonly ChainElement[]): string {
  return elements.map(({ element, separator }) => element + (separator ?? '')).join('');
}

/** What a chain may name beside sources; no source can have such a name. */
export const CHAIN_WORDS: ReadonlySet<string> = new Set(['direct', 'off', 'published']);
