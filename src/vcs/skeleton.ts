import { randomUUID } from 'node:crypto';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ownerPrefix, self } from '../observe/index.ts';

export type ObjectFormat = 'sha1' | 'sha256';

/** A hash of a repository tells its object format by its length. */
export function formatOf(hash: string): ObjectFormat {
  return hash.length === 64 ? 'sha256' : 'sha1';
}

/** `.gitattributes` of a repository have the last word but for this file; the go command writes the same into it. */
const ATTRIBUTES = '* -export-subst -export-ignore\n';

/** File in a repository: a text that no other one has. */
export const IDENTITY = 'modgate-made';

/** End of the name of a repository that is being made. */
export const HALF_MADE = 'half-made';

/** gitrepository-layout(5): what `git init --bare` makes, without its process, templates and hooks. */
export async function makeBareRepository(folder: string, format: ObjectFormat): Promise<void> {
  const made = `${folder}.${ownerPrefix(self())}${HALF_MADE}`;
  await Promise.all(
    ['objects/pack', 'objects/info', 'refs', 'info'].map((name) =>
      mkdir(join(made, name), { recursive: true, mode: 0o750 }),
    ),
  );
  await Promise.all([
    writeFile(join(made, 'HEAD'), 'ref: refs/heads/none\n'),
    writeFile(join(made, 'config'), configOf(format)),
    writeFile(join(made, IDENTITY), randomUUID()),
    writeFile(join(made, 'info', 'attributes'), ATTRIBUTES),
  ]);
  try {
    await rename(made, folder);
  } catch (error) {
    await rm(made, { recursive: true, force: true });
    throw error;
  }
}

function configOf(format: ObjectFormat): string {
  const core = (version: number) => `[core]\n\trepositoryformatversion = ${version}\n\tbare = true\n`;
  return format === 'sha1' ? core(0) : `${core(1)}[extensions]\n\tobjectformat = sha256\n`;
}
