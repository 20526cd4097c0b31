import { ModgateError } from '../errors/index.ts';

/** runes of hostile text that an error message repeats */
const MAX_SHOWN = 120;

/** Hostile text for an error message: quoted, control characters escaped, cut. */
export function shown(text: string): string {
  const cut = text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}…` : text;
  return JSON.stringify(cut);
}

export function invalidModule(what: string, text: string, why: string): ModgateError {
  return new ModgateError('INVALID_MODULE', `${what} ${shown(text)}: ${why}`);
}
