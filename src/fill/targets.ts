import { stat } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { ModgateError } from '../errors/index.ts';
import { type ModulePath, parseGoSum, parseModulePath, type SumLine } from '../module/index.ts';
import { type Build, buildOfMod, buildOfWork, within } from './build.ts';
import { readText } from './foreign-text.ts';

/** What a run is asked to fill in. */
export type Target =
  | { readonly kind: 'build'; readonly file: string; readonly build: Build }
  | { readonly kind: 'sums'; readonly file: string; readonly lines: readonly SumLine[] }
  /** query: a version, `latest`, a branch, a commit */
  | { readonly kind: 'module'; readonly path: ModulePath; readonly query: string };

type FileKind = 'mod' | 'sum' | 'work';

/** `module@query`, a module path, a file, or a folder with a go.work or a go.mod. */
export async function readTarget(argument: string): Promise<Target> {
  const folder = await isFolder(resolve(argument));
  const file = await findFile(resolve(argument), folder);
  if (file !== undefined) return readFileTarget(file.name, file.text);
  const at = argument.lastIndexOf('@');
  const looksLikeFile = /^[./]|\.(?:mod|sum|work)$/.test(argument);
  if (at < 0 && looksLikeFile && folder) throw noBuild(argument);
  if (at < 0 && looksLikeFile)
    throw new ModgateError('BAD_REQUEST', `there is no file ${argument}`, {
      next: 'name a go.mod, go.sum or go.work that is there, or module@version',
    });
  const [path, query] = at < 0 ? [argument, 'latest'] : [argument.slice(0, at), argument.slice(at + 1)];
  if (query === '') throw usage(`${argument} names no version`);
  try {
    return { kind: 'module', path: parseModulePath(path), query };
  } catch (cause) {
    if (!(cause instanceof ModgateError)) throw cause;
    if (folder) throw noBuild(argument);
    throw usage(`${argument} is no file and no module: ${cause.message}`);
  }
}

function usage(why: string): ModgateError {
  return new ModgateError('USAGE', why, { next: 'see modgate prefetch --help for what can be named' });
}

function noBuild(folder: string): ModgateError {
  return new ModgateError('BAD_REQUEST', `there is no go.work and no go.mod in the folder ${folder}`, {
    next: 'name a folder that has one, or module@version',
  });
}

function isFolder(name: string): Promise<boolean> {
  return stat(name).then(
    (found) => found.isDirectory(),
    () => false,
  );
}

async function findFile(name: string, folder: boolean): Promise<{ name: string; text: string } | undefined> {
  // As the go command would have it in that folder.
  for (const candidate of folder ? [join(name, 'go.work'), join(name, 'go.mod')] : [name]) {
    const text = await readText(candidate);
    if (text !== undefined) return { name: candidate, text };
  }
  return undefined;
}

async function readFileTarget(file: string, text: string): Promise<Target> {
  switch (kindOf(file, text)) {
    case 'mod':
      return { kind: 'build', file, build: buildOfMod(file, text) };
    case 'work':
      return { kind: 'build', file, build: await buildOfWork(file, text) };
    case 'sum':
      return { kind: 'sums', file, lines: within(file, () => parseGoSum(text)) };
    case undefined:
      throw usage(`${file} is neither a go.mod nor a go.sum nor a go.work`);
  }
}

/** Told by the name, otherwise by what stands in it. */
function kindOf(file: string, text: string): FileKind | undefined {
  const [, ending] = /\.(mod|sum|work)$/.exec(basename(file)) ?? [];
  if (ending === 'mod' || ending === 'sum' || ending === 'work') return ending;
  if (/^\S+ v\S+ h1:\S+$/m.test(text)) return 'sum';
  if (/^module[ \t(]/m.test(text)) return 'mod';
  return /^use[ \t(]/m.test(text) ? 'work' : undefined;
}
