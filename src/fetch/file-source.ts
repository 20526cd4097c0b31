import type { FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { ModgateError, systemCode } from '../errors/index.ts';
import type { ModulePath, ModuleVersion, Version } from '../module/index.ts';
import { escapePath, escapeVersion } from '../module/index.ts';
import { readBody } from '../net/index.ts';
import { MAX_INFO_BYTES, parseList, parseQueryInfo } from './answers.ts';
import { canceled, FileCalls } from './file-calls.ts';
import type { FileKind, Source, SourceFile, Trace, Traced, VersionInfo } from './source.ts';

/** bytes of one call to the file system */
const PIECE = 256 << 10;

/** A tree of files in the layout of GOPROXY=file://, which a module cache's `cache/download` has too. */
export class FileSource implements Source {
  readonly name: string;
  readonly state = 'closed';
  readonly #root: string;
  /** bytes of a list or of an answer of the checksum database */
  readonly #metadata: number;
  readonly #trace: Trace;
  readonly #calls = new FileCalls();

  constructor(name: string, base: URL, metadata: number) {
    this.name = name;
    this.#root = fileURLToPath(base);
    this.#metadata = metadata;
    this.#trace = { source: name, links: {} };
  }

  async list(path: ModulePath, signal: AbortSignal): Promise<Traced<readonly Version[]>> {
    const answer = await this.#read(`${escapePath(path)}/@v/list`, this.#metadata, signal);
    return { ...answer, value: parseList(path, answer.value, this.name) };
  }

  async query(path: ModulePath, query: string, signal: AbortSignal): Promise<Traced<VersionInfo>> {
    const file = query === 'latest' ? '@latest' : `@v/${escapeVersion(query)}.info`;
    const answer = await this.#read(`${escapePath(path)}/${file}`, MAX_INFO_BYTES, signal);
    return { ...answer, value: parseQueryInfo(path, query, answer.value, this.name) };
  }

  file(m: ModuleVersion, kind: FileKind, signal: AbortSignal): Promise<SourceFile> {
    return this.#file(`${escapePath(m.path)}/@v/${escapeVersion(m.version)}.${kind}`, signal);
  }

  sumdb(name: string, endpoint: string, signal: AbortSignal): Promise<Traced<Buffer>> {
    return this.#read(`sumdb/${name}/${endpoint}`, this.#metadata, signal);
  }

  async close(): Promise<void> {}

  async #read(path: string, limit: number, signal: AbortSignal): Promise<Traced<Buffer>> {
    const file = await this.#file(path, signal);
    return { value: await readBody(file, limit), trace: file.trace };
  }

  async #file(path: string, signal: AbortSignal): Promise<SourceFile> {
    const { handle, size } = await this.#open(path, signal);
    const body = this.#body(handle, size, path, signal);
    return { body, length: size, source: this.name, url: path, trace: this.#trace };
  }

  async #open(path: string, signal: AbortSignal): Promise<{ handle: FileHandle; size: number }> {
    let handle: FileHandle | undefined;
    try {
      handle = await this.#calls.open(join(this.#root, path), signal);
      const info = await this.#calls.stat(handle, signal);
      if (!info.isFile()) throw this.#fault('NOT_FOUND', `${path} is not a file`);
      return { handle, size: info.size };
    } catch (cause) {
      if (handle !== undefined) void this.#calls.close(handle);
      throw await this.#name(cause, path, signal);
    }
  }

  /** Owns the handle: its end, its error, its destruction and the abort close it. */
  #body(handle: FileHandle, size: number, path: string, signal: AbortSignal): Readable {
    const stop = new AbortController();
    let position = 0;
    const next = async (): Promise<Buffer | null> => {
      if (position === size) return null;
      const piece = Buffer.allocUnsafe(Math.min(PIECE, size - position));
      const read = await this.#calls.read(handle, piece, position, stop.signal);
      position += read;
      if (read > 0) return piece.subarray(0, read);
      throw this.#fault('UPSTREAM_BAD_ANSWER', `${path} ended after ${position} of ${size} bytes`);
    };
    const leave = () => body.destroy(canceled(signal));
    const body = new Readable({
      highWaterMark: PIECE,
      read: () => {
        next()
          .then((piece) => {
            if (!body.destroyed) body.push(piece);
          })
          .catch(async (error) => body.destroy(await this.#name(error, path, stop.signal)));
      },
      destroy: (error, done) => {
        signal.removeEventListener('abort', leave);
        stop.abort();
        void this.#calls.close(handle);
        done(error);
      },
    });
    // A fault that comes while nobody listens must not end the process; a later reader still gets it.
    body.on('error', () => {});
    signal.addEventListener('abort', leave, { once: true });
    if (signal.aborted) leave();
    return body;
  }

  /** A missing file is absence only while the tree itself is there: an unmounted one is an outage. */
  async #name(cause: unknown, path: string, signal: AbortSignal): Promise<ModgateError> {
    if (cause instanceof ModgateError) return cause;
    const code = systemCode(cause);
    if (code !== 'ENOENT' && code !== 'ENOTDIR')
      return this.#fault('UPSTREAM_UNREACHABLE', `cannot read ${path}: ${code}`, cause);
    const root = await this.#calls.stat(this.#root, signal).catch(() => undefined);
    if (signal.aborted) return canceled(signal);
    if (root?.isDirectory()) return this.#fault('NOT_FOUND', `no file ${path}`, cause);
    return this.#fault('UPSTREAM_UNREACHABLE', 'its folder is not there', cause);
  }

  #fault(
    code: 'NOT_FOUND' | 'UPSTREAM_UNREACHABLE' | 'UPSTREAM_BAD_ANSWER',
    what: string,
    cause?: unknown,
  ): ModgateError {
    const next =
      code === 'UPSTREAM_UNREACHABLE'
        ? 'look at the folder of this source on the gateway: mount and permissions'
        : undefined;
    return new ModgateError(code, `source "${this.name}": ${what}`, { cause, source: this.name, next });
  }
}
