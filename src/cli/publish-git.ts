import { execFile } from 'node:child_process';
import { access } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { systemCode } from '../errors/index.ts';
import { type ModuleVersion, splitPathMajor } from '../module/index.ts';

const run = promisify(execFile);
/** ms */
const LIMIT = 20_000;
const OPTIONS = { timeout: LIMIT, maxBuffer: 64 << 20, env: { ...process.env, LC_ALL: 'C' } };

/** What git tracks of a folder. */
export interface Tracked {
  /** names from the folder; undefined: it is not git that decides what belongs to it */
  readonly files: ReadonlySet<string> | undefined;
  readonly warnings: readonly string[];
}

/**
 * The zip that a tag gives has the files that git tracks. A folder outside of a work tree, and one whose go.mod git does
 * not track (made by a build, say), is taken whole; where git cannot tell, that is said.
 */
export async function trackedFiles(folder: string): Promise<Tracked> {
  try {
    const { stdout } = await run('git', ['-C', folder, 'ls-files', '-z', '--', '.'], OPTIONS);
    const files = new Set(stdout.split('\0').filter((name) => name !== ''));
    if (files.has('go.mod')) return { files, warnings: [] };
    return whole('git does not track the go.mod');
  } catch (thrown) {
    const isOutside = !(await isBelow(folder, '.git'));
    return isOutside
      ? { files: undefined, warnings: [] }
      : whole(`git cannot tell what it tracks: ${reasonOf(thrown)}`);
  }
}

function whole(why: string): Tracked {
  return {
    files: undefined,
    warnings: [`${why}; every file of the folder is published, what git ignores too`],
  };
}

async function isBelow(folder: string, name: string): Promise<boolean> {
  for (let at = resolve(folder); ; at = dirname(at)) {
    if (
      await access(join(at, name)).then(
        () => true,
        () => false,
      )
    )
      return true;
    if (at === dirname(at)) return false;
  }
}

function reasonOf(thrown: unknown): string {
  if (systemCode(thrown) === 'ENOENT') return 'there is no git';
  const text = thrown instanceof Error && 'stderr' in thrown ? String(thrown.stderr) : '';
  return text.trim().split('\n', 1)[0] || 'it failed';
}

/** What of the folder differs from a commit with the tag of the version, as far as git can tell; nothing elsewhere. */
export async function gitWarnings(folder: string, m: ModuleVersion): Promise<string[]> {
  const inside = await git(folder, 'rev-parse', '--show-prefix');
  if (inside === undefined) return [];
  const warnings: string[] = [];
  const changes = await git(folder, 'status', '--porcelain', '--', '.');
  if (changes !== undefined && changes !== '')
    warnings.push(`the folder has ${changes.split('\n').length} uncommitted changes`);
  const tag = tagOf(inside, m);
  const [tagged, head] = [await commit(folder, `refs/tags/${tag}`), await commit(folder, 'HEAD')];
  if (tagged === undefined) warnings.push(`there is no tag ${tag}`);
  else if (tagged !== head)
    warnings.push(`the tag ${tag} is another commit than the one that is checked out`);
  return warnings;
}

/** As the go command looks for it: below the folder of the module, without that of a major version. */
function tagOf(inside: string, { path, version }: ModuleVersion): string {
  const folders = inside.split('/').filter((one) => one !== '');
  const major = splitPathMajor(path)?.pathMajor.slice(1);
  if (major !== undefined && major !== '' && folders.at(-1) === major) folders.pop();
  return [...folders, version].join('/');
}

function commit(folder: string, ref: string): Promise<string | undefined> {
  return git(folder, 'rev-parse', '--verify', '--quiet', `${ref}^{commit}`);
}

/** Undefined where git, or what is asked for, is not there. */
async function git(folder: string, ...args: string[]): Promise<string | undefined> {
  try {
    const { stdout } = await run('git', ['-C', folder, ...args], OPTIONS);
    return stdout.trim();
  } catch {
    return undefined;
  }
}
