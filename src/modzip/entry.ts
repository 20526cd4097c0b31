import type { EntryFacts } from './headers.ts';

/** One file of a module zip, on its way from one zip or folder into another. */
export interface ZipEntry extends EntryFacts {
  /** below the module's root, with "/" */
  readonly name: string;
  readonly method: 0 | 8;
  /** as it stands in the zip: deflated for method 8; read at most once, and only before the next entry is asked for */
  readonly data: Iterable<Buffer> | AsyncIterable<Buffer>;
}
