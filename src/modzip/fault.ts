import { ModgateError } from '../errors/index.ts';
import { MAX_ZIP_BYTES } from './limits.ts';

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

/** @param next the next step, for who looks after the module */
export function badModule(why: string, next: string): ModgateError {
  return new ModgateError('BAD_MODULE', why, { next });
}

/** @param what has more bytes than a module zip may have */
interface Named {
  readonly name: string;
  /** bytes */
  readonly size: number;
}

export function tooLarge(what: string, largest?: Named): ModgateError {
  const file =
    largest === undefined
      ? ''
      : `\nits largest file is ${shown(largest.name)}: ${Math.ceil(largest.size / 2 ** 20)} MiB`;
  return badModule(
    `${what} is too large: the limit of a module is ${MAX_ZIP_BYTES >> 20} MiB${file}`,
    'release a smaller version of the module',
  );
}

/** @param limit bytes */
export function tooLargeFile(name: string, limit: number): ModgateError {
  return badModule(`${name} is larger than ${limit >> 20} MiB`, `release a version with a smaller ${name}`);
}

/** A hostile name for a message: quoted, control characters escaped, cut. */
export function shown(name: string): string {
  return JSON.stringify(name.length > MAX_SHOWN ? `${name.slice(0, MAX_SHOWN)}…` : name);
}
