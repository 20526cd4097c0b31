import { createWriteStream } from 'node:fs';
import { mkdtemp, open, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { ModgateError, systemCode, toModgateError } from '../errors/index.ts';
import { type ModuleVersion, modulePathOf } from '../module/index.ts';
import { checkZip, type Omitted, zipFolder } from '../modzip/index.ts';
import { publishableVersion } from './module-version.ts';
import { trackedFiles } from './publish-git.ts';

/** A zip that keeps the rules, ready to be sent. */
export interface MadeZip {
  readonly m: ModuleVersion;
  /** where it lies */
  readonly file: string;
  /** bytes */
  readonly size: number;
  readonly h1: string;
  readonly goModH1: string;
  readonly files: number;
  /** bytes of all files */
  readonly uncompressed: number;
  readonly omitted: readonly Omitted[];
  /** that it was made of; undefined: the zip was there */
  readonly folder: string | undefined;
  readonly warnings: readonly string[];
  /** Removes what was made for it. */
  remove(): Promise<void>;
}

interface Wanted {
  readonly version: string;
  readonly module?: string;
}

const LOCAL_HEADER = 30;
const LOCAL_SIGNATURE = 0x04034b50;

/** The zip of a folder, or the one that is there; checked as the gateway will. Throws USAGE, BAD_MODULE, BAD_ZIP. */
export async function makeZip(what: string, wanted: Wanted, signal: AbortSignal): Promise<MadeZip> {
  const facts = await stat(what).catch((cause: unknown) => {
    throw new ModgateError('USAGE', `${what}: ${systemCode(cause)}`, {
      cause,
      next: 'Name the folder of the module, or its zip.',
    });
  });
  if (facts.isDirectory()) return ofFolder(what, wanted, signal);
  const m = publishableVersion(wanted.module ?? (await pathInZip(what)), wanted.version);
  return {
    ...inspect(m, what),
    m,
    file: what,
    size: facts.size,
    omitted: [],
    folder: undefined,
    warnings: [],
    remove: async () => undefined,
  };
}

async function ofFolder(folder: string, wanted: Wanted, signal: AbortSignal): Promise<MadeZip> {
  const m = publishableVersion(wanted.module ?? (await pathInFolder(folder)), wanted.version);
  const temp = await mkdtemp(join(tmpdir(), 'modgate-publish-'));
  const remove = () => rm(temp, { recursive: true, force: true });
  try {
    const file = join(temp, 'module.zip');
    const tracked = await trackedFiles(folder);
    const { stream, omitted } = await zipFolder(m, folder, tracked.files);
    await pipeline(Readable.from(stream, { objectMode: false }), createWriteStream(file, { mode: 0o600 }), {
      signal,
    });
    const { size } = await stat(file);
    return { ...inspect(m, file), m, file, size, omitted, folder, warnings: tracked.warnings, remove };
  } catch (thrown) {
    await remove();
    throw signal.aborted ? signal.reason : thrown;
  }
}

function inspect(m: ModuleVersion, file: string): Pick<MadeZip, 'h1' | 'goModH1' | 'files' | 'uncompressed'> {
  const { h1, goModH1, goMod, files, uncompressed } = checkZip(file, m, undefined, { goMod: true });
  const named = goMod === undefined ? undefined : modulePathOf(Buffer.from(goMod).toString('utf8'));
  if (goModH1 === undefined) throw noGoMod('the zip');
  if (named !== m.path)
    throw new ModgateError('BAD_MODULE', `the go.mod says "module ${named ?? ''}", and not ${m.path}`, {
      next: 'Correct the go.mod, or leave --module out.',
    });
  return { h1, goModH1, files, uncompressed };
}

async function pathInFolder(folder: string): Promise<string> {
  const text = await readFile(join(folder, 'go.mod'), 'utf8').catch((thrown: unknown) => {
    throw systemCode(thrown) === 'ENOENT' ? noGoMod(folder) : toModgateError(thrown);
  });
  const path = modulePathOf(text);
  if (path !== undefined) return path;
  throw new ModgateError('BAD_MODULE', `the go.mod of ${folder} has no module line`, {
    next: 'Correct it: go mod edit -module PATH.',
  });
}

/** Every name in the zip of a module begins with its path and "@"; the check compares the rest. */
async function pathInZip(file: string): Promise<string> {
  const handle = await open(file, 'r');
  try {
    const { buffer, bytesRead } = await handle.read(
      Buffer.alloc(LOCAL_HEADER + 4096),
      0,
      LOCAL_HEADER + 4096,
      0,
    );
    const isZip = bytesRead > LOCAL_HEADER && buffer.readUInt32LE(0) === LOCAL_SIGNATURE;
    const name = isZip ? buffer.toString('utf8', LOCAL_HEADER, LOCAL_HEADER + buffer.readUInt16LE(26)) : '';
    const at = name.indexOf('@');
    if (at > 0) return name.slice(0, at);
  } finally {
    await handle.close();
  }
  throw new ModgateError('BAD_ZIP', `${file} is no module zip: its names do not begin with MODULE@VERSION/`, {
    next: 'Name the folder of the module instead, and let modgate make the zip.',
  });
}

function noGoMod(where: string): ModgateError {
  return new ModgateError('BAD_MODULE', `${where} has no go.mod`, {
    next: 'Make one: go mod init PATH.',
  });
}
