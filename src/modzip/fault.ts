import { ModgateError } from '../errors/index.ts';

/** characters of a hostile name that a message repeats */
const MAX_SHOWN = 160;

export function badZip(why: string, cause?: unknown): ModgateError {
  return new ModgateError('BAD_ZIP', `bad module zip: ${why}`, { cause });
}

/** A hostile name for a message: quoted, control characters escaped, cut. */
export function shown(name: string): string {
  return JSON.stringify(name.length > MAX_SHOWN ? `${name.slice(0, MAX_SHOWN)}…` : name);
}
