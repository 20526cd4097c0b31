import { ModgateError } from '../errors/index.ts';

/** '/'-separated, escaped, relative; only parseKey makes one. */
export type TreeKey = string & { readonly brand: 'TreeKey' };

/** bytes; an S3 key's limit, so that a tree can move there */
export const MAX_KEY_BYTES = 1024;
/** bytes; NAME_MAX of the usual file systems */
export const MAX_ELEMENT_BYTES = 255;

/**
 * Checks a key. Its text comes from a request: the attacker controls every byte of it, and it becomes a
 * file's path, so nothing in it may lead elsewhere.
 * @throws INVALID_MODULE
 */
export function parseKey(text: string): TreeKey {
  const fault = keyFault(text);
  if (fault !== undefined) throw new ModgateError('INVALID_MODULE', `no file can have this name: ${fault}`);
  return text as TreeKey; // the one place that brands
}

function keyFault(text: string): string | undefined {
  // Most keys are short ASCII: three bytes a UTF-16 unit is the most, so the count is seldom needed.
  if (text.length * 3 > MAX_KEY_BYTES && Buffer.byteLength(text) > MAX_KEY_BYTES) {
    return `longer than ${MAX_KEY_BYTES} bytes`;
  }
  if (text.includes('\0') || text.includes('\\')) return 'a NUL or a backslash';
  // A lone surrogate would be written as U+FFFD, so that two keys could meet in one file.
  if (/\p{Surrogate}/u.test(text)) return 'not Unicode text';
  for (const element of text.split('/')) {
    if (element === '' || element === '.' || element === '..') return `an element "${element}"`;
    if (element.length * 3 > MAX_ELEMENT_BYTES && Buffer.byteLength(element) > MAX_ELEMENT_BYTES) {
      return `an element longer than ${MAX_ELEMENT_BYTES} bytes`;
    }
  }
  return undefined;
}
