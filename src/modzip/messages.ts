import type { ErrorData } from '../errors/index.ts';
import type { CheckedZip } from './check.ts';

/** What the checker and its worker threads say to each other: plain data, so that it can be cloned. */
export type CheckRequest =
  | {
      readonly kind: 'check';
      readonly file: string;
      readonly path: string;
      readonly version: string;
      /** of the file's `grow`; it is closed with the check */
      readonly ahead: number | undefined;
      /** the result has the go.mod too */
      readonly goMod: boolean;
    }
  /** So many bytes of the file are there; answered by `grown`. */
  | { readonly kind: 'grow'; readonly ahead: number; readonly file: string; readonly size: number }
  /** The file is given up. */
  | { readonly kind: 'drop'; readonly ahead: number };

export type CheckReply =
  | { readonly kind: 'checked'; readonly ok: true; readonly result: CheckedZip }
  | { readonly kind: 'checked'; readonly ok: false; readonly error: ErrorData }
  /** done: no more can be done before more is there */
  | { readonly kind: 'grown'; readonly ahead: number; readonly done: boolean };
