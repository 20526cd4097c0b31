import { ModgateError } from '../errors/index.ts';

/** The source that admissions and refusals of an import name. */
export const IMPORT_SOURCE = 'import';
/** what helps with a file that is no proper one */
export const LOOK = 'look at that file; nothing of it was stored';
const PREFIX = `source "${IMPORT_SOURCE}": `;

/**
 * A refusal of the gateway, which speaks of sources, as one that speaks of the file that was refused.
 * @param path of the file, below the folder that is imported
 */
export function fileFault(path: string, thrown: unknown): unknown {
  if (!(thrown instanceof ModgateError) || thrown.source !== IMPORT_SOURCE) return thrown;
  const { message, cause } = thrown;
  const why = message.startsWith(PREFIX) ? message.slice(PREFIX.length) : message;
  // A fault of a checksum database's file begins with the end of its path.
  const [first = ''] = why.split(' ', 1);
  const text = path.endsWith(`/${first}`) ? path + why.slice(first.length) : `${path}: ${why}`;
  // There is no address behind a file, and nobody who answers.
  const bad = thrown.code === 'UPSTREAM_BAD_ANSWER';
  return bad
    ? new ModgateError('BAD_REQUEST', text, { cause, next: LOOK })
    : new ModgateError(thrown.code, text, { cause, next: thrown.next });
}
