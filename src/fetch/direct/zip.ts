/**
 * The zip of a module: git's archive of its folder, of which the files that belong in a module zip are taken over as
 * they are compressed. The same commit gives the same bytes. No file is ever held as a whole but a LICENSE.
 */
import { Readable } from 'node:stream';
import { crc32, deflateRawSync } from 'node:zlib';
import { ModgateError } from '../../errors/index.ts';
import type { ModuleVersion } from '../../module/index.ts';
import {
  archiveEntries,
  type Candidate,
  chooseFiles,
  MAX_LICENSE_BYTES,
  writeModuleZip,
  type ZipEntry,
} from '../../modzip/index.ts';
import type { Repository } from '../../vcs/index.ts';
import type { Revision } from './candidate.ts';

const LICENSE = 'LICENSE';
/** of the archives that `Repository.archive` makes */
const ARCHIVE_PREFIX = 'prefix/';

/**
 * Resolves once it is sure which files the zip holds, and git has begun. BAD_MODULE where no module zip can be made of
 * the folder. Destroying the stream ends git.
 */
export async function zipOf(
  repository: Repository,
  m: ModuleVersion,
  revision: Revision,
  signal: AbortSignal,
): Promise<Readable> {
  const { commit, folder, goMod } = revision;
  const files = await candidates(repository, revision, signal);
  const chosen = new Set(chosenOf(m, files, goMod));
  const license = await rootLicense(repository, revision, files, signal);
  const archive = await repository.archive(commit, folder, signal);
  const prefix = folder === '' ? ARCHIVE_PREFIX : `${ARCHIVE_PREFIX}${folder}/`;
  // Ends whatever the last reader left unread: a git that nobody reads would wait for ever.
  const body = Readable.from(writeModuleZip(m, entries(m, archive, prefix, chosen, license)), {
    objectMode: false,
    highWaterMark: 256 << 10,
  });
  body.once('close', () => archive.destroy());
  // A fault that comes while nobody listens must not end the process; a later reader still gets it.
  body.on('error', () => {});
  return body;
}

/** Their names. */
function chosenOf(m: ModuleVersion, files: readonly Candidate[], goMod: Buffer | undefined): string[] {
  try {
    return chooseFiles(files, goMod).chosen.map(({ name }) => name);
  } catch (thrown) {
    if (!(thrown instanceof ModgateError)) throw thrown;
    const { code, message, cause, next } = thrown;
    throw new ModgateError(code, `${m.path}@${m.version}: ${message}`, { cause, next });
  }
}

async function candidates(
  repository: Repository,
  { commit, folder }: Revision,
  signal: AbortSignal,
): Promise<readonly Candidate[]> {
  const files = await repository.tree(commit, folder, signal);
  const from = folder === '' ? 0 : folder.length + 1;
  return files.map(({ path, kind, size }) => ({ name: path.slice(from), kind, size }));
}

/** A folder without a LICENSE of any kind gets that of the repository. */
async function rootLicense(
  repository: Repository,
  { commit, folder }: Revision,
  files: readonly Candidate[],
  signal: AbortSignal,
): Promise<Buffer | undefined> {
  const own = files.some(({ name, kind }) => name === LICENSE && kind !== 'submodule');
  if (own || folder === '') return undefined;
  const [license] = await repository.files(commit, [LICENSE], MAX_LICENSE_BYTES, signal);
  return license;
}

async function* entries(
  m: ModuleVersion,
  archive: AsyncIterable<Buffer>,
  prefix: string,
  chosen: ReadonlySet<string>,
  license: Buffer | undefined,
): AsyncGenerator<ZipEntry, void, void> {
  const missing = new Set(chosen);
  for await (const entry of archiveEntries(archive)) {
    const name = entry.name.startsWith(prefix) ? entry.name.slice(prefix.length) : '';
    if (missing.delete(name)) yield { ...entry, name };
  }
  const [first] = missing;
  if (first !== undefined)
    throw new ModgateError(
      'VCS_FAILED',
      `git's archive of ${m.path}@${m.version} lacks ${JSON.stringify(first)}`,
      {
        next: 'try again; if it stays so, remove the copy of the repository from the data folder',
      },
    );
  if (license !== undefined) yield entryOf(LICENSE, license);
}

function entryOf(name: string, bytes: Buffer): ZipEntry {
  const deflated = deflateRawSync(bytes);
  const whole = deflated.length >= bytes.length;
  const data = whole ? bytes : deflated;
  return {
    name,
    method: whole ? 0 : 8,
    crc: crc32(bytes),
    size: bytes.length,
    compressed: data.length,
    data: [data],
  };
}
