import { ModgateError } from '../errors/index.ts';
import { Descriptor } from './descriptor.ts';
import { storeFault } from './fault.ts';
import type { FsOps } from './fs-ops.ts';
import type { Temps } from './temps.ts';
import type { StagedFile } from './tree.ts';
import { type MemoryBudget, PIECE, Window } from './window.ts';

interface Parts {
  readonly ops: FsOps;
  readonly temps: Temps;
  /** of all staged files together */
  readonly memory: MemoryBudget;
}

/** The temporary file behind it. */
interface OnDisk {
  readonly file: string;
  readonly descriptor: Descriptor;
}

/**
 * A growing file: its end in memory, the rest in a temporary file, which it owns with its descriptor from the
 * first write to the last release(). The first bytes go to the disk at once, so that a disk that takes nothing
 * is known before anybody has read anything; the others when the window is full or the file is wanted whole.
 */
export class FileStaged implements StagedFile {
  readonly #parts: Parts;
  readonly #window: Window;
  #disk: OnDisk | undefined;
  /** bytes that are in the temporary file */
  #written = 0;
  #holders = 1;
  #writing = false;
  #named = true;
  #fault: ModgateError | undefined;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#window = new Window(parts.memory);
  }

  get size(): number {
    return this.#window.end;
  }

  write(chunk: Uint8Array): Promise<void> {
    return this.#exclusively(async () => {
      for (let rest = chunk; rest.length > 0; ) {
        if (this.#window.full) {
          await this.#writeOut();
          this.#window.dropOldest();
        }
        rest = rest.subarray(this.#window.append(rest));
        if (this.#written === 0) await this.#writeOut();
      }
    });
  }

  held(position: number, most: number): Buffer | undefined {
    return this.#window.view(position, most);
  }

  async read(buffer: Uint8Array, position: number): Promise<number> {
    try {
      if (this.#holders === 0) throw closed();
      let done = 0;
      while (done < buffer.length && position + done < this.size) {
        const held = this.#window.view(position + done, buffer.length - done);
        if (held === undefined) {
          // Fixed now: a piece that is written out meanwhile is on the disk by then.
          const end = Math.min(buffer.length, this.#window.start - position);
          const got = await this.#opened().descriptor.read(
            buffer.subarray(done, end),
            position + done,
            this.#written,
          );
          if (got === 0) break;
          done += got;
        } else {
          buffer.set(held, done);
          done += held.length;
        }
      }
      return done;
    } catch (error) {
      throw storeFault(error, 'reading a staged file');
    }
  }

  async onDisk(): Promise<string> {
    await this.#exclusively(() => this.#writeOut());
    return this.#opened().file;
  }

  retain(): void {
    if (this.#holders === 0) throw new ModgateError('INTERNAL', 'a released file was retained');
    this.#holders++;
  }

  async release(): Promise<void> {
    if (this.#holders === 0) throw new ModgateError('INTERNAL', 'a staged file was released twice');
    this.#holders--;
    if (this.#holders > 0) return;
    this.#window.drop();
    // What was to be kept is flushed by now, and the rest is thrown away.
    await this.#disk?.descriptor.close().catch(() => undefined);
    await this.unname();
  }

  /** Throws where it cannot be adopted: spoilt, in the middle of a write, adopted before. */
  checkReady(): void {
    this.#check();
    if (!this.#named) throw new ModgateError('INTERNAL', 'a staged file was adopted twice');
  }

  /**
   * All bytes on the disk; returns the temporary file's path. A failed fsync spoils the file: the next one would
   * report success for lost bytes.
   */
  async flush(modified: number | undefined): Promise<string> {
    this.checkReady();
    const { ops } = this.#parts;
    await this.#exclusively(async () => {
      await this.#writeOut();
      await this.#opened().descriptor.use(async (fd) => {
        if (modified !== undefined) await ops.touch(fd, modified);
        await ops.fsync(fd);
      });
    });
    return this.#opened().file;
  }

  /** Removes the temporary name, where it is still there; the bytes stay readable. */
  async unname(): Promise<void> {
    if (!this.#named) return;
    this.#named = false;
    // Whoever still reads does so at a pace of its own: where memory is short it is for files on their way.
    if (this.#parts.memory.exceeded && this.#written === this.size) this.#window.drop();
    if (this.#disk !== undefined) await this.#parts.temps.remove(this.#disk.file);
  }

  /** All bytes so far in the temporary file, which is made here. */
  async #writeOut(): Promise<void> {
    this.#disk ??= await this.#create();
    const { descriptor } = this.#disk;
    while (this.#written < this.size) {
      const bytes = this.#window.view(this.#written, PIECE);
      if (bytes === undefined)
        throw new ModgateError('INTERNAL', 'bytes left the memory before they were written');
      this.#written += await descriptor.use((fd) => this.#parts.ops.write(fd, bytes, this.#written));
    }
  }

  async #create(): Promise<OnDisk> {
    const { ops, temps } = this.#parts;
    const { fd, file } = await temps.create();
    const descriptor = new Descriptor(ops, fd);
    if (this.#holders > 0) return { file, descriptor };
    await descriptor.close().catch(() => undefined);
    await temps.remove(file);
    throw closed();
  }

  #opened(): OnDisk {
    if (this.#disk === undefined) throw new ModgateError('INTERNAL', 'a staged file is not on the disk');
    return this.#disk;
  }

  async #exclusively(work: () => Promise<void>): Promise<void> {
    this.#check();
    this.#writing = true;
    try {
      await work();
    } catch (error) {
      throw this.#spoil(error);
    } finally {
      this.#writing = false;
    }
  }

  #check(): void {
    if (this.#fault !== undefined) throw this.#fault;
    if (this.#holders === 0) throw closed();
    if (this.#writing) throw new ModgateError('INTERNAL', 'a staged file was used in the middle of a write');
  }

  #spoil(error: unknown): ModgateError {
    const fault = storeFault(error, 'writing a staged file');
    // A use after the last release is the caller's mistake, not the file's.
    if (fault.code !== 'INTERNAL') this.#fault = fault;
    return fault;
  }
}

function closed(): ModgateError {
  return new ModgateError('INTERNAL', 'a closed file was used');
}
