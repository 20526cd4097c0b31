/** For tests: zips with any field wrong, and the real go command as the judge of them. */
import { execFile, spawnSync } from 'node:child_process';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { crc32, deflateRawSync } from 'node:zlib';
import {
  escapePath,
  escapeVersion,
  type ModuleVersion,
  parseModulePath,
  parseVersion,
} from '../module/index.ts';

export function moduleVersion(modulePath: string, version: string): ModuleVersion {
  const parsed = parseModulePath(modulePath);
  return { path: parsed, version: parseVersion(parsed, version) };
}

export const M = moduleVersion('corp.example/m', 'v1.0.0');
export const PREFIX = `${M.path}@${M.version}/`;

/** One entry; every field that is left out is made right. */
export interface RawEntry {
  /** without the prefix, unless `raw` is set */
  readonly name: string | Buffer;
  readonly raw?: boolean;
  readonly data?: Uint8Array | string;
  readonly method?: number;
  /** what is stored, as it is */
  readonly stored?: Uint8Array;
  readonly crc?: number;
  readonly compressed?: number;
  readonly uncompressed?: number;
  readonly flags?: number;
  readonly extra?: Uint8Array;
  readonly localExtra?: Uint8Array;
  readonly attributes?: number;
  /** behind the data */
  readonly descriptor?: Uint8Array;
  /** added to the true one */
  readonly offset?: number;
  readonly localSignature?: number;
}

export interface RawZip {
  readonly before?: Uint8Array;
  readonly after?: Uint8Array;
  readonly count?: number;
  readonly directorySize?: number;
  readonly directoryOffset?: number;
  readonly comment?: string;
  /** between the directory and its end record */
  readonly gap?: Uint8Array;
}

function u(...fields: readonly (readonly [bytes: 2 | 4, value: number])[]): Buffer {
  return Buffer.concat(
    fields.map(([bytes, value]) => {
      const field = Buffer.alloc(bytes);
      if (bytes === 2) field.writeUInt16LE(value & 0xffff);
      else field.writeUInt32LE(value >>> 0);
      return field;
    }),
  );
}

export function rawZip(entries: readonly RawEntry[], zip: RawZip = {}): Buffer {
  const parts: Uint8Array[] = [zip.before ?? Buffer.alloc(0)];
  const directory: Uint8Array[] = [];
  let at = 0;
  for (const entry of entries) {
    const made = rawEntry(entry, at);
    parts.push(...made.local);
    directory.push(made.central);
    for (const part of made.local) at += part.length;
  }
  const central = Buffer.concat(directory);
  const count = zip.count ?? entries.length;
  const size = zip.directorySize ?? central.length;
  const comment = Buffer.from(zip.comment ?? '');
  const end = u(
    [4, 0x06054b50],
    [2, 0],
    [2, 0],
    [2, count],
    [2, count],
    [4, size],
    [4, zip.directoryOffset ?? at],
    [2, comment.length],
  );
  return Buffer.concat([
    ...parts,
    central,
    zip.gap ?? Buffer.alloc(0),
    end,
    comment,
    zip.after ?? Buffer.alloc(0),
  ]);
}

function rawEntry(e: RawEntry, at: number): { local: Uint8Array[]; central: Buffer } {
  const name =
    e.raw === true ? Buffer.from(e.name) : Buffer.concat([Buffer.from(PREFIX), Buffer.from(e.name)]);
  const data = Buffer.from(e.data ?? '');
  const method = e.method ?? 0;
  const stored = e.stored ?? (method === 8 ? deflateRawSync(data) : data);
  const extra = e.extra ?? Buffer.alloc(0);
  const localExtra = e.localExtra ?? Buffer.alloc(0);
  const shared = (extraLength: number): Buffer =>
    u(
      [2, 20],
      [2, e.flags ?? 0],
      [2, method],
      [4, 33 << 16],
      [4, e.crc ?? crc32(data)],
      [4, e.compressed ?? stored.length],
      [4, e.uncompressed ?? data.length],
      [2, name.length],
      [2, extraLength],
    );
  const local = [u([4, e.localSignature ?? 0x04034b50]), shared(localExtra.length), name, localExtra, stored];
  const central = Buffer.concat([
    u([4, 0x02014b50], [2, 0x314]),
    shared(extra.length),
    u([2, 0], [2, 0], [2, 0], [4, e.attributes ?? 0], [4, at + (e.offset ?? 0)]),
    name,
    extra,
  ]);
  return { local: [...local, e.descriptor ?? Buffer.alloc(0)], central };
}

/** Why the real go command cannot be the judge here, false where it can. */
export const withoutGo: string | false =
  spawnSync('go', ['version'], { stdio: 'ignore' }).status === 0 ? false : 'no go command on this machine';

export interface GoVerdict {
  readonly Sum?: string;
  readonly GoModSum?: string;
  readonly Error?: string;
}

/** `go mod download -json` of one module version from a GOPROXY tree that holds just this zip. */
export async function goDownload(
  folder: string,
  m: ModuleVersion,
  goMod: string,
  zip: Uint8Array,
): Promise<GoVerdict> {
  const version = escapeVersion(m.version);
  const tree = path.join(folder, 'tree');
  const files = path.join(tree, escapePath(m.path), '@v');
  const work = path.join(folder, 'work');
  await mkdir(files, { recursive: true });
  await mkdir(work, { recursive: true });
  await writeFile(path.join(files, `${version}.info`), JSON.stringify({ Version: m.version }));
  await writeFile(path.join(files, `${version}.mod`), goMod);
  await writeFile(path.join(files, `${version}.zip`), zip);
  await writeFile(path.join(work, 'go.mod'), 'module corp.example/work\n\ngo 1.20\n');
  const cache = path.join(folder, 'cache');
  const env = {
    PATH: process.env.PATH,
    HOME: folder,
    GOPATH: path.join(folder, 'path'),
    GOMODCACHE: cache,
    GOPROXY: `file://${tree}`,
    GONOSUMDB: '*',
    GOFLAGS: '-mod=mod -modcacherw',
    GOTOOLCHAIN: 'local',
    GOENV: 'off',
  };
  try {
    const args = ['mod', 'download', '-json', `${m.path}@${m.version}`];
    const { stdout } = await promisify(execFile)('go', args, { cwd: work, env }).catch((error: unknown) => {
      // go exits with 1 where the answer holds an Error.
      if (typeof error === 'object' && error !== null && 'stdout' in error)
        return { stdout: String(error.stdout) };
      throw error;
    });
    const verdict: GoVerdict = JSON.parse(stdout);
    return verdict;
  } finally {
    await Promise.all([rm(tree, { recursive: true }), rm(cache, { recursive: true, force: true })]);
  }
}
