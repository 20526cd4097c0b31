import { resolve } from 'node:path';
import type { Path } from './document.ts';
import type { ReadFile } from './files.ts';
import { type Findings, pathKey } from './findings.ts';
import type { FileSecret } from './schema.ts';
import { Secret } from './secret.ts';

/** What the parts of one load share. */
export interface Context {
  readonly findings: Findings;
  readonly env: NodeJS.ProcessEnv;
  /** folder that relative paths of the file start from */
  readonly folder: string;
  /** folder that relative paths of variables and flags start from */
  readonly cwd: string;
  /** path of a value → what else is to be said of its origin */
  readonly notes: Map<string, string>;
  /** absolute paths of the files that have been read, or could not be */
  readonly files: string[];
  readonly read: ReadFile;
}

/** Where a relative path starts that stands as the value at this path. */
export function baseOf(path: Path, { findings, folder, cwd }: Context): string {
  return findings.inFile(path) ? folder : cwd;
}

/** The value of a secret; undefined where it has none, which has been told then. */
export function readSecret(raw: FileSecret, path: Path, context: Context): Secret | undefined {
  const { findings } = context;
  if (typeof raw === 'string') {
    findings.warn(path, `${path.at(-1)} stands in plain text; use { env: NAME } or { file: path }`);
    return new Secret(raw);
  }
  if ('env' in raw) {
    context.notes.set(pathKey(path), `variable ${raw.env}`);
    const value = context.env[raw.env];
    if (value !== undefined && value !== '') return new Secret(value);
    findings.fault(
      [...path, 'env'],
      `the variable ${raw.env} is ${value === undefined ? 'not set' : 'empty'}`,
    );
    return undefined;
  }
  context.notes.set(pathKey(path), `file ${raw.file}`);
  const value = readFileAt(raw.file, [...path, 'file'], context)?.text.replace(/\r?\n$/, '');
  if (value === '') findings.fault([...path, 'file'], `${raw.file} is empty`);
  return value ? new Secret(value) : undefined;
}

/** A file that the configuration names, at once; told at the name's place where it cannot be read. */
export function readFileAt(
  name: string,
  path: Path,
  context: Context,
): { file: string; text: string; exposed: boolean } | undefined {
  const file = resolve(baseOf(path, context), name);
  context.files.push(file);
  const read = context.read(file);
  if ('text' in read) return { file, ...read };
  context.findings.fault(path, `${name}: ${read.fault}`);
  return undefined;
}
