import { ModgateError } from '../errors/index.ts';
import type { Descriptor } from './descriptor.ts';
import { storeFault } from './fault.ts';
import type { FsOps } from './fs-ops.ts';
import type { StagedFile } from './tree.ts';

/** Owns a temporary file and its descriptor from stage() to the last release(). */
export class FileStaged implements StagedFile {
  readonly file: string;
  readonly #ops: FsOps;
  readonly #descriptor: Descriptor;
  readonly #remove: (file: string) => Promise<void>;
  #size = 0;
  #holders = 1;
  #writing = false;
  #named = true;
  #fault: ModgateError | undefined;

  constructor(file: string, ops: FsOps, descriptor: Descriptor, remove: (file: string) => Promise<void>) {
    this.file = file;
    this.#ops = ops;
    this.#descriptor = descriptor;
    this.#remove = remove;
  }

  get size(): number {
    return this.#size;
  }

  async write(chunk: Uint8Array): Promise<void> {
    this.#check();
    this.#writing = true;
    try {
      let rest = chunk;
      while (rest.length > 0) {
        const piece = rest;
        const written = await this.#descriptor.use((fd) => this.#ops.write(fd, piece, this.#size));
        this.#size += written;
        rest = rest.subarray(written);
      }
    } catch (error) {
      throw this.#spoil(error);
    } finally {
      this.#writing = false;
    }
  }

  async read(buffer: Uint8Array, position: number): Promise<number> {
    try {
      return await this.#descriptor.read(buffer, position, this.#size);
    } catch (error) {
      throw storeFault(error, 'reading a staged file');
    }
  }

  retain(): void {
    if (this.#holders === 0) throw new ModgateError('INTERNAL', 'a released file was retained');
    this.#holders++;
  }

  async release(): Promise<void> {
    if (this.#holders === 0) throw new ModgateError('INTERNAL', 'a staged file was released twice');
    this.#holders--;
    if (this.#holders > 0) return;
    // What was to be kept is flushed by now, and the rest is thrown away.
    await this.#descriptor.close().catch(() => undefined);
    await this.unname();
  }

  /** Throws where it cannot be adopted: spoilt, in the middle of a write, adopted before. */
  checkReady(): void {
    this.#check();
    if (!this.#named) throw new ModgateError('INTERNAL', 'a staged file was adopted twice');
  }

  /** All written bytes on the disk. A failed fsync spoils the file: the next one would report success for lost bytes. */
  async flush(modified: number | undefined): Promise<void> {
    this.checkReady();
    try {
      await this.#descriptor.use(async (fd) => {
        if (modified !== undefined) await this.#ops.touch(fd, modified);
        await this.#ops.fsync(fd);
      });
    } catch (error) {
      throw this.#spoil(error);
    }
  }

  /** Removes the temporary name, where it is still there; the bytes stay readable. */
  async unname(): Promise<void> {
    if (!this.#named) return;
    this.#named = false;
    await this.#remove(this.file);
  }

  #check(): void {
    if (this.#fault !== undefined) throw this.#fault;
    if (this.#writing) throw new ModgateError('INTERNAL', 'a staged file was used in the middle of a write');
  }

  #spoil(error: unknown): ModgateError {
    const fault = storeFault(error, 'writing a staged file');
    // A use after the last release is the caller's mistake, not the file's.
    if (fault.code !== 'INTERNAL') this.#fault = fault;
    return fault;
  }
}
