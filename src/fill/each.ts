import { toModgateError } from '../errors/index.ts';

/**
 * Works on all items, so many at once, taking them one by one: a long list need not be in memory. Ends early at the
 * signal, or at the first piece of work that throws, after what runs has ended; throws that first error.
 */
export async function each<T>(
  items: Iterable<T> | AsyncIterable<T>,
  places: number,
  signal: AbortSignal,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const iterator = oneByOne(items);
  const faults: unknown[] = [];
  const worker = async () => {
    while (faults.length === 0) {
      try {
        if (signal.aborted) throw toModgateError(signal.reason);
        const { done, value } = await iterator.next();
        if (done === true) return;
        await work(value);
      } catch (thrown) {
        faults.push(thrown);
      }
    }
  };
  await Promise.all(Array.from({ length: places }, worker));
  await iterator.return();
  if (faults.length > 0) throw faults[0];
}

async function* oneByOne<T>(items: Iterable<T> | AsyncIterable<T>): AsyncGenerator<T, void, void> {
  yield* items;
}
