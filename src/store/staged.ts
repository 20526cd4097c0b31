import { ModgateError } from '../errors/index.ts';
import { Descriptor } from './descriptor.ts';
import { storeFault } from './fault.ts';
import type { FsOps } from './fs-ops.ts';
import type { Outcome, StagedFile } from './tree.ts';
import { type PiecePool, Window } from './window.ts';
import type { Temp, Writer } from './writer.ts';

interface Parts {
  readonly writer: Writer;
  /** for readers */
  readonly ops: FsOps;
  /** of all staged files together */
  readonly memory: PiecePool;
}

/** The temporary file behind it. */
interface OnDisk {
  readonly temp: Temp;
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
  #adopted = false;
  #fault: ModgateError | undefined;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#window = new Window(parts.memory);
  }

  /** Nothing is there for readers before the disk has taken something. */
  get size(): number {
    return this.#written === 0 ? 0 : this.#window.end;
  }

  get flushed(): { readonly file: string; readonly size: number } | undefined {
    return this.#disk === undefined ? undefined : { file: this.#disk.temp.file, size: this.#written };
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

  async read(buffer: Uint8Array, position: number): Promise<number> {
    try {
      if (this.#holders === 0) throw closed();
      let done = 0;
      while (done < buffer.length && position + done < this.size) {
        const rest = buffer.subarray(done);
        // What is not in memory is on the disk: a piece is written before it is dropped.
        const got =
          this.#window.copy(rest, position + done) ||
          (await this.#opened().descriptor.read(rest, position + done, this.#written));
        if (got === 0) break;
        done += got;
      }
      return done;
    } catch (error) {
      throw storeFault(error, 'reading a staged file');
    }
  }

  async onDisk(): Promise<string> {
    await this.#exclusively(() => this.#writeOut());
    return this.#opened().temp.file;
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
    // What was to be kept is in the tree by now; what is left of the rest goes at the next start.
    await this.#disk?.descriptor.close().catch(() => undefined);
  }

  /**
   * Hands the temporary file with all bytes to who takes it into the tree. A failure spoils the file, as an fsync
   * after a failed one would report success for lost bytes; but for a conflict, which says nothing about it.
   */
  async adopt(take: (fd: number, size: number) => Promise<Outcome>): Promise<Outcome> {
    this.#check();
    if (this.#adopted) throw new ModgateError('INTERNAL', 'a staged file was adopted twice');
    let outcome: Outcome | undefined;
    let conflict: ModgateError | undefined;
    await this.#exclusively(async () => {
      await this.#writeOut();
      try {
        outcome = await this.#opened().descriptor.use((fd) => take(fd, this.size));
      } catch (error) {
        if (!(error instanceof ModgateError) || error.code !== 'IMMUTABLE_CONFLICT') throw error;
        conflict = error;
      }
    });
    if (outcome === undefined) throw conflict ?? new ModgateError('INTERNAL', 'an adoption had no outcome');
    this.#adopted = true;
    // Whoever still reads does so at a pace of its own: memory is for files on their way.
    this.#window.spare();
    return outcome;
  }

  /** All bytes so far in the temporary file, which is made here. */
  async #writeOut(): Promise<void> {
    this.#disk ??= await this.#create();
    const { descriptor } = this.#disk;
    while (this.#written < this.#window.end) {
      const bytes = this.#window.view(this.#written);
      if (bytes === undefined)
        throw new ModgateError('INTERNAL', 'bytes left the memory before they were written');
      await descriptor.use((fd) => this.#parts.writer.write(fd, bytes, this.#written));
      this.#written += bytes.length;
    }
  }

  async #create(): Promise<OnDisk> {
    const { ops, writer } = this.#parts;
    const temp = await writer.create();
    if (this.#holders > 0) {
      const close = () => writer.discard(temp.fd);
      return { temp, descriptor: new Descriptor({ ...ops, close }, temp.fd) };
    }
    await writer.discard(temp.fd);
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
