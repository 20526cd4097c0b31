import { constants, type Dirent } from 'node:fs';
import { type FileHandle, open, readdir, realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { ModgateError, systemCode } from '../errors/index.ts';
import { LOOK } from './file-fault.ts';

/** bytes of one read */
const PIECE = 256 << 10;

/**
 * A folder that others made, and may still write to: no name in it is trusted. Symbolic links in it are not followed,
 * so nothing outside of it is read; what is no regular file is not opened for long enough to hang.
 */
export class ForeignFolder {
  /** absolute, without symbolic links */
  readonly root: string;

  /** The folder itself may be reached by links: its owner named it. */
  static async open(folder: string): Promise<ForeignFolder> {
    try {
      const root = await realpath(folder);
      if (!(await stat(root)).isDirectory())
        throw new ModgateError('BAD_REQUEST', `${folder} is a file`, {
          next: 'name the folder that it lies in, or another one',
        });
      return new ForeignFolder(root);
    } catch (cause) {
      if (cause instanceof ModgateError) throw cause;
      throw new ModgateError('BAD_REQUEST', `cannot open ${folder}: ${systemCode(cause)}`, {
        cause,
        next: 'name a folder that is there and may be read',
      });
    }
  }

  private constructor(root: string) {
    this.root = root;
  }

  /** @param path relative; "" for the folder itself */
  async entries(path: string): Promise<Dirent[]> {
    try {
      return await readdir(join(this.root, path), { withFileTypes: true });
    } catch (cause) {
      throw unreadable(path, cause);
    }
  }

  /** All bytes of a small file; BAD_REQUEST for more than the limit. */
  async bytes(path: string, limit: number): Promise<Buffer> {
    const all: Buffer[] = [];
    for await (const piece of this.pieces(path, limit)) all.push(Buffer.from(piece));
    return Buffer.concat(all);
  }

  /** A file, piece by piece. A piece is good until the next is asked for. */
  async *pieces(path: string, limit: number): AsyncGenerator<Buffer, void, void> {
    const { handle, size } = await this.#open(path);
    try {
      if (size > limit) throw tooLong(path, size, limit);
      const piece = Buffer.allocUnsafe(Math.min(PIECE, size));
      for (let position = 0; position < size; ) {
        const { bytesRead } = await handle.read(piece, 0, piece.length, position);
        if (bytesRead === 0) return;
        position += bytesRead;
        yield piece.subarray(0, bytesRead);
      }
    } catch (cause) {
      throw unreadable(path, cause);
    } finally {
      await handle.close();
    }
  }

  /** A named pipe would block an open for reading; a link could lead out of the folder. */
  async #open(path: string): Promise<{ handle: FileHandle; size: number }> {
    let handle: FileHandle | undefined;
    try {
      const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants;
      handle = await open(join(this.root, path), O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
      const found = await handle.stat();
      if (!found.isFile())
        throw new ModgateError('BAD_REQUEST', `${path} is no regular file`, { next: LOOK });
      return { handle, size: found.size };
    } catch (cause) {
      await handle?.close();
      throw unreadable(path, cause);
    }
  }
}

function unreadable(path: string, cause: unknown): ModgateError {
  if (cause instanceof ModgateError) return cause;
  return new ModgateError(
    'BAD_REQUEST',
    `cannot read ${path === '' ? 'the folder' : path}: ${systemCode(cause)}`,
    {
      cause,
      next: 'check its permissions and its disk, and run the import again: it goes on where it stopped',
    },
  );
}

function tooLong(path: string, size: number, limit: number): ModgateError {
  return new ModgateError('BAD_REQUEST', `${path} has ${size} bytes; the limit is ${limit}`, { next: LOOK });
}
