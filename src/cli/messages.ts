import type { Recorded } from '../config/index.ts';
import type { ErrorData } from '../errors/index.ts';
import type { PartState } from '../http/index.ts';
import type { Snapshot } from '../observe/index.ts';

/** From the supervisor to a worker. */
export type ToWorker =
  | {
      readonly kind: 'begin';
      readonly index: number;
      readonly workers: number;
      /** of the inner sockets */
      readonly folder: string;
      /** to listen on where the configuration says 0 */
      readonly port: number;
      readonly texts: Recorded;
      readonly state: PartState;
    }
  | { readonly kind: 'prepare'; readonly texts: Recorded }
  | { readonly kind: 'commit' }
  | { readonly kind: 'discard' }
  /** the outcome of the last attempt to take a configuration */
  | { readonly kind: 'state'; readonly state: PartState }
  | { readonly kind: 'snapshot' }
  | { readonly kind: 'merged'; readonly id: number; readonly snapshot: Snapshot }
  | { readonly kind: 'stop' };

/** From a worker to the supervisor. */
export type FromWorker =
  /** asks for `begin` */
  | { readonly kind: 'hello' }
  | { readonly kind: 'serving'; readonly url: string; readonly adminUrl: string | undefined }
  | { readonly kind: 'failed'; readonly error: ErrorData }
  | { readonly kind: 'prepared'; readonly error: ErrorData | undefined }
  /** asked for, and without being asked each few seconds and at the end */
  | { readonly kind: 'snapshot'; readonly snapshot: Snapshot }
  /** asks for the metrics of all */
  | { readonly kind: 'merged'; readonly id: number };
