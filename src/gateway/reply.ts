import type { Trace } from '../fetch/index.ts';
import type { Content } from '../store/index.ts';
import type { TransferReader } from './transfer.ts';

/** Where an answer came from: the store, a source, or the store although a source should have been asked again. */
export type Cached = 'hit' | 'miss' | 'stale';

interface About {
  readonly cached: Cached;
  /** ms since the epoch; undefined for a file that is still being fetched */
  readonly modified: number | undefined;
  /** ms for which the answer holds without asking again; Infinity: it never changes */
  readonly fresh: number;
  /** the source that was asked for it; undefined for a hit */
  readonly trace: Trace | undefined;
}

/** Small enough to be held in memory. */
export interface BytesReply extends About {
  readonly kind: 'bytes';
  readonly bytes: Buffer;
}

/** A stored file; whoever gets it closes it. */
export interface ContentReply extends About {
  readonly kind: 'content';
  readonly content: Content;
}

/** A file that is being fetched; whoever gets it closes the reader. */
export interface TransferReply extends About {
  readonly kind: 'transfer';
  readonly reader: TransferReader;
}

export type Reply = BytesReply | ContentReply | TransferReply;

export interface AskOptions {
  /** aborted when the caller leaves or its patience ends; the reason is a coded error */
  readonly signal: AbortSignal;
  /** true: answer from the store alone (`Disable-Module-Fetch`, `/cached-only`) */
  readonly cachedOnly: boolean;
  /**
   * Of a `.mod` or zip that is fetched: throws where its "h1:…" is not what was wanted, so that it is not stored. Who
   * joins a fetch that runs has no say in it.
   */
  readonly hold?: (h1: string) => void;
}

/** bytes; a stored zip up to this size is answered from memory */
const SMALL_FILE = 1 << 20;

/** What the store says in this moment, and may say otherwise in the next. */
export function liveReply(bytes: Buffer): BytesReply {
  return { kind: 'bytes', bytes, cached: 'hit', modified: undefined, fresh: 0, trace: undefined };
}

/** An immutable file that was found in the store. */
export async function storedReply(content: Content): Promise<BytesReply | ContentReply> {
  const about = { cached: 'hit', modified: content.modified, fresh: Infinity, trace: undefined } as const;
  if (content.size > SMALL_FILE) return { ...about, kind: 'content', content };
  try {
    return { ...about, kind: 'bytes', bytes: await content.bytes() };
  } finally {
    await content.close();
  }
}
