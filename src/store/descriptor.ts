import type { Stats } from 'node:fs';
import { ModgateError } from '../errors/index.ts';
import { isAbsent, storeFault } from './fault.ts';
import type { FsOps } from './fs-ops.ts';
import type { Content } from './tree.ts';

/**
 * Owns one raw descriptor. A number that is closed may be another file's the next moment, so nothing is read
 * after close(), and close() waits for what is under way.
 */
export class Descriptor {
  readonly #ops: FsOps;
  readonly #fd: number;
  #busy = 0;
  #idle: (() => void) | undefined;
  #closed: Promise<void> | undefined;

  constructor(ops: FsOps, fd: number) {
    this.#ops = ops;
    this.#fd = fd;
  }

  /** Runs one operation on the descriptor; INTERNAL after close(). */
  async use<T>(operation: (fd: number) => Promise<T>): Promise<T> {
    if (this.#closed !== undefined) throw new ModgateError('INTERNAL', 'a closed file was used');
    this.#busy++;
    try {
      return await operation(this.#fd);
    } finally {
      this.#busy--;
      if (this.#busy === 0) this.#idle?.();
    }
  }

  /** Fills `buffer` from `position` on, but not beyond `end`; the number of bytes read. */
  async read(buffer: Uint8Array, position: number, end: number): Promise<number> {
    const want = Math.min(buffer.length, end - position);
    let filled = 0;
    while (filled < want) {
      const at = filled;
      const got = await this.use((fd) => this.#ops.read(fd, buffer, at, want - at, position + at));
      if (got === 0) break;
      filled += got;
    }
    return filled;
  }

  /** Idempotent. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    if (this.#busy > 0) {
      await new Promise<void>((resolve) => {
        this.#idle = resolve;
      });
    }
    await this.#ops.close(this.#fd);
  }
}

type FileFacts = Pick<Stats, 'size' | 'mtimeMs'>;

class FileContent implements Content {
  readonly size: number;
  readonly modified: number;
  readonly file: string;
  readonly #descriptor: Descriptor;
  readonly #name: string;

  /** @param name the key, for messages */
  constructor(descriptor: Descriptor, name: string, file: string, { size, mtimeMs }: FileFacts) {
    this.#descriptor = descriptor;
    this.#name = name;
    this.file = file;
    this.size = size;
    this.modified = Math.round(mtimeMs);
  }

  async bytes(): Promise<Buffer> {
    // Not from Node's shared pool: who keeps a file in memory must know what it costs.
    const buffer = Buffer.allocUnsafeSlow(this.size);
    const got = await this.read(buffer, 0);
    if (got === this.size) return buffer;
    throw new ModgateError('STORE_FAILED', `the module store failed: ${this.#name} is shorter than it was`);
  }

  async read(buffer: Uint8Array, position: number): Promise<number> {
    try {
      return await this.#descriptor.read(buffer, position, this.size);
    } catch (error) {
      throw storeFault(error, `reading ${this.#name}`);
    }
  }

  async close(): Promise<void> {
    // Nothing was written through it, and the system frees the descriptor even where it reports a fault.
    await this.#descriptor.close().catch(() => undefined);
  }
}

/** `undefined` where there is no file of that name. Throws the system's own error for every other fault. */
export async function openContent(ops: FsOps, name: string, file: string): Promise<Content | undefined> {
  let fd: number;
  try {
    fd = await ops.open(file, 'r');
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw error;
  }
  const descriptor = new Descriptor(ops, fd);
  try {
    const facts = await descriptor.use((open) => ops.fstat(open));
    if (facts.isFile()) return new FileContent(descriptor, name, file, facts);
  } catch (error) {
    await descriptor.close().catch(() => undefined);
    throw error;
  }
  await descriptor.close().catch(() => undefined);
  return undefined;
}
