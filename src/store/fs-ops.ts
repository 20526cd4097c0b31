import fs from 'node:fs';

/**
 * Every touch of the file system that a FileTree makes, so that a test can fail or end the process at any of
 * them. Raw descriptors: a FileHandle costs an object and a warning when it is forgotten.
 */
export interface FsOps {
  readonly open: (path: string, flags: 'r' | 'wx+') => Promise<number>;
  readonly close: (fd: number) => Promise<void>;
  /** bytes read */
  readonly read: (
    fd: number,
    buffer: Uint8Array,
    offset: number,
    length: number,
    position: number,
  ) => Promise<number>;
  /** bytes written, perhaps fewer than given */
  readonly write: (fd: number, bytes: Uint8Array, position: number) => Promise<number>;
  readonly fsync: (fd: number) => Promise<void>;
  readonly fstat: (fd: number) => Promise<fs.Stats>;
  readonly stat: (path: string) => Promise<fs.Stats>;
  /** @param modified ms since epoch */
  readonly touch: (fd: number, modified: number) => Promise<void>;
  readonly link: (from: string, to: string) => Promise<void>;
  readonly rename: (from: string, to: string) => Promise<void>;
  readonly unlink: (path: string) => Promise<void>;
  readonly mkdir: (path: string) => Promise<void>;
  readonly readdir: (path: string) => Promise<fs.Dirent[]>;
  /** bytes that a plain user may still write */
  readonly free: (path: string) => Promise<number>;
}

const FILE_MODE = 0o640;
const FOLDER_MODE = 0o750;

type Done<T> = (error: Error | null, value: T) => void;

function call<T>(start: (done: Done<T>) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    start((error, value) => (error === null ? resolve(value) : reject(error)));
  });
}

function run(start: (done: (error: Error | null) => void) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    start((error) => (error === null || error === undefined ? resolve() : reject(error)));
  });
}

export const systemOps: FsOps = {
  open: (path, flags) => call((done) => fs.open(path, flags, FILE_MODE, done)),
  close: (fd) => run((done) => fs.close(fd, done)),
  read: (fd, buffer, offset, length, position) =>
    call((done) => fs.read(fd, buffer, offset, length, position, done)),
  write: (fd, bytes, position) => call((done) => fs.write(fd, bytes, 0, bytes.length, position, done)),
  fsync: (fd) => run((done) => fs.fsync(fd, done)),
  fstat: (fd) => call((done) => fs.fstat(fd, done)),
  stat: (path) => call((done) => fs.stat(path, done)),
  touch: (fd, modified) => run((done) => fs.futimes(fd, modified / 1000, modified / 1000, done)),
  link: (from, to) => run((done) => fs.link(from, to, done)),
  rename: (from, to) => run((done) => fs.rename(from, to, done)),
  unlink: (path) => run((done) => fs.unlink(path, done)),
  mkdir: (path) => run((done) => fs.mkdir(path, FOLDER_MODE, (error) => done(error))),
  readdir: (path) => call((done) => fs.readdir(path, { withFileTypes: true }, done)),
  free: async (path) => {
    const facts = await call<fs.StatsFs>((done) => fs.statfs(path, done));
    return facts.bavail * facts.bsize;
  },
};

/** The same made by the calling thread itself, for a thread that does nothing else; fsync goes to libuv's pool. */
export const blockingOps: FsOps = {
  open: async (path, flags) => fs.openSync(path, flags, FILE_MODE),
  close: async (fd) => fs.closeSync(fd),
  read: async (fd, buffer, offset, length, position) => fs.readSync(fd, buffer, offset, length, position),
  write: async (fd, bytes, position) => fs.writeSync(fd, bytes, 0, bytes.length, position),
  fsync: systemOps.fsync,
  fstat: async (fd) => fs.fstatSync(fd),
  stat: async (path) => fs.statSync(path),
  touch: async (fd, modified) => fs.futimesSync(fd, modified / 1000, modified / 1000),
  link: async (from, to) => fs.linkSync(from, to),
  rename: async (from, to) => fs.renameSync(from, to),
  unlink: async (path) => fs.unlinkSync(path),
  mkdir: async (path) => fs.mkdirSync(path, FOLDER_MODE),
  readdir: async (path) => fs.readdirSync(path, { withFileTypes: true }),
  free: systemOps.free,
};
