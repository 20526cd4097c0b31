import {
  type ModulePath,
  type ModuleVersion,
  parseVersion,
  unescapePath,
  unescapeVersion,
} from '../module/index.ts';
import { MAX_ELEMENT_BYTES, MAX_KEY_BYTES } from './key.ts';

/** Kinds of file that a version has. */
export const VERSION_FILES = ['info', 'mod', 'zip', 'ziphash'] as const;
export type VersionFile = (typeof VERSION_FILES)[number];
/** Kinds of file that say something of a version. */
export const VERSION_MARKS = ['published', 'deleted'] as const;
export type VersionMark = (typeof VERSION_MARKS)[number];

/** bytes of the longest ending */
const ENDING = Math.max(...[...VERSION_FILES, ...VERSION_MARKS].map((kind) => `.${kind}`.length));

/** Whether every file of a version can have a name: where one could not, none is written. A version is ASCII. */
export function hasRoom(escapedPath: string, escapedVersion: string): boolean {
  const name = escapedVersion.length + ENDING;
  return name <= MAX_ELEMENT_BYTES && escapedPath.length + '/@v/'.length + name <= MAX_KEY_BYTES;
}

/** What a key stands for: the inverse of `keys`. */
export type KeyParts =
  | { readonly kind: VersionFile; readonly m: ModuleVersion }
  | { readonly kind: VersionMark; readonly of: ModuleVersion }
  /** `list`, `.named`, `@latest`, and the answer to a query, whose text is then not empty */
  | {
      readonly kind: 'list' | 'named' | 'latest' | 'query';
      readonly path: ModulePath;
      readonly query: string;
    }
  | { readonly kind: 'sumdb'; readonly name: string; readonly endpoint: string }
  /** nothing that modgate writes */
  | { readonly kind: 'other' };

const OTHER: KeyParts = { kind: 'other' };
const VERSION = /^(.+)\/@v\/([^/]+)\.(info|mod|zip|ziphash|published|deleted)$/;
const ANSWER = /^(.+)\/(@v\/list|@v\/\.named|@latest)$/;
const SUMDB = /^sumdb\/([^@]+?)\/(supported|latest|(?:lookup|tile)\/.+)$/;
const ANSWERS = { '@v/list': 'list', '@v/.named': 'named', '@latest': 'latest' } as const;

/** Does not throw: names in a data folder may be anybody's. */
export function partsOf(key: string): KeyParts {
  try {
    return parse(key);
  } catch {
    return OTHER;
  }
}

function parse(key: string): KeyParts {
  const file = VERSION.exec(key);
  if (file !== null) return versionFile(file[1] ?? '', file[2] ?? '', file[3] ?? '');
  const answer = ANSWER.exec(key);
  if (answer !== null) {
    // The pattern has these three only.
    const name = answer[2] as keyof typeof ANSWERS;
    return { kind: ANSWERS[name], path: unescapePath(answer[1] ?? ''), query: '' };
  }
  const database = SUMDB.exec(key);
  if (database === null) return OTHER;
  return { kind: 'sumdb', name: database[1] ?? '', endpoint: database[2] ?? '' };
}

function versionFile(escapedPath: string, escaped: string, extension: string): KeyParts {
  const path = unescapePath(escapedPath);
  const text = unescapeVersion(escaped);
  const kind = VERSION_FILES.find((known) => known === extension);
  const mark = VERSION_MARKS.find((known) => known === extension);
  try {
    const m = { path, version: parseVersion(path, text) };
    if (!hasRoom(escapedPath, escaped)) return OTHER;
    if (kind !== undefined) return { kind, m };
    return mark === undefined ? OTHER : { kind: mark, of: m };
  } catch {
    // A branch, a commit, or a version that the path cannot have: the answer to a query lies beside the versions.
    return kind === 'info' ? { kind: 'query', path, query: text } : OTHER;
  }
}
