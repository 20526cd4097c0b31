/** What the tests of this room share. It is named like a test so that it is not shipped. */
import { existsSync, mkdtempSync, readdirSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { createLogger, type Logger } from '../observe/index.ts';
import { type FsOps, systemOps } from './fs-ops.ts';
import { parseKey, type TreeKey } from './key.ts';
import type { Content, Outcome, Tree } from './tree.ts';

export function silent(): Logger {
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  return createLogger({ level: 'silent', format: 'json', destination: nowhere });
}

export interface Folder {
  readonly path: string;
  remove(): void;
}

/** @param where 'memory' for a test of hundreds of folders that is not about the disk itself */
export function tempFolder(where: 'disk' | 'memory' = 'disk'): Folder {
  const above = where === 'memory' && existsSync('/dev/shm') ? '/dev/shm' : tmpdir();
  const path = mkdtempSync(join(above, 'modgate-store-'));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

export function tempNames(data: string): string[] {
  return existsSync(join(data, 'tmp')) ? readdirSync(join(data, 'tmp')) : [];
}

/** `undefined` where the system does not tell. */
export function openDescriptors(): number | undefined {
  if (!existsSync('/proc/self/fd')) return undefined;
  // The catalogue opens its three files by itself, a moment after something was stored.
  return readdirSync('/proc/self/fd').filter((fd) => !/\/catalog\.db(?:-wal|-shm)?$/.test(target(fd))).length;
}

function target(fd: string): string {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`);
  } catch {
    // The one that lists them is closed by now.
    return '';
  }
}

export async function readAll(tree: Tree, key: TreeKey): Promise<Buffer | undefined> {
  const content = await tree.open(key);
  return content === undefined ? undefined : await readAndClose(content);
}

async function readAndClose(content: Content): Promise<Buffer> {
  try {
    return await content.bytes();
  } finally {
    await content.close();
  }
}

/** `length` bytes that differ from seed to seed and from place to place. */
export function sample(length: number, seed: number): Buffer {
  const bytes = Buffer.alloc(length);
  for (let i = 0; i < length; i++) bytes[i] = (i * 31 + (i >> 8) * 7 + seed * 101) & 0xff;
  return bytes;
}

const VERSION = 'corp.example/team/lib/@v/v1.2.3';

/** The files of one admission, as the gateway writes them, and a list that is replaced. */
export const ADMISSION = {
  info: { key: parseKey(`${VERSION}.info`), bytes: Buffer.from('{"Version":"v1.2.3"}') },
  mod: { key: parseKey(`${VERSION}.mod`), bytes: Buffer.from('module corp.example/team/lib\n') },
  ziphash: { key: parseKey(`${VERSION}.ziphash`), bytes: Buffer.from('h1:notAHashButTheTestDoesNotMind=') },
  zip: { key: parseKey(`${VERSION}.zip`), bytes: sample(300_000, 1) },
  list: { key: parseKey('corp.example/team/lib/@v/list'), bytes: Buffer.from('v1.2.2\nv1.2.3\n') },
};
export const OLD_LIST = Buffer.from('v1.2.2\n');

export async function admit(tree: Tree): Promise<Outcome[]> {
  const { info, mod, ziphash, zip, list } = ADMISSION;
  const outcomes = [
    await tree.put(info.key, info.bytes, { kind: 'immutable' }),
    await tree.put(mod.key, mod.bytes, { kind: 'immutable' }),
    await tree.put(ziphash.key, ziphash.bytes, { kind: 'immutable' }),
  ];
  const staged = await tree.stage();
  try {
    for (let at = 0; at < zip.bytes.length; at += 100_000) {
      await staged.write(zip.bytes.subarray(at, at + 100_000));
    }
    outcomes.push(await tree.adopt(zip.key, staged, { kind: 'keep' }));
  } finally {
    await staged.release();
  }
  outcomes.push(await tree.put(list.key, list.bytes, { kind: 'replace', fetchedAt: 1_700_000_000_000 }));
  return outcomes;
}

/** One step of a FileTree into the file system, before it is made. */
export interface Step {
  /** 1, 2, … over all operations */
  readonly number: number;
  readonly name: keyof FsOps;
  readonly args: readonly unknown[];
}

/**
 * The real operations, each announced; `before` may throw the fault that the operation then reports. A write
 * is two steps: before it, and with half of its bytes written. A close that reports a fault closes all the
 * same, as the system does.
 */
export function steppedOps(before: (step: Step) => void, ops: FsOps = systemOps): FsOps {
  let number = 0;
  const announce = (name: keyof FsOps, args: readonly unknown[]) => {
    number++;
    before({ number, name, args });
  };
  const stepped =
    <A extends unknown[], R>(name: keyof FsOps, operation: (...args: A) => Promise<R>) =>
    async (...args: A): Promise<R> => {
      announce(name, args);
      return await operation(...args);
    };
  return {
    open: stepped('open', ops.open),
    read: stepped('read', ops.read),
    fsync: stepped('fsync', ops.fsync),
    fstat: stepped('fstat', ops.fstat),
    stat: stepped('stat', ops.stat),
    touch: stepped('touch', ops.touch),
    link: stepped('link', ops.link),
    rename: stepped('rename', ops.rename),
    unlink: stepped('unlink', ops.unlink),
    mkdir: stepped('mkdir', ops.mkdir),
    readdir: stepped('readdir', ops.readdir),
    free: stepped('free', ops.free),
    close: async (fd) => {
      try {
        announce('close', [fd]);
      } finally {
        await ops.close(fd);
      }
    },
    write: async (fd, bytes, position) => {
      announce('write', [fd]);
      const half = bytes.subarray(0, Math.floor(bytes.length / 2));
      const written = half.length > 0 ? await ops.write(fd, half, position) : 0;
      announce('write', [fd]);
      return written + (await ops.write(fd, bytes.subarray(written), position + written));
    },
  };
}

export function systemError(code: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`${code}: made by the test`), { code });
}

/** As on a file system without hard links. */
export const linklessOps: FsOps = { ...systemOps, link: () => Promise.reject(systemError('EOPNOTSUPP')) };
