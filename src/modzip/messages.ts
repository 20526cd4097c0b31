import type { ErrorData } from '../errors/index.ts';
import type { CheckedZip } from './check.ts';

/** What the checker and its worker threads say to each other: plain data, so that it can be cloned. */
export interface CheckRequest {
  readonly file: string;
  readonly path: string;
  readonly version: string;
}

export type CheckReply =
  | { readonly ok: true; readonly result: CheckedZip }
  | { readonly ok: false; readonly error: ErrorData };
