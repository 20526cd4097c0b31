/** What the tests of version control share: a folder of repositories, a server for it, and remotes over both. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { Writable } from 'node:stream';
import { ModgateError } from '../../src/errors/index.ts';
import { PathPatterns } from '../../src/module/index.ts';
import { createLogger, Metrics, systemClock } from '../../src/observe/index.ts';
import { GitRemotes, openAccess, type RemotesOptions, type Repository } from '../../src/vcs/index.ts';
import { GitFolder } from './git.ts';
import { GitServer, type GitServerOptions } from './git-http.ts';
import type { Ending } from './scope.ts';

export const NEVER: AbortSignal = new AbortController().signal;

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
  const open = (name: string) => remotes.open(`${host.url}/${name}`, new Map());
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
