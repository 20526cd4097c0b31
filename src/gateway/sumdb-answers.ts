/**
 * What a checksum database may answer, by shape. Not a proof: the go command verifies signatures and hashes itself. But
 * what is kept for good must at least be what it says, and not the login page of a proxy that answered 200.
 */
import { ModgateError } from '../errors/index.ts';

const HASH = '[A-Za-z0-9+/]{43}=';
/** sumdb/note and tlog: first line, size, root, perhaps more lines, a blank line, signatures */
const TREE_NOTE = `[^\\n]+\\n\\d{1,19}\\n${HASH}\\n(?:[^\\n]+\\n)*\\n(?:\\u2014 [^\\n]+\\n)+`;
const LATEST = new RegExp(`^${TREE_NOTE}$`);
/** the record's number, its lines as in go.sum, a blank line, the tree note */
const LOOKUP = new RegExp(`^\\d{1,19}\\n(?:[^\\s]+ [^\\s]+ h1:${HASH}\\n)+\\n${TREE_NOTE}$`);
/** bytes of a hash; hashes in a full tile */
const HASH_SIZE = 32;
const FULL_WIDTH = 256;

/** Throws UPSTREAM_BAD_ANSWER for bytes that cannot be the answer of this endpoint. */
export function checkSumdbAnswer(endpoint: string, bytes: Buffer, source: string): void {
  if (fits(endpoint, bytes)) return;
  throw new ModgateError(
    'UPSTREAM_BAD_ANSWER',
    `source "${source}": ${endpoint} is not what a checksum database answers`,
    {
      source,
      next: 'see what that address answers; a login page or a portal in between is the usual reason',
    },
  );
}

function fits(endpoint: string, bytes: Buffer): boolean {
  if (endpoint === 'supported') return !isPage(bytes);
  if (endpoint === 'latest') return LATEST.test(bytes.toString('utf8'));
  if (endpoint.startsWith('lookup/')) return LOOKUP.test(bytes.toString('utf8'));
  if (endpoint.startsWith('tile/8/data/')) return bytes.length > 0 && !isPage(bytes);
  const width = /\.p\/(\d+)$/.exec(endpoint)?.[1];
  return bytes.length === HASH_SIZE * (width === undefined ? FULL_WIDTH : Number(width));
}

function isPage(bytes: Buffer): boolean {
  return /^\s*</.test(bytes.subarray(0, 256).toString('utf8'));
}
