import type { ModuleVersion } from '../module/index.ts';
import { bodyError, isCut, readBody } from '../net/index.ts';
import type { FileKind, Source, SourceFile, Traced } from './source.ts';

/** All bytes of a small file. Throws UPSTREAM_BAD_ANSWER for one that is longer than `limit` bytes. */
export function readFile(file: SourceFile, limit: number): Promise<Buffer> {
  return readBody(file, limit);
}

/** All bytes of a small file of a version, at most `limit`; asked for once more where it came cut. */
export function readSmall(
  source: Pick<Source, 'file'>,
  m: ModuleVersion,
  kind: FileKind,
  limit: number,
  signal: AbortSignal,
): Promise<Traced<Buffer> & Pick<SourceFile, 'origin'>> {
  return askTwice(
    () => source.file(m, kind, signal),
    async (file) => ({ value: await readBody(file, limit), trace: file.trace, origin: file.origin }),
    signal,
  );
}

/**
 * What `read` makes of what `get` gives. Both run once more where the body was cut, since `get` has its own tries
 * only until the headers are there. A fault of `get` is final.
 */
export async function askTwice<A, T>(
  get: () => Promise<A>,
  read: (answer: A) => Promise<T>,
  signal: AbortSignal,
): Promise<T> {
  const answer = await get();
  try {
    return await read(answer);
  } catch (error) {
    if (signal.aborted || !isCut(error)) throw error;
  }
  return read(await get());
}

/** The pieces of a file. A reader that stops early ends the fetch. */
export async function* pieces(file: SourceFile): AsyncGenerator<Buffer, void, void> {
  try {
    for await (const piece of file.body) {
      // A stream without an encoding or object mode yields Buffers; its type does not say so.
      yield piece as Buffer;
    }
  } catch (thrown) {
    throw bodyError(thrown, file.source, file.url);
  } finally {
    file.body.destroy();
  }
}
