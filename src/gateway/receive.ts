import { type Code, ModgateError, toModgateError } from '../errors/index.ts';
import { pieces, type SourceFile } from '../fetch/index.ts';
import type { StagedFile } from '../store/index.ts';
import type { Transfer } from './transfer.ts';

/** tries in all to get one file whole */
const MAX_TRIES = 3;
/** A transfer that ended with one of these was cut on its way. */
const CUT: ReadonlySet<Code> = new Set(['UPSTREAM_UNREACHABLE', 'UPSTREAM_TIMEOUT', 'UPSTREAM_BAD_ANSWER']);

export interface Reception {
  readonly transfer: Transfer;
  readonly staged: StagedFile;
  /** bytes; a longer file is refused with what `tooLong` gives */
  readonly limit: number;
  tooLong(source: string): ModgateError;
  /** Called after each piece. */
  arrived(): void;
  /** Asks for the file once more. */
  again(): Promise<SourceFile>;
}

/**
 * Appends a file to a transfer. Where it is cut, it is asked for again: the readers already have the beginning, so the
 * new answer must begin with the very same bytes, and what they wait for is appended as if nothing had happened.
 * @returns the answer that brought the end
 */
export async function receive(first: SourceFile, reception: Reception): Promise<SourceFile> {
  let file = first;
  for (let tries = 1; ; tries++) {
    try {
      await append(file, reception);
      return file;
    } catch (thrown) {
      const error = toModgateError(thrown);
      if (tries === MAX_TRIES || !CUT.has(error.code)) throw error;
    }
    file = await reception.again();
  }
}

async function append(file: SourceFile, reception: Reception): Promise<void> {
  const { transfer, staged, limit } = reception;
  let position = 0;
  // Foreign bytes: their number is bounded here, their content is judged when all are there.
  for await (const piece of pieces(file)) {
    if (position + piece.length > limit) throw reception.tooLong(file.source);
    const known = Math.min(Math.max(staged.size - position, 0), piece.length);
    if (known > 0) await compare(piece.subarray(0, known), position, staged, file);
    if (known < piece.length) await transfer.append(piece.subarray(known));
    position += piece.length;
    reception.arrived();
  }
  const whole = file.length ?? position;
  if (position !== whole || position < staged.size) throw cut(file, position, Math.max(whole, staged.size));
}

async function compare(bytes: Buffer, position: number, staged: StagedFile, file: SourceFile): Promise<void> {
  const before = Buffer.allocUnsafe(bytes.length);
  const count = await staged.read(before, position);
  if (count === bytes.length && before.equals(bytes)) return;
  const { source, url } = file;
  throw new ModgateError(
    'BAD_ZIP',
    `source "${source}": ${url} was cut, and its second answer holds other bytes`,
    {
      source,
      next: 'try again; if it stays so, look at what the source serves',
    },
  );
}

function cut({ source, url }: SourceFile, received: number, whole: number): ModgateError {
  const message = `source "${source}": ${url} ended after ${received} of ${whole} bytes`;
  return new ModgateError('UPSTREAM_BAD_ANSWER', message, {
    source,
    next: 'try again; a proxy or load balancer on the way may cut answers',
  });
}
