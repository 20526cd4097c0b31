import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { type ModuleVersion, splitPathMajor } from '../module/index.ts';

const run = promisify(execFile);
/** ms */
const LIMIT = 20_000;

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
    const { stdout } = await run('git', ['-C', folder, ...args], { timeout: LIMIT, maxBuffer: 16 << 20 });
    return stdout.trim();
  } catch {
    return undefined;
  }
}
