/**
 * Writes what this build was made from beside the command line's files: version, commit, the commit's date. Nothing of
 * it comes from the clock, so the same commit gives the same bytes. BUILD_COMMIT and SOURCE_DATE_EPOCH
 * (reproducible-builds.org/specs/source-date-epoch) stand in where there is no .git; without either it is "unknown".
 */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const PROJECT = fileURLToPath(new URL('../../', import.meta.url));
const OUT = path.join(PROJECT, 'dist/src/cli/build.json');
/** characters of a commit's name that are shown */
const SHORT = 12;

interface Commit {
  readonly commit: string;
  readonly dirty: boolean;
  /** of the commit, YYYY-MM-DD in UTC; "" where it is not known */
  readonly date: string;
}

function git(...args: string[]): string | undefined {
  const run = spawnSync('git', ['-C', PROJECT, ...args], { encoding: 'utf8' });
  return run.status === 0 ? run.stdout.trim() : undefined;
}

function fromEnvironment(): Commit | undefined {
  const { BUILD_COMMIT: given, SOURCE_DATE_EPOCH: epoch } = process.env;
  if (given === undefined || !/^[0-9a-f]{7,64}(-dirty)?$/.test(given)) return undefined;
  return {
    commit: given.replace('-dirty', '').slice(0, SHORT),
    dirty: given.endsWith('-dirty'),
    date: epoch !== undefined && /^\d{1,11}$/.test(epoch) ? dayOf(Number(epoch)) : '',
  };
}

function fromGit(): Commit | undefined {
  const top = git('rev-parse', '--show-toplevel');
  // An unpacked tarball may lie inside somebody else's repository.
  if (top === undefined || fs.realpathSync(top) !== fs.realpathSync(PROJECT)) return undefined;
  const [name, seconds] = git('log', '-1', '--format=%H %ct')?.split(' ') ?? [];
  if (name === undefined || seconds === undefined) return undefined;
  const changes = git('status', '--porcelain', '--untracked-files=no');
  return { commit: name.slice(0, SHORT), dirty: changes !== '', date: dayOf(Number(seconds)) };
}

/** @param seconds since 1970 */
function dayOf(seconds: number): string {
  return new Date(seconds * 1000).toISOString().slice(0, 10);
}

const { version }: { version: string } = JSON.parse(
  fs.readFileSync(path.join(PROJECT, 'package.json'), 'utf8'),
);
const commit = fromEnvironment() ?? fromGit() ?? { commit: 'unknown', dirty: false, date: '' };
fs.writeFileSync(OUT, `${JSON.stringify({ version, ...commit })}\n`);
