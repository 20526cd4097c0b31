import { rmdirSync, statSync } from 'node:fs';
import { unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { isAbsent } from './fault.ts';
import { walkFolders } from './walk.ts';

/** A file that was moved away because it was not what it should be. */
export interface QuarantinedFile {
  /** when, RFC 3339; null where the folder's name does not tell */
  readonly moved: string | null;
  /** what it was in the tree */
  readonly key: string;
  /** bytes */
  readonly size: number;
  /** below the data folder */
  readonly path: string;
}

const FOLDER = 'quarantine';
/** the colons were left out for file systems that have none in names */
const TIME = /^(\d{4}-\d\d-\d\dT\d\d)(\d\d)(\d\d\.\d{3}Z)$/;

/** Every file below quarantine/, the oldest first. */
export function* quarantinedFiles(data: string): Generator<QuarantinedFile, void, void> {
  for (const { folder, files } of walkFolders(join(data, FOLDER))) {
    const [name = '', ...rest] = folder.split('/');
    const moved = timeOf(name);
    for (const file of files) {
      const path = join(FOLDER, folder, file);
      const facts = statSync(join(data, path), { throwIfNoEntry: false });
      if (facts !== undefined) yield { moved, key: [...rest, file].join('/'), size: facts.size, path };
    }
  }
}

/** RFC 3339; null for what is no time, or one that does not exist, which only a hand can have put there. */
function timeOf(name: string): string | null {
  const [, hour, minute, second] = TIME.exec(name) ?? [];
  const time = `${hour}:${minute}:${second}`;
  return Number.isNaN(Date.parse(time)) ? null : time;
}

/** For good, with the folders that then hold nothing. */
export async function removeQuarantined(data: string, { path }: QuarantinedFile): Promise<void> {
  await unlink(join(data, path)).catch((error: unknown) => {
    if (!isAbsent(error)) throw error;
  });
  try {
    // rmdir(2) removes no folder that holds anything.
    for (let at = dirname(path); at !== FOLDER; at = dirname(at)) rmdirSync(join(data, at));
  } catch {
    // Others lie there, or it is gone.
  }
}
