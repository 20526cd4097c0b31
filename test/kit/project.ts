/** A real project, built by the real go command through a cold modgate over the real upstream. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import type { TestContext } from 'node:test';
import { Go } from './go.ts';
import { Modgate } from './modgate.ts';
import { NEEDS_UPSTREAM, reachUpstream } from './reach.ts';

export interface Project {
  /** "path version" */
  readonly requires: readonly string[];
  /** main.go */
  readonly main: string;
}

/** ms; a whole dependency tree is compiled */
const LIMIT = 200_000;

/** For the `skip` of a test: why the real upstream cannot be asked, or false. */
export async function withoutUpstream(): Promise<string | false> {
  const { fault } = await reachUpstream();
  return fault === undefined ? false : `${NEEDS_UPSTREAM}: ${fault}`;
}

export async function buildProject(t: TestContext, { requires, main }: Project): Promise<void> {
  const go = new Go();
  t.after(() => go.remove());
  const upstream = await reachUpstream();
  const modgate = await Modgate.start({ config: { chain: upstream.url } });
  t.after(() => modgate.remove());
  const cwd = go.project(requires, { 'main.go': main });
  // The checksum database at its default; without direct, so that every byte comes through modgate.
  const options = { proxy: modgate.url, sumdb: 'sum.golang.org', limit: LIMIT, cwd };
  const build = await go.run(['build', '-mod=mod', '-o', 'program', '.'], options);
  assert.equal(build.code, 0, build.stderr);
  assert.ok(fs.statSync(path.join(cwd, 'program')).size > 0);
  const download = await go.run(['mod', 'download'], options);
  assert.equal(download.code, 0, download.stderr);
  assert.equal((await go.run(['mod', 'verify'], options)).stdout, 'all modules verified\n');
}
