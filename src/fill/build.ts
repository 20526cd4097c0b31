import { dirname, isAbsolute, join } from 'node:path';
import { ModgateError } from '../errors/index.ts';
import { type GoMod, parseGoMod, parseGoWork, type Replacement, type Version } from '../module/index.ts';
import { readText } from './foreign-text.ts';
import { keyOf, type Node, type Requirements, requirementsOf } from './graph.ts';

/** What stands in for a module. */
export type Replaced =
  | { readonly kind: 'module'; readonly path: string; readonly version: Version }
  /** absolute path of a folder with a go.mod */
  | { readonly kind: 'folder'; readonly folder: string };

/** What one go.mod or go.work says about a build. */
export interface Build {
  readonly mains: readonly (Node & Requirements)[];
  readonly workspace: boolean;
  /** key: path, or path@version */
  readonly replace: ReadonlyMap<string, Replaced>;
  /** path@version */
  readonly excluded: ReadonlySet<string>;
  readonly go: string | undefined;
  readonly toolchain: string | undefined;
}

interface Main {
  readonly folder: string;
  readonly goMod: GoMod;
}

/** @param file absolute path of a go.mod */
export function buildOfMod(file: string, text: string): Build {
  const main = mainOf(file, text);
  const { go, toolchain } = main.goMod;
  return { ...combine([main], new Map()), workspace: false, go, toolchain };
}

/** @param file absolute path of a go.work */
export async function buildOfWork(file: string, text: string): Promise<Build> {
  const work = within(file, () => parseGoWork(text));
  const mains: Main[] = [];
  for (const use of work.use) {
    const goMod = join(absolute(dirname(file), use), 'go.mod');
    const found = await readText(goMod);
    if (found === undefined)
      throw new ModgateError('BAD_REQUEST', `${file} uses ${use}, but there is no ${goMod}`, {
        next: 'run it where the whole workspace is checked out',
      });
    mains.push(mainOf(goMod, found));
  }
  const replace = new Map(work.replace.map((one) => replacement(dirname(file), one)));
  return { ...combine(mains, replace), workspace: true, go: work.go, toolchain: work.toolchain };
}

function mainOf(file: string, text: string): Main {
  const goMod = within(file, () => parseGoMod(text, 'main'));
  if (goMod.module === undefined)
    throw new ModgateError('INVALID_MODULE', `${file}: no module line`, {
      next: 'name the go.mod of a main module',
    });
  return { folder: dirname(file), goMod };
}

function combine(
  mains: readonly Main[],
  first: ReadonlyMap<string, Replaced>,
): Pick<Build, 'mains' | 'replace' | 'excluded'> {
  const excluded = new Set(mains.flatMap(({ goMod }) => goMod.exclude.map(keyOf)));
  const nodes = mains.map(({ goMod }) => ({
    path: goMod.module ?? '',
    version: '' as const,
    ...requirementsOf(goMod, excluded),
  }));
  return { mains: nodes, excluded, replace: replacements(mains, first) };
}

/** A go.work outranks its modules about a path; modules that contradict each other are an error. */
function replacements(mains: readonly Main[], first: ReadonlyMap<string, Replaced>): Map<string, Replaced> {
  const all = new Map(first);
  const settled = new Set([...first.keys()].map((key) => key.split('@', 1)[0]));
  for (const { folder, goMod } of mains) {
    const own = new Set<string>();
    for (const one of goMod.replace) {
      if (settled.has(one.path)) continue;
      const [key, replaced] = replacement(folder, one);
      const before = all.get(key);
      if (before !== undefined && !own.has(key) && shown(before) !== shown(replaced))
        throw new ModgateError(
          'INVALID_MODULE',
          `conflicting replacements for ${key}: ${shown(before)} and ${shown(replaced)}`,
          { next: 'settle it by a replace directive in the go.work file' },
        );
      own.add(key);
      all.set(key, replaced);
    }
  }
  return all;
}

function replacement(folder: string, one: Replacement): [key: string, replaced: Replaced] {
  const { path, version, newPath, newVersion } = one;
  const key = version === undefined ? path : keyOf({ path, version });
  if (newVersion === undefined) return [key, { kind: 'folder', folder: absolute(folder, newPath) }];
  return [key, { kind: 'module', path: newPath, version: newVersion }];
}

function shown(replaced: Replaced): string {
  return replaced.kind === 'folder' ? replaced.folder : keyOf(replaced);
}

function absolute(base: string, path: string): string {
  return isAbsolute(path) ? path : join(base, path);
}

/** The fault of a text, with the file that it is in. */
export function within<T>(file: string, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    if (!(cause instanceof ModgateError)) throw cause;
    const why = cause.message.replace(/^go\.(?:mod|work|sum):/, '');
    throw new ModgateError('INVALID_MODULE', `${file}:${why}`, { cause, next: 'mend that file' });
  }
}
