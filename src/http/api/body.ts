import type { IncomingMessage } from 'node:http';
import { parseSize } from '../../config/index.ts';
import { ModgateError } from '../../errors/index.ts';

/** bytes of a request */
const MAX_BODY = 256 << 10;

/** The JSON object that a request brings; {} where it brings nothing. BAD_REQUEST for anything else, and for unknown names. */
export async function readFields(
  req: IncomingMessage,
  known: readonly string[],
): Promise<Readonly<Record<string, unknown>>> {
  const text = await readText(req);
  if (text.trim() === '') return {};
  if (!/^application\/json\b/i.test(req.headers['content-type'] ?? ''))
    throw bad('the body must have the type application/json');
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw bad('the body is no JSON');
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw bad('the body must be an object');
  const unknown = Object.keys(value).find((name) => !known.includes(name));
  if (unknown !== undefined) throw bad(`unknown field ${JSON.stringify(unknown.slice(0, 80))}`);
  return { ...value };
}

async function readText(req: IncomingMessage): Promise<string> {
  const pieces: Buffer[] = [];
  let size = 0;
  // What leaves the loop early must not end the connection, which is to carry the refusal.
  for await (const piece of req.iterator({ destroyOnReturn: false })) {
    // A request without an encoding yields Buffers; its type does not say so.
    const bytes = piece as Buffer;
    size += bytes.length;
    if (size > MAX_BODY) {
      // Read to its end and thrown away: a connection that is closed with bytes unread takes the answer with it.
      req.resume();
      throw bad(`the body is larger than ${MAX_BODY} bytes`);
    }
    pieces.push(bytes);
  }
  return Buffer.concat(pieces).toString('utf8');
}

/** BAD_REQUEST for a parameter that means nothing here: what is misspelt must not widen a request. */
export function checkQuery(query: URLSearchParams, known: readonly string[]): void {
  const unknown = [...query.keys()].find((name) => !known.includes(name));
  if (unknown !== undefined) throw bad(`unknown parameter ${JSON.stringify(unknown.slice(0, 80))}`);
  const twice = known.find((name) => name !== 'match' && query.getAll(name).length > 1);
  if (twice !== undefined) throw bad(`${twice} stands there twice`);
}

export function flagOf(fields: Readonly<Record<string, unknown>>, name: string, otherwise: boolean): boolean {
  const value = fields[name] ?? otherwise;
  if (typeof value === 'boolean') return value;
  throw bad(`${name} must be true or false`);
}

export function textsOf(fields: Readonly<Record<string, unknown>>, name: string): string[] {
  const value = fields[name] ?? [];
  if (Array.isArray(value) && value.every((one) => typeof one === 'string')) return value;
  throw bad(`${name} must be a list of texts`);
}

export function sizeOf(fields: Readonly<Record<string, unknown>>, name: string): number {
  const value = fields[name] ?? 0;
  const bytes = typeof value === 'string' ? parseSize(value) : value;
  if (typeof bytes === 'number' && Number.isSafeInteger(bytes) && bytes >= 0) return bytes;
  throw bad(`${name} must be a number of bytes, or a size as "20GiB"`);
}

export function wholeNumber(
  query: URLSearchParams,
  name: string,
  otherwise: number,
  most: number,
  least = 0,
): number {
  const text = query.get(name);
  if (text === null || text === '') return otherwise;
  const value = /^[0-9]{1,9}$/.test(text) ? Number(text) : -1;
  if (value >= least && value <= most) return value;
  throw bad(`${name} must be a whole number, ${least} to ${most}`);
}

function bad(why: string): ModgateError {
  return new ModgateError('BAD_REQUEST', why, { next: 'correct the request and ask again' });
}
