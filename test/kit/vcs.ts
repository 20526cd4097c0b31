/** What the tests of version control share: a folder of repositories, a server for it, and remotes over both. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { ModgateError } from '../../src/errors/index.ts';
import { PathPatterns } from '../../src/module/index.ts';
import { createLogger, Metrics, systemClock } from '../../src/observe/index.ts';
import {
  GitRemotes,
  openAccess,
  type RemotesOptions,
  type Repository,
  type Terms,
} from '../../src/vcs/index.ts';
import { GitFolder } from './git.ts';
import { GitServer, type GitServerOptions } from './git-http.ts';
import type { Ending } from './scope.ts';
import { bounded, until } from './wait.ts';

export const NEVER: AbortSignal = new AbortController().signal;
/** as on a route that is written down and rewrites nothing */
export const PLAIN: Terms = { rewrites: new Map(), anonymous: false };

export interface VcsBench {
  readonly folder: GitFolder;
  readonly server: GitServer;
  readonly remotes: GitRemotes;
  /** data folder of the remotes */
  readonly data: string;
  readonly metrics: Metrics;
  /** lines of the log */
  readonly lines: Record<string, unknown>[];
  /** by name below the server, e.g. "lib.git" */
  open(name: string): Repository;
  /** other remotes over the same data, as another process has them */
  again(options?: Partial<RemotesOptions>): GitRemotes;
}

export async function vcsBench(
  ending: Ending,
  options: Partial<RemotesOptions> = {},
  server: Omit<GitServerOptions, 'folder'> = {},
): Promise<VcsBench> {
  const folder = new GitFolder();
  const host = await GitServer.start({ folder: folder.folder, ...server });
  const data = fs.mkdtempSync(path.join(os.tmpdir(), 'modgate-vcs-'));
  const metrics = new Metrics({ process: false });
  const lines: Record<string, unknown>[] = [];
  const destination = new Writable({
    write: (chunk, _encoding, done) => {
      lines.push(JSON.parse(String(chunk)));
      done();
    },
  });
  const logger = createLogger({ level: 'debug', format: 'json', destination });
  const all: GitRemotes[] = [];
  const again = (more: Partial<RemotesOptions> = {}) => {
    const settings = { ...DEFAULTS, ...options, ...more };
    const remotes = new GitRemotes(data, settings, { logger, metrics, clock: systemClock });
    all.push(remotes);
    return remotes;
  };
  const remotes = again();
  ending.after(async () => {
    for (const one of all) await one.close();
    await host.close();
    folder.remove();
    fs.rmSync(data, { recursive: true, force: true });
  });
  const open = (name: string) => remotes.open(`${host.url}/${name}`, PLAIN);
  return { folder, server: host, remotes, data, metrics, lines, open, again };
}

const DEFAULTS: RemotesOptions = {
  git: 'git',
  access: openAccess(new PathPatterns('127.0.0.1:*,localhost:*')),
  timeouts: { idle: 20_000, total: 60_000 },
  refs: 10_000,
  cap: 0,
  largest: 0,
};

/** The coded error of a promise that must fail. */
export async function faultOf(promise: Promise<unknown>): Promise<ModgateError> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof ModgateError, `a coded error, not ${String(error)}`);
  return error;
}

const CHILD = fileURLToPath(new URL('./vcs-child.js', import.meta.url));

export interface Other {
  readonly child: ChildProcess;
  /** a hash or a code; "" where it was killed */
  readonly answer: Promise<string>;
}

/** Another process over the same data, which resolves a revision. */
export function otherProcess(bench: VcsBench, name: string, revision: string): Other {
  const args = [CHILD, bench.data, `${bench.server.url}/${name}`, revision];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  child.stdout.on('data', (piece: Buffer) => {
    text += piece.toString();
  });
  const over = new Promise<string>((resolve) => child.on('close', () => resolve(text.trim())));
  return { child, answer: bounded(over, `the process that resolves ${revision}`, 60_000) };
}

/** Ids of the git processes that work for these remotes, by the HOME that only they have. */
export function gitsOf(data: string): number[] {
  const mark = `HOME=${path.join(data, 'home')}\0`;
  return fs.readdirSync('/proc').flatMap((pid) => {
    if (!/^\d+$/.test(pid)) return [];
    try {
      return fs.readFileSync(`/proc/${pid}/environ`, 'latin1').includes(mark) ? [Number(pid)] : [];
    } catch {
      return [];
    }
  });
}

/** Resolves when no git works for these remotes any more. */
export async function noGits(data: string): Promise<void> {
  await until(() => (gitsOf(data).length === 0 ? true : undefined), 'the end of all git processes');
}

export const withoutProc: string | false = fs.existsSync('/proc/self/environ') ? false : 'no /proc';
