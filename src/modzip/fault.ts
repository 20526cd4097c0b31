import { ModgateError } from '../errors/index.ts';

/** characters of a hostile name that a message repeats */
const MAX_SHOWN = 160;

export function badZip(why: string, cause?: unknown): ModgateError {
  return new ModgateError('BAD_ZIP', `${PREAMBLE}${why}`, { cause });
}

const PREAMBLE = 'bad module zip: ';

/** What badZip was told. */
export function whyBad({ message }: ModgateError): string {
  return message.startsWith(PREAMBLE) ? message.slice(PREAMBLE.length) : message;
}

/** A hostile name for a message: quoted, control characters escaped, cut. */
export function shown(name: string): string {
  return JSON.stringify(name.length > MAX_SHOWN ? `${name.slice(0, MAX_SHOWN)}…` : name);
}
