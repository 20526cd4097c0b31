/** What a suite has opened, closed in the opposite order at its end. */
export class Scope {
  readonly #closers: (() => Promise<void> | void)[] = [];

  /** As of Node's test context. */
  after(close: () => Promise<void> | void): void {
    this.#closers.push(close);
  }

  async close(): Promise<void> {
    for (const close of this.#closers.splice(0).reverse()) await close();
  }
}

/** Node's test context, or a scope. */
export interface Ending {
  after(close: () => Promise<void> | void): void;
}
