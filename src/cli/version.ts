import { readFileSync } from 'node:fs';

/** What this program was built from. */
export interface Build {
  readonly version: string;
  /** the commit's name, shortened; "unknown" where the build had no way to know */
  readonly commit: string;
  /** true: files that the commit holds had been changed */
  readonly dirty: boolean;
  /** of the commit, YYYY-MM-DD in UTC; "" where it is not known */
  readonly date: string;
}

/** The build writes this file; a bundle has a copy beside it. */
const FILE = new URL('./build.json', import.meta.url);

/** Version "0.0.0" and commit "unknown" where the file cannot be read: a compiler run alone still gives a program. */
export function readBuild(): Build {
  try {
    const value: unknown = JSON.parse(readFileSync(FILE, 'utf8'));
    if (typeof value === 'object' && value !== null) return buildOf({ ...value });
  } catch {
    // As below.
  }
  return buildOf({});
}

function buildOf({ version, commit, dirty, date }: Readonly<Record<string, unknown>>): Build {
  return {
    version: typeof version === 'string' ? version : '0.0.0',
    commit: typeof commit === 'string' ? commit : 'unknown',
    dirty: dirty === true,
    date: typeof date === 'string' ? date : '',
  };
}

/** `abc1234`, `abc1234-dirty` or `unknown` */
export function commitOf({ commit, dirty }: Build): string {
  return dirty ? `${commit}-dirty` : commit;
}

/** The keys of /version, as JSON. */
export function versionJson(build: Build): string {
  const { version, date } = build;
  return JSON.stringify({ name: 'modgate', version, commit: commitOf(build), date, node: process.version });
}

/** `modgate 0.1.0 (commit abc1234, 2026-11-21, node v20.19.0)` */
export function versionLine(build: Build): string {
  const facts = [`commit ${commitOf(build)}`, build.date, `node ${process.version}`];
  return `modgate ${build.version} (${facts.filter((fact) => fact !== '').join(', ')})`;
}
