import { ModgateError } from '../errors/index.ts';

/** The source that admissions and refusals of an import name. */
export const IMPORT_SOURCE = 'import';
const PREFIX = `source "${IMPORT_SOURCE}": `;

/**
 * A refusal of the gateway, which speaks of sources, as one that speaks of the file that was refused.
 * @param path of the file, below the folder that is imported
 */
export function fileFault(path: string, thrown: unknown): unknown {
  if (!(thrown instanceof ModgateError) || thrown.source !== IMPORT_SOURCE) return thrown;
  const { code, message, cause } = thrown;
  const why = message.startsWith(PREFIX) ? message.slice(PREFIX.length) : message;
  // What helps with a source that gives no proper answer is to see what its address answers.
  const next = code === 'UPSTREAM_BAD_ANSWER' ? 'look at that file; nothing of it was stored' : thrown.next;
  return new ModgateError(code, `${path}: ${why}`, { cause, next });
}
