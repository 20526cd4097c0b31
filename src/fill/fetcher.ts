import type { Ask, AskOptions, Gateway } from '../gateway/index.ts';
import type { ModuleVersion } from '../module/index.ts';
import { keys, type Tree } from '../store/index.ts';
import { keyOf } from './graph.ts';

export interface Taken {
  readonly result: 'added' | 'stored';
  /** bytes */
  readonly size: number;
}

/** Is told the h1 of what has come, before it is stored; what it throws keeps it from that. */
export type Hold = AskOptions['hold'];

/** bytes; one look at a zip on its way */
const PIECE = 256 << 10;

/** Gets files by way of the gateway, which checks and stores them. What is stored costs no request. */
export class Fetcher {
  readonly #gateway: Gateway;
  readonly #tree: Tree;
  readonly #signal: AbortSignal;
  /** go.mod files that were fetched to resolve a query, and are no part of the run's count yet */
  readonly #uncounted = new Set<string>();

  constructor(gateway: Gateway, tree: Tree, signal: AbortSignal) {
    this.#gateway = gateway;
    this.#tree = tree;
    this.#signal = signal;
  }

  /** A file that fits in memory: anything but a zip. */
  async bytes(ask: Exclude<Ask, { kind: 'zip' }>, hold?: Hold): Promise<{ bytes: Buffer; taken: Taken }> {
    const reply = await this.#gateway.answer(ask, this.#options(hold));
    const result = reply.cached === 'miss' ? 'added' : 'stored';
    if (reply.kind === 'bytes') return { bytes: reply.bytes, taken: { result, size: reply.bytes.length } };
    if (reply.kind === 'transfer') {
      await reply.reader.close();
      throw new TypeError(`a ${ask.kind} came as a transfer`);
    }
    try {
      const bytes = await reply.content.bytes();
      return { bytes, taken: { result, size: bytes.length } };
    } finally {
      await reply.content.close();
    }
  }

  /** True where no source would be asked. */
  async has(m: ModuleVersion, kind: 'info' | 'mod' | 'zip'): Promise<boolean> {
    const content = await this.#tree.open(keys.file(m, kind));
    await content?.close();
    return content !== undefined;
  }

  /** A go.mod that is read to find out what is wanted: should it be wanted itself, it counts as fetched then. */
  async peek(m: ModuleVersion): Promise<Buffer> {
    const { bytes, taken } = await this.bytes({ kind: 'mod', m });
    if (taken.result === 'added') this.#uncounted.add(keyOf(m));
    return bytes;
  }

  async mod(m: ModuleVersion, hold?: Hold): Promise<{ bytes: Buffer; taken: Taken }> {
    const { bytes, taken } = await this.bytes({ kind: 'mod', m }, hold);
    return { bytes, taken: this.#uncounted.delete(keyOf(m)) ? { ...taken, result: 'added' } : taken };
  }

  /** @param moved is told of the bytes as they come */
  async zip(m: ModuleVersion, moved: (bytes: number) => void, hold?: Hold): Promise<Taken> {
    const stored = await this.#tree.open(keys.file(m, 'zip'));
    await stored?.close();
    if (stored !== undefined) return { result: 'stored', size: stored.size };
    const reply = await this.#gateway.answer({ kind: 'zip', m }, this.#options(hold));
    switch (reply.kind) {
      case 'bytes':
        return { result: 'stored', size: reply.bytes.length };
      case 'content':
        await reply.content.close();
        return { result: 'stored', size: reply.content.size };
      case 'transfer':
        break;
    }
    const { reader } = reply;
    try {
      const piece = Buffer.allocUnsafe(PIECE);
      let size = 0;
      for (;;) {
        const count = await reader.read(piece, size, this.#signal);
        if (count === 0) break;
        size += count;
        moved(count);
      }
      await reader.done(this.#signal);
      return { result: 'added', size };
    } finally {
      await reader.close();
    }
  }

  #options(hold: Hold): AskOptions {
    const options = { signal: this.#signal, cachedOnly: false };
    return hold === undefined ? options : { ...options, hold };
  }

  /** "h1:…" that a stored zip was checked against. */
  async h1(m: ModuleVersion): Promise<string | undefined> {
    return this.#gateway.intake.storedH1(m);
  }
}
