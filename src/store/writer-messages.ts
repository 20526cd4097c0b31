import type { ErrorData } from '../errors/index.ts';
import type { CatalogOrder, CatalogReply } from './catalog-writer.ts';
import type { TreeKey } from './key.ts';
import type { Expect, Outcome } from './tree.ts';
import type { Temp, Writer } from './writer.ts';

/** What a ThreadWriter and its thread say to each other: plain data, so that it can be cloned. */
export type WriterCall =
  | { readonly kind: 'put'; readonly key: TreeKey; readonly bytes: Uint8Array; readonly expect: Expect }
  | { readonly kind: 'delete'; readonly key: TreeKey }
  | { readonly kind: 'create' }
  | { readonly kind: 'write'; readonly fd: number; readonly bytes: Uint8Array; readonly position: number }
  | {
      readonly kind: 'adopt';
      readonly key: TreeKey;
      readonly fd: number;
      readonly size: number;
      readonly expect: Expect;
    }
  | { readonly kind: 'discard'; readonly fd: number }
  | { readonly kind: 'quarantine'; readonly key: TreeKey }
  | { readonly kind: 'catalog'; readonly order: CatalogOrder };

export interface Moved {
  /** where it is now, below the data folder */
  readonly moved: string;
}

export type WriterValue = Outcome | Temp | CatalogReply | Moved;

export interface WriterRequest {
  readonly id: number;
  readonly call: WriterCall;
}

export type WriterReply =
  | { readonly kind: 'done'; readonly id: number; readonly value: WriterValue }
  | { readonly kind: 'failed'; readonly id: number; readonly error: ErrorData }
  | {
      readonly kind: 'log';
      readonly level: 'info' | 'warn';
      readonly fields: Readonly<Record<string, unknown>>;
      readonly message: string;
    };

export interface WriterThreadData {
  readonly data: string;
  readonly threads: number;
  /** of the names of temporary files */
  readonly prefix: string;
}

export async function perform(writer: Writer, call: WriterCall): Promise<WriterValue> {
  switch (call.kind) {
    case 'put':
      return await writer.put(call.key, call.bytes, call.expect);
    case 'create':
      return await writer.create();
    case 'adopt':
      return await writer.adopt(call.key, call.fd, call.size, call.expect);
    case 'write':
      await writer.write(call.fd, call.bytes, call.position);
      return undefined;
    case 'delete':
      await writer.delete(call.key);
      return undefined;
    case 'discard':
      await writer.discard(call.fd);
      return undefined;
    case 'quarantine':
      return movedTo(await writer.quarantine(call.key));
    case 'catalog':
      return await writer.catalog(call.order);
  }
}

function movedTo(name: string | undefined): Moved | undefined {
  return name === undefined ? undefined : { moved: name };
}
