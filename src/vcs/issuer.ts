import type { Lack } from './access.ts';
import type { Address } from './address.ts';

/** What a remote is shown by HTTP; neither holds a control character. */
export interface Pair {
  readonly username: string;
  readonly password: string;
}

export interface Lease {
  readonly pair: Pair;
  /** Forgets the pair, which the remote has refused. True where it was kept from before, so that a new one may be another. */
  refused(): Promise<boolean>;
}

/** Where the credentials of one entry of the configuration come from. */
export interface Issuer {
  /** what is told where it has none and the remote wants some */
  readonly lack?: Lack;
  /**
   * undefined: it has none for this remote. UPSTREAM_DENIED and UPSTREAM_* where they cannot be had.
   * @param whole the pattern holds a path, so the path counts too
   */
  lease(remote: Address, whole: boolean, signal: AbortSignal): Promise<Lease | undefined>;
  close(): void;
}

/** Always the same pair. */
export class FixedIssuer implements Issuer {
  readonly #lease: Lease;

  constructor(pair: Pair) {
    this.#lease = { pair, refused: () => Promise.resolve(false) };
  }

  lease(): Promise<Lease> {
    return Promise.resolve(this.#lease);
  }

  close(): void {}
}
